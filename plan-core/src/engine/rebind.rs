//! What happens to an instance's orders and tasks when a new target comes (`docs/decisions/0011-targets.md`).
//!
//! Invariant: a task that is being ended has a successor in the same batch, unless the target does not have the task. A
//! task that the target does not have is kept until the steps of its instance are complete.

use std::collections::BTreeSet;

use crate::plan::Status;
use crate::spec::TaskName;

use super::at::At;
use super::reason::Reason;
use super::record::{Number, OrderStage, OrderedTask, Purpose, StepRef};
use super::state::{Run, State};
use super::transition::Transition;

impl Transition<'_> {
    /// Withdraws the orders that serve an earlier run, and ends the waits of configurations that are not wanted any
    /// more.
    pub(super) fn adapt(&mut self, at: At, left_runs: &BTreeSet<Number>) {
        let Some(record) = self.state.instance(at).record().cloned() else { return };
        let of_run = |purpose| matches!(purpose, Purpose::Step(step) if left_runs.contains(&step.run));
        for order in record.standing().filter(|order| order.stage == OrderStage::Requested) {
            if of_run(order.purpose) || self.state.launches_removed(at, order) {
                self.withdraw(at, order.launch, Reason::NotWanted);
            }
        }
        for task in record.tasks() {
            let model = self.state.pod_model(at.pod);
            let wanted = model.and_then(|pod| Some(pod.tasks[pod.task_index(task.name())?].conf));
            let other = task.last().is_some_and(|last| Some(last.conf) != wanted);
            if other && (task.failures() > 0 || task.delayed_until().is_some()) {
                self.delay(at, task.name(), None);
                self.record_mut(at).forgive(task.name());
            }
            if task.never().is_some() {
                self.record_mut(at).ask_once_more(task.name());
            }
        }
        self.state.index_instance(at);
    }

    /// Gives tasks that are being ended for an earlier run a successor: the order of the new run's step if that may
    /// act, or their last known good configuration. A task that the target does not have gets none.
    pub(super) fn rebind(&mut self, at: At, left_runs: &BTreeSet<Number>) {
        let Some(record) = self.state.instance(at).record().cloned() else { return };
        let of_run = |purpose| matches!(purpose, Purpose::Step(step) if left_runs.contains(&step.run));
        for old in record.standing().filter(|order| order.stage == OrderStage::Displacing) {
            let left = of_run(old.purpose);
            if !left && !self.state.launches_removed(at, old) {
                continue;
            }
            let (purpose, tasks) =
                if left { self.state.successor(at, &old.tasks) } else { self.state.remainder(at, old) };
            self.goes_on_as(at, old, purpose, tasks);
        }
    }
}

impl State {
    /// The purpose and tasks of the order that replaces an order of an earlier run.
    fn successor(&self, at: At, tasks: &[OrderedTask]) -> (Purpose, Vec<OrderedTask>) {
        let state = self;
        let record = state.record(at);
        let run = state.run(state.service().converging);
        let step = run.and_then(|run| {
            run.layout.phases_of(at.pod).iter().find_map(|&phase| {
                let mut steps = run.phase(phase).steps_of(at.index);
                let step = steps.find(|&step| {
                    let of = run.phase(phase).tasks(step);
                    let has = |name: &TaskName| of.iter().any(|&t| state.task_model(at.pod, t).name == *name);
                    tasks.iter().all(|ordered| has(&ordered.task)) && self.may_go_on(run, phase, step)
                })?;
                Some(StepRef { run: run.number(), phase, step })
            })
        });
        let successors = tasks.iter().filter_map(|ordered| {
            let pod = state.pod_model(at.pod);
            let model = pod.and_then(|pod| Some(&pod.tasks[pod.task_index(&ordered.task)?]));
            let known = record.and_then(|record| record.task(&ordered.task));
            let good = known.and_then(|task| state.comes_back_as(record?, task));
            let conf = match (step, model) {
                (Some(_), Some(model)) => model.conf,
                // The task goes on with its last configuration until its step may act.
                (None, Some(_)) => good.or_else(|| known?.last().map(|last| last.conf))?,
                (_, None) if state.is_leaver(at) => good?,
                (_, None) => return None,
            };
            Some(OrderedTask { conf, ..ordered.clone() })
        });
        (step.map_or(Purpose::Recovery, Purpose::Step), successors.collect())
    }

    /// Whether an instance whose tasks are being ended goes on with a step: no rule is against it, except that it is
    /// the turn of others.
    fn may_go_on(&self, run: &Run, phase: u32, step: u32) -> bool {
        let progress = run.progress.phase(phase);
        progress.step(step) != Status::Complete
            && !run.progress.is_interrupted()
            && !progress.is_interrupted()
            && run.progress.blocked(&run.layout, phase).is_none()
            && progress.goes_on(run.phase(phase), step)
    }
}
