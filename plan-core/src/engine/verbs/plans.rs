//! Verbs on plans (SDK rule R58).
//!
//! Invariant: a verb changes marks and runs. Statuses and orders follow from these.

use std::sync::Arc;

use crate::engine::at::At;
use crate::engine::bug::Bug;
use crate::engine::input::Part;
use crate::engine::reason::Reason;
use crate::engine::record::{
    Number, OrderStage, Parameters, Purpose, RunKind, RunOutcome, StepRef, TaskState,
};
use crate::engine::reply::{Refusal, Reply};
use crate::engine::rules::Whom;
use crate::engine::runs::Interrupted;
use crate::engine::state::{Run, State, is_complete};
use crate::engine::transition::Transition;
use crate::engine::verbs::Answer;
use crate::engine::verbs::scope::Scope;
use crate::engine::waker::Waker;
use crate::plan::Status;
use crate::spec::{PhaseName, PlanName};

impl Transition<'_> {
    pub(super) fn start(&mut self, plan: &PlanName, parameters: Parameters) -> Answer {
        if let Some(bad) = parameters.keys().find(|name| !is_variable_name(name)) {
            return Err(Refusal::Parameter(bad.clone()));
        }
        if self.state.run_of(plan).is_some() {
            return Err(Refusal::Running(plan.clone()));
        }
        let layout =
            self.state.model().plans().get(plan).ok_or_else(|| Refusal::NoPlan(plan.clone()))?.clone();
        let parameters = (!parameters.is_empty()).then(|| Arc::new(parameters));
        self.begin_run(&layout, RunKind::Side, parameters, Interrupted::default());
        Ok(Reply::Done)
    }

    pub(super) fn stop(&mut self, plan: &PlanName) -> Answer {
        let Some(run) = self.state.run_of(plan) else { return Ok(Reply::AlreadySo) };
        let number = run.number();
        if self.state.service().converging == number {
            if is_stopped(run) {
                return Ok(Reply::AlreadySo);
            }
            let since = self.writes.number();
            self.mark(number, Scope::Plan, |mark| {
                mark.interrupted = true;
                mark.since = since;
            });
            self.derive_scope(number, Scope::Plan);
            let standing = self.state.standing(number, Scope::Plan);
            self.drop_unwanted(standing);
            self.awaken(Waker::Progress, Whom::Hurt);
            return Ok(Reply::Done);
        }
        let standing = self.state.standing(number, Scope::Plan);
        self.end_run(number, RunOutcome::Stopped);
        self.drop_unwanted(standing);
        Ok(Reply::Done)
    }

    /// Considers the pending steps of a run, and what is broken, as an operator gave a verb on the plan.
    fn allow_again(&mut self, number: Number) {
        self.awaken(Waker::Progress, Whom::Run(number));
        self.awaken(Waker::Progress, Whom::Hurt);
    }

    /// Withdraws those of these orders that are not wanted any more.
    fn drop_unwanted(&mut self, standing: Vec<(At, Number)>) {
        for (at, launch) in standing {
            let order = self.state.record(at).and_then(|record| record.order(launch));
            if order.is_some_and(|order| self.state.still_wanted(order).is_err()) {
                self.withdraw(at, launch, Reason::NotWanted);
            }
        }
    }

    pub(super) fn interrupt(&mut self, plan: &PlanName, phase: Option<PhaseName>) -> Answer {
        let scope = self.state.phase_scope(plan, phase)?;
        let Some(run) = self.state.run_of(plan) else {
            return match self.state.ended_run(plan) {
                Some(_) => Ok(Reply::AlreadySo),
                None => Err(Refusal::NeverRun(plan.clone())),
            };
        };
        let (interrupted, status) = match scope {
            Scope::Phase(phase) => {
                (run.progress.phase(phase).is_interrupted(), run.progress.phase_status(phase))
            }
            _ => (run.progress.is_interrupted(), run.progress.status()),
        };
        if interrupted || status == Status::Complete {
            return Ok(Reply::AlreadySo);
        }
        let number = run.number();
        let on = !self.bug(Bug::InterruptIgnored);
        self.mark(number, scope, |mark| mark.interrupted = on);
        let standing = self.state.standing(number, scope);
        self.drop_unwanted(standing);
        self.awaken(Waker::Progress, Whom::Hurt);
        Ok(Reply::Done)
    }

    pub(super) fn proceed(&mut self, plan: &PlanName, phase: Option<PhaseName>) -> Answer {
        let scope = self.state.phase_scope(plan, phase)?;
        let running = self.state.run_of(plan).map(Run::number);
        let forgiven = running.is_some_and(|number| self.forgive(number, scope));
        match self.take_back(plan, scope)? {
            Reply::AlreadySo if forgiven => Ok(Reply::Done),
            reply => Ok(reply),
        }
    }

    /// Takes an interruption back, or releases the next canary. A canary is not released while one before it is at work:
    /// nobody can have looked at that one, and the same verb, given twice, would release the rest unseen.
    fn take_back(&mut self, plan: &PlanName, scope: Scope) -> Answer {
        if self.state.run_of(plan).is_none() {
            return match self.state.ended_run(plan) {
                None => Err(Refusal::NeverRun(plan.clone())),
                Some(ended) if is_complete(ended) => Ok(Reply::AlreadySo),
                Some(_) => {
                    let number = self.reopen(plan)?;
                    self.mark(number, Scope::Plan, |mark| mark.interrupted = false);
                    self.allow_again(number);
                    Ok(Reply::Done)
                }
            };
        }
        let Some(run) = self.state.run_of(plan) else { return Ok(Reply::AlreadySo) };
        let number = run.number();
        match scope {
            Scope::Phase(phase) if run.progress.phase(phase).is_interrupted() => {
                self.mark(number, scope, |mark| mark.interrupted = false);
                self.allow_again(number);
            }
            Scope::Phase(phase) => {
                let progress = run.progress.phase(phase);
                let (Some(step), Some(canary)) = (progress.due_canary(), progress.canary()) else {
                    return Ok(Reply::AlreadySo);
                };
                let mut canary = canary.clone();
                canary.released += 1;
                self.change_run(number, |run| {
                    run.canaries.insert(phase, canary.clone());
                });
                self.with_progress(number, scope, |run| {
                    let layout = run.layout.clone();
                    run.progress.set_canary(&layout, phase, Some(canary));
                });
                self.derive_scope(number, Scope::Step(StepRef { run: number, phase, step }));
                self.allow_again(number);
            }
            _ if run.progress.is_interrupted() => {
                self.mark(number, scope, |mark| mark.interrupted = false);
                self.allow_again(number);
            }
            _ => return Ok(Reply::AlreadySo),
        }
        Ok(Reply::Done)
    }

    pub(super) fn force_complete(&mut self, plan: &PlanName, part: &Part) -> Answer {
        let number = match self.state.run_of(plan) {
            Some(run) => run.number(),
            None => {
                let Some(ended) = self.state.ended_run(plan) else {
                    return Err(Refusal::NeverRun(plan.clone()));
                };
                self.state.scope(plan, ended.number, part)?;
                if is_complete(ended) {
                    return Ok(Reply::AlreadySo);
                }
                self.reopen(plan)?
            }
        };
        let scope = self.state.scope(plan, number, part)?;
        if self.state.status_of(number, scope) == Some(Status::Complete) {
            return Ok(Reply::AlreadySo);
        }
        let now = self.writes.number();
        self.mark_seq(number, scope, |mark| mark.forced = now);
        self.derive_scope(number, scope);
        let standing = self.state.standing(number, scope);
        self.drop_unwanted(standing);
        Ok(Reply::Done)
    }

    pub(super) fn restart(&mut self, plan: &PlanName, part: &Part) -> Answer {
        let running = self.state.run_of(plan).map(|run| run.number());
        let number = match running {
            Some(number) => number,
            None => {
                let Some(ended) = self.state.ended_run(plan) else {
                    return Err(Refusal::NeverRun(plan.clone()));
                };
                // If the part does not exist, the verb is refused before anything changes.
                self.state.scope(plan, ended.number, part)?;
                self.reopen(plan)?
            }
        };
        let scope = self.state.scope(plan, number, part)?;
        let forgiven = self.forgive(number, scope);
        if running.is_some() && self.state.status_of(number, scope) == Some(Status::Pending) {
            return Ok(if forgiven { Reply::Done } else { Reply::AlreadySo });
        }
        // If a single step has a launch that was not seen yet, the step counts with that launch.
        let since = self.state.unseen_launch(scope);
        let since = if let Some(launch) = since { launch } else { self.writes.number() };
        self.mark_seq(number, scope, |mark| mark.since = since);
        if !matches!(scope, Scope::Step(_)) {
            self.mark(number, scope, |mark| mark.interrupted = false);
        }
        self.forget_failures(number, scope);
        self.derive_scope(number, scope);
        self.allow_again(number);
        Ok(Reply::Done)
    }

    /// Takes back what rules remember against the steps of a part of a run, so that they ask anew. Returns whether there
    /// was anything.
    fn forgive(&mut self, number: Number, scope: Scope) -> bool {
        let meant = |step: StepRef| {
            step.run == number
                && match scope {
                    Scope::Plan => true,
                    Scope::Phase(phase) => step.phase == phase,
                    Scope::Step(one) => step == one,
                }
        };
        self.tell(|keeper, transition| keeper.forgive(transition, &meant))
    }

    /// Forgets waits, failures and refusals of the tasks in the scope of a restart.
    fn forget_failures(&mut self, number: Number, scope: Scope) {
        for step in self.state.steps_in(number, scope) {
            let (Some(at), Some(run)) = (self.state.step_at(step), self.state.run(number)) else { continue };
            let tasks = run.phase(step.phase).tasks(step.step).clone();
            for &task in tasks.iter() {
                let name = self.state.task_model(at.pod, task).name.clone();
                let known = self.state.record(at).and_then(|record| record.task(&name));
                if known.is_some_and(|task| task.failures() > 0 || task.never().is_some()) {
                    self.begin_anew(at, &name);
                    // Other steps may be about the task too.
                    self.touch(at);
                }
            }
        }
    }
}

