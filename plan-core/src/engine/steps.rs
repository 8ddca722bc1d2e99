//! How a step begins to act.
//!
//! Invariant: only orders that merely ask for room in the step's slots give way to the step.

use crate::plan::Status;

use super::at::At;
use super::reason::Reason;
use super::record::{OrderedTask, Purpose, StepRef};
use super::rules::keepers;
use super::state::{Run, State};
use super::transition::Transition;

impl Transition<'_> {
    /// Begins a step's act, if it may.
    pub(super) fn consider_step(&mut self, step: StepRef) {
        let Some(run) = self.state.run(step.run) else { return };
        if run.progress.phase(step.phase).step(step.step) == Status::Complete {
            return;
        }
        let layout = run.phase(step.phase);
        let at = At { pod: layout.pod, index: layout.steps[step.step as usize].instance };
        if !self.may_act(at, step) {
            return;
        }
        let Some(run) = self.state.run(step.run) else { return };
        // Orders that only ask for room in the step's slots give way. The rules made sure that no others are there.
        let mut tasks = self.state.due_tasks(run, at, step);
        if self.state.record(at).is_some_and(|record| record.standing_orders() > 0) {
            for order in self.state.asking(at, &tasks) {
                self.withdraw(at, order, Reason::NotWanted);
            }
            self.withdraw_others(at);
            // A withdrawal may have changed what is due.
            let Some(run) = self.state.run(step.run) else { return };
            tasks = self.state.due_tasks(run, at, step);
        }
        let Some(run) = self.state.run(step.run) else { return };
        let parameters = run.record.parameters.clone();
        self.begin(at, Purpose::Step(step), tasks, parameters);
        keepers().for_each(|keeper| keeper.asks(self, at, step));
    }
}

impl State {
    /// The tasks of a step that are to be launched.
    fn due_tasks(&self, run: &Run, at: At, step: StepRef) -> Vec<OrderedTask> {
        let record = self.record(at);
        let since = run.record.wanted(record, step).since;
        let due = run.phase(step.phase).tasks(step.step).iter().filter_map(|&task| {
            let model = self.task_model(at.pod, task);
            let status = self.task_status(run, record, model, step, since);
            let conf = self.wanted_conf(run, record, model);
            let paused =
                || record.and_then(|record| record.task(&model.name)).is_some_and(|task| task.paused());
            (status == Status::Pending).then(|| OrderedTask {
                task: model.name.clone(),
                conf,
                paused: paused(),
            })
        });
        due.collect()
    }
}
