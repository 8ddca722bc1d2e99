//! What happened in a run, in order, with reasons.
//!
//! Invariant: a trace follows from the run alone; it is only written, and nothing is decided by it.

use std::fmt;

use plan_core::engine::{End, Number, Time};
use plan_core::plan::Status;
use plan_core::spec::{InstanceName, NodeName, PlanName, TaskName};
use serde::Serialize;
use smol_str::SmolStr;

/// Something that happened, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TraceEvent {
    /// Virtual time, in microseconds since the run's start.
    pub time: u64,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are named for what they are")]
pub enum What {
    /// The service was submitted.
    Submitted { service: String },
    /// An operator acted.
    Verb { verb: String, reply: String },
    /// A run began.
    RunBegan { run: Number, plan: PlanName },
    /// A run ended.
    RunEnded { run: Number, plan: PlanName, complete: bool },
    /// A step's status changed.
    Step { step: String, from: Status, to: Status },
    /// The engine asked for room.
    Asked { instance: InstanceName, launch: Number, tasks: Vec<TaskName>, cause: String },
    /// There was no room.
    NoRoom { instance: InstanceName, why: String },
    /// The engine launched.
    Launched { instance: InstanceName, launch: Number, node: NodeName, cause: String },
    /// The engine told a task to end, to make room.
    Displaced { instance: InstanceName, task: TaskName, launch: Number },
    /// A task attained its goal.
    Reached { instance: InstanceName, task: TaskName },
    /// The engine saw a task's end.
    EndSeen { instance: InstanceName, task: TaskName, end: End, expected: bool },
    /// The engine saw that nothing is heard of a task, or is again.
    SilenceSeen { instance: InstanceName, task: TaskName, silent: bool },
    /// A launch was refused.
    Refused { instance: InstanceName, launch: Number, why: String, for_good: bool },
    /// The engine gave room back.
    Withdrawn { instance: InstanceName, launch: Number, why: String },
    /// The engine saw a launch that it knows nothing of.
    Foreign { instance: InstanceName, task: TaskName, launch: Number, superseded: bool },
    /// A task's command runs.
    Runs { instance: InstanceName, task: TaskName, launch: Number, ready: bool },
    /// A task's readiness check passes.
    Ready { instance: InstanceName, task: TaskName, launch: Number },
    /// A task ended.
    Ended { instance: InstanceName, task: TaskName, launch: Number, end: End },
    /// A launch that was told before was told again, and nothing was done.
    Again { instance: InstanceName, launch: Number },
    /// A fault found nothing to do.
    Idle { fault: String },
    /// A fault.
    Fault { fault: String },
    /// Nothing is heard of a node.
    Silent { node: NodeName },
    /// A node is heard again.
    Back { node: NodeName },
    /// A node is gone for good.
    Gone { node: NodeName },
    /// The service shall be this specification, by this plan.
    Target { spec: String, plan: PlanName },
    /// An instance may go elsewhere, and why.
    MayMove { instance: InstanceName, why: String },
    /// An instance stays, as it is back.
    Stays { instance: InstanceName },
    /// An instance goes elsewhere.
    Moved { instance: InstanceName, from: NodeName, to: NodeName },
    /// Something is left behind, to be ended and released.
    Owes { instance: InstanceName, debt: Number, node: NodeName, why: String },
    /// What was left behind is ended and released, or was given up.
    Settled { instance: InstanceName, debt: Number, given_up: bool },
    /// Resources are released.
    Released { instance: InstanceName, debt: Number, node: NodeName },
    /// Nothing of the service is left.
    Uninstalled,
    /// Another scheduler takes over, and the old one goes on.
    Second { epoch: u64 },
    /// The store refuses the old scheduler's commit: it stops.
    Fenced { epoch: u64 },
    /// All faults end.
    Healed,
    /// The engine stopped.
    Crashed { point: SmolStr, nth: u64 },
    /// The engine was recovered.
    Recovered { epoch: u64 },
}

