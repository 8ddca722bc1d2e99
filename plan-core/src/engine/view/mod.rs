//! Views: plans as trees, and the reasons why something waits.
//!
//! Invariant: a view is made when it is asked for, and not kept.

mod plans;
mod pods;
mod readers;
mod runs;
mod tree;
mod whys;

pub use pods::{PodView, TaskHistory};
pub use runs::RunView;
pub use tree::{Tree, TreeLine};

use crate::plan::Status;
use crate::spec::{InstanceName, TaskName};

use super::record::{Reached, TaskState};

/// A plan, as it is shown. Its `Display` is the tree that the SDK's program draws (SDK rule R80).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct PlanView {
    /// The name.
    pub name: String,
    /// The name of the strategy.
    pub strategy: &'static str,
    /// The status.
    pub status: Status,
    /// The phases, in declared order.
    pub phases: Vec<PhaseView>,
}

/// A phase, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct PhaseView {
    /// The name.
    pub name: String,
    /// The name of the strategy.
    pub strategy: &'static str,
    /// The status.
    pub status: Status,
    /// The steps, in declared order.
    pub steps: Vec<StepView>,
}

/// A step, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct StepView {
    /// The name of the step, as `kafka-0:[broker]`.
    pub name: String,
    /// The status.
    pub status: Status,
    /// Whether an operator forced the step to be complete.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub forced: bool,
    /// The instance that the step is about; `None` if the step is about the service.
    #[serde(skip)]
    pub instance: Option<InstanceName>,
    /// The tasks that the step is about.
    #[serde(skip)]
    pub tasks: Vec<TaskName>,
}

/// A task of an instance, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct TaskView {
    /// The instance.
    pub instance: InstanceName,
    /// The task.
    pub task: TaskName,
    /// The state of the latest launch; `None` before the first launch.
    pub state: Option<TaskState>,
    /// Whether nothing is heard of the task's node.
    pub silent: bool,
    /// The latest launch that reached the task's goal.
    pub reached: Option<Reached>,
}
