//! The difference of two specifications, field by field, and what a change of each field does to a service that is
//! deployed (SDK rules R67 to R69). Invariant: a change of what decides how a task runs restarts that task and no
//! other. A change that would lose something or cannot be done is refused. Every other change is live. The table
//! [`rules`] is the only place that says this.

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
#[non_exhaustive]
pub enum ChangeVerdict {
    /// No running task is relaunched. Tasks that are new are launched, and tasks that are gone are ended.
    Live,
    /// The tasks whose configuration changes are relaunched, on their nodes.
    Restarts,
    /// As `Restarts`, but with more or fewer resources on their nodes, so the tasks wait for room.
    Resizes,
    /// The change is not made: it would lose something, or cannot be made to what is there.
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
#[non_exhaustive]
pub struct Change {
    /// The path of the field, as `pods.kafka.tasks.broker.cmd`.
    pub path: String,
    /// The field in the table of [`rules`], as `pods.*.tasks.*.cmd`.
    pub field: &'static str,
    /// The pod that the field belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<PodName>,
    /// The task that the field belongs to; `None` if several tasks share the field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskName>,
    /// The old value, shortened; `None` if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<String>,
    /// The new value, shortened; `None` if there is to be none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<String>,
    /// What the change does.
    pub verdict: ChangeVerdict,
    /// Why the change is refused, and what to do instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Shown as `pods.kafka.count: 3 → 4 (live)`.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (old, new) = (self.old.as_deref().unwrap_or("none"), self.new.as_deref().unwrap_or("none"));
        write!(f, "{}: {old} → {new} ({})", self.path, self.verdict)
    }
}

impl Change {
    /// Makes the change a refused one.
    fn refuse(&mut self) {
        self.verdict = ChangeVerdict::Refused;
        self.why = rules::rule(self.field).and_then(|rule| rule.why).map(ToOwned::to_owned);
    }
}

/// A value as JSON.
fn json<T: Serialize + ?Sized>(value: &T) -> String {
    // All keys are texts, so every value can be written.
    serde_json::to_string(value).unwrap_or_default()
}

/// A variant, as the file writes it.
fn word<T: Serialize>(value: &T) -> String {
    json(value).trim_matches('"').to_owned()
}
