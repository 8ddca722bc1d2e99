//! What the engine is told: answers, snapshots, observations.
//!
//! Invariant: what was told in a session that is over arrives at nobody but the engine whose session it was.

use plan_core::engine::{Found, Incarnation, Input, InstallationId, Observation, Seen};
use smol_str::SmolStr;

use crate::queue::Class;
use crate::task::Life;
use crate::trace::What;
use crate::world::Happening;

use super::{INSTALLATION, Sim};

/// The name of another installation.
const OTHER: &str = "other";

impl Sim<'_> {
    /// An answer of a session arrives at the engine whose session it is.
    pub(super) fn arrives(&mut self, session: u32, input: Input) {
        if session == self.world.session {
            self.world.awaited = self.world.awaited.saturating_sub(1);
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

    /// The launches that a snapshot says nothing is heard of.
    fn silent_in(&self, input: &Input) -> Vec<u32> {
        let Input::Snapshot(snapshot) = input else { return Vec::new() };
        let silent =
            |found: &&(_, Found)| matches!(&found.1, Found::Seen(of) if of.seen == Seen::Unreachable);
        let silent = snapshot.found.iter().filter(silent).filter_map(|(of, _)| {
            self.cluster.find(self.cluster.roster.id(&of.instance)?, of.launch, &of.task)
        });
        silent.collect()
    }

    /// A task goes into a part of its life, and its backend tells.
    pub(super) fn enter(&mut self, nth: u32, life: Life) {
        let task = &mut self.cluster.tasks[nth as usize];
        task.enter(life);
        if self.world.trace.is_kept() {
            let instance = self.cluster.roster.name(task.instance).clone();
            let (task, launch) = (task.name.clone(), task.launch);
            let told = match life {
                Life::Running { ready: true }
                    if self.cluster.tasks[nth as usize].config.spec.readiness_check.is_some() =>
                {
                    Some(What::Ready { instance, task, launch })
                }
                Life::Running { ready } => Some(What::Runs { instance, task, launch, ready }),
                Life::Ended(end) => Some(What::Ended { instance, task, launch, end }),
                Life::Launched | Life::Starting => None,
            };
            if let Some(told) = told {
                self.world.tell(|| told);
            }
        }
        self.backend.observe(&mut self.cluster, &mut self.world, nth);
    }

    pub(super) fn observed(&mut self, session: u32, nth: u32, serial: u64, seen: Seen) {
        if session != self.world.session {
            return;
        }
        if let Some((_, until)) = self.cluster.node_of(nth).frozen {
            let held = Happening::Observe { session, task: nth, serial, seen: seen.into() };
            return self.world.queue.at(until + 1, Class::Answer, held);
        }
        let task = &self.cluster.tasks[nth as usize];
        let of = Incarnation {
            installation: InstallationId(SmolStr::new_static(INSTALLATION)),
            instance: self.cluster.roster.name(task.instance).clone(),
            task: task.name.clone(),
            launch: task.launch,
        };
        let observation = Observation { of, serial, seen: seen.into() };
        if self.old.is_some() {
            self.feed_old(Input::Observed(observation.clone()));
        }
        let done = self.feed(Input::Observed(observation));
        let task = &mut self.cluster.tasks[nth as usize];
        if done && (session, serial) > task.heard {
            task.heard = (session, serial);
            task.believed_silent = seen == Seen::Unreachable;
        }
        // What the engine has durable is confirmed, and not told again.
        let task = &mut self.cluster.tasks[nth as usize];
        if done && matches!(seen, Seen::Ended(_)) && !task.lives() {
            task.forgotten = true;
        }
    }

    /// A task of another installation is seen, which has the name and the number of this one.
    pub(super) fn foreign(&mut self, nth: u32, serial: u64, seen: Seen) {
        let task = &self.cluster.tasks[nth as usize];
        let of = Incarnation {
            installation: InstallationId(SmolStr::new_static(OTHER)),
            instance: self.cluster.roster.name(task.instance).clone(),
            task: task.name.clone(),
            launch: task.launch,
        };
        self.feed(Input::Observed(Observation { of, serial, seen: seen.into() }));
    }
}
