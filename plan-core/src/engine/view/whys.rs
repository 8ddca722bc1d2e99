//! Reasons: why an instance is in its state.
//!
//! Invariant: each reason comes from the rule that is asked. Nothing is decided here.

use std::sync::Arc;

use crate::engine::Engine;
use crate::engine::at::At;
use crate::engine::reason::{Reason, StepPath, Why};
use crate::engine::record::{DebtCause, DebtRecord, End, PodRecord, StepRef};
use crate::engine::rules::{Question, Subject, eligible};
use crate::engine::state::State;
use crate::engine::time::Time;
use crate::engine::words::Words;
use crate::plan::Status;
use crate::spec::{InstanceName, PlanName};

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
            self.move_reason(state, at, &mut whys);
            if state.is_leaver(at) && state.record(at).is_some() {
                let (what, status) = (state.leaving_name().to_owned(), Status::Pending);
                let verdict = eligible(&Question::of_leaver(state, at), &self.session);
                let reason = verdict.reason().unwrap_or(Reason::Leaves);
                let (instance, since) = (instance.clone(), None);
                whys.push(Why { instance, what, step: None, status, reason, words: None, since });
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
            whys.push(Why { instance, what, step: None, status, reason, words: None, since });
        }
        if let Some(record) = self.pod(instance) {
            whys.iter_mut().for_each(|why| why.words = words_about(record, &why.reason));
        }
        whys
    }

    fn step_reasons(&self, state: &State, at: At, whys: &mut Vec<Why>) {
        for run in state.active() {
            for &phase in run.layout.phases_of(at.pod) {
                for step in run.phase(phase).steps_of(at.index) {
                    let status = run.progress.phase(phase).step(step);
                    if status == Status::Complete {
                        continue;
                    }
                    let of = StepRef { run: run.number(), phase, step };
                    let verdict = eligible(&Question::of_step(state, run, at, of), &self.session);
                    let reason = verdict.reason().unwrap_or(Reason::AskedForRoom);
                    let path = StepPath {
                        plan: run.layout.name.clone(),
                        phase: run.phase(phase).name.clone(),
                        step: state.step_name(run.phase(phase), step),
                    };
                    whys.push(Why {
                        instance: state.name(at),
                        what: path.to_string(),
                        step: Some(path),
                        status,
                        since: state.since(run.record.begun, at, run.phase(phase).tasks(step), &reason),
                        reason,
                        words: None,
                    });
                }
            }
        }
    }

    /// What recovery does for the tasks of an instance, or what recovery waits for.
    fn recovery_reasons(&self, state: &State, at: At, whys: &mut Vec<Why>) {
        let Some(record) = state.record(at) else { return };
        let what = record
            .relocation()
            .map(|relocation| format!("{}, elsewhere: {}", PlanName::RECOVERY, relocation.cause));
        let what = what.unwrap_or_else(|| PlanName::RECOVERY.to_owned());
        for (slot, status) in state.recovery_slots(at, record) {
            let Some(question) = Question::of_slot(state, at, record, slot) else { continue };
            let Subject::Recovery { main, .. } = question.subject else { continue };
            let verdict = eligible(&question, &self.session);
            let reason = verdict.reason().unwrap_or_else(|| Reason::Launching(main.name().clone()));
            // Tasks of one order wait for the same thing.
            if whys.iter().any(|why| why.what == what && why.reason == reason) {
                continue;
            }
            let down = main.down().or(main.last().map(|last| last.at));
            let since = record.relocation().map(|relocation| relocation.at).or(down);
            whys.push(Why {
                instance: state.name(at),
                what: what.clone(),
                step: None,
                status,
                reason,
                words: None,
                since,
            });
        }
    }

    /// What keeps an instance that is down for too long from moving.
    fn move_reason(&self, state: &State, at: At, whys: &mut Vec<Why>) {
        let now = self.clock.time;
        let Some(due) = state.instance(at).deadline().filter(|&due| due <= now) else { return };
        let verdict = eligible(&Question::of_move(state, at, now), &self.session);
        let Some(reason) = verdict.reason() else { return };
        if whys.iter().all(|why| why.reason != reason) {
            let (instance, what, since) = (state.name(at), PlanName::RECOVERY.to_owned(), Some(due));
            whys.push(Why {
                instance,
                what,
                step: None,
                status: Status::Waiting,
                reason,
                words: None,
                since,
            });
        }
    }
}

/// The backend's words about the task that a reason is about, if they say more than the reason.
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
    /// The reasons of tasks that are paused or silent, unless the list has the same reason already.
    fn present_reasons(&self, at: At, whys: &mut Vec<Why>) {
        let (Some(record), Some(pod)) = (self.record(at), self.pod_model(at.pod)) else { return };
        let mut add = |what: &str, reason: Reason, since: Option<Time>| {
            if whys.iter().all(|why| why.reason != reason) {
                let (instance, what) = (self.name(at), what.to_owned());
                whys.push(Why {
                    instance,
                    what,
                    step: None,
                    status: Status::Waiting,
                    reason,
                    words: None,
                    since,
                });
            }
        };
        for task in
            record.tasks().iter().filter(|task| task.paused() && pod.task_index(task.name()).is_some())
        {
            add("pause", Reason::Paused(task.name().clone()), task.last().map(|last| last.at));
        }
        if record.relocation().is_some() {
            return;
        }
        for occupant in record.living() {
            if let Some(since) = occupant.silent {
                add(PlanName::RECOVERY, Reason::Silent { task: occupant.task.clone(), since }, Some(since));
            }
        }
    }

    /// Since when a step waits for this reason, if that is known.
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
}
