//! Stories: events in names and words, which can be read without an engine.
//!
//! Invariant: a story names what it is about: a step by its plan, phase and name, not by its position, as the run may
//! be forgotten later. The same story reaches the simulator's trace, the API and the terminal.

use std::fmt;

use serde::Serialize;

use crate::plan::{Model, Status};
use crate::spec::{InstanceName, NodeName, PlanName, TaskName};

use super::Engine;
use super::effects::Event;
use super::record::{End, Number, Purpose, RunOutcome, StepRef};
use super::words::Words;

/// What happened, in words and names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are named for what they are")]
pub enum Story {
    /// A run began, or an ended run was reopened.
    RunBegan { run: Number, plan: PlanName },
    /// A run ended.
    RunEnded { run: Number, plan: PlanName, outcome: RunOutcome },
    /// A plan's status changed.
    Plan { plan: String, from: Status, to: Status },
    /// A phase's status changed. `phase` has the form `plan / phase`.
    Phase { phase: String, from: Status, to: Status },
    /// A step's status changed. `step` has the form `plan / phase / step`.
    Step { step: String, from: Status, to: Status },
    /// The engine asked for room.
    Asked { instance: InstanceName, launch: Number, tasks: Vec<TaskName>, cause: String },
    /// There was no room.
    NoRoom { instance: InstanceName, why: String },
    /// The engine launched an order.
    Launched { instance: InstanceName, launch: Number, node: NodeName, cause: String },
    /// The engine told a task to end, to make room for its successor.
    Displaced { instance: InstanceName, task: TaskName, launch: Number },
    /// A task reached its goal.
    Reached { instance: InstanceName, task: TaskName },
    /// The engine saw that a task ended.
    EndSeen {
        instance: InstanceName,
        task: TaskName,
        end: End,
        expected: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        words: Option<Words>,
    },
    /// The backend's words about a task changed, and the task's state did not.
    Said { instance: InstanceName, task: TaskName, words: Words },
    /// The engine saw that nothing is heard of a task any more, or that it is heard of again.
    SilenceSeen { instance: InstanceName, task: TaskName, silent: bool },
    /// A launch was refused.
    Refused { instance: InstanceName, launch: Number, why: String, for_good: bool },
    /// The engine gave room back.
    Withdrawn { instance: InstanceName, launch: Number, why: String },
    /// The engine saw a launch that no record names.
    Foreign { instance: InstanceName, task: TaskName, launch: Number, superseded: bool },
    /// The service has a new target, which this plan brings about.
    Target { spec: String, plan: PlanName },
    /// An instance is permitted to move.
    MayMove { instance: InstanceName, why: String },
    /// An instance that was permitted to move came back, and stays.
    Stays { instance: InstanceName },
    /// An instance moves.
    Moved { instance: InstanceName, from: NodeName, to: NodeName },
    /// A debt arises.
    Owes { instance: InstanceName, debt: Number, node: NodeName, why: String },
    /// A debt is settled or given up.
    Settled { instance: InstanceName, debt: Number, given_up: bool },
    /// Nothing of the service is left.
    Uninstalled,
}

