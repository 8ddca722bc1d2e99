//! Why a scheduler did not do what it was asked.
//!
//! Invariant: the message says what to do, and the exit code says who has to do it: the person who typed the command
//! (2), the person who runs the scheduler (3), or the person who reads the refusal (4).

use serde::Deserialize;

use crate::Verdict;
use crate::problem::Problem;

/// Why.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The usage is wrong, or there are several schedulers.
    Misused(Box<Problem>),
    /// There is no scheduler, or it does not answer.
    Unreachable(Box<Problem>),
    /// The scheduler refused.
    Denied(Box<Problem>),
    /// The scheduler's backend does not support what a specification declares.
    Unsupported {
        /// The whole problem.
        problem: Box<Problem>,
        /// The findings.
        found: Vec<Problem>,
    },
    /// The scheduler did not do it, or nobody knows whether it did.
    Failed(Box<Problem>),
}

/// A problem of the API (RFC 9457).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Said {
    pub(super) detail: String,
    pub(super) message: String,
    pub(super) hint: Option<String>,
    pub(super) items: Vec<Item>,
    pub(super) diagnostics: Vec<Problem>,
}

/// A part of a problem.
#[derive(Debug, Deserialize)]
pub(super) struct Item {
    path: String,
    why: String,
}

impl Said {
    /// The message of an answer of any kind.
    pub(super) fn read(text: &str) -> Self {
        let known = serde_json::from_str::<Self>(text).ok();
        known.filter(|said| !said.detail.is_empty() || !said.message.is_empty()).unwrap_or_else(|| {
            // The answer comes from another program that listens there. Its beginning is enough to see that.
            Self { detail: text.trim().chars().take(300).collect(), ..Self::default() }
        })
    }

    /// The trouble as a problem.
    pub(super) fn problem(self) -> Problem {
        let mut message = if self.detail.is_empty() { self.message } else { self.detail };
        for Item { path, why } in self.items {
            let line = format!("  {path}: {why}");
            // The message of a refusal already names its parts.
            if !message.contains(&line) {
                message.push('\n');
                message.push_str(&line);
            }
        }
        let problem = Problem::error(message);
        match self.hint {
            Some(hint) => problem.help(hint),
            None => problem,
        }
    }
}

impl Trouble {
    /// The message and the exit code.
    pub(super) fn apart(self) -> (Vec<Problem>, Verdict) {
        match self {
            Self::Misused(problem) => (vec![*problem], Verdict::Misused),
            Self::Unreachable(problem) => (vec![*problem], Verdict::Unreachable),
            Self::Denied(problem) => (vec![*problem], Verdict::Denied),
            Self::Unsupported { problem, mut found } => {
                found.push(*problem);
                (found, Verdict::Denied)
            }
            Self::Failed(problem) => (vec![*problem], Verdict::Refused),
        }
    }

    /// The same, with places in the file for what is not supported.
    pub(super) fn located(self, place: impl FnOnce(Vec<Problem>) -> Vec<Problem>) -> Self {
        match self {
            Self::Unsupported { problem, found } => Self::Unsupported { problem, found: place(found) },
            other => other,
        }
    }

    /// An answer that cannot be read.
    pub(super) fn strange(what: impl std::fmt::Display) -> Self {
        let problem = Problem::error(format!("the answer cannot be understood: {what}"));
        Self::Failed(problem.help("is this planwright of the same version as the scheduler?").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_said_is_told() {
        let said = |text: &str| Said::read(text).problem();
        assert_eq!(
            said(r#"{"detail": "Plan x not found", "hint": "the plans are: y"}"#).help.as_deref(),
            Some("the plans are: y")
        );
        let refused = r#"{"reply":"refused","message":"no","items":[{"path":"name","why":"it stays"}]}"#;
        assert_eq!(said(refused).message, "no\n  name: it stays");
        for other in ["<html>", "", "[1]", "{}"] {
            assert_eq!(said(other).message, other);
        }
    }
}