impl What {
    /// What it is about.
    fn subject(&self) -> String {
        match self {
            Self::Submitted { .. } | Self::Verb { .. } => "operator".to_owned(),
            Self::Target { .. } | Self::Uninstalled => "service".to_owned(),
            Self::MayMove { instance, .. }
            | Self::Stays { instance }
            | Self::Moved { instance, .. }
            | Self::Owes { instance, .. }
            | Self::Settled { instance, .. }
            | Self::Released { instance, .. } => instance.to_string(),
            Self::RunBegan { plan, .. } | Self::RunEnded { plan, .. } => plan.to_string(),
            Self::Step { .. } => "plan".to_owned(),
            Self::Asked { instance, .. }
            | Self::NoRoom { instance, .. }
            | Self::Launched { instance, .. }
            | Self::Displaced { instance, .. }
            | Self::Reached { instance, .. }
            | Self::EndSeen { instance, .. }
            | Self::SilenceSeen { instance, .. }
            | Self::Refused { instance, .. }
            | Self::Withdrawn { instance, .. }
            | Self::Foreign { instance, .. }
            | Self::Runs { instance, .. }
            | Self::Ready { instance, .. }
            | Self::Ended { instance, .. }
            | Self::Again { instance, .. } => instance.to_string(),
            Self::Idle { .. } | Self::Fault { .. } | Self::Healed => "fault".to_owned(),
            Self::Silent { node } | Self::Back { node } | Self::Gone { node } => node.to_string(),
            Self::Crashed { .. } | Self::Recovered { .. } | Self::Second { .. } | Self::Fenced { .. } => {
                "engine".to_owned()
            }
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Submitted { service } => write!(f, "submits the service {service}"),
            Self::Verb { verb, reply } => write!(f, "{verb}: {reply}"),
            Self::RunBegan { run, .. } => write!(f, "begins (run {run})"),
            Self::RunEnded { complete: true, .. } => f.write_str("is complete"),
            Self::RunEnded { complete: false, .. } => f.write_str("is stopped"),
            Self::Step { step, from, to } => write!(f, "{step}: {from} -> {to}"),
            Self::Asked { launch, tasks, cause, .. } => {
                let tasks: Vec<&str> = tasks.iter().map(TaskName::as_str).collect();
                write!(f, "room is asked for [{}] (launch {launch}) for {cause}", tasks.join(", "))
            }
            Self::NoRoom { why, .. } => write!(f, "there is no room: {why}"),
            Self::Launched { launch, node, cause, .. } => {
                write!(f, "launched on {node} (launch {launch}) for {cause}")
            }
            Self::Displaced { task, launch, .. } => {
                write!(f, "{task} (launch {launch}) is told to end, to make room")
            }
            Self::Reached { task, .. } => write!(f, "{task} has reached its goal"),
            Self::EndSeen { task, end, expected: true, .. } => write!(f, "{task} {end}, as it was to"),
            Self::EndSeen { task, end, expected: false, .. } => write!(f, "{task} {end}, seen by the engine"),
            Self::SilenceSeen { task, silent: true, .. } => write!(f, "nothing is heard of {task}"),
            Self::SilenceSeen { task, silent: false, .. } => write!(f, "{task} is heard again"),
            Self::Refused { launch, why, for_good: false, .. } => {
                write!(f, "launch {launch} is refused: {why}")
            }
            Self::Refused { launch, why, for_good: true, .. } => {
                write!(f, "launch {launch} is refused for good: {why}")
            }
            Self::Withdrawn { launch, why, .. } => write!(f, "room of launch {launch} is given back: {why}"),
            Self::Foreign { task, launch, superseded: false, .. } => {
                write!(f, "{task} (launch {launch}) is known to no record: not touched")
            }
            Self::Foreign { task, launch, superseded: true, .. } => {
                write!(f, "{task} (launch {launch}) is newer than this engine: it stops")
            }
            Self::Runs { task, launch, ready: true, .. } => write!(f, "{task} runs (launch {launch})"),
            Self::Runs { task, launch, ready: false, .. } => {
                write!(f, "{task} runs, and is not ready (launch {launch})")
            }
            Self::Ready { task, launch, .. } => write!(f, "{task} is ready (launch {launch})"),
            Self::Ended { task, launch, end, .. } => write!(f, "{task} {end} (launch {launch})"),
            Self::Again { launch, .. } => write!(f, "launch {launch} is told again: nothing is done twice"),
            Self::Idle { fault } => write!(f, "{fault}: nothing to do"),
            Self::Fault { fault } => f.write_str(fault),
            Self::Gone { .. } => f.write_str("is gone for good"),
            Self::Target { spec, plan } => write!(f, "shall be {spec}: by the plan {plan}"),
            Self::MayMove { why, .. } => write!(f, "may go elsewhere: {why}"),
            Self::Stays { .. } => f.write_str("is back, and stays"),
            Self::Moved { from, to, .. } => write!(f, "goes from {from} to {to}"),
            Self::Owes { debt, node, why, .. } => {
                write!(f, "leaves what it has on {node} to be ended and released (debt {debt}): {why}")
            }
            Self::Settled { debt, given_up: false, .. } => write!(f, "debt {debt} is paid"),
            Self::Settled { debt, given_up: true, .. } => write!(f, "debt {debt} is given up"),
            Self::Released { debt, node, .. } => {
                write!(f, "what it had on {node} is to be released (debt {debt})")
            }
            Self::Uninstalled => f.write_str("nothing of it is left"),
            Self::Second { epoch } => {
                write!(f, "is recovered elsewhere too (epoch {epoch}), and the old one goes on")
            }
            Self::Fenced { epoch } => write!(f, "of epoch {epoch} may write no more: it stops"),
            Self::Healed => f.write_str("all of them end"),
            Self::Silent { .. } => f.write_str("is silent"),
            Self::Back { .. } => f.write_str("is heard again"),
            Self::Crashed { point, nth } => write!(f, "crashes: {point} {nth}"),
            Self::Recovered { epoch } => write!(f, "is recovered from its records (epoch {epoch})"),
        }
    }
}

/// One line in plain words: `t=00:00:03.400  kafka-1  is ...`.
impl fmt::Display for TraceEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t={}  {:<8}  {}", Time(self.time), self.what.subject(), self.what)
    }
}

impl TraceEvent {
    /// One line of JSON.
    pub fn to_json(&self) -> String {
        // Serialisation fails only for maps whose keys are no strings; there are none.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Whether a trace is kept, and what is in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trace {
    pub(crate) kept: Option<Vec<TraceEvent>>,
}

impl Trace {
    pub(crate) fn tell(&mut self, time: u64, what: impl FnOnce() -> What) {
        if let Some(events) = &mut self.kept {
            events.push(TraceEvent { time, what: what() });
        }
    }

    pub(crate) fn is_kept(&self) -> bool {
        self.kept.is_some()
    }
}
