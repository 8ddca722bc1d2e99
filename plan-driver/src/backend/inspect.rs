//! What a backend is asked that changes nothing: what a task printed.
//!
//! Invariant: nothing here waits for the engine, and the engine never waits for it.

use std::pin::Pin;

use futures::Stream;
use plan_core::engine::Number;
use plan_core::spec::{InstanceName, TaskName};

use super::BackendError;

/// Which of a task's two outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogStream {
    /// What it prints.
    Stdout,
    /// What it complains of.
    Stderr,
}

impl LogStream {
    /// The name that people give.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// Where a log ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogEnd {
    /// With what is there.
    Now,
    /// It goes on with what the task prints later, over its relaunches, until nobody reads it any more.
    Never,
}

/// What of a task's output is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogQuery {
    /// The instance.
    pub instance: InstanceName,
    /// The task.
    pub task: TaskName,
    /// The launch that its record has last, if there was one.
    pub launch: Option<Number>,
    /// Which output.
    pub stream: LogStream,
    /// Only the last lines of what is there, so many; `None` is all that is kept.
    pub tail: Option<u64>,
    /// Where it ends.
    pub end: LogEnd,
}

/// A task's output, piece by piece, as it was printed. A failure is its last piece.
pub type Log = Pin<Box<dyn Stream<Item = Result<Vec<u8>, BackendError>> + Send>>;

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The backend keeps none at all.
    #[error("the backend `{backend}` keeps no output of tasks")]
    NotKept {
        /// The backend.
        backend: &'static str,
    },
    /// There is none of this task, and why.
    #[error("{0}")]
    NoSuchLog(String),
    /// There may be one, and it cannot be read now.
    #[error(transparent)]
    Failed(#[from] BackendError),
}
