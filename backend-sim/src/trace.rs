//! What happened in a run, in order, with reasons.
//!
//! Invariant: a trace follows from the run alone. It is only written, and decides nothing.

use std::fmt;

use plan_core::engine::{End, Number, Ruling, Story, Time, Words};
use plan_core::spec::{InstanceName, NodeName, TaskName};
use serde::Serialize;
use smol_str::SmolStr;

/// Something that happened, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
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
    /// A task's command runs.
    Runs { instance: InstanceName, task: TaskName, launch: Number, ready: bool },
    /// A task's readiness check passes.
    Ready { instance: InstanceName, task: TaskName, launch: Number },
    /// A task ended.
    Ended {
        instance: InstanceName,
        task: TaskName,
        launch: Number,
        end: End,
        #[serde(skip_serializing_if = "Option::is_none")]
        words: Option<Words>,
    },
    /// A launch was given again, and nothing was done.
    Again { instance: InstanceName, launch: Number },
    /// A gate is answered.
    Gate {
        instance: InstanceName,
        task: TaskName,
        launch: Number,
        ruling: Ruling,
        #[serde(skip_serializing_if = "Option::is_none")]
        words: Option<Words>,
    },
    /// A gate is never answered.
    Unanswered { instance: InstanceName, task: TaskName, launch: Number },
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
    /// Resources are released.
    Released { instance: InstanceName, debt: Number, node: NodeName },
    /// Another scheduler takes over, and the old scheduler goes on.
    Second { epoch: u64 },
    /// The store refuses the old scheduler's commit, and that scheduler stops.
    Fenced { epoch: u64 },
    /// All faults end.
    Healed,
    /// The engine stopped.
    Crashed { point: SmolStr, nth: u64 },
    /// The engine was recovered.
    Recovered { epoch: u64 },
    /// The engine tells what happened.
    #[serde(untagged)]
    Engine(Story),
}

impl What {
    /// What it is about.
    fn subject(&self) -> String {
        match self {
            Self::Engine(story) => story.subject(),
            Self::Submitted { .. } | Self::Verb { .. } => "operator".to_owned(),
            Self::Runs { instance, .. }
            | Self::Ready { instance, .. }
            | Self::Ended { instance, .. }
            | Self::Released { instance, .. }
            | Self::Gate { instance, .. }
            | Self::Unanswered { instance, .. }
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
            Self::Engine(story) => story.fmt(f),
            Self::Submitted { service } => write!(f, "submits the service {service}"),
            Self::Verb { verb, reply } => write!(f, "{verb}: {reply}"),
            Self::Runs { task, launch, ready: true, .. } => write!(f, "{task} runs (launch {launch})"),
            Self::Runs { task, launch, ready: false, .. } => {
                write!(f, "{task} runs, and is not ready (launch {launch})")
            }
            Self::Ready { task, launch, .. } => write!(f, "{task} is ready (launch {launch})"),
            Self::Ended { task, launch, end, words, .. } => {
                write!(f, "{task} {end} (launch {launch})")?;
                words.iter().try_for_each(|words| write!(f, ": {words}"))
            }
            Self::Again { launch, .. } => write!(f, "launch {launch} is told again: nothing is done twice"),
            Self::Gate { task, ruling, words, .. } => {
                let says = match ruling {
                    Ruling::Allow => "allows",
                    Ruling::Defer => "defers",
                    Ruling::Deny => "denies",
                    Ruling::Inconclusive => "gives no clear answer",
                };
                write!(f, "the gate beside {task} {says}")?;
                words.iter().try_for_each(|words| write!(f, ": {words}"))
            }
            Self::Unanswered { task, .. } => write!(f, "the gate beside {task} does not answer"),
            Self::Idle { fault } => write!(f, "{fault}: nothing to do"),
            Self::Fault { fault } => f.write_str(fault),
            Self::Gone { .. } => f.write_str("is gone for good"),
            Self::Released { debt, node, .. } => {
                write!(f, "what it had on {node} is to be released (debt {debt})")
            }
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
        write!(f, "t={}  {:<8}  {}", Time::from_micros(self.time), self.what.subject(), self.what)
    }
}

impl TraceEvent {
    /// One line of JSON.
    pub fn to_json(&self) -> String {
        // Serialization fails only for maps whose keys are not strings, and there are none.
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
