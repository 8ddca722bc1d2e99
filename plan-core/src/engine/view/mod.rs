//! What people are shown: plans as trees, and the reasons why something waits.
//!
//! Invariant: a view is made when it is asked for; nothing is kept for it.

mod plans;
mod readers;
mod tree;
mod whys;

pub use tree::{Tree, TreeLine};

use crate::plan::Status;
use crate::spec::{InstanceName, TaskName};

use super::record::{Reached, TaskState};

/// A plan, as it is shown. Its `Display` is the tree that the SDK's program draws (SDK rule R80).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PlanView {
    /// Its name.
    pub name: String,
    /// Its strategy's name.
    pub strategy: &'static str,
    /// Its status.
    pub status: Status,
    /// Its phases.
    pub phases: Vec<PhaseView>,
}

/// A phase, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PhaseView {
    /// Its name.
    pub name: String,
    /// Its strategy's name.
    pub strategy: &'static str,
    /// Its status.
    pub status: Status,
    /// Its steps.
    pub steps: Vec<StepView>,
}

/// A step, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct StepView {
    /// Its name, as `kafka-0:[broker]`.
    pub name: String,
    /// Its status.
    pub status: Status,
    /// Whether an operator's word made it complete.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub forced: bool,
    /// The instance that it is about; none if it is about the service.
    #[serde(skip)]
    pub instance: Option<InstanceName>,
    /// The tasks that it is about.
    #[serde(skip)]
    pub tasks: Vec<TaskName>,
}

/// A task of an instance, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskView {
    /// The instance.
    pub instance: InstanceName,
    /// The task.
    pub task: TaskName,
    /// What is known of its latest launch; `None` before the first one.
    pub state: Option<TaskState>,
    /// Whether nothing is heard of its node.
    pub silent: bool,
    /// The latest launch that attained its goal.
    pub reached: Option<Reached>,
}
