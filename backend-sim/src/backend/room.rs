//! Questions for room, and their answers.
//!
//! Invariant: everything that is held is in the book, and nothing else counts it.

#[cfg(test)]
use plan_core::engine::FitAnswer;
use plan_core::engine::{CommandOutcome, Fit, Handle, Number, Release, Wall};
use plan_core::spec::InstanceName;
use plan_room::{
    Book, BookNode, BookRules, Judge, Outside, PortRules, ReasonWords, RoomRequest, Search, Spaces, When,
};
use smol_str::format_smolstr;

use crate::choose::{Choose, Site};
use crate::cluster::{Cluster, Judges};
use crate::runtime::Runtime;

use super::Backend;

/// An empty book of a cluster.
pub(super) fn book(cluster: &Cluster, judges: Judges) -> Book<()> {
    let judge = match judges {
        Judges::Both => Judge::Placement,
        Judges::EngineAlone => Judge::RoomAlone,
    };
    let ports = PortRules { spaces: Spaces::PerNode, search: Search::FromTheFirst };
    let mut book = Book::new(BookRules { ports, judge, words: ReasonWords::default() });
    for node in &cluster.nodes {
        book.add_node(node.facts.clone(), node.total);
    }
    book.take_freed();
    book
}

/// A fault of the book, for tests of the checks.
#[cfg(test)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BookFault {
    /// Nodes count as twice as large as they are.
    HasMore,
    /// Nodes count as smaller than they are.
    HasLess,
    /// Places that are released are held on.
    KeepsReleased,
    /// Every port has the same number.
    SamePorts,
}

/// Any of the good nodes, by choice. No other program has ports.
struct Any<'a> {
    choose: &'a mut dyn Choose,
    instance: u32,
}

impl Outside for Any<'_> {
    fn choose(&mut self, good: &[&BookNode]) -> usize {
        self.choose.choose(Site::new("node", u64::from(self.instance)), good.len() as u32) as usize
    }
}

impl Backend {
    /// The present moment, by the backend's counts.
    pub(super) fn when(&self, runtime: &Runtime<'_>) -> When {
        When { command: self.count, session: u64::from(runtime.session) }
    }

    pub(super) fn fit(&mut self, cluster: &Cluster, runtime: &mut Runtime<'_>, fit: Box<Fit>) {
        let (instance, launch) = (fit.instance.clone(), fit.launch);
        self.questions.ask(fit, self.count);
        self.consider(cluster, runtime, &instance, launch);
    }

    /// Answers a question if there is something new to say, and keeps it if there is no room.
    fn consider(
        &mut self,
        cluster: &Cluster,
        runtime: &mut Runtime<'_>,
        instance: &InstanceName,
        launch: Number,
    ) {
        let Some(id) = cluster.roster.id(instance) else { return };
        let now = self.when(runtime);
        let until = self.grants.map(|lasts| Wall(runtime.now() + lasts));
        let book = &mut self.book;
        let answer = self.questions.consider(instance, launch, |question| {
            let fit = question.fit();
            let fresh = Handle(format_smolstr!("{}@{}", fit.instance, now.command));
            let ask = RoomRequest { owner: &(), fit, asked: question.asked(), now, fresh, until };
            book.fit(&ask, &mut Any { choose: &mut runtime.choose, instance: id })
        });
        #[cfg(test)]
        let answer = self.falsified(answer);
        if let Some(answer) = answer {
            let instance = instance.clone();
            self.answer(runtime, id, CommandOutcome::Fit { instance, launch, answer });
        }
    }

    pub(super) fn withdraw(&mut self, instance: &InstanceName, launch: Number) {
        self.questions.withdraw(instance, launch);
        self.book.withdraw(&(), instance, launch);
    }

    /// Looks at all questions again, and repeats that while it frees room.
    pub(super) fn look_again(&mut self, cluster: &Cluster, runtime: &mut Runtime<'_>) {
        loop {
            self.book.take_freed();
            for (instance, launch) in self.questions.orders() {
                self.consider(cluster, runtime, &instance, launch);
            }
            if !self.book.take_freed() {
                break;
            }
        }
    }

    /// Looks at the questions again if room was freed.
    pub(super) fn look_if_freed(&mut self, cluster: &Cluster, runtime: &mut Runtime<'_>) {
        if self.book.take_freed() {
            self.look_again(cluster, runtime);
        }
    }

    /// From now on the book has this fault.
    #[cfg(test)]
    pub(crate) fn falsify(&mut self, cluster: &Cluster, fault: BookFault) {
        self.book_fault = Some(fault);
        for node in &cluster.nodes {
            let total = match fault {
                BookFault::HasMore => node.total.times(2),
                BookFault::HasLess => {
                    node.total.minus(plan_room::Amounts { memory: 128, ..Default::default() })
                }
                BookFault::KeepsReleased | BookFault::SamePorts => continue,
            };
            self.book.add_node(node.facts.clone(), total);
        }
    }

    #[cfg(test)]
    fn falsified(&self, answer: Option<FitAnswer>) -> Option<FitAnswer> {
        match answer {
            Some(FitAnswer::Fitted(mut grant)) if self.book_fault == Some(BookFault::SamePorts) => {
                grant.ports.iter_mut().for_each(|(_, number)| *number = 31_000);
                Some(FitAnswer::Fitted(grant))
            }
            answer => answer,
        }
    }

    /// Gives a place back.
    pub(super) fn free(&mut self, release: &Release) {
        #[cfg(test)]
        if self.book_fault == Some(BookFault::KeepsReleased) {
            return;
        }
        self.book.release(&(), &release.instance, &release.handle);
    }

    /// What is held.
    pub(crate) fn book(&self) -> &Book<()> {
        &self.book
    }
}
