//! Runs of plans: how a run begins, ends and is reopened.
//!
//! Invariant: a plan has at most one active run.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::plan::{Canary, PlanLayout, Status};
use crate::spec::PlanName;

use super::at::At;
use super::bug::Bug;
use super::effects::Event;
use super::record::{
    EndedRun, Key, Mark, Number, Parameters, PlanRecord, Record, RunKind, RunOutcome, RunRecord, StepTime,
};
use super::reply::Refusal;
use super::rules::{Whom, awaken, keepers};
use super::state::{Run, State};
use super::transition::Transition;
use super::waker::Waker;

/// The parts of a run that are interrupted from its beginning.
#[derive(Default)]
pub(super) struct Interrupted {
    pub(super) plan: Mark,
    /// The marks of phases, by position.
    pub(super) phases: BTreeMap<u32, Mark>,
}

impl Transition<'_> {
    /// Begins a run of a plan that has no active run.
    pub(super) fn begin_run(
        &mut self,
        layout: &Arc<PlanLayout>,
        kind: RunKind,
        parameters: Option<Arc<Parameters>>,
        interrupted: Interrupted,
    ) -> Number {
        let number = self.writes.number();
        let record = RunRecord {
            number,
            plan: layout.name.clone(),
            spec: self.state.model().hash(),
            kind,
            parameters,
            begun: self.now,
            afresh: self.state.service().deployed,
            mark: interrupted.plan,
            phases: interrupted.phases,
            canaries: Default::default(),
            outcome: None,
        };
        self.forget_ended(&layout.name);
        let mut run = self.state.index_run(Arc::new(record), layout.clone());
        let canaries = first_pending(&run);
        if !canaries.is_empty() && !self.bug(Bug::CanaryNotHeld) {
            let mut record = (*run.record).clone();
            record.canaries = canaries;
            run = self.state.index_run(Arc::new(record), layout.clone());
        }
        let record = run.record.clone();
        self.writes.put_new(Record::Run(record));
        self.change_plan(&layout.name, |plan| plan.latest = number);
        self.set_off(run);
        number
    }

    /// Reopens a plan's latest run, which had ended. A run that brought a target about is not reopened while another
    /// does.
    pub(super) fn reopen(&mut self, plan: &PlanName) -> Result<Number, Refusal> {
        let never = || Refusal::NeverRun(plan.clone());
        let ended = self.state.ended_run(plan).ok_or_else(never)?.clone();
        let layout = self.state.model().plans().get(plan).ok_or_else(never)?.clone();
        if let Some(run) = self.state.run(self.state.service().converging)
            && ended.kind == RunKind::Converging
        {
            return Err(Refusal::Converging(run.layout.name.clone()));
        }
        let number = ended.number;
        self.state.forget_run(number);
        let old = Record::Run(ended.clone()).digest();
        let mut record = (*ended).clone();
        record.spec = self.state.model().hash();
        record.outcome = None;
        let record = Arc::new(record);
        self.writes.put(old, Record::Run(record.clone()));
        self.change_plan(plan, |plan| plan.ended.retain(|run| run.run != number));
        let run = self.state.index_run(record, layout);
        self.set_off(run);
        Ok(number)
    }

    fn set_off(&mut self, run: Run) {
        let number = run.number();
        self.event(Event::RunBegan { run: number, plan: run.layout.name.clone() });
        if run.progress.status() == Status::Complete {
            self.note_complete(number);
        }
        let phases = 0..run.layout.phases.len() as u32;
        self.session.agenda.sweep(number, phases);
        self.state.add_run(run);
        self.consider_hurt();
    }

    /// Forgets a plan's ended run, as another begins. Its history stays.
    pub(super) fn forget_ended(&mut self, plan: &PlanName) {
        let Some(ended) = self.state.ended_run(plan).cloned() else { return };
        self.state.forget_run(ended.number);
        self.writes.delete(Key::Run(ended.number), Record::Run(ended).digest());
    }

    /// Ends a run.
    pub(super) fn end_run(&mut self, number: Number, outcome: RunOutcome) {
        let now = self.now;
        self.change_run(number, |run| run.outcome = Some(outcome));
        let Some(run) = self.state.take_run(number) else { return };
        let plan = run.layout.name.clone();
        let steps = self.state.step_times(&run);
        let ended = EndedRun { run: number, begun: run.record.begun, ended: now, outcome, steps };
        self.change_plan(&plan, |record| {
            record.ended.retain(|old| old.run != number);
            record.ended.push(ended);
            let over = record.ended.len().saturating_sub(PlanRecord::KEPT);
            record.ended.drain(..over);
        });
        self.session.agenda.forget_run(number);
        keepers().for_each(|keeper| keeper.run_ended(self, number));
        // Steps that waited for a slot of this run may go on.
        for other in self.state.active() {
            awaken(self.state, self.session, Waker::RunEnded, Whom::Run(other.number()));
        }
        self.state.keep_run(run.record);
        self.event(Event::RunEnded { run: number, plan, outcome });
        if outcome == RunOutcome::Complete && self.state.service().converging == number {
            self.became_target(number);
        }
        self.awaken(Waker::RunEnded, Whom::Hurt);
    }
}

impl State {
    /// The times of the first steps of a run.
    pub(super) fn step_times(&self, run: &Run) -> Vec<StepTime> {
        let phases = run.layout.phases.iter();
        let steps = phases.flat_map(|phase| (0..phase.steps.len() as u32).map(move |step| (phase, step)));
        let times = steps.take(EndedRun::STEPS).map(|(phase, step)| {
            let at = At { pod: phase.pod, index: phase.steps[step as usize].instance };
            let record = self.record(at);
            let tasks = phase.tasks(step).iter();
            let known = tasks.filter_map(|&task| record?.task(&self.task_model(at.pod, task).name));
            let (mut launched, mut reached) = (None, None);
            for task in known {
                let last = task.last().filter(|last| last.launch > run.number()).map(|last| last.at);
                let goal = task.reached().filter(|reached| reached.launch > run.number());
                launched = launched.max(last);
                reached = reached.max(goal.map(|reached| reached.at));
            }
            StepTime { step: self.step_name(phase, step).into(), launched, reached }
        });
        times.collect()
    }
}

/// The canaries of a run that begins.
fn first_pending(run: &Run) -> BTreeMap<u32, Canary> {
    let phases = (0..).zip(&run.layout.phases).filter(|(_, phase)| phase.is_canary());
    let canaries = phases.map(|(at, phase)| {
        let steps = (0..).zip(run.progress.phase(at).steps());
        let pending = steps
            .filter(|&(step, status)| *status != Status::Complete && !run.progress.phase(at).is_urgent(step))
            .map(|(step, _)| step);
        (at, Canary { steps: pending.take(phase.strategy.canaries() as usize).collect(), released: 0 })
    });
    canaries.filter(|(_, canary)| !canary.steps.is_empty()).collect()
}
