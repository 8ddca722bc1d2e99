//! Why a scheduler did not do what it was asked.
//!
//! Invariant: what a person reads says what to do, and the exit code says who has to do it: whoever typed (2), whoever
//! runs the scheduler (3), whoever reads the refusal (4).

use serde::Deserialize;

use crate::Verdict;
use crate::problem::Problem;

/// Why.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It makes no sense, or there are several.
    Misused(Box<Problem>),
    /// There is no scheduler, or none that answers.
    Unreachable(Box<Problem>),
    /// It said no.
    Denied(Box<Problem>),
    /// The scheduler's backend does not support what a specification declares.
    NotKept {
        /// It, as a whole.
        problem: Box<Problem>,
        /// What of it.
        found: Vec<Problem>,
    },
    /// It did not do it, or nobody knows.
    Failed(Box<Problem>),
}

/// What the API says of an error (RFC 9457).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Said {
    pub(super) detail: String,
    pub(super) message: String,
    pub(super) hint: Option<String>,
    pub(super) items: Vec<Item>,
    pub(super) diagnostics: Vec<Problem>,
}

/// A part of it.
#[derive(Debug, Deserialize)]
pub(super) struct Item {
    path: String,
    why: String,
}

impl Said {
    /// The words of an answer, whatever it is.
    pub(super) fn read(text: &str) -> Self {
        let known = serde_json::from_str::<Self>(text).ok();
        known.filter(|said| !said.detail.is_empty() || !said.message.is_empty()).unwrap_or_else(|| {
            // An answer of something else that listens there: its beginning is enough to see that.
            Self { detail: text.trim().chars().take(300).collect(), ..Self::default() }
        })
    }

    /// The same as a problem.
    pub(super) fn problem(self) -> Problem {
        let mut message = if self.detail.is_empty() { self.message } else { self.detail };
        for Item { path, why } in self.items {
            let line = format!("  {path}: {why}");
            // The words of a refusal name its parts already.
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
    /// It, and what it comes to.
    pub(super) fn apart(self) -> (Vec<Problem>, Verdict) {
        match self {
            Self::Misused(problem) => (vec![*problem], Verdict::Misused),
            Self::Unreachable(problem) => (vec![*problem], Verdict::Unreachable),
            Self::Denied(problem) => (vec![*problem], Verdict::Denied),
            Self::NotKept { problem, mut found } => {
                found.push(*problem);
                (found, Verdict::Denied)
            }
            Self::Failed(problem) => (vec![*problem], Verdict::Refused),
        }
    }

    /// The same, with what cannot be kept at its places in a file.
    pub(super) fn located(self, place: impl FnOnce(Vec<Problem>) -> Vec<Problem>) -> Self {
        match self {
            Self::NotKept { problem, found } => Self::NotKept { problem, found: place(found) },
            other => other,
        }
    }

    /// An answer that is none.
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
