//! What is asked and answered of a cluster: how far the start of a session is, the questions that are open, and which
//! launches each asks for.
//!
//! Invariant: an absence answers only what was asked for and was not answered since, and only a snapshot that is newer
//! than the launch can show it. An open question is asked again until it is answered. What follows from an answer is
//! not decided here.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::spec::TaskName;

use super::timers::Timers;
use crate::engine::at::At;
use crate::engine::record::Number;
use crate::engine::time::Time;

/// The unanswered rest of a `Reconcile` is asked again after so long.
const ASK_AGAIN: Duration = Duration::from_secs(30);
/// What an answer left open is asked again after so long: a backend that knows no more yet is not driven in a circle.
const UNSURE_AGAIN: Duration = Duration::from_secs(1);

/// A launch that is asked for: whose, its number, its task.
pub(in crate::engine) type Asked = (Whose, Number, TaskName);

/// Whose a launch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::engine) enum Whose {
    /// An instance's.
    Instance(At),
    /// What a debt is to end.
    Debt(Number),
}

/// What is asked and answered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::engine) struct Reconciliation {
    stage: Stage,
    /// Of open questions, by number: the launches that no answer spoke of yet.
    open: BTreeMap<Number, BTreeSet<Asked>>,
    /// In which of them the launches of a debt were asked for last.
    of_debt: BTreeMap<Number, Number>,
    /// The question that the start of the session waits for.
    start: Option<Number>,
    /// When the unanswered rest of a question is asked again.
    again: Timers<Number>,
}

/// How far the start of a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Stage {
    /// Nothing was done yet; a wake is wanted at once.
    #[default]
    Fresh,
    /// Instances before this one are asked for, or taken up.
    Starting(At),
    /// All are.
    Live,
}

/// What a snapshot that shows no trace of a launch says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct Absence {
    /// Whether it was asked for, and not answered since. An answer to a question that is closed may be older than
    /// what was done since.
    pub(in crate::engine) asked: bool,
    /// Whether the snapshot is newer than the launch: one from before it cannot know of it.
    pub(in crate::engine) newer: bool,
}

/// A question that is not open any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) struct Closed {
    /// The launches that no answer spoke of.
    pub(in crate::engine) rest: BTreeSet<Asked>,
    /// Whether the start of the session waited for it alone, and is over.
    pub(in crate::engine) live: bool,
}

impl Reconciliation {
    /// Whether nothing was done yet in this session.
    pub(in crate::engine) fn is_fresh(&self) -> bool {
        self.stage == Stage::Fresh
    }

    /// Whether all were asked for, and have answered or had their time.
    pub(in crate::engine) fn is_live(&self) -> bool {
        self.stage == Stage::Live && self.start.is_none()
    }

    /// Whether all instances are asked for, or taken up; some may not have answered.
    pub(in crate::engine) fn all_asked(&self) -> bool {
        self.stage == Stage::Live
    }

    /// The start of the session begins.
    pub(in crate::engine) fn begin(&mut self) {
        self.stage = Stage::Starting(At::default());
    }

    /// There is nobody to ask for: the service is new.
    pub(in crate::engine) fn nothing_to_ask(&mut self) {
        self.stage = Stage::Live;
    }

    /// From which instance on the start goes on, if it waits for no answer.
    pub(in crate::engine) fn starts_from(&self) -> Option<At> {
        match self.stage {
            Stage::Starting(from) if self.start.is_none() => Some(from),
            _ => None,
        }
    }

    /// Instances before this one are asked for by the question, if there is one; all are, if there is none left.
    pub(in crate::engine) fn started(&mut self, next: Option<At>, question: Option<Number>) {
        self.stage = next.map_or(Stage::Live, Stage::Starting);
        self.start = question;
    }

    /// Asks for launches.
    pub(in crate::engine) fn ask(&mut self, question: Number, launches: BTreeSet<Asked>, now: Time) {
        let debts = launches.iter().filter_map(|(whose, _, _)| match whose {
            Whose::Debt(debt) => Some((*debt, question)),
            Whose::Instance(_) => None,
        });
        self.of_debt.extend(debts);
        self.open.insert(question, launches);
        self.again.set(question, now.after(ASK_AGAIN));
    }

    /// Whether a launch is asked for.
    pub(in crate::engine) fn is_asked(&self, launch: &Asked) -> bool {
        self.open.values().any(|open| open.contains(launch))
    }

