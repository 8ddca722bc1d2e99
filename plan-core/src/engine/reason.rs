//! Why a step, or an instance, does not act.
//!
//! Invariant: a reason is a value; the same one reaches the API, the command line and the simulator.

use std::fmt;
use std::sync::Arc;

use crate::plan::Canary;
use crate::spec::{InstanceName, NodeName, PhaseName, TaskName};

use super::record::Number;
use super::time::Time;

/// The word of a rule on whether a step may act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may.
    Allow,
    /// Not now; others go on.
    Defer(Reason),
    /// Not until someone changes something.
    Deny(Reason),
}

/// What a step or an instance waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Its plan is interrupted. Cleared by `continue` of the plan.
    PlanInterrupted,
    /// Its phase is interrupted. Cleared by `continue` of the phase.
    PhaseInterrupted,
    /// Another phase comes first.
    PhaseFirst(PhaseName),
    /// A canary waits to be released. Cleared by `continue` of the phase.
    Canary(Canary),
    /// Another step comes first.
    StepFirst(String),
    /// The instance was not seen since this session began. Cleared by the backend's snapshot.
    NotSeen,
    /// The instance has no place yet, and another of its orders asks for one.
    PlaceAsked,
    /// The task's resource set is in use.
    SlotBusy {
        /// The task in it, or on its way into it.
        task: TaskName,
    },
    /// It failed, and is tried again at this time.
    Backoff {
        /// The task.
        task: TaskName,
        /// How often in a row it failed.
        failures: u32,
        /// When.
        until: Time,
    },
    /// The backend refused it for good. Cleared by another specification, or by `restart`.
    Never {
        /// The task.
        task: TaskName,
        /// The backend's words.
        why: String,
    },
    /// Room is asked for, and there is none.
    NoRoom(Arc<str>),
    /// Room is asked for; no answer yet.
    AskedForRoom,
    /// The task that it displaces has not ended yet.
    Displacing(TaskName),
    /// It is launched, and the backend has not said more.
    Launching(TaskName),
    /// It runs, and its readiness check has not passed, or it has not finished.
    NotThereYet(TaskName),
    /// Nothing is heard of its node.
    Silent {
        /// The task.
        task: TaskName,
        /// Since when.
        since: Time,
    },
    /// It ran no more before it ever reached its goal: only its step brings it back.
    WaitsForItsStep(TaskName),
    /// An operator paused the task. Cleared by `pod resume`.
    Paused(TaskName),
    /// What it had when it left the target has not ended. Cleared by its end, or by `give-up`.
    Owes {
        /// The debt.
        debt: Number,
        /// Where.
        node: NodeName,
    },
    /// It does not belong to the target, and others leave first.
    Leaves,
    /// Its node does not fit its placement any more, as others came first.
    Placement(String),
    /// Another scheduler has taken over.
    Superseded,
    /// What it was wanted for is not wanted any more.
    NotWanted,
}

impl Reason {
    /// What would clear it.
    pub fn clears(&self) -> String {
        match self {
            Self::PlanInterrupted => "`continue` the plan".to_owned(),
            Self::PhaseInterrupted | Self::Canary(_) => "`continue` the phase".to_owned(),
            Self::PhaseFirst(phase) => format!("phase `{phase}` being complete"),
            Self::StepFirst(step) => format!("step `{step}` being complete"),
            Self::NotSeen => "the backend's answer".to_owned(),
            Self::PlaceAsked => "room for the other order".to_owned(),
            Self::SlotBusy { task } => format!("the end of what `{task}` is wanted for"),
            Self::Backoff { until, .. } => {
                format!("the time {until}, `pod restart`, or another specification")
            }
            Self::Never { .. } => "`restart`, or another specification".to_owned(),
            Self::NoRoom(_) | Self::AskedForRoom => "room, or another specification".to_owned(),
            Self::Displacing(task) => format!("the end of `{task}`"),
            Self::Launching(task) => format!("the backend's word of `{task}`"),
            Self::NotThereYet(task) => format!("`{task}` being ready, or having finished"),
            Self::Silent { .. } => {
                "its node being heard of, the replacement failure policy, or `pod replace`".to_owned()
            }
            Self::WaitsForItsStep(_) => "its step being allowed to act".to_owned(),
            Self::Paused(_) => "`pod resume`".to_owned(),
            Self::Owes { debt, .. } => format!("the end of what is owed, or `give-up {debt}`"),
            Self::Leaves => "what others owe being settled".to_owned(),
            Self::Placement(_) => "another node".to_owned(),
            Self::Superseded => "nothing: ask the other scheduler".to_owned(),
            Self::NotWanted => "nothing: it is wanted no more".to_owned(),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PlanInterrupted => f.write_str("the plan is interrupted: `continue` it"),
            Self::PhaseInterrupted => f.write_str("the phase is interrupted: `continue` it"),
            Self::PhaseFirst(phase) => write!(f, "phase `{phase}` comes first"),
            Self::Canary(canary) => write!(
                f,
                "canary {} of {} waits to be released: `continue` the phase",
                canary.released + 1,
                canary.steps.len()
            ),
            Self::StepFirst(step) => write!(f, "step `{step}` comes first"),
            Self::NotSeen => f.write_str("not seen since this scheduler began: the backend is asked"),
            Self::PlaceAsked => f.write_str("another order of this instance asks for its place"),
            Self::SlotBusy { task } => write!(f, "its resources are used by `{task}`"),
            Self::Backoff { task, failures, until } => {
                write!(f, "`{task}` failed {failures} times in a row: tried again at {until}")
            }
            Self::Never { task, why } => write!(f, "`{task}` was refused for good: {why}"),
            Self::NoRoom(why) => write!(f, "no room: {why}"),
            Self::AskedForRoom => f.write_str("room is asked for"),
            Self::Displacing(task) => write!(f, "`{task}` is being ended to make room"),
            Self::Launching(task) => write!(f, "`{task}` is being launched"),
            Self::NotThereYet(task) => write!(f, "`{task}` runs and has not reached its goal"),
            Self::Silent { task, since } => {
                write!(f, "nothing is heard of the node of `{task}` since {since}")
            }
            Self::WaitsForItsStep(task) => {
                write!(f, "`{task}` never reached its goal: it waits for its step, which may not act")
            }
            Self::Paused(task) => write!(f, "`{task}` is paused: `pod resume` it"),
            Self::Owes { debt, node } => {
                write!(f, "what it left behind on {node} has not ended: `give-up {debt}` if it never will")
            }
            Self::Leaves => f.write_str("it leaves, when what others left is settled"),
            Self::Placement(why) => write!(f, "the node does not fit its placement:\n{why}"),
            Self::Superseded => f.write_str("another scheduler has taken over"),
            Self::NotWanted => f.write_str("it is not wanted any more"),
        }
    }
}

/// Why an instance is as it is: one line for each of its steps and tasks that is on its way or waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    /// The instance.
    pub instance: InstanceName,
    /// What of it: a step's name, or `recovery`.
    pub what: String,
    /// Its status.
    pub status: crate::plan::Status,
    /// The reason.
    pub reason: Reason,
    /// Since when, as far as it is known.
    pub since: Option<Time>,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.what, self.status, self.reason)
    }
}
