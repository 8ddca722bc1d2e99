//! Questions to a backend that change nothing: what a task printed.
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
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl LogStream {
    /// The usual name of the stream.
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
    /// At the end of what is printed so far.
    Now,
    /// Never: it goes on with what the task prints later, over its relaunches, until its reader is gone.
    Never,
}

/// Which part of a task's output is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogQuery {
    /// The instance.
    pub instance: InstanceName,
    /// The task.
    pub task: TaskName,
    /// The task's last launch, according to its record, if there was one.
    pub launch: Option<Number>,
    /// Which output.
    pub stream: LogStream,
    /// The number of last lines to show. `None` is all that is kept.
    pub tail: Option<u64>,
    /// Where it ends.
    pub end: LogEnd,
}

impl LogQuery {
    /// All that is kept of the standard output of a task's last launch, up to now. The fields ask for another part.
    pub fn new(instance: InstanceName, task: TaskName, launch: Option<Number>) -> Self {
        Self { instance, task, launch, stream: LogStream::Stdout, tail: None, end: LogEnd::Now }
    }
}

/// A task's output, piece by piece, as it was printed. If reading fails, the error is the last piece.
pub type Log = Pin<Box<dyn Stream<Item = Result<Vec<u8>, BackendError>> + Send>>;

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The backend keeps no logs.
    #[error("the backend `{backend}` keeps no output of tasks")]
    Unsupported {
        /// The backend.
        backend: &'static str,
    },
    /// There is no log of this task, and why.
    #[error("{0}")]
    NoSuchLog(String),
    /// There may be a log, but it cannot be read now.
    #[error(transparent)]
    Failed(#[from] BackendError),
}
