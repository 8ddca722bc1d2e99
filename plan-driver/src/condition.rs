//! The condition of a service's scheduler.

use std::fmt;

use plan_core::engine::Wall;
use serde::Serialize;

/// The condition of a service's scheduler. The scheduler acts only in [`Condition::Running`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "condition")]
#[non_exhaustive]
pub enum Condition {
    /// The scheduler reads its records.
    Starting,
    /// The scheduler acts.
    Running,
    /// The store does not answer, or refuses. The scheduler does nothing until the store is back.
    StoreAway {
        /// Since when.
        since: Wall,
        /// What it said.
        why: String,
    },
    /// The backend cannot be reached. The scheduler accepts verbs, and commands wait.
    BackendAway {
        /// Since when.
        since: Wall,
        /// What it said.
        why: String,
    },
    /// What the store holds cannot be used; it is left untouched.
    Unusable {
        /// What is wrong, and what to do.
        why: String,
    },
    /// Another scheduler has taken over: this one does nothing any more.
    Superseded {
        /// How the scheduler knows.
        why: String,
    },
    /// The scheduler has ended.
    Stopped {
        /// Why.
        why: String,
    },
}

impl Condition {
    /// Whether the scheduler never acts again, whatever happens.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Unusable { .. } | Self::Superseded { .. } | Self::Stopped { .. })
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => f.write_str("starting"),
            Self::Running => f.write_str("running"),
            Self::StoreAway { why, .. } => write!(f, "nothing is done until the store is back: {why}"),
            Self::BackendAway { why, .. } => write!(f, "commands wait until the backend is back: {why}"),
            Self::Unusable { why } => write!(f, "the records cannot be used, and were not touched: {why}"),
            Self::Superseded { why } => write!(f, "another scheduler has taken over: {why}"),
            Self::Stopped { why } => write!(f, "stopped: {why}"),
        }
    }
}
