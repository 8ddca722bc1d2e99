//! What is asked of a cluster, and what its snapshots answer.
//!
//! Invariant: an absence counts only where it was asked for, and only from a snapshot that is newer than the launch.

use std::collections::BTreeSet;

use crate::spec::TaskName;

use super::at::At;
use super::bug::Bug;
use super::input::{Found, Incarnation, Seen, Sighting, Snapshot};
use super::observe::Known;
use super::record::{End, Number, Occupant, Stage, TaskState};
use super::session::reconciliation::{Asked, Whose};
use super::state::State;
use super::turn::Turn;

impl Turn<'_> {
    /// Takes a part of the answer to a `Reconcile`.
    pub(super) fn snapshot(&mut self, snapshot: Snapshot) {
        let Snapshot { of, as_of, found, last } = snapshot;
        let mut unsure = BTreeSet::new();
        // What is there first: an order of which anything is there is not given again.
        let (absent, seen): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|(_, found)| *found == Found::Absent);
        for (incarnation, found) in seen.into_iter().chain(absent) {
            match self.known(&incarnation) {
                Known::Newer => return self.superseded(incarnation),
                // What we hold for ended lives on: it is ended by its own number. A snapshot shows what is; an
                // observation may be old.
                Known::Past(at) => {
                    let Incarnation { launch, task, .. } = incarnation;
                    match found {
                        Found::Absent | Found::Seen(Sighting { seen: Seen::Ended(_), .. }) => {
                            self.session.kills.spare(&(at, launch, task));
                        }
                        Found::Seen(_) if self.bug(Bug::ZombieSpared) => {}
                        Found::Seen(_) => self.kill(at, launch, task),
                    }
                }
                Known::Owed(debt) => {
                    let key = (Whose::Debt(debt), incarnation.launch, incarnation.task.clone());
                    let absence = self.session.reconciliation.answers(of, &key, as_of);
                    match found {
                        Found::Seen(seen) => self.owed_seen(debt, &incarnation, seen.seen),
                        Found::Absent if !absence.asked => {}
                        Found::Absent if absence.newer => {
                            self.owed_ended(debt, incarnation.launch, &incarnation.task);
                        }
                        Found::Absent => {
                            unsure.insert(key);
                        }
                    }
                }
                Known::Foreign => match found {
                    Found::Seen(seen) => self.foreigner(incarnation, seen.seen),
                    Found::Absent => {
                        self.session.foreigners.remove(&incarnation);
                    }
                },
                Known::Ours(at, slot) => {
                    let Incarnation { launch, task, .. } = incarnation;
                    let key = (Whose::Instance(at), launch, task.clone());
                    let absence = self.session.reconciliation.answers(of, &key, as_of);
                    let newer = absence.newer || self.bug(Bug::OldAbsence);
                    match found {
                        Found::Seen(seen) => self.found(at, slot, launch, &task, seen),
                        // The answer to a question that is closed may be older than what was done since.
                        Found::Absent if !absence.asked && !self.bug(Bug::UnaskedAbsence) => {}
                        // A snapshot from before the launch cannot know of it.
                        Found::Absent if newer => self.absent(at, slot, launch, &task),
                        Found::Absent => {
                            unsure.insert(key);
                        }
                    }
                }
            }
        }
        if last {
            let closed = self.session.reconciliation.answered(of);
            unsure.extend(closed.rest);
            if closed.live {
                self.begin_live();
            }
        }
        unsure.retain(|(whose, launch, task)| match whose {
            Whose::Instance(at) => {
                let living = self.state.record(*at).into_iter().flat_map(|record| record.living());
                living.into_iter().any(|occupant| occupant.launch == *launch && occupant.task == *task)
            }
            Whose::Debt(_) => self.state.debts.that_owes(*launch, task).is_some(),
        });
        self.session.reconciliation.unsure(of, unsure, self.now);
        self.go_on_starting();
    }

    /// The rest of a `Reconcile` that was not answered is asked again.
    pub(super) fn ask_again(&mut self) {
        while let Some(closed) = self.session.reconciliation.due(self.now) {
            if closed.live {
                self.begin_live();
            }
            self.ask_launches(closed.rest);
        }
    }

    /// A snapshot shows a launch. Presence counts at any age, but what was observed in this session since is
    /// newer than a snapshot of unknown age.
    fn found(&mut self, at: At, slot: usize, launch: Number, task: &TaskName, seen: Sighting) {
        let instance = &mut self.state.pods[at.pod as usize][at.index as usize];
        let first = !instance.answered.contains(slot, launch);
        if instance.answered.note(slot, launch, 0) {
            self.seen(at, launch, task, seen);
        }
        if first {
            self.take_up(at);
        }
    }

    /// A snapshot that is new enough shows no trace of a launch.
    fn absent(&mut self, at: At, slot: usize, launch: Number, task: &TaskName) {
        let Some(record) = self.state.record(at) else { return };
        let mut living = record.living();
        let Some(state) =
            living.find(|o| o.launch == launch && o.task == *task).map(|occupant| occupant.state)
        else {
            return;
        };
        drop(living);
        let instance = &mut self.state.pods[at.pod as usize][at.index as usize];
        instance.answered.note(slot, launch, 0);
        // What is to be ended anyway has ended by not being there; and an order is given again as a whole, or
        // not at all.
        if state == TaskState::Launching
            && !self.state.is_being_cleared(at, slot)
            && self.state.is_untouched(at, launch)
        {
            // It never arrived: the record that holds the order is the command. What is asked of it already
            // is about the time before.
            let order = self.state.record(at).and_then(|record| record.order(launch));
            let tasks = order.into_iter().flat_map(|order| &*order.tasks);
            let keys: Vec<Asked> = tasks.map(|of| (Whose::Instance(at), launch, of.task.clone())).collect();
            self.session.reconciliation.forget(keys.iter());
            self.command_launch(at, launch);
        } else {
            self.seen(at, launch, task, Seen::Ended(End::Lost).into());
        }
        self.take_up(at);
    }
}

impl State {
    /// Whether all tasks of an order are in their slots, and none was seen or is being ended.
    fn is_untouched(&self, at: At, launch: Number) -> bool {
        let Some(record) = self.record(at) else { return false };
        let Some(order) = record.order(launch) else { return false };
        order.tasks.iter().all(|ordered| {
            record.slots().iter().enumerate().any(|(nth, slot)| {
                let here = |o: &&Occupant| o.launch == launch && o.task == ordered.task;
                let launching = slot.occupant().filter(here).map(|o| o.state);
                launching == Some(TaskState::Launching) && !self.is_being_cleared(at, nth)
            })
        })
    }

    fn is_being_cleared(&self, at: At, slot: usize) -> bool {
        let Some(record) = self.record(at) else { return false };
        if record.permission().is_some() {
            return true;
        }
        let act = record.slots().get(slot).and_then(|slot| slot.act()).and_then(|act| record.order(act));
        act.is_some_and(|order| order.stage == Stage::Clearing)
    }
}
