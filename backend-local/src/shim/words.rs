//! The words between a scheduler and its shims.

/// Runs a launch: its folder, its nonce.
pub(crate) const SUPERVISE: &str = "planwright-shim-supervise";
/// Becomes a command: the process that must be the parent, the run's folder or `-`, the command.
pub(crate) const EXEC: &str = "planwright-shim-exec";
/// Runs as the `bootstrap` of a task.
pub(crate) const BOOTSTRAP: &str = "planwright-shim-bootstrap";

/// The answer of the shim to the scheduler that started it, in one line.
pub(crate) const STARTED: &str = "started";