/// Whether no step of a run was done since the run was stopped: the run is interrupted, and all its steps are still to
/// be done.
fn is_stopped(run: &Run) -> bool {
    let phases = 0..run.layout.phases.len() as u32;
    let mut steps = phases.flat_map(|phase| run.progress.phase(phase).steps());
    run.progress.is_interrupted() && steps.all(|status| *status == Status::Pending)
}

/// Whether a text can name an environment variable: `[A-Za-z_][A-Za-z0-9_]*` (SDK rule R59).
fn is_variable_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

impl State {
    /// The orders for steps of a part of a run that only ask for room.
    fn standing(&self, number: Number, scope: Scope) -> Vec<(At, Number)> {
        let steps = self.steps_in(number, scope).into_iter().filter_map(|step| {
            let record = self.record(self.step_at(step)?)?;
            let mut orders = record.orders().iter();
            let order =
                orders.find(|o| o.stage == OrderStage::Requested && o.purpose == Purpose::Step(step))?;
            Some((self.step_at(step)?, order.launch))
        });
        steps.collect()
    }

    fn unseen_launch(&self, scope: Scope) -> Option<Number> {
        let Scope::Step(step) = scope else { return None };
        let at = self.step_at(step)?;
        let record = self.record(at)?;
        let order = record.orders().iter().rev().find(|order| order.purpose == Purpose::Step(step))?;
        let mut occupants = record.slots().iter().filter_map(|slot| slot.occupant());
        let unseen = order.stage != OrderStage::Launched
            || occupants
                .any(|occupant| occupant.launch == order.launch && occupant.state == TaskState::Launching);
        // A force with a later number would still win.
        let forced = self.run(step.run)?.record.wanted(Some(record), step).forced_at;
        (unseen && order.launch > forced).then_some(order.launch)
    }
}
