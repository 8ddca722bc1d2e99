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
    /// waits for. What may act is not in the list: it acts with the next input.
    pub fn why(&self, instance: &InstanceName) -> Vec<Why> {
        let Some(state) = &self.state else { return Vec::new() };
        let mut whys = Vec::new();
        if let Some(at) = state.at(instance) {
            self.step_reasons(state, at, &mut whys);
            self.recovery_reasons(state, at, &mut whys);
            self.move_reason(state, at, &mut whys);
            if state.is_leaver(at) && state.record(at).is_some() {
                let subject = (state.leaving_name(), Status::Pending, None);
                self.add(&Question::of_leaver(state, at), instance, subject, &mut whys);
            }
        }
        let leaves = |debt: &&Arc<DebtRecord>| {
            let left = matches!(debt.cause, DebtCause::Decommission | DebtCause::Uninstall);
            left && debt.instance == *instance
        };
        for debt in state.debts.iter().filter(leaves) {
            let subject = (state.leaving_name(), Status::Started, Some(debt.since));
            self.add(&Question::of_debt(state, debt), instance, subject, &mut whys);
        }
        if let Some(pod) = self.pod(instance) {
            whys.iter_mut().for_each(|why| why.words = words_about(pod.record(), &why.reason));
        }
        whys
    }

    /// Adds the verdict on a subject that is not a step, unless the list has the same reason for the same thing.
    fn add(
        &self,
        question: &Question<'_>,
        instance: &InstanceName,
        (what, status, since): (&str, Status, Option<Time>),
        whys: &mut Vec<Why>,
    ) {
        let Some(reason) = eligible(question, &self.session).reason() else { return };
        if whys.iter().all(|why| why.reason != reason) {
            let (instance, what) = (instance.clone(), what.to_owned());
            whys.push(Why { instance, what, step: None, status, reason, words: None, since });
        }
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
                    let Some(reason) = verdict.reason() else { continue };
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
        let relocation = record.relocation();
        let what = relocation.map(|of| format!("{}, elsewhere: {}", PlanName::RECOVERY, of.cause));
        let what = what.unwrap_or_else(|| PlanName::RECOVERY.to_owned());
        // What recovery does comes first, then what it leaves alone.
        let mut quiet = Vec::new();
        for slot in record.slots() {
            let Some(question) = Question::of_slot(state, at, record, slot) else { continue };
            let Subject::Recovery { main, .. } = question.subject else { continue };
            let Some(status) = state.recovery_status(&self.session, at, record, slot) else {
                quiet.push((question, slot, main));
                continue;
            };
            let Some(reason) = eligible(&question, &self.session).reason() else { continue };
            // Tasks of one order wait for the same thing.
            if whys.iter().any(|why| why.what == what && why.reason == reason) {
                continue;
            }
            let down = main.down().or(main.last().map(|last| last.at));
            let since = relocation.map(|relocation| relocation.at).or(down);
            let (instance, what) = (state.name(at), what.clone());
            whys.push(Why { instance, what, step: None, status, reason, words: None, since });
        }
        for (question, slot, main) in quiet {
            let silent = slot.occupant().filter(|o| o.may_live()).and_then(|occupant| occupant.silent);
            let paused = main.last().map(|last| last.at).filter(|_| main.paused());
            let (what, since) = match (silent, paused) {
                (None, None) => continue,
                (None, paused) => ("pause", paused),
                (silent, _) => (PlanName::RECOVERY, silent),
            };
            self.add(&question, &state.name(at), (what, Status::Waiting, since), whys);
        }
    }

    /// What keeps an instance that is down for too long from moving.
    fn move_reason(&self, state: &State, at: At, whys: &mut Vec<Why>) {
        if let Some(question) = Question::of_move(state, at, self.clock.time) {
            let since = state.deadlines.of(at);
            self.add(&question, &state.name(at), (PlanName::RECOVERY, Status::Waiting, since), whys);
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
