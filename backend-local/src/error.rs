//! Why the backend, or a part of it, cannot be used.

use plan_core::spec::NodeName;

use crate::disk::DiskError;

/// Why the backend cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocalError {
    /// The data folder cannot be used, or has files that planwright did not write.
    #[error("the data folder cannot be used: {0}")]
    Disk(#[from] DiskError),
    /// The system does not tell something that the backend must know.
    #[error("cannot find out {what}: {source}")]
    System {
        /// What the backend must know.
        what: &'static str,
        /// Why the system does not tell it.
        source: std::io::Error,
    },
    /// There is no such node.
    #[error("there is no node `{0}`")]
    NoNode(NodeName),
    /// There is no such launch.
    #[error("nothing is known of `{0}`: it was never launched here, or is not kept any more")]
    NoRun(String),
}

/// Why a task is not launched.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Not now.
    Retry(String),
    /// Not until the specification changes.
    Never(String),
}

impl From<DiskError> for Failure {
    fn from(error: DiskError) -> Self {
        Self::Retry(error.to_string())
    }
}