impl Engine {
    /// Tells an event as a story. Call this right after the input that the event came from: later the engine may have
    /// forgotten what the event names.
    pub fn tell(&self, event: &Event) -> Story {
        match event.clone() {
            Event::Step { step, change: (from, to) } => {
                Story::Step { step: self.name_of_step(step), from, to }
            }
            Event::Phase { run, phase, change: (from, to) } => {
                Story::Phase { phase: self.name_of_phase(run, phase), from, to }
            }
            Event::Plan { run, change: (from, to) } => Story::Plan { plan: self.name_of_run(run), from, to },
            Event::RunBegan { run, plan } => Story::RunBegan { run, plan },
            Event::RunEnded { run, plan, outcome } => Story::RunEnded { run, plan, outcome },
            Event::Asked { instance, launch, tasks, what } => {
                let cause = match what {
                    Purpose::Step(step) => format!("step {}", self.name_of_step(step)),
                    Purpose::Recovery => PlanName::RECOVERY.to_owned(),
                };
                Story::Asked { instance, launch, tasks, cause }
            }
            Event::NoRoom { instance, why } => Story::NoRoom { instance, why: why.to_string() },
            Event::Launched { instance, launch, node } => {
                let cause = self.cause(&instance, launch);
                Story::Launched { instance, launch, node, cause }
            }
            Event::Displaced { instance, launch, task } => Story::Displaced { instance, task, launch },
            Event::Reached { instance, task } => Story::Reached { instance, task },
            Event::Ended { instance, task, end, expected, words } => {
                Story::EndSeen { instance, task, end, expected, words }
            }
            Event::Said { instance, task, words } => Story::Said { instance, task, words },
            Event::Silent { instance, task, silent } => Story::SilenceSeen { instance, task, silent },
            Event::Refused { instance, launch, why, for_good } => {
                Story::Refused { instance, launch, why: why.to_string(), for_good }
            }
            Event::Withdrawn { instance, launch, why } => {
                Story::Withdrawn { instance, launch, why: why.to_string() }
            }
            Event::Foreigner(of) => {
                Story::Foreign { instance: of.instance, task: of.task, launch: of.launch, superseded: false }
            }
            Event::Superseded(of) => {
                Story::Foreign { instance: of.instance, task: of.task, launch: of.launch, superseded: true }
            }
            Event::Target { spec, plan } => Story::Target { spec: spec.to_string()[..8].to_owned(), plan },
            Event::MayMove { instance, cause } => Story::MayMove { instance, why: cause.to_string() },
            Event::Stays { instance } => Story::Stays { instance },
            Event::Moved { instance, from, to } => Story::Moved { instance, from, to },
            Event::Owes { debt, instance, node, cause } => {
                Story::Owes { instance, debt, node, why: cause.to_string() }
            }
            Event::Settled { debt, instance, given_up } => Story::Settled { instance, debt, given_up },
            Event::Uninstalled => Story::Uninstalled,
        }
    }

    /// A run's plan, and the specification that the run's positions belong to, if both are remembered.
    fn run_of_events(&self, run: Number) -> Option<(&PlanName, Option<&Model>)> {
        let state = self.state.as_ref()?;
        let record = match state.run(run) {
            Some(active) => &active.record,
            None => state.ended().get(&run)?,
        };
        let models = [Some(state.model()), state.previous()];
        let model = models.into_iter().flatten().find(|model| model.hash() == record.spec);
        Some((&record.plan, model.map(|model| &**model)))
    }

    fn name_of_run(&self, run: Number) -> String {
        self.run_of_events(run).map_or_else(|| format!("run {run}"), |(plan, _)| plan.to_string())
    }

    fn name_of_phase(&self, run: Number, phase: u32) -> String {
        let named = self.run_of_events(run).and_then(|(plan, model)| {
            let phase = model?.plans().get(plan)?.phases.get(phase as usize)?;
            Some(format!("{plan} / {}", phase.name))
        });
        named.unwrap_or_else(|| format!("{} / {phase}", self.name_of_run(run)))
    }

    fn name_of_step(&self, step: StepRef) -> String {
        let named = self.run_of_events(step.run).and_then(|(plan, model)| {
            let phase = model?.plans().get(plan)?.phases.get(step.phase as usize)?;
            phase.steps.get(step.step as usize)?;
            Some(format!("{plan} / {} / {}", phase.name, phase.step_name(model?, step.step)))
        });
        named.unwrap_or_else(|| format!("run {} / {} / {}", step.run, step.phase, step.step))
    }

    fn cause(&self, instance: &InstanceName, launch: Number) -> String {
        match self.pod(instance).and_then(|record| record.order(launch)).map(|order| order.purpose) {
            Some(Purpose::Step(step)) => format!("step {}", self.name_of_step(step)),
            Some(Purpose::Recovery) => PlanName::RECOVERY.to_owned(),
            None => "nothing".to_owned(),
        }
    }
}

