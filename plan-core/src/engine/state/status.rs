//! The status of a step, and whether it is urgent.
//!
//! Invariant: a status is a function of the records; the first line of the table that holds is the status.

use crate::engine::at::At;
use crate::engine::bug::Bug;
use crate::engine::record::{
    Number, OrderStage, PodRecord, Purpose, Reached, RunKind, Slot, StepRef, TaskRecord, TaskState,
};
use crate::plan::{ContentHash, Status, TaskModel};
use crate::spec::Goal;

use super::slots::is_stale;
use super::{Run, State};

impl State {
    /// A step's status, as the tree shows it.
    pub(in crate::engine) fn step_status(&self, run: &Run, at: At, step: StepRef) -> Status {
        let record = self.record(at);
        let wanted = run.record.wanted(record, step);
        if wanted.forced {
            return Status::Complete;
        }
        let status = {
            let tasks = run.phase(step.phase).tasks(step.step);
            tasks.iter().fold(Status::Complete, |least, &task| {
                least.least(self.task_status(run, record, self.task_model(at.pod, task), step, wanted.since))
            })
        };
        let progress = run.progress.phase(step.phase);
        let held = || {
            progress.canary().is_some_and(|canary| canary.holds(step.step))
                && !self.is_urgent(run, at, step, status)
        };
        match status {
            Status::Complete | Status::Error => status,
            _ if self.paused_task(run, at, step).is_some() => Status::Waiting,
            Status::Pending | Status::Prepared if held() => Status::Waiting,
            status => status,
        }
    }

    /// The task of a step that an operator paused, if there is one.
    pub(in crate::engine) fn paused_task(&self, run: &Run, at: At, step: StepRef) -> Option<&TaskRecord> {
        let record = self.record(at)?;
        let mut tasks = run.phase(step.phase).tasks(step.step).iter();
        tasks.find_map(|&task| record.task(&self.task_model(at.pod, task).name).filter(|task| task.paused()))
    }

    /// Whether a step is urgent, if its phase asks for that: it is the next step of its instance, and one of its tasks
    /// was launched, is not up, and either never reached its goal with that configuration or failed repeatedly.
    pub(in crate::engine) fn is_urgent(&self, run: &Run, at: At, step: StepRef, status: Status) -> bool {
        let progress = run.progress.phase(step.phase);
        let asks = progress.asks_urgency() && !self.bug(Bug::RevertWaits);
        if !asks || matches!(status, Status::Complete | Status::Error) {
            return false;
        }
        let Some(record) = self.record(at) else { return false };
        let phase = run.phase(step.phase);
        let mut earlier = phase.steps_of(at.index).take_while(|&other| other < step.step);
        if !earlier.all(|other| progress.step(other) == Status::Complete) {
            return false;
        }
        phase.tasks(step.step).iter().any(|&task| {
            let model = self.task_model(at.pod, task);
            model.goal == Goal::Running && is_broken(record, model)
        })
    }

    /// The status of a task of a step: the first rule that holds decides.
    pub(in crate::engine) fn task_status(
        &self,
        run: &Run,
        record: Option<&PodRecord>,
        model: &TaskModel,
        step: StepRef,
        since: Number,
    ) -> Status {
        let Some(record) = record else { return Status::Pending };
        let Some(task) = record.task(&model.name) else { return Status::Pending };
        let conf = self.wanted_conf(run, Some(record), model);
        if task.never().is_some_and(|never| never.conf == conf) {
            return Status::Error;
        }
        let any_conf = run.record.kind == RunKind::Side || model.goal == Goal::Once || self.bug(Bug::AnyConf);
        let since = if self.bug(Bug::IgnoreSince) { 0 } else { since };
        let satisfies = |launch: Number, of: ContentHash| launch >= since && (any_conf || of == conf);
        // A run of a side plan wants the configuration that was reached, whose set may be another.
        let slot = record.slot(if conf == model.conf { &model.set } else { self.set_of(&conf, model) });
        let mut displaced = false;
        if let Some(reached) = task.reached().filter(|reached| satisfies(reached.launch, reached.conf)) {
            let later = task.last().filter(|last| last.launch > reached.launch);
            let superseded =
                !any_conf && (task.other() > reached.launch || later.is_some_and(|l| l.conf != conf));
            let again = later.and_then(|last| record.order(last.launch));
            let again = again.is_some_and(|order| order.purpose == Purpose::Step(step));
            // A task that is being ended for the step does not complete the step.
            let act = slot.and_then(|slot| slot.act()).and_then(|act| record.order(act));
            let again = again
                || act.is_some_and(|o| o.stage == OrderStage::Displacing && o.purpose == Purpose::Step(step));
            displaced = self.is_displaced(run, record, model, slot, step, reached.launch);
            if !superseded && !again && !displaced {
                return Status::Complete;
            }
        }
        if task.delayed_until().is_some() {
            return Status::Delayed;
        }
        if !displaced
            && let Some(occupant) = slot.and_then(|slot| slot.occupant())
            && occupant.task == model.name
            && !is_stale(record, occupant)
            && task
                .last()
                .is_some_and(|last| last.launch == occupant.launch && satisfies(last.launch, last.conf))
        {
            match occupant.state {
                TaskState::Running { .. } => return Status::Started,
                TaskState::Launching | TaskState::Starting => return Status::Starting,
                TaskState::Ended(_) => {}
            }
        }
        let act = slot.and_then(|slot| slot.act()).and_then(|launch| record.order(launch));
        let stands = act.is_some_and(|order| {
            order
                .tasks
                .iter()
                .any(|ordered| ordered.task == model.name && satisfies(order.launch, ordered.conf))
        });
        if stands { Status::Prepared } else { Status::Pending }
    }

    /// Whether a RUNNING task reached its goal and was displaced after that by an earlier step of the same instance and
    /// run. Then the task's own step has to bring it back.
    fn is_displaced(
        &self,
        run: &Run,
        record: &PodRecord,
        model: &TaskModel,
        slot: Option<&Slot>,
        step: StepRef,
        reached: Number,
    ) -> bool {
        if model.goal != Goal::Running {
            return false;
        }
        let Some(slot) = slot else { return false };
        let clearing =
            slot.act().filter(|&act| record.order(act).is_some_and(|o| o.stage == OrderStage::Displacing));
        let occupant = slot.occupant().map(|occupant| occupant.launch);
        clearing
            .or(occupant)
            .filter(|&launch| launch > reached)
            .and_then(|launch| record.order(launch))
            .is_some_and(|order| {
                let others = order.tasks.iter().all(|ordered| ordered.task != model.name);
                let earlier = matches!(order.purpose, Purpose::Step(by) if by.run == run.number()
                    && (by.phase, by.step) < (step.phase, step.step));
                others && earlier
            })
    }
}

/// Whether a RUNNING task of an instance was launched, is not up, and either never was up with that configuration or
/// failed repeatedly.
fn is_broken(record: &PodRecord, model: &TaskModel) -> bool {
    let Some(task) = record.task(&model.name) else { return false };
    let Some(last) = task.last() else { return false };
    let occupant = record.slot(&model.set).and_then(|slot| slot.occupant());
    let up = occupant.is_some_and(|occupant| {
        occupant.task == model.name
            && occupant.state == TaskState::Running { ready: true }
            && occupant.silent.is_none()
    });
    let stale = |reached: Reached| reached.conf != last.conf || task.other() > reached.launch;
    !up && !task.paused() && (task.failures() > 1 || task.reached().is_none_or(stale))
}
