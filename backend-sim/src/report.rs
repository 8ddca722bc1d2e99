//! What came of a run.
//!
//! Invariant: a report follows from the scenario and the list of choices; two runs of both give two equal
//! reports.

use std::collections::BTreeMap;

use plan_core::engine::{Digest, PlanView, TaskView, Why};

use crate::choose::Choice;
use crate::fault::{CrashPoint, Fault};
use crate::trace::TraceEvent;
use crate::violation::Violation;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The deployment, and the plan that was started after it, are complete.
    Complete,
    /// They are not, and this is what instances wait for.
    Incomplete {
        /// One line for each step or recovery that waits.
        waits: Vec<Why>,
    },
    /// Something that must hold did not; the run ended there.
    Violation(Violation),
}

impl Outcome {
    /// Whether the plans are complete.
    pub fn is_complete(&self) -> bool {
        *self == Self::Complete
    }
}

/// How often something happened in a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts {
    /// Events of the simulation.
    pub events: u64,
    /// Inputs that the engine was given.
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
    /// How many points of each kind the run had at which the engine can crash.
    pub points: BTreeMap<CrashPoint, u64>,
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// The plans that ran, as they are at the end: `deploy` first, then the one that was started, then
    /// `recovery` if there is anything in it.
    pub plans: Vec<PlanView>,
    /// The tasks of all instances, as the engine knows them.
    pub tasks: Vec<TaskView>,
    /// What each instance does or waits for at the end.
    pub whys: Vec<Why>,
    /// Virtual time of the last event, in microseconds.
    pub time: u64,
    /// Virtual time at which the plans were complete, in microseconds.
    pub completed_at: Option<u64>,
    /// How often something happened.
    pub counts: Counts,
    /// The faults of the run, those by chance among them, as they were decided.
    pub faults: Vec<Fault>,
    /// Verbs with their replies, in the order in which they were answered.
    pub replies: Vec<(String, plan_core::engine::Reply)>,
    /// What happened; empty if it was not asked for.
    pub trace: Vec<TraceEvent>,
    /// The choices; empty if they were not asked for.
    pub choices: Vec<Choice>,
    /// Of everything that the engine wrote, in order and with its times.
    pub digest: Digest,
}
