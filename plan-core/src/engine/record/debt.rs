//! Debts: what was left behind, to be ended and released.
//!
//! Invariant: a debt names launches to end and resources to release, and nothing that a record still uses.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Handle, Number};
use crate::engine::time::Time;
use crate::spec::{InstanceName, NodeName, Seconds, TaskName};

/// Launches that are to end, and resources that are to be released after that. A debt is settled when the backend
/// reports both, or when an operator gives it up.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct DebtRecord {
    /// The number of the debt.
    pub number: Number,
    /// The instance that left the debt behind.
    pub instance: InstanceName,
    /// Why the debt arose.
    pub cause: DebtCause,
    /// When the debt arose.
    pub since: Time,
    /// The node of the debt.
    pub node: NodeName,
    /// The launches whose end was not seen yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kill: Vec<Owed>,
    /// The resources to release once all these launches have ended. `None` if the instance goes on using them.
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
    /// How long the task may take to end before it is forced to.
    pub grace: Seconds,
}

/// Why a debt arose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DebtCause {
    /// The instance moved.
    Moved,
    /// The target has fewer instances.
    Decommission,
    /// The target does not have the task.
    TaskRemoved,
    /// The service is uninstalled.
    Uninstall,
    /// The first launch of the instance in its place was refused.
    NeverLaunched,
}

impl fmt::Display for DebtCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Moved => "the instance went elsewhere",
            Self::Decommission => "the target has fewer instances",
            Self::TaskRemoved => "the target does not have the task",
            Self::Uninstall => "the service is taken away",
            Self::NeverLaunched => "its first launch there was refused",
        })
    }
}