    /// Whether one of these launches of a debt is asked for.
    pub(in crate::engine) fn is_debt_asked(
        &self,
        debt: Number,
        mut launches: impl Iterator<Item = Asked>,
    ) -> bool {
        let open = self.of_debt.get(&debt).and_then(|question| self.open.get(question));
        open.is_some_and(|open| launches.any(|launch| open.contains(&launch)))
    }

    /// A snapshot speaks of a launch. What it says if it shows no trace of it.
    pub(in crate::engine) fn answers(&mut self, question: Number, launch: &Asked, as_of: Number) -> Absence {
        let asked = self.open.get_mut(&question).is_some_and(|open| open.remove(launch));
        Absence { asked, newer: as_of > launch.1 }
    }

    /// The answer is complete.
    pub(in crate::engine) fn answered(&mut self, question: Number) -> Closed {
        self.again.remove(&question);
        self.close(question)
    }

    /// What an answer left open is asked again soon.
    pub(in crate::engine) fn unsure(&mut self, question: Number, launches: BTreeSet<Asked>, now: Time) {
        if !launches.is_empty() {
            self.open.entry(question).or_default().extend(launches);
            self.again.set(question, now.after(UNSURE_AGAIN));
        }
    }

    /// A question that had no answer for long; its rest is to be asked again.
    pub(in crate::engine) fn due(&mut self, now: Time) -> Option<Closed> {
        let question = self.again.pop_due(now)?;
        Some(self.close(question))
    }

    /// When the first is asked again.
    pub(in crate::engine) fn first(&self) -> Option<Time> {
        self.again.first()
    }

