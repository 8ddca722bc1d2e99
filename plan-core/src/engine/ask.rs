//! Questions that a backend answers beside a task, and their answers.
//!
//! Invariant: an answer is of one question about one launch, and says when it was true; it is never an order.

use serde::{Deserialize, Serialize};

use crate::spec::{InstanceName, Seconds, TaskName};

use super::record::Number;
use super::time::Wall;
use super::words::Words;

/// A question about a task that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Ask {
    /// The question's number. The answer names it; a number is asked once, and given again only by mistake.
    pub id: Number,
    /// Beside this instance.
    pub instance: InstanceName,
    /// Beside this task of it.
    pub task: TaskName,
    /// Beside this launch of the task. Where another one runs, or none, the answer is [`Ruling::Inconclusive`].
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
        /// For the shell.
        cmd: String,
        /// It is ended after so long, and the answer is [`Ruling::Inconclusive`].
        timeout: Seconds,
    },
}

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Answer {
    /// What it says.
    pub ruling: Ruling,
    /// In words: the command's last line, or why there is no clear answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<Words>,
    /// When it was true: when the command ended.
    pub at: Wall,
}

/// What an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ruling {
    /// Go on.
    Allow,
    /// Not now. It is asked again.
    Defer,
    /// No, until somebody changes something.
    Deny,
    /// Nobody knows: the command ended otherwise, took too long, or could not be run.
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
