//! Runs of plans, and the history of ended runs.
//!
//! Invariant: positions in a run belong to the specification that the run names.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{Number, is_never};
use crate::engine::time::Time;
use crate::plan::{Canary, ContentHash};
use crate::spec::PlanName;

/// A step of a run, by position. The run names the specification that the positions belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StepRef {
    /// The run.
    pub run: Number,
    /// The phase.
    pub phase: u32,
    /// The step within the phase.
    pub step: u32,
}

/// Parameters of a run, by name.
pub type Parameters = BTreeMap<String, String>;

/// One run of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct RunRecord {
    /// The number of the run.
    pub number: Number,
    /// The plan.
    pub plan: PlanName,
    /// The specification that the plan belongs to.
    pub spec: ContentHash,
    /// What the run's steps ask for.
    pub kind: RunKind,
    /// The run's parameters. They become environment of the tasks that it launches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Arc<Parameters>>,
    /// When the run began.
    pub begun: Time,
    /// Whether the service was deployed before the run. Then the steps of broken instances go first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub afresh: bool,
    /// What operators asked for the whole plan.
    #[serde(default)]
    pub mark: Mark,
    /// What operators asked for phases, by position.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub phases: BTreeMap<u32, Mark>,
    /// The canaries of the phases that have one, by position.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub canaries: BTreeMap<u32, Canary>,
    /// How the run ended; `None` while it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<RunOutcome>,
}

/// What the steps of a run ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunKind {
    /// The run brings the target about. A launch from before the run counts if it has the target's configuration.
    Converging,
    /// The run is an act of its own. Only launches since the run began count.
    Side,
}

/// What operators asked for a plan or a phase. Numbers come from the counter; 0 is never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Mark {
    /// Whether the plan or phase is interrupted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub interrupted: bool,
    /// When the plan or phase was forced to be complete.
    #[serde(skip_serializing_if = "is_never")]
    pub forced: Number,
    /// The first launch that counts for the steps of the plan or phase.
    #[serde(skip_serializing_if = "is_never")]
    pub since: Number,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunOutcome {
    /// All steps were complete, or forced.
    Complete,
    /// An operator stopped it.
    Stopped,
    /// A new target took its place.
    Overtaken,
}

impl fmt::Display for RunOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Complete => "complete",
            Self::Stopped => "stopped",
            Self::Overtaken => "overtaken by a new target",
        })
    }
}

/// The latest run of a plan, and the history of its runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct PlanRecord {
    /// The latest run.
    pub latest: Number,
    /// The last runs that ended, oldest first; at most [`PlanRecord::KEPT`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<EndedRun>,
}

impl PlanRecord {
    /// How many ended runs are remembered.
    pub const KEPT: usize = 16;
}

/// A run that ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EndedRun {
    /// The number of the run.
    pub run: Number,
    /// When the run began.
    pub begun: Time,
    /// When the run ended.
    pub ended: Time,
    /// How the run ended.
    pub outcome: RunOutcome,
    /// The first steps of the run, with their times; at most [`EndedRun::STEPS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepTime>,
}

impl EndedRun {
    /// For how many steps of a run the times are remembered.
    pub const STEPS: usize = 64;
}

/// When a step of an ended run was done.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StepTime {
    /// The name of the step, as `kafka-0:[broker]`.
    pub step: SmolStr,
    /// When the step's tasks were last launched, if that was during the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launched: Option<Time>,
    /// When the step's tasks reached their goals, if that was during the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<Time>,
}
