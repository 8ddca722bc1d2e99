//! What was left behind.
//!
//! Invariant: a debt names what is to end and what to release, and nothing that a record still uses.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Handle, Number};
use crate::engine::time::Time;
use crate::spec::{InstanceName, NodeName, Seconds, TaskName};

/// Something that is to be ended, and then to be released. It is paid when the backend says
/// so, or given up by an operator.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct DebtRecord {
    /// Its number.
    pub number: Number,
    /// Whose it was.
    pub instance: InstanceName,
    /// Why it was left behind.
    pub cause: DebtCause,
    /// Since when.
    pub since: Time,
    /// Where it is.
    pub node: NodeName,
    /// The launches that are not seen to have ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kill: Vec<Owed>,
    /// The resources to release when nothing of that lives; none if the instance goes on using them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Handle>,
}

/// A launch that is to be ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Owed {
    /// The order that launched it.
    pub launch: Number,
    /// The task.
    pub task: TaskName,
    /// How long it may take to end.
    pub grace: Seconds,
}

/// Why something was left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DebtCause {
    /// The instance went elsewhere.
    Moved,
    /// The target has fewer instances.
    Decommission,
    /// The target does not have the task.
    TaskRemoved,
    /// The service is taken away.
    Uninstall,
}

impl fmt::Display for DebtCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Moved => "the instance went elsewhere",
            Self::Decommission => "the target has fewer instances",
            Self::TaskRemoved => "the target does not have the task",
            Self::Uninstall => "the service is taken away",
        })
    }
}
