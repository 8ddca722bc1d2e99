//! The replies to verbs and targets, as data.
//!
//! Invariant: a refusal says what is wrong with the request. A refused request changes nothing.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::spec::{InstanceName, PlanName, TaskName};

use super::number::Number;

/// The answer to a verb or a target.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// The request is carried out.
    Done,
    /// The state was so already. Nothing changed.
    AlreadySo,
    /// The request is refused, for this reason.
    Refused(Refusal),
}

/// Why a verb or a target is refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Refusal {
    /// There is no service yet.
    #[error("there is no service yet: submit a specification first")]
    NoService,
    /// There is no such plan.
    #[error("there is no plan `{0}`")]
    NoPlan(PlanName),
    /// The plan shows what the engine does by itself.
    #[error(
        "`{0}` shows what the engine does by itself, and takes no verbs: say what you want of an instance, or of \
         a debt"
    )]
    ByItself(PlanName),
    /// There is no such phase.
    #[error("plan `{plan}` has no phase `{phase}`")]
    NoPhase {
        /// The plan.
        plan: PlanName,
        /// The name in the request.
        phase: String,
    },
    /// There is no such step.
    #[error("phase `{phase}` of plan `{plan}` has no step `{step}`")]
    NoStep {
        /// The plan.
        plan: PlanName,
        /// The phase.
        phase: String,
        /// The name in the request.
        step: String,
    },
    /// Several steps have this name.
    #[error("phase `{phase}` has {count} steps named `{step}`: name one by its position, as `#{first}`")]
    AmbiguousStep {
        /// The phase.
        phase: String,
        /// The name in the request.
        step: String,
        /// How many steps have the name.
        count: u32,
        /// The position of the first of them.
        first: u32,
    },
    /// The plan is running.
    #[error("plan `{0}` is running: continue it, or stop it first")]
    Running(PlanName),
    /// The plan has never run.
    #[error("plan `{0}` has no run under this target: start it")]
    NeverRun(PlanName),
    /// The text cannot name an environment variable.
    #[error("`{0}` is not a valid environment variable name")]
    Parameter(String),
    /// The target must not replace the present one. Each item is one reason.
    #[error("the target is refused, and the present one goes on:\n{}", items(.0))]
    Target(Vec<RefusedItem>),
    /// There is no such instance.
    #[error("there is no instance `{0}`")]
    NoInstance(InstanceName),
    /// The instance was never launched.
    #[error("`{0}` was never launched: its plan does that")]
    NeverLaunched(InstanceName),
    /// The instance does not belong to the target any more.
    #[error("`{0}` is being removed")]
    Leaving(InstanceName),
    /// The instance has no such task.
    #[error("`{instance}` has no task `{task}`")]
    NoTask {
        /// The instance.
        instance: InstanceName,
        /// The name in the request.
        task: TaskName,
    },
    /// The goal of the task is not `RUNNING`.
    #[error("`{task}` of `{instance}` is not kept running: restart its step")]
    NotRunning {
        /// The instance.
        instance: InstanceName,
        /// The task.
        task: TaskName,
    },
    /// The task is paused.
    #[error("`{task}` of `{instance}` is paused: resume it")]
    Paused {
        /// The instance.
        instance: InstanceName,
        /// The task.
        task: TaskName,
    },
    /// A target names another plan before the first deployment is done.
    #[error("`{0}` cannot bring the target about: `deploy` does, until the first deployment is done")]
    DeployFirst(PlanName),
    /// Another plan brings the target about.
    #[error("plan `{0}` brings the target about now: it is the one to continue, restart or force")]
    Converging(PlanName),
    /// There is no debt with this number.
    #[error("there is no debt {0}")]
    NoDebt(Number),
    /// The service is being taken away.
    #[error("the service is being uninstalled, and there is no way back")]
    Uninstalling,
    /// Another scheduler has taken over.
    #[error("another scheduler has taken over this installation: this one does nothing any more")]
    Superseded,
}

/// A part of a target that is refused, and why.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RefusedItem {
    /// Where in the specification, as `pods.kafka.count`.
    pub path: String,
    /// Why, and what to do.
    pub why: String,
}

impl RefusedItem {
    /// A part of a target, by its path in the specification, and why it is refused.
    pub fn new(path: impl Into<String>, why: impl Into<String>) -> Self {
        Self { path: path.into(), why: why.into() }
    }
}

fn items(items: &[RefusedItem]) -> String {
    let lines: Vec<_> = items.iter().map(|item| format!("  {}: {}", item.path, item.why)).collect();
    lines.join("\n")
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::AlreadySo => f.write_str("already so"),
            Self::Refused(refusal) => write!(f, "refused: {refusal}"),
        }
    }
}
