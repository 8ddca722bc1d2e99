//! Runs of plans, and what is remembered of those that ended.
//!
//! Invariant: positions in a run are of the specification that it names.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{Number, is_never};
use crate::engine::time::Time;
use crate::plan::{Canary, ContentHash};
use crate::spec::PlanName;

/// A step of a run, by position: the run names the specification that the positions are of.
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
pub struct RunRecord {
    /// Its number.
    pub number: Number,
    /// The plan.
    pub plan: PlanName,
    /// The specification that the plan is of.
    pub spec: ContentHash,
    /// What its steps ask for.
    pub kind: RunKind,
    /// Its parameters; they become environment of what it launches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Arc<Parameters>>,
    /// When it began.
    pub begun: Time,
    /// Whether the service was deployed before: broken members go first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub afresh: bool,
    /// What operators said of the plan.
    #[serde(default)]
    pub mark: Mark,
    /// What operators said of phases, by position.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub phases: BTreeMap<u32, Mark>,
    /// The canaries of phases, by position.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub canaries: BTreeMap<u32, Canary>,
    /// How it ended, once it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<RunOutcome>,
}

/// What the steps of a run ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunKind {
    /// The target's configuration: a launch that has it already counts.
    Converging,
    /// An act: only launches since the run's start count.
    Side,
}

/// What operators said of a plan or a phase. Numbers come from the counter; 0 is never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Mark {
    /// Whether it is interrupted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub interrupted: bool,
    /// When it was forced.
    #[serde(skip_serializing_if = "is_never")]
    pub forced: Number,
    /// From which launch on its steps count.
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

/// What is remembered of a plan's runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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
pub struct EndedRun {
    /// Its number.
    pub run: Number,
    /// When it began.
    pub begun: Time,
    /// When it ended.
    pub ended: Time,
    /// How.
    pub outcome: RunOutcome,
    /// Its first steps, with their times; at most [`EndedRun::STEPS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepTime>,
}

impl EndedRun {
    /// The times of so many steps of a run are remembered.
    pub const STEPS: usize = 64;
}

/// When a step of an ended run was done.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StepTime {
    /// The step, as `kafka-0:[broker]`.
    pub step: SmolStr,
    /// When its tasks were launched last, if they were during the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launched: Option<Time>,
    /// When they had their goals, if they had them during the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<Time>,
}
