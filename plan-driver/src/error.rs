//! Why something that was asked of a service was not answered.

use crate::backend::Finding;
use crate::condition::Condition;

/// Why something that was asked of a service was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DriverError {
    /// Too many requests wait already. Nothing was done. Ask again a little later.
    #[error("too many requests wait already: nothing was done, ask again a little later")]
    Busy,
    /// The scheduler does not act now. Nothing was done.
    #[error("nothing was done: {0}")]
    Away(Condition),
    /// The store did not say whether the request was done.
    #[error("nobody knows whether it was done, as the store failed: ask again with the same request id")]
    Unknown,
    /// The backend does not support what the specification declares. Nothing was done.
    #[error("the backend `{backend}` does not support what the specification declares:\n{}", lines(.findings))]
    Unsupported {
        /// The backend.
        backend: &'static str,
        /// What the backend does not support, and what the service would do without.
        findings: Vec<Finding>,
    },
}

fn lines(findings: &[Finding]) -> String {
    let lines: Vec<_> = findings.iter().map(|finding| format!("  {finding}")).collect();
    lines.join("\n")
}

/// The message of an error, with those of its causes, each after a colon.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let of_cause = cause.to_string();
        // A transparent error has the message of its cause.
        if !words.ends_with(&of_cause) {
            words.push_str(": ");
            words.push_str(&of_cause);
        }
        source = cause.source();
    }
    words
}
