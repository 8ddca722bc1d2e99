//! Reconciliation: the states of launches that are asked for, and the snapshots that answer.
//!
//! Invariant: the absence of a launch counts only if the launch was asked for, and only if the snapshot is newer than
//! the launch.

use std::collections::BTreeSet;

use crate::spec::TaskName;

use super::at::At;
use super::bug::Bug;
use super::input::{Found, Incarnation, Seen, Sighting, Snapshot};
use super::observe::Known;
use super::record::{End, Number, Occupant, OrderStage, TaskState};
use super::session::reconciliation::{Asked, Whose};
use super::state::State;
use super::transition::Transition;

impl Transition<'_> {
    /// Takes a part of the answer to a `Reconcile`.
    pub(super) fn snapshot(&mut self, snapshot: Snapshot) {
        let Snapshot { of, as_of, found, last } = snapshot;
        let mut unsure = BTreeSet::new();
        // Launches that are there come first: if any task of an order is there, its launch is not commanded again.
        let (absent, seen): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|(_, found)| *found == Found::Absent);
        for (incarnation, found) in seen.into_iter().chain(absent) {
            match self.known(&incarnation) {
                Known::Newer => return self.superseded(incarnation),
                // A task that was seen to end lives on: its launch is told to end. A snapshot is certain about this, an
                // observation is not, as it may be old.
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
                    Found::Absent => self.session.foreigners.forget(&incarnation),
                },
                Known::Ours(at, slot) => {
                    let Incarnation { launch, task, .. } = incarnation;
                    let key = (Whose::Instance(at), launch, task.clone());
                    let absence = self.session.reconciliation.answers(of, &key, as_of);
                    let newer = absence.newer || self.bug(Bug::OldAbsence);
                    match found {
                        Found::Seen(seen) => self.found(at, slot, launch, &task, seen),
                        // An answer to a closed question may be older than what was done since.
                        Found::Absent if !absence.asked && !self.bug(Bug::UnaskedAbsence) => {}
                        // A snapshot from before the launch cannot show the launch.
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

    /// Asks again for the launches of a `Reconcile` that were not answered.
    pub(super) fn ask_again(&mut self) {
        while let Some(closed) = self.session.reconciliation.due(self.now) {
            if closed.live {
                self.begin_live();
            }
            self.ask_launches(closed.rest);
        }
    }

    /// Takes a launch that a snapshot shows. Presence counts at any age of the snapshot. But the snapshot's age is
    /// unknown, so every observation of this session is newer.
    fn found(&mut self, at: At, slot: usize, launch: Number, task: &TaskName, seen: Sighting) {
        let instance = self.state.instance_mut(at);
        let first = !instance.has_seen(slot, launch);
        if instance.see(slot, launch, 0) {
            self.seen(at, launch, task, seen);
        }
        if first {
            self.take_up(at);
        }
    }

    /// Takes it that a snapshot which is new enough shows no trace of a launch.
    fn absent(&mut self, at: At, slot: usize, launch: Number, task: &TaskName) {
        let Some(record) = self.state.record(at) else { return };
        let mut living = record.living();
        let Some(state) =
            living.find(|o| o.launch == launch && o.task == *task).map(|occupant| occupant.state)
        else {
            return;
        };
        drop(living);
        let instance = self.state.instance_mut(at);
        instance.see(slot, launch, 0);
        // A task that is to be ended anyway counts as ended. A launch is commanded again with all its tasks, or not at
        // all.
        if state == TaskState::Launching
            && !self.state.is_being_cleared(at, slot)
            && self.state.is_untouched(at, launch)
        {
            // The launch never arrived, so it is commanded again: the recorded order is the command. Open questions
            // about it concern the time before.
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
        if record.relocation().is_some() {
            return true;
        }
        let act = record.slots().get(slot).and_then(|slot| slot.act()).and_then(|act| record.order(act));
        act.is_some_and(|order| order.stage == OrderStage::Displacing)
    }
}
