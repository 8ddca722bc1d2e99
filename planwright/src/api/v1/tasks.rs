//! Tasks, as C§6.2 names and shows them.

use plan_core::engine::{End, Number, PodRecord, TaskState};
use plan_core::spec::{Goal, InstanceName, ServiceName, TaskName};

use crate::api::call::sanitized;

/// How far a task's pause is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) enum Pause {
    /// It is to be paused, and runs its command still.
    Pausing,
    /// It waits in place of its command.
    Paused,
    /// It is to run its command again, and waits in its place still.
    Resuming,
}

impl Pause {
    /// As C§6.2 has it.
    pub(in crate::api) fn as_str(self) -> &'static str {
        match self {
            Self::Pausing => "PAUSING",
            Self::Paused => "PAUSED",
            Self::Resuming => "STARTING",
        }
    }
}

/// How far a task's pause is, if it has to do with one.
pub(in crate::api) fn paused(record: &PodRecord, task: &TaskName) -> Option<Pause> {
    let wanted = record.task(task).is_some_and(|known| known.paused());
    let occupants = record.slots().iter().filter_map(|slot| slot.occupant());
    let now =
        occupants.filter(|occupant| occupant.task == *task && occupant.may_live()).max_by_key(|o| o.launch);
    let order = now.and_then(|now| record.order(now.launch));
    let is_paused = order.is_some_and(|order| order.tasks.iter().any(|of| of.task == *task && of.paused));
    let runs = now.is_some_and(|now| matches!(now.state, TaskState::Running { .. }));
    match (wanted, is_paused) {
        (true, true) if runs => Some(Pause::Paused),
        (true, _) => Some(Pause::Pausing),
        (false, true) => Some(Pause::Resuming),
        (false, false) => None,
    }
}

/// The state of a task in the words of Mesos, without `TASK_`; none if it was never launched.
pub(in crate::api) fn state(record: &PodRecord, task: &TaskName, goal: Goal) -> Option<&'static str> {
    let occupants = record.slots().iter().filter_map(|slot| slot.occupant());
    if let Some(now) = occupants.filter(|occupant| occupant.task == *task).max_by_key(|o| o.launch) {
        return Some(match now.state {
            _ if now.silent.is_some() && now.may_live() => "UNREACHABLE",
            TaskState::Launching => "STAGING",
            TaskState::Starting => "STARTING",
            TaskState::Running { .. } => "RUNNING",
            TaskState::Ended(End::Finished) => "FINISHED",
            TaskState::Ended(End::Failed | End::Unhealthy) => "FAILED",
            TaskState::Ended(End::Killed) => "KILLED",
            TaskState::Ended(End::Lost) => "LOST",
            TaskState::Ended(End::Refused) => "ERROR",
            TaskState::Ended(End::Gone) => "GONE",
        });
    }
    let known = record.task(task)?;
    let last = known.last()?;
    // Another has taken its turn in the resource set since.
    let reached = known.reached().is_some_and(|reached| reached.launch == last.launch);
    Some(if reached && goal != Goal::Running { "FINISHED" } else { "KILLED" })
}

/// A task's name among all of the service's.
pub(in crate::api) fn full_name(instance: &InstanceName, task: &TaskName) -> String {
    format!("{instance}-{task}")
}

/// A launched task's id.
pub(in crate::api) fn id(
    service: &ServiceName,
    instance: &InstanceName,
    task: &TaskName,
    launch: Number,
) -> String {
    format!("{}__{}__{launch}", sanitized(service), full_name(instance, task))
}