    /// Nothing asks for these launches any more: how they are is known, or what is asked is about the time before.
    pub(in crate::engine) fn forget<'a>(&mut self, launches: impl Iterator<Item = &'a Asked> + Clone) {
        for open in self.open.values_mut() {
            for launch in launches.clone() {
                open.remove(launch);
            }
        }
    }

    /// Nothing asks for these launches of a debt any more.
    pub(in crate::engine) fn forget_owed(&mut self, debt: Number, launches: impl Iterator<Item = Asked>) {
        if let Some(open) = self.of_debt.get(&debt).and_then(|question| self.open.get_mut(question)) {
            for launch in launches {
                open.remove(&launch);
            }
        }
    }

    /// A debt is settled: nothing asks for its launches any more.
    pub(in crate::engine) fn settled(&mut self, debt: Number, launches: impl Iterator<Item = Asked>) {
        self.forget_owed(debt, launches);
        self.of_debt.remove(&debt);
    }

    /// Instances are elsewhere now, or are not there any more. The start begins with the first again.
    pub(in crate::engine) fn laid_out(&mut self, place: impl Fn(At) -> Option<At>) {
        for open in self.open.values_mut() {
            let asked = std::mem::take(open).into_iter().filter_map(|(whose, launch, task)| match whose {
                Whose::Instance(at) => Some((Whose::Instance(place(at)?), launch, task)),
                Whose::Debt(_) => Some((whose, launch, task)),
            });
            *open = asked.collect();
        }
        if matches!(self.stage, Stage::Starting(_)) {
            self.begin();
        }
    }

    fn close(&mut self, question: Number) -> Closed {
        let started = self.start == Some(question);
        if started {
            self.start = None;
        }
        let rest = self.open.remove(&question).unwrap_or_default();
        Closed { rest, live: started && self.is_live() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    fn at(index: u32) -> At {
        At { pod: 0, index }
    }

    fn launch(index: u32, launch: Number) -> Asked {
        (Whose::Instance(at(index)), launch, "broker".parse().unwrap())
    }

    fn owed(debt: Number, launch: Number) -> Asked {
        (Whose::Debt(debt), launch, "broker".parse().unwrap())
    }

    fn asking(question: Number, launches: &[Asked]) -> Reconciliation {
        let mut all = Reconciliation::default();
        all.ask(question, launches.iter().cloned().collect(), Time::from_micros(0));
        all
    }

    #[test]
    fn a_launch_is_asked_for_until_an_answer_speaks_of_it() {
        let mut all = asking(9, &[launch(0, 7), launch(1, 8)]);
        assert!(all.is_asked(&launch(0, 7)) && !all.is_asked(&launch(0, 8)));
        assert_eq!(all.answers(9, &launch(0, 7), 9), Absence { asked: true, newer: true });
        // Told again, it answers nothing; nor does the answer to another question.
        assert_eq!(all.answers(9, &launch(0, 7), 9), Absence { asked: false, newer: true });
        assert_eq!(all.answers(5, &launch(1, 8), 8), Absence { asked: false, newer: false });
        assert_eq!(all.answered(9).rest, [launch(1, 8)].into());
        assert!(!all.is_asked(&launch(1, 8)) && all.first().is_none());
    }

    #[test]
    fn what_had_no_answer_is_asked_again_and_what_was_unsure_sooner() {
        let mut all = asking(9, &[launch(0, 7)]);
        assert_eq!(
            (all.first(), all.due(Time::from_micros(29 * SECOND))),
            (Some(Time::from_micros(30 * SECOND)), None)
        );
        assert_eq!(all.due(Time::from_micros(30 * SECOND)).unwrap().rest, [launch(0, 7)].into());
        assert_eq!(all.due(Time::from_micros(99 * SECOND)), None);

        let mut all = asking(9, &[launch(0, 7)]);
        let rest = all.answered(9).rest;
        all.unsure(9, rest, Time::from_micros(SECOND));
        assert!(all.is_asked(&launch(0, 7)));
        assert_eq!(all.due(Time::from_micros(2 * SECOND)).unwrap().rest, [launch(0, 7)].into());
        all.unsure(9, BTreeSet::new(), Time::from_micros(SECOND));
        assert_eq!(all.first(), None);
    }

    #[test]
    fn the_start_goes_on_when_its_question_is_answered_or_was_not_for_long() {
        let mut all = Reconciliation::default();
        assert!(all.is_fresh() && !all.is_live() && all.starts_from().is_none());
        all.begin();
        assert_eq!(all.starts_from(), Some(at(0)));
        all.ask(9, [launch(0, 7)].into(), Time::from_micros(0));
        all.started(Some(at(1)), Some(9));
        assert_eq!((all.starts_from(), all.is_fresh()), (None, false));
        // Not its question.
        all.ask(10, [launch(5, 5)].into(), Time::from_micros(0));
        assert!(!all.answered(10).live && all.starts_from().is_none());
        assert!(!all.answered(9).live);
        assert_eq!(all.starts_from(), Some(at(1)));
        all.ask(11, [launch(1, 8)].into(), Time::from_micros(0));
        all.started(None, Some(11));
        assert!(all.all_asked() && !all.is_live());
        assert!(all.due(Time::from_micros(30 * SECOND)).unwrap().live);
        assert!(all.is_live());
    }

    #[test]
    fn a_start_without_anybody_is_live_at_once() {
        let mut all = Reconciliation::default();
        all.nothing_to_ask();
        assert!(all.is_live());
        let mut all = Reconciliation::default();
        all.begin();
        all.started(None, None);
        assert!(all.is_live());
    }

    #[test]
    fn debts_are_asked_for_where_they_were_asked_for_last() {
        let mut all = asking(9, &[owed(3, 7)]);
        assert!(all.is_debt_asked(3, [owed(3, 7)].into_iter()));
        assert!(!all.is_debt_asked(3, [owed(3, 8)].into_iter()));
        assert!(!all.is_debt_asked(4, [owed(4, 7)].into_iter()));
        all.forget_owed(3, [owed(3, 7)].into_iter());
        assert!(!all.is_debt_asked(3, [owed(3, 7)].into_iter()));
        all.ask(10, [owed(3, 7), owed(3, 8)].into(), Time::from_micros(0));
        all.settled(3, [owed(3, 7), owed(3, 8)].into_iter());
        assert!(!all.is_asked(&owed(3, 7)) && !all.is_asked(&owed(3, 8)));
        assert!(all.answered(10).rest.is_empty());
    }

    #[test]
    fn questions_follow_their_instances() {
        let mut all = asking(9, &[launch(0, 7), launch(1, 8), owed(3, 6)]);
        all.begin();
        all.started(Some(at(2)), None);
        all.laid_out(|of| (of.index == 0).then_some(at(5)));
        assert_eq!(all.starts_from(), Some(at(0)));
        assert_eq!(all.answered(9).rest, [launch(5, 7), owed(3, 6)].into());
    }

    #[test]
    fn what_is_known_is_asked_for_nowhere() {
        let mut all = asking(9, &[launch(0, 7), launch(1, 8)]);
        all.ask(10, [launch(0, 7)].into(), Time::from_micros(0));
        all.forget([launch(0, 7)].iter());
        assert!(!all.is_asked(&launch(0, 7)) && all.is_asked(&launch(1, 8)));
    }
}
