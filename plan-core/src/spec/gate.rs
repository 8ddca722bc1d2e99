//! Gates: questions that are asked before a step acts. Invariant: a gate has all that its question needs, including the
//! defaults of keys that a file leaves out.

use serde::{Deserialize, Serialize};

use super::names::TaskName;
use super::units::Seconds;

/// The gates of a step; by default there are none.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Gates {
    /// The gate that is asked right before a step acts on a member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Gate>,
}

impl Gates {
    /// Whether there is no gate.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A command that is run beside a task of the member that a step is about to act on. Exit code 0 allows the act, 1
/// defers it, 2 denies it. Any other code, a signal or a timeout is inconclusive. If the task does not run, the command
/// cannot be run, and the gate allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Gate {
    /// The shell command.
    pub cmd: String,
    /// The task of the phase's pod beside which the command is run; by default the first task of the step with
    /// the goal `RUNNING` that runs there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskName>,
    /// How long the command may run. A command that takes longer is inconclusive.
    #[serde(default = "Gate::default_timeout", skip_serializing_if = "Gate::is_default_timeout")]
    pub timeout: Seconds,
    /// How long an answer that allows the act is valid.
    #[serde(default = "Gate::default_max_age", skip_serializing_if = "Gate::is_default_max_age")]
    pub max_age: Seconds,
}

impl Gate {
    /// The timeout if a file gives none.
    pub const TIMEOUT: Seconds = Seconds(10);
    /// The `max_age` if a file gives none.
    pub const MAX_AGE: Seconds = Seconds(60);

    /// A gate with this command, and the defaults for the rest.
    pub fn new(cmd: impl Into<String>) -> Self {
        Self { cmd: cmd.into(), task: None, timeout: Self::TIMEOUT, max_age: Self::MAX_AGE }
    }

    fn default_timeout() -> Seconds {
        Self::TIMEOUT
    }

    fn default_max_age() -> Seconds {
        Self::MAX_AGE
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    fn is_default_timeout(timeout: &Seconds) -> bool {
        *timeout == Self::TIMEOUT
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    fn is_default_max_age(age: &Seconds) -> bool {
        *age == Self::MAX_AGE
    }
}
