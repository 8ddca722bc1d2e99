//! What an instance's record is made of: orders, what is in a slot, how it ended.
//!
//! Invariant: these are data; a record hands them out, and changes them itself.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::engine::record::{Number, Parameters, StepRef};
use crate::engine::time::Time;
use crate::engine::words::{Address, Words};
use crate::plan::ContentHash;
use crate::spec::TaskName;

/// A launch of tasks of one instance, from the wish to the end of its tasks. A record that holds an order
/// *is* the outstanding command: giving it again is byte-identical.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Order {
    /// Its number.
    pub launch: Number,
    /// What it serves.
    pub purpose: Purpose,
    /// How far it is.
    pub stage: Stage,
    /// What it launches.
    pub tasks: Arc<[OrderedTask]>,
    /// Parameters of the run that it serves; they become environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Arc<Parameters>>,
    /// When it was wanted.
    #[serde(default)]
    pub at: Time,
}

/// What an order serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// A step of a run.
    Step(StepRef),
    /// Bringing back what runs no more.
    Recovery,
}

/// How far an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Room is asked for; nothing has changed yet.
    Wanted,
    /// Room is granted, and the tasks that it displaces are being ended. Their end is no failure.
    Clearing,
    /// The launch is commanded.
    Given,
}

/// A task of an order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OrderedTask {
    /// The task.
    pub task: TaskName,
    /// Its configuration.
    pub conf: ContentHash,
    /// Whether it is launched paused: in place of its command it waits.
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
    /// What is known of it.
    pub state: TaskState,
    /// Since when nothing is heard of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent: Option<Time>,
    /// What its backend said last of its state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<Words>,
    /// Where it is reached, as its backend said last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Arc<Address>>,
}

impl Occupant {
    /// A task whose launch is commanded.
    pub(in crate::engine) fn new(launch: Number, task: TaskName) -> Self {
        Self { launch, task, state: TaskState::Launching, silent: None, words: None, address: None }
    }

    /// Whether it has not been seen to end.
    pub fn may_live(&self) -> bool {
        !matches!(self.state, TaskState::Ended(_))
    }
}

/// What is known of a launched task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskState {
    /// Its launch is commanded.
    Launching,
    /// The backend has it.
    Starting,
    /// It runs.
    Running {
        /// Whether its readiness check passes; true if it has none.
        ready: bool,
    },
    /// It ended, and stays so.
    Ended(End),
}

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// By itself, with success.
    Finished,
    /// By itself, without success.
    Failed,
    /// It was ended.
    Killed,
    /// Its backend ended it because its health check failed.
    Unhealthy,
    /// It is not there any more, and nobody knows why.
    Lost,
    /// Its launch was refused: it never began.
    Refused,
    /// Its node is gone for good, with all that was there.
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

/// How a launch of a task ended that nobody had asked to end.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Trouble {
    /// The order's number.
    pub launch: Number,
    /// How it ended.
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

/// A launch and the configuration that it was of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Launched {
    /// The order's number.
    pub launch: Number,
    /// The configuration.
    pub conf: ContentHash,
    /// When.
    #[serde(default)]
    pub at: Time,
}

/// A launch that attained its task's goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reached {
    /// The order's number.
    pub launch: Number,
    /// The configuration.
    pub conf: ContentHash,
    /// When.
    pub at: Time,
}

/// A refusal for good, until the specification changes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Never {
    /// Of this configuration.
    pub conf: ContentHash,
    /// The backend's words.
    pub why: Words,
}

/// Why an instance leaves its place. There is no other way to another place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Permission {
    /// Why.
    pub cause: Cause,
    /// Since when.
    pub at: Time,
}

/// Why an instance may leave its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The backend says that its node is gone for good.
    NodeGone,
    /// It was down for longer than the replacement failure policy bears.
    Timeout,
    /// An operator said so.
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
