//! How a service's scheduler is.

use std::fmt;

use plan_core::engine::Wall;

/// How a service's scheduler is. It acts in [`Condition::Running`] alone.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Condition {
    /// It reads its records.
    Starting,
    /// It acts.
    Running,
    /// The store does not answer, or refuses: nothing is done until it does.
    StoreAway {
        /// Since when.
        since: Wall,
        /// What it said.
        why: String,
    },
    /// The backend cannot be reached: verbs are taken, commands wait.
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
        /// How one knows.
        why: String,
    },
    /// It has ended.
    Stopped {
        /// Why.
        why: String,
    },
}

impl Condition {
    /// Whether it does nothing any more, whatever happens.
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