impl Story {
    /// What the story is about.
    pub fn subject(&self) -> String {
        match self {
            Self::Target { .. } | Self::Uninstalled => "service".to_owned(),
            Self::RunBegan { plan, .. } | Self::RunEnded { plan, .. } => plan.to_string(),
            Self::Plan { .. } | Self::Phase { .. } | Self::Step { .. } => "plan".to_owned(),
            Self::Asked { instance, .. }
            | Self::NoRoom { instance, .. }
            | Self::Launched { instance, .. }
            | Self::Displaced { instance, .. }
            | Self::Reached { instance, .. }
            | Self::EndSeen { instance, .. }
            | Self::Said { instance, .. }
            | Self::SilenceSeen { instance, .. }
            | Self::Refused { instance, .. }
            | Self::Withdrawn { instance, .. }
            | Self::Foreign { instance, .. }
            | Self::MayMove { instance, .. }
            | Self::Stays { instance }
            | Self::Moved { instance, .. }
            | Self::Owes { instance, .. }
            | Self::Settled { instance, .. } => instance.to_string(),
        }
    }

    /// The kind of the story: the value of `what` in its JSON.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::RunBegan { .. } => "run-began",
            Self::RunEnded { .. } => "run-ended",
            Self::Plan { .. } => "plan",
            Self::Phase { .. } => "phase",
            Self::Step { .. } => "step",
            Self::Asked { .. } => "asked",
            Self::NoRoom { .. } => "no-room",
            Self::Launched { .. } => "launched",
            Self::Displaced { .. } => "displaced",
            Self::Reached { .. } => "reached",
            Self::EndSeen { .. } => "end-seen",
            Self::Said { .. } => "said",
            Self::SilenceSeen { .. } => "silence-seen",
            Self::Refused { .. } => "refused",
            Self::Withdrawn { .. } => "withdrawn",
            Self::Foreign { .. } => "foreign",
            Self::Target { .. } => "target",
            Self::MayMove { .. } => "may-move",
            Self::Stays { .. } => "stays",
            Self::Moved { .. } => "moved",
            Self::Owes { .. } => "owes",
            Self::Settled { .. } => "settled",
            Self::Uninstalled => "uninstalled",
        }
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RunBegan { run, .. } => write!(f, "begins (run {run})"),
            Self::RunEnded { outcome: RunOutcome::Complete, .. } => f.write_str("is complete"),
            Self::RunEnded { outcome: RunOutcome::Stopped, .. } => f.write_str("is stopped"),
            Self::RunEnded { outcome: RunOutcome::Overtaken, .. } => {
                f.write_str("is overtaken by a new target")
            }
            Self::Plan { plan: name, from, to }
            | Self::Phase { phase: name, from, to }
            | Self::Step { step: name, from, to } => write!(f, "{name}: {from} -> {to}"),
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
            Self::EndSeen { task, end, expected, words, .. } => {
                write!(f, "{task} {end}")?;
                words.iter().try_for_each(|words| write!(f, " ({words})"))?;
                f.write_str(if *expected { ", as it was to" } else { ", seen by the engine" })
            }
            Self::Said { task, words, .. } => write!(f, "{task}: {words}"),
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
            Self::Target { spec, plan } => write!(f, "gets the target {spec}, by the plan {plan}"),
            Self::MayMove { why, .. } => write!(f, "may go elsewhere: {why}"),
            Self::Stays { .. } => f.write_str("is back, and stays"),
            Self::Moved { from, to, .. } => write!(f, "goes from {from} to {to}"),
            Self::Owes { debt, node, why, .. } => {
                write!(f, "leaves what it has on {node} to be ended and released (debt {debt}): {why}")
            }
            Self::Settled { debt, given_up: false, .. } => write!(f, "debt {debt} is paid"),
            Self::Settled { debt, given_up: true, .. } => write!(f, "debt {debt} is given up"),
            Self::Uninstalled => f.write_str("nothing of it is left"),
        }
    }
}
