//! Questions that a backend answers beside a task, and their answers.
//!
//! Invariant: an answer belongs to one question about one launch, and says when it was true. It never commands
//! anything.

use serde::{Deserialize, Serialize};

use crate::spec::{InstanceName, Seconds, TaskName};

use super::record::Number;
use super::time::Wall;
use super::words::Words;

/// A question about a task that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Ask {
    /// The question's number, which the answer names. Each question has its own number; a backend that gets a number
    /// again got a repeated command.
    pub id: Number,
    /// The instance beside whose task the question is asked.
    pub instance: InstanceName,
    /// The task beside which the question is asked.
    pub task: TaskName,
    /// The launch of the task beside which the question is asked. If another launch of the task runs, or none, the
    /// answer is [`Ruling::Inconclusive`].
    pub launch: Number,
    /// What is asked.
    pub check: Check,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Check {
    /// A command, run beside the task: in its sandbox, with its environment, as its user.
    Command {
        /// The command line, for the shell.
        cmd: String,
        /// How long the command may run. After that it is ended, and the answer is [`Ruling::Inconclusive`].
        timeout: Seconds,
    },
}

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Answer {
    /// What the answer says.
    pub ruling: Ruling,
    /// The answer in words: the last line of the command's output, or why there is no clear answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<Words>,
    /// When the answer was true: the time at which the command ended.
    pub at: Wall,
}

/// What an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ruling {
    /// The step may act.
    Allow,
    /// The step may not act now. The question is asked again.
    Defer,
    /// The step may not act until an operator changes something.
    Deny,
    /// There is no clear answer: the command ended with another exit code or by a signal, took too long, or could not
    /// be run.
    Inconclusive,
}

impl Ruling {
    /// What the exit code of a command says: 0 allows, 1 defers, 2 denies, and any other is inconclusive.
    pub fn of_exit_code(code: i32) -> Self {
        match code {
            0 => Self::Allow,
            1 => Self::Defer,
            2 => Self::Deny,
            _ => Self::Inconclusive,
        }
    }
}
