//! Tells the engine answers, snapshots and observations.
//!
//! Invariant: reports of a session that is over reach only the engine whose session it was.

use plan_core::engine::{
    Answer, Ask, CommandOutcome, End, Found, Incarnation, Input, InstallationId, Observation, Seen, Sighting,
    Words,
};
use smol_str::SmolStr;

use crate::queue::Class;
use crate::runtime::Happening;
use crate::task::Life;
use crate::trace::What;

use super::{INSTALLATION, Sim};

/// The name of another installation.
const OTHER: &str = "other";

impl Sim<'_> {
    /// An answer of a session arrives at the engine whose session it is.
    pub(super) fn arrives(&mut self, session: u32, input: Input) {
        if session == self.runtime.session {
            self.runtime.awaited = self.runtime.awaited.saturating_sub(1);
            if let Input::Outcome(outcome) = &input {
                self.tally.answered(session, outcome);
            }
            let silent = self.silent_in(&input);
            if self.feed(input) {
                for task in silent {
                    self.cluster.tasks[task as usize].believed_silent = true;
                }
            }
        } else if self.old.as_ref().is_some_and(|old| old.session == session) {
            self.feed_old(input);
        }
    }

    /// The answer to a question beside a task arrives.
    pub(super) fn ruled(&mut self, session: u32, ask: Ask, answer: Answer) {
        let Ask { id, instance, task, launch, .. } = ask;
        if session == self.runtime.session {
            self.checker.answered(self.runtime.now(), id, &answer);
            let (ruling, words) = (answer.ruling, answer.words.clone());
            self.runtime.tell(|| What::Gate { instance, task, launch, ruling, words });
        }
        self.arrives(session, Input::Outcome(CommandOutcome::Ask { id, answer }));
    }

    /// The launches that a snapshot reports as silent.
    fn silent_in(&self, input: &Input) -> Vec<u32> {
        let Input::Snapshot(snapshot) = input else { return Vec::new() };
        let silent =
            |found: &&(_, Found)| matches!(&found.1, Found::Seen(of) if of.seen == Seen::Unreachable);
        let silent = snapshot.found.iter().filter(silent).filter_map(|(of, _)| {
            self.cluster.find(self.cluster.roster.id(&of.instance)?, of.launch, &of.task)
        });
        silent.collect()
    }

    /// A task goes into a part of its life, and its backend reports that.
    pub(super) fn enter(&mut self, nth: u32, life: Life) {
        let task = &mut self.cluster.tasks[nth as usize];
        task.enter(life);
        if let (true, Life::Running { ready }) = (self.runtime.trace.is_kept(), life) {
            let instance = self.cluster.roster.name(task.instance).clone();
            let (name, launch) = (task.name.clone(), task.launch);
            let checked = task.config.spec.readiness_check.is_some();
            self.runtime.tell(|| match ready {
                true if checked => What::Ready { instance, task: name, launch },
                ready => What::Runs { instance, task: name, launch, ready },
            });
        }
        self.backend.observe(&mut self.cluster, &mut self.runtime, nth);
    }

    /// A task ends, and its backend reports why.
    pub(super) fn ends(&mut self, nth: u32, end: End, words: Option<Words>) {
        let task = &mut self.cluster.tasks[nth as usize];
        task.ends(end, words.clone());
        if self.runtime.trace.is_kept() {
            let instance = self.cluster.roster.name(task.instance).clone();
            let (task, launch) = (task.name.clone(), task.launch);
            self.runtime.tell(|| What::Ended { instance, task, launch, end, words });
        }
        self.backend.observe(&mut self.cluster, &mut self.runtime, nth);
    }

    pub(super) fn observed(&mut self, session: u32, nth: u32, serial: u64, seen: Sighting) {
        if session != self.runtime.session {
            return;
        }
        if let Some((_, until)) = self.cluster.node_of(nth).frozen {
            let held = Happening::Observe { session, task: nth, serial, seen };
            return self.runtime.queue.at(until + 1, Class::Answer, held);
        }
        let task = &self.cluster.tasks[nth as usize];
        let of = Incarnation {
            installation: InstallationId(SmolStr::new_static(INSTALLATION)),
            instance: self.cluster.roster.name(task.instance).clone(),
            task: task.name.clone(),
            launch: task.launch,
        };
        let (silent, ended) = (seen.seen == Seen::Unreachable, matches!(seen.seen, Seen::Ended(_)));
        let observation = Observation::new(of, serial, seen);
        if self.old.is_some() {
            self.feed_old(Input::Observed(observation.clone()));
        }
        let done = self.feed(Input::Observed(observation));
        let task = &mut self.cluster.tasks[nth as usize];
        if done && (session, serial) > task.heard {
            task.heard = (session, serial);
            task.believed_silent = silent;
        }
        // Reports that are durable in the engine's records are confirmed, and not told again.
        let task = &mut self.cluster.tasks[nth as usize];
        if done && ended && !task.lives() {
            task.forgotten = true;
        }
    }

    /// A task of another installation is seen, with the name and the number of a task of this one.
    pub(super) fn foreign(&mut self, nth: u32, serial: u64, seen: Seen) {
        let task = &self.cluster.tasks[nth as usize];
        let of = Incarnation {
            installation: InstallationId(SmolStr::new_static(OTHER)),
            instance: self.cluster.roster.name(task.instance).clone(),
            task: task.name.clone(),
            launch: task.launch,
        };
        self.feed(Input::Observed(Observation::new(of, serial, seen)));
    }
}
