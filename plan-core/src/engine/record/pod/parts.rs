//! The parts of an instance's record: orders, occupants of slots, ends of tasks.
//!
//! Invariant: these are plain data. Only the record that holds them changes them.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::engine::record::{Number, Parameters, StepRef};
use crate::engine::time::Time;
use crate::engine::words::{Address, Words};
use crate::plan::ContentHash;
use crate::spec::TaskName;

/// A launch of tasks of one instance, from the request for room to the end of its tasks. A recorded order *is* the
/// outstanding command: when the launch is commanded again, the command has the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Order {
    /// The number of the order and of its launch.
    pub launch: Number,
    /// What the order serves.
    pub purpose: Purpose,
    /// How far the order is.
    pub stage: OrderStage,
    /// The tasks that the order launches.
    pub tasks: Arc<[OrderedTask]>,
    /// The parameters of the run that the order serves. They become environment of its tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Arc<Parameters>>,
    /// When the order was made.
    #[serde(default)]
    pub at: Time,
}

/// What an order serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// A step of a run.
    Step(StepRef),
    /// Recovery, which brings back tasks that ended.
    Recovery,
}

/// How far an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderStage {
    /// Room is asked for. No task was ended for the order yet.
    #[serde(rename = "wanted")]
    Requested,
    /// Room is granted, and the tasks in the order's way are being ended. Their ends are no failures.
    #[serde(rename = "clearing")]
    Displacing,
    /// The launch is commanded.
    #[serde(rename = "given")]
    Launched,
}

/// A task of an order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OrderedTask {
    /// The task.
    pub task: TaskName,
    /// The hash of the configuration to launch the task with.
    pub conf: ContentHash,
    /// Whether the task is launched paused: it waits in place of running its command.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
}

/// A task in a slot.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Occupant {
    /// The order that launched it.
    pub launch: Number,
    /// The task.
    pub task: TaskName,
    /// The state of the task.
    pub state: TaskState,
    /// Since when nothing is heard of the task's node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent: Option<Time>,
    /// The backend's last words about the state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<Words>,
    /// Where the task is reached, as the backend said last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Arc<Address>>,
}

impl Occupant {
    /// A task whose launch is commanded.
    pub(in crate::engine) fn new(launch: Number, task: TaskName) -> Self {
        Self { launch, task, state: TaskState::Launching, silent: None, words: None, address: None }
    }

    /// Whether the task's end was not seen yet.
    pub fn may_live(&self) -> bool {
        !matches!(self.state, TaskState::Ended(_))
    }
}

/// The state of a launched task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskState {
    /// The launch is commanded, and the backend has not reported the task yet.
    Launching,
    /// The backend has the task, and the task does not run yet.
    Starting,
    /// The task runs.
    Running {
        /// Whether its readiness check passed; true if it has none.
        ready: bool,
    },
    /// The task ended. This state is final.
    Ended(End),
}

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// The task ended by itself, with success.
    Finished,
    /// The task ended by itself, without success.
    Failed,
    /// The task was ended from outside.
    Killed,
    /// The backend ended the task because its health check failed.
    Unhealthy,
    /// The task is not there any more, and the backend does not know why.
    Lost,
    /// The launch was refused: the task never began.
    Refused,
    /// The task's node is gone for good.
    Gone,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Killed => "was killed",
            Self::Unhealthy => "was unhealthy",
            Self::Lost => "was lost",
            Self::Refused => "was refused",
            Self::Gone => "went with its node",
        })
    }
}

/// How a launch of a task ended that was not asked to end.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Trouble {
    /// The number of the launch.
    pub launch: Number,
    /// How the task ended.
    pub end: End,
    /// When.
    pub at: Time,
    /// The backend's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<Words>,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.words {
            Some(words) => write!(f, "it {}: {words}", self.end),
            None => write!(f, "it {}", self.end),
        }
    }
}

/// A launch, with its configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Launched {
    /// The number of the launch.
    pub launch: Number,
    /// The hash of the launch's configuration.
    pub conf: ContentHash,
    /// When.
    #[serde(default)]
    pub at: Time,
}

/// A launch that reached its task's goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reached {
    /// The number of the launch.
    pub launch: Number,
    /// The hash of the launch's configuration.
    pub conf: ContentHash,
    /// When.
    pub at: Time,
}

/// A refusal for good, until the specification changes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Never {
    /// The configuration that is refused.
    pub conf: ContentHash,
    /// The backend's words.
    pub why: Words,
}

/// A relocation: the instance may leave its place. Without a recorded relocation, an instance never leaves its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Relocation {
    /// Why the instance may move.
    pub cause: Cause,
    /// Since when the instance may move.
    pub at: Time,
}

/// Why an instance may move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Cause {
    /// The backend says that its node is gone for good.
    NodeGone,
    /// The instance was down for longer than the replacement failure policy allows.
    Timeout,
    /// An operator replaces the instance.
    Replace,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NodeGone => "its node is gone",
            Self::Timeout => "it was down for too long",
            Self::Replace => "an operator replaces it",
        })
    }
}
