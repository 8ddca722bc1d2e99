//! Active runs, as they are shown.
//!
//! Invariant: a view is made of the record when it is asked for, and says nothing else.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::engine::record::{Number, Parameters, RunKind, RunRecord};
use crate::engine::time::Time;
use crate::plan::ContentHash;
use crate::spec::PlanName;

/// An active run of a plan, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct RunView {
    /// The number of the run.
    pub number: Number,
    /// The plan.
    pub plan: PlanName,
    /// The specification that the plan belongs to.
    pub spec: ContentHash,
    /// What the run's steps ask for.
    pub kind: RunKind,
    /// The run's parameters, if it has any.
    pub parameters: Option<Arc<Parameters>>,
    /// When the run began.
    pub begun: Time,
    /// Whether an operator interrupted the plan.
    pub interrupted: bool,
    /// The first launch that counts for the plan, if an operator stopped or restarted the plan.
    pub since: Option<Number>,
}

impl From<&RunRecord> for RunView {
    fn from(record: &RunRecord) -> Self {
        Self {
            number: record.number,
            plan: record.plan.clone(),
            spec: record.spec,
            kind: record.kind,
            parameters: record.parameters.clone(),
            begun: record.begun,
            interrupted: record.mark.interrupted,
            since: Some(record.mark.since).filter(|since| *since > 0),
        }
    }
}
