//! Tasks, as the SDK names and shows them (SDK rule R72).

use plan_core::engine::{End, Number, PodView, TaskState};
use plan_core::spec::{Goal, InstanceName, ServiceName, TaskName};

use crate::call::sanitized;

/// The state of a task's pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pause {
    /// The task is being paused, and still runs its command.
    Pausing,
    /// The task is paused.
    Paused,
    /// The task is being resumed, and is still paused.
    Resuming,
}

impl Pause {
    /// The SDK's name for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pausing => "PAUSING",
            Self::Paused => "PAUSED",
            Self::Resuming => "STARTING",
        }
    }
}

/// The state of a task's pause, if there is one.
pub(crate) fn paused(record: PodView<'_>, task: &TaskName) -> Option<Pause> {
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

/// The state of a task in the words of Mesos, without `TASK_`; `None` if it was never launched.
pub(crate) fn state(record: PodView<'_>, task: &TaskName, goal: Goal) -> Option<&'static str> {
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
    // Another task has taken its turn in the resource set since.
    let reached = known.reached().is_some_and(|reached| reached.launch == last.launch);
    Some(if reached && goal != Goal::Running { "FINISHED" } else { "KILLED" })
}

/// What its backend says about a task, and how the task last ended without being asked to, if that was an earlier
/// launch.
pub(crate) fn words(record: PodView<'_>, task: &TaskName) -> Option<String> {
    let occupants = record.slots().iter().filter_map(|slot| slot.occupant());
    let now = occupants.filter(|occupant| occupant.task == *task).max_by_key(|o| o.launch);
    let said = now.and_then(|now| now.words.as_ref()).map(ToString::to_string);
    let trouble = record.task(task).and_then(|known| known.trouble());
    let before = trouble.filter(|trouble| now.is_none_or(|now| now.launch != trouble.launch));
    let before = before.map(|trouble| match &trouble.words {
        Some(words) => format!("its last end: {words}"),
        None => format!("its last end: it {}", trouble.end),
    });
    match (said, before) {
        (Some(said), Some(before)) => Some(format!("{said}; {before}")),
        (said, before) => said.or(before),
    }
}

/// A task's name among all of the service's.
pub(crate) fn full_name(instance: &InstanceName, task: &TaskName) -> String {
    format!("{instance}-{task}")
}

/// A launched task's id.
pub(crate) fn id(service: &ServiceName, instance: &InstanceName, task: &TaskName, launch: Number) -> String {
    format!("{}__{}__{launch}", sanitized(service), full_name(instance, task))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_now_come_first_and_then_those_of_an_earlier_end() {
        let table = [
            (r#"{"state": "starting"}"#, 2, "", None),
            (r#"{"state": "starting", "words": "pulls the image"}"#, 2, "", Some("pulls the image")),
            (
                r#"{"state": {"ended": "failed"}, "words": "exit code 3"}"#,
                3,
                "exit code 3",
                Some("exit code 3"),
            ),
            (r#"{"state": "starting"}"#, 2, "exit code 3", Some("its last end: exit code 3")),
            (r#"{"state": "starting"}"#, 2, "none", Some("its last end: it was lost")),
            (
                r#"{"state": "starting", "words": "pulls the image"}"#,
                2,
                "exit code 3",
                Some("pulls the image; its last end: exit code 3"),
            ),
        ];
        for (occupant, launch, trouble, told) in table {
            let mut occupant: serde_json::Value = serde_json::from_str(occupant).unwrap();
            (occupant["launch"], occupant["task"]) = (3.into(), "server".into());
            let trouble = match trouble {
                "" => serde_json::Value::Null,
                "none" => serde_json::json!({ "launch": launch, "end": "lost", "at": 0 }),
                words => serde_json::json!({ "launch": launch, "end": "failed", "at": 0, "words": words }),
            };
            let record = serde_json::json!({
                "slots": [{ "set": "server", "occupant": occupant }],
                "tasks": [{ "name": "server", "trouble": trouble }],
            });
            let record: plan_core::engine::records::PodRecord = serde_json::from_value(record).unwrap();
            let task = TaskName::new("server").unwrap();
            assert_eq!(words(PodView::from(&record), &task).as_deref(), told, "{record:?}");
        }
    }
}
