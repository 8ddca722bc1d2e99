//! Verbs on instances, and on the service as a whole (SDK rules R60 and R65).
//!
//! Invariant: a verb only records what an operator wants of an instance. Recovery, or the step that acts on the
//! instance, carries it out.

use std::sync::Arc;

use crate::engine::at::At;
use crate::engine::bug::Bug;
use crate::engine::record::{Cause, Number, OrderStage, PodRecord, RunOutcome, TaskState};
use crate::engine::reply::{Refusal, Reply};
use crate::engine::session::agenda::Item;
use crate::engine::state::{Run, State};
use crate::engine::transition::Transition;
use crate::engine::verbs::Answer;
use crate::spec::{Goal, InstanceName, TaskName};

impl Transition<'_> {
    /// Launches an instance's RUNNING tasks again, at its place.
    pub(super) fn restart_pod(&mut self, name: &InstanceName, only: &[TaskName]) -> Answer {
        let (at, record, tasks) = self.state.running_tasks(name, only)?;
        let paused = |task: &&TaskName| record.task(task).is_some_and(|task| task.paused());
        if let Some(task) = tasks.iter().find(paused) {
            return Err(Refusal::Paused { instance: name.clone(), task: task.clone() });
        }
        // A task that is about to be launched, or whose launch was not seen yet, counts as restarted. A task that waits
        // after a failure does not: it goes on at once.
        let fresh = |task: &TaskName| {
            let mut occupants = record.living().filter(|occupant| occupant.task == *task);
            let launching = occupants.any(|occupant| occupant.state == TaskState::Launching);
            let asked = record.standing().any(|order| order.tasks.iter().any(|of| of.task == *task));
            let known = record.task(task);
            let waits = known.is_some_and(|task| task.delayed_until().is_some() || task.never().is_some());
            (launching || asked) && !waits
        };
        if tasks.iter().all(fresh) {
            return Ok(Reply::AlreadySo);
        }
        let since = if self.bug(Bug::RestartUnmarked) { 0 } else { self.writes.number() };
        for task in tasks.iter().filter(|task| !fresh(task)) {
            self.begin_anew(at, task);
            self.record_mut(at).restart(task, since);
        }
        self.touch(at);
        Ok(Reply::Done)
    }

    /// Moves an instance to another place.
    pub(super) fn replace_pod(&mut self, name: &InstanceName) -> Answer {
        let (at, record, _) = self.state.running_tasks(name, &[])?;
        if record.place().is_none() {
            return Err(Refusal::NeverLaunched(name.clone()));
        }
        let Some(known) = record.relocation() else {
            self.allow_relocation(at, Cause::Replace);
            return Ok(Reply::Done);
        };
        // The instance moves already. If the backend said that there will never be room, room is asked for once more.
        let refused = record.tasks().iter().filter(|task| task.never().is_some());
        let refused: Vec<&TaskName> = refused.map(|task| task.name()).collect();
        if known.cause == Cause::Replace && refused.is_empty() {
            return Ok(Reply::AlreadySo);
        }
        refused.iter().for_each(|task| self.begin_anew(at, task));
        self.allow_relocation(at, Cause::Replace);
        self.touch(at);
        Ok(Reply::Done)
    }

    /// Pauses tasks of an instance, or resumes them.
    pub(super) fn pause_pod(&mut self, name: &InstanceName, only: &[TaskName], pause: bool) -> Answer {
        let (at, record, tasks) = self.state.running_tasks(name, only)?;
        let other = |task: &&TaskName| record.task(task).is_some_and(|task| task.paused() != pause);
        let others: Vec<&TaskName> = tasks.iter().filter(other).collect();
        if others.is_empty() {
            return Ok(Reply::AlreadySo);
        }
        for task in others {
            self.begin_anew(at, task);
            let record = self.record_mut(at);
            if pause { record.pause(task) } else { record.resume(task) }
        }
        // Orders that ask for room do so for the other kind of launch, so they are withdrawn.
        self.withdraw_where(at, |order| order.stage == OrderStage::Requested);
        self.touch(at);
        Ok(Reply::Done)
    }

    /// Gives a debt up.
    pub(super) fn give_up(&mut self, debt: Number) -> Answer {
        if self.state.debts.get(debt).is_none() {
            return Err(Refusal::NoDebt(debt));
        }
        self.settle(debt, true);
        Ok(Reply::Done)
    }

    /// Uninstalls the service: all instances leave, and then the service itself.
    pub(super) fn uninstall(&mut self) -> Answer {
        if self.state.service().uninstalling {
            return Ok(Reply::AlreadySo);
        }
        self.change_service(|service| service.uninstalling = true);
        let running: Vec<Number> = self.state.active().iter().map(Run::number).collect();
        for run in running {
            self.end_run(run, RunOutcome::Stopped);
        }
        self.state.has_no_target();
        // Positions of instances that were never launched are dropped.
        self.note_left(0..self.state.pods().len() as u32);
        let due: Vec<At> = self.state.deadlines.all().collect();
        due.into_iter().for_each(|at| self.state.index_deadline(at));
        self.session.agenda.consider(Item::Leave);
        Ok(Reply::Done)
    }
}

impl State {
    /// The launched RUNNING tasks of an instance that a verb is about: those that it names, or all.
    fn running_tasks(
        &self,
        name: &InstanceName,
        only: &[TaskName],
    ) -> Result<(At, Arc<PodRecord>, Vec<TaskName>), Refusal> {
        let at = self.at(name).ok_or_else(|| {
            let leaves = self.debts.of(name).next().is_some();
            if leaves { Refusal::Leaving(name.clone()) } else { Refusal::NoInstance(name.clone()) }
        })?;
        let pod = self.pod_model(at.pod).filter(|_| !self.is_leaver(at));
        let pod = pod.ok_or_else(|| Refusal::Leaving(name.clone()))?;
        if let Some(task) = only.iter().find(|task| pod.task_index(task).is_none()) {
            return Err(Refusal::NoTask { instance: name.clone(), task: task.clone() });
        }
        let goal = |task: &TaskName| pod.task_index(task).map(|at| pod.tasks[at].goal);
        if let Some(task) = only.iter().find(|task| goal(task) != Some(Goal::Running)) {
            return Err(Refusal::NotRunning { instance: name.clone(), task: task.clone() });
        }
        // The instance has no RUNNING task.
        if let Some(task) = pod.tasks.first().filter(|_| pod.tasks.iter().all(|t| t.goal != Goal::Running)) {
            return Err(Refusal::NotRunning { instance: name.clone(), task: task.name.clone() });
        }
        let never = || Refusal::NeverLaunched(name.clone());
        let record = self.instance(at).record().cloned().ok_or_else(never)?;
        let tasks =
            record.tasks().iter().filter(|task| task.last().is_some()).map(|task| task.name().clone());
        let tasks = tasks.filter(|task| goal(task) == Some(Goal::Running));
        let tasks: Vec<_> = tasks.filter(|task| only.is_empty() || only.contains(task)).collect();
        if tasks.is_empty() || only.iter().any(|task| !tasks.contains(task)) {
            return Err(never());
        }
        Ok((at, record, tasks))
    }
}
