//! Why an instance is as it is.
//!
//! Invariant: each reason is the word of the rule that is asked; nothing is decided here.

use std::sync::Arc;

use crate::engine::Engine;
use crate::engine::at::At;
use crate::engine::reason::{Reason, Verdict, Why};
use crate::engine::record::{DebtCause, DebtRecord, End, Order, PodRecord, Purpose, Slot, Stage, StepRef};
use crate::engine::recovery::Owner;
use crate::engine::rules::may_act;
use crate::engine::state::{Run, State};
use crate::engine::time::Time;
use crate::engine::words::Words;
use crate::plan::Status;
use crate::spec::{InstanceName, PlanName, ResourceSetName, TaskName};

impl Engine {
    /// Why an instance is as it is: for each of its steps that goes on and is not complete, for its recovery, for
    /// what an operator paused or nobody hears of, and for what it owes when it leaves, what it does or what it
    /// waits for.
    pub fn why(&self, instance: &InstanceName) -> Vec<Why> {
        let Some(state) = &self.state else { return Vec::new() };
        let mut whys = Vec::new();
        if let Some(at) = state.at(instance) {
            self.step_reasons(state, at, &mut whys);
            self.recovery_reasons(state, at, &mut whys);
            state.present_reasons(at, &mut whys);
            if state.is_leaver(at) && state.record(at).is_some() {
                let (what, status) = (state.leaving_name().to_owned(), Status::Pending);
                let (instance, reason, since) = (instance.clone(), Reason::Leaves, None);
                whys.push(Why { instance, what, status, reason, words: None, since });
            }
        }
        let leaves = |debt: &&Arc<DebtRecord>| {
            let left = matches!(debt.cause, DebtCause::Decommission | DebtCause::Uninstall);
            left && debt.instance == *instance
        };
        for debt in state.debts.iter().filter(leaves) {
            let reason = Reason::Owes { debt: debt.number, node: debt.node.clone() };
            if whys.iter().any(|why| why.reason == reason) {
                continue;
            }
            let (what, status) = (state.leaving_name().to_owned(), Status::Started);
            let (instance, since) = (instance.clone(), Some(debt.since));
            whys.push(Why { instance, what, status, reason, words: None, since });
        }
        if let Some(record) = self.pod(instance) {
            whys.iter_mut().for_each(|why| why.words = words_about(record, &why.reason));
        }
        whys
    }

    fn step_reasons(&self, state: &State, at: At, whys: &mut Vec<Why>) {
        for run in &state.active {
            for &phase in run.layout.phases_of(at.pod) {
                for step in run.phase(phase).steps_of(at.index) {
                    let status = run.progress.phase(phase).step(step);
                    if status == Status::Complete {
                        continue;
                    }
                    let of = StepRef { run: run.number(), phase, step };
                    let reason = self.step_reason(state, run, at, of, status);
                    let what = format!(
                        "{} / {} / {}",
                        run.layout.name,
                        run.phase(phase).name,
                        state.step_name(run.phase(phase), step)
                    );
                    whys.extend(reason.map(|reason| Why {
                        instance: state.name(at),
                        what,
                        status,
                        since: state.since(run.record.begun, at, run.phase(phase).tasks(step), &reason),
                        reason,
                        words: None,
                    }));
                }
            }
        }
    }

    /// What recovery does for the tasks of an instance, or what it waits for.
    fn recovery_reasons(&self, state: &State, at: At, whys: &mut Vec<Why>) {
        let Some(record) = state.record(at) else { return };
        let what = record
            .permission()
            .map(|permission| format!("{}, elsewhere: {}", PlanName::RECOVERY, permission.cause));
        let what = what.unwrap_or_else(|| PlanName::RECOVERY.to_owned());
        for (slot, status) in state.recovery_slots(at, record) {
            let Some(main) = state.main_task(record, slot.set()) else { continue };
            let owed = state.unsettled(at).filter(|_| status == Status::Pending);
            let reason = if let Some(debt) = owed {
                Some(Reason::Owes { debt: debt.number, node: debt.node.clone() })
            } else if state.is_waiting_for_step(at, record, slot.set()) {
                Some(Reason::WaitsForItsStep(main.name().clone()))
            } else if let (Status::Pending, Owner::Recovery(conf)) = (status, state.owner(at, slot, main))
                && let Some(other) = state.in_the_way(record, slot, conf)
            {
                Some(Reason::SlotBusy { task: other.clone() })
            } else {
                // It may be on its way into another set than its last.
                let names = |order: &&Order| order.tasks.iter().any(|ordered| ordered.task == *main.name());
                let asked = || record.standing().find(names).map(|order| order.launch);
                let other = slot.act().is_none().then(asked).flatten();
                let other = other.and_then(|act| record.slots().iter().find(|slot| slot.act() == Some(act)));
                self.slot_reason(state, at, record, other.unwrap_or(slot), main.name(), status)
            };
            let Some(reason) = reason else { continue };
            // Tasks of one order wait for the same.
            if whys.iter().any(|why| why.what == what && why.reason == reason) {
                continue;
            }
            let down = main.down().or(main.last().map(|last| last.at));
            let since = record.permission().map(|permission| permission.at).or(down);
            whys.push(Why {
                instance: state.name(at),
                what: what.clone(),
                status,
                reason,
                words: None,
                since,
            });
        }
    }

