//! The difference of two specifications, field by field, and what each field's change does to a service that is
//! deployed (SDK rules R67 to R69). Invariant: what decides how a task runs restarts that task and no other, what is
//! lost or cannot be done is refused, and the rest is live; [`rules`] says which is which, once.

mod compare;
mod entry;
mod pod;
mod rules;
mod service;
mod task;

use std::fmt;

use serde::Serialize;

use super::names::{PodName, TaskName};

pub use entry::matches;
pub(super) use entry::{Unmatched, judge};
pub use rules::{ChangeRule, RuleGroup, rules};
pub use service::{changes, converging_plan};

/// What a change does to a service that is deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeVerdict {
    /// Nothing that runs is relaunched. What is new is launched, and what is gone is ended.
    Live,
    /// The tasks whose configuration it is are relaunched, where they are.
    Restarts,
    /// The same, with more or less of what is reserved for them there; so they wait for room.
    Resizes,
    /// It is not done: it would lose something, or cannot be done to what is there.
    Refused,
}

impl fmt::Display for ChangeVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Live => "live",
            Self::Restarts => "restarts",
            Self::Resizes => "resizes",
            Self::Refused => "refused",
        })
    }
}

/// A field whose value differs between two specifications.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Where it is, as `pods.kafka.tasks.broker.cmd`.
    pub path: String,
    /// The field, as the table of [`rules`] has it: `pods.*.tasks.*.cmd`.
    pub field: &'static str,
    /// The pod that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<PodName>,
    /// The task that it belongs to; none for what several share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskName>,
    /// What it was, shortened; none where there was nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<String>,
    /// What it is to be, shortened; none where there is to be nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<String>,
    /// What it does.
    pub verdict: ChangeVerdict,
    /// Why it is refused, and what to do instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// As `pods.kafka.count: 3 → 4 (live)`.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (old, new) = (self.old.as_deref().unwrap_or("none"), self.new.as_deref().unwrap_or("none"));
        write!(f, "{}: {old} → {new} ({})", self.path, self.verdict)
    }
}

impl Change {
    /// The same, refused.
    fn refuse(&mut self) {
        self.verdict = ChangeVerdict::Refused;
        self.why = rules::rule(self.field).and_then(|rule| rule.why).map(ToOwned::to_owned);
    }
}

/// A value as JSON.
fn json<T: Serialize + ?Sized>(value: &T) -> String {
    // What is shown has text for its keys, so that nothing of it cannot be written.
    serde_json::to_string(value).unwrap_or_default()
}

/// One of some words, as it is written.
fn word<T: Serialize>(value: &T) -> String {
    json(value).trim_matches('"').to_owned()
}
