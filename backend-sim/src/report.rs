//! What came of a run.
//!
//! Invariant: a report follows from the scenario and the list of choices; two runs of both give two equal
//! reports.

use std::collections::BTreeMap;

use plan_core::engine::{Digest, PlanView, TaskView, Why};
use serde::{Serialize, Serializer};

use crate::choose::Choice;
use crate::fault::{CrashPoint, Fault};
use crate::trace::TraceEvent;
use crate::violation::Violation;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SimulationOutcome {
    /// The deployment, and the plan that was started after it, are complete.
    Complete,
    /// The plans are not complete, and this is what instances wait for.
    Incomplete {
        /// One line for each step or recovery that waits.
        waits: Vec<Why>,
    },
    /// Something that must hold did not. The run ended there.
    Violation(Violation),
}

impl SimulationOutcome {
    /// Its name: `complete`, `incomplete` or `violation`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Incomplete { .. } => "incomplete",
            Self::Violation(_) => "violation",
        }
    }

    /// What did not hold, if the run ended there.
    pub fn violation(&self) -> Option<&Violation> {
        match self {
            Self::Violation(violation) => Some(violation),
            Self::Complete | Self::Incomplete { .. } => None,
        }
    }

    /// Whether the plans are complete.
    pub fn is_complete(&self) -> bool {
        *self == Self::Complete
    }
}

/// How often something happened in a run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct RunCounts {
    /// Events of the simulation.
    pub events: u64,
    /// Inputs of the engine.
    pub inputs: u64,
    /// Commits.
    pub commits: u64,
    /// Commands that left.
    pub commands: u64,
    /// Tasks that were launched in the cluster.
    pub launches: u64,
    /// Times that the engine stopped and was recovered.
    pub crashes: u64,
    /// Faults that did something.
    pub faults: u64,
    /// Points of the run at which the engine can crash, by kind.
    pub points: BTreeMap<CrashPoint, u64>,
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// How it ended.
    pub outcome: SimulationOutcome,
    /// The plans at the end of the run: `deploy` first, then the one that was started, then `recovery` if it is not
    /// empty.
    pub plans: Vec<PlanView>,
    /// The tasks of all instances, as known to the engine.
    pub tasks: Vec<TaskView>,
    /// What each instance does or waits for at the end.
    pub whys: Vec<Why>,
    /// Virtual time of the last event, in microseconds.
    pub time: u64,
    /// Virtual time at which the plans were complete, in microseconds.
    pub completed_at: Option<u64>,
    /// How often something happened.
    pub counts: RunCounts,
    /// The faults of the run, including the random ones, as they were chosen.
    pub faults: Vec<Fault>,
    /// Verbs with their replies, in the order in which they were answered.
    pub replies: Vec<(String, plan_core::engine::Reply)>,
    /// What happened; empty if the scenario asks for no trace.
    pub trace: Vec<TraceEvent>,
    /// The choices; empty if the scenario does not ask for them.
    pub choices: Vec<Choice>,
    /// The hash of everything that the engine wrote, in order and with its times.
    #[serde(serialize_with = "hexadecimal")]
    pub digest: Digest,
}

/// A digest as text: a number of 128 bits is more than most readers of JSON keep.
fn hexadecimal<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{:032x}", digest.0))
}