    fn step_reason(&self, state: &State, run: &Run, at: At, step: StepRef, status: Status) -> Option<Reason> {
        if self.session.superseded {
            return Some(Reason::Superseded);
        }
        if matches!(status, Status::Pending | Status::Waiting | Status::Delayed | Status::Error) {
            return match may_act(state, run, at, step) {
                Verdict::Defer(reason) | Verdict::Deny(reason) => Some(reason),
                Verdict::Allow => Some(Reason::AskedForRoom),
            };
        }
        let record = state.record(at)?;
        let since = run.record.wanted(Some(record), step).since;
        let mut tasks =
            run.phase(step.phase).tasks(step.step).iter().map(|&task| state.task_model(at.pod, task));
        let task = tasks.find(|task| state.task_status(run, Some(record), task, step, since) == status)?;
        let named =
            |slot: &&Slot| state.main_task(record, slot.set()).is_some_and(|main| *main.name() == task.name);
        let slot = record.slot(&task.set).or_else(|| record.slots().iter().find(named))?;
        self.slot_reason(state, at, record, slot, &task.name, status)
    }

    /// What a task that is on its way into a slot waits for.
    fn slot_reason(
        &self,
        state: &State,
        at: At,
        record: &PodRecord,
        slot: &Slot,
        task: &TaskName,
        status: Status,
    ) -> Option<Reason> {
        if let Some(occupant) = &slot.occupant()
            && let Some(since) = occupant.silent
        {
            return Some(Reason::Silent { task: occupant.task.clone(), since });
        }
        if let Some(order) = slot.act().and_then(|act| record.order(act)) {
            if order.stage == Stage::Clearing
                && let Some(victim) = slot.occupant().filter(|occupant| occupant.may_live())
            {
                return Some(Reason::Displacing(victim.task.clone()));
            }
            let why = self.session.fits.why(order.launch).cloned();
            return Some(why.map_or(Reason::AskedForRoom, Reason::NoRoom));
        }
        if let Some(known) = record.task(task) {
            if let Some(until) = known.delayed_until() {
                return Some(Reason::Backoff { task: task.clone(), failures: known.failures(), until });
            }
            if let Some(never) = &known.never() {
                return Some(Reason::Never { task: task.clone(), why: never.why.clone() });
            }
        }
        Some(match status {
            Status::Started => Reason::NotThereYet(task.clone()),
            Status::Pending if !state.is_seen(at) => Reason::NotSeen,
            // One order takes the whole instance to its place; who came up later is launched beside it there.
            Status::Pending if state.is_place_asked(record, Purpose::Recovery) => Reason::PlaceAsked,
            _ => Reason::Launching(task.clone()),
        })
    }
}

/// What the backend said of the task that a reason is about, where it says more than the reason.
fn words_about(record: &PodRecord, reason: &Reason) -> Option<Words> {
    match reason {
        Reason::Backoff { task, .. } | Reason::WaitsForItsStep(task) => {
            let trouble = record.task(task)?.trouble()?;
            let otherwise =
                || Words::some(format!("it {}", trouble.end)).filter(|_| trouble.end != End::Failed);
            trouble.words.clone().or_else(otherwise)
        }
        Reason::Launching(task) | Reason::NotThereYet(task) | Reason::Silent { task, .. } => {
            record.living().find(|occupant| occupant.task == *task)?.words.clone()
        }
        _ => None,
    }
}

impl State {
    /// What of an instance an operator paused, and what nobody hears of, if nothing was said of it yet.
    fn present_reasons(&self, at: At, whys: &mut Vec<Why>) {
        let (Some(record), Some(pod)) = (self.record(at), self.pod_model(at.pod)) else { return };
        let mut add = |what: &str, reason: Reason, since: Option<Time>| {
            if whys.iter().all(|why| why.reason != reason) {
                let (instance, what) = (self.name(at), what.to_owned());
                whys.push(Why { instance, what, status: Status::Waiting, reason, words: None, since });
            }
        };
        for task in
            record.tasks().iter().filter(|task| task.paused() && pod.task_index(task.name()).is_some())
        {
            add("pause", Reason::Paused(task.name().clone()), task.last().map(|last| last.at));
        }
        if record.permission().is_some() {
            return;
        }
        for occupant in record.living() {
            if let Some(since) = occupant.silent {
                add(PlanName::RECOVERY, Reason::Silent { task: occupant.task.clone(), since }, Some(since));
            }
        }
    }

    /// Since when a step waits for what it waits for, as far as it is known.
    fn since(&self, begun: Time, at: At, tasks: &[u32], reason: &Reason) -> Option<Time> {
        let record = self.record(at);
        let tasks = tasks.iter().filter_map(|&task| record?.task(&self.task_model(at.pod, task).name));
        Some(match reason {
            Reason::Silent { since, .. } => *since,
            Reason::AskedForRoom | Reason::NoRoom(_) | Reason::Displacing(_) => {
                let standing = record.into_iter().flat_map(PodRecord::standing).map(|order| order.at);
                standing.min().unwrap_or(begun)
            }
            Reason::Launching(name) | Reason::NotThereYet(name) => {
                let last = record.and_then(|record| record.task(name)).and_then(|task| task.last());
                last.map_or(begun, |last| last.at)
            }
            _ => tasks.filter_map(|task| task.down()).max().map_or(begun, |down| down.max(begun)),
        })
    }

    fn is_waiting_for_step(&self, at: At, record: &PodRecord, set: &ResourceSetName) -> bool {
        let slot = record.slot(set);
        let main = self.main_task(record, set);
        slot.zip(main).is_some_and(|(slot, main)| {
            let lives = slot.occupant().is_some_and(|occupant| occupant.may_live());
            slot.act().is_none() && !lives && self.owner(at, slot, main) == Owner::Later
        })
    }
}
