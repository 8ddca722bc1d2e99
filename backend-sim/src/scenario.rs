//! Scenarios: a service, a cluster, faults and operators.
//!
//! Invariant: a scenario is data; with a list of choices it is one run, always the same.

use std::sync::Arc;
use std::time::Duration;

use plan_core::engine::{Engine, Parameters, Record, RecoverError, Verb};
use plan_core::plan::Model;
use plan_core::spec::PlanName;

use crate::choose::{Choice, ChoiceError};
use crate::cluster::Shape;
use crate::fault::Fault;

/// Where the choices of a run come from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Choices {
    /// Always the benign option.
    #[default]
    Benign,
    /// Random choices, from a seed.
    Seed(u64),
    /// A recorded list of choices.
    Replay(Vec<Choice>),
}

/// Which checks are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckSet {
    /// An engine recovered from the store equals the live one with its session forgotten.
    pub recovery: bool,
    /// All other checks after events.
    pub others: bool,
    /// A run that ends has the same end as the run without faults and with benign choices.
    pub end: bool,
}

impl CheckSet {
    /// All checks that hold for every run.
    pub const ALL: Self = Self { recovery: true, others: true, end: false };
    /// No checks, for measurements.
    pub const NONE: Self = Self { recovery: false, others: false, end: false };
}

/// What is run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Scenario {
    /// The service.
    pub model: Arc<Model>,
    /// The targets after `model`. Each is submitted when the one before is complete.
    pub then: Vec<Arc<Model>>,
    /// Targets that are submitted at a time, whatever the service is then.
    pub targets: Vec<(Duration, Arc<Model>)>,
    /// The source of choices.
    pub choices: Choices,
    /// Whether [`crate::Report::choices`] is filled.
    pub record: bool,
    /// The cluster.
    pub shape: Shape,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// What an operator does, and when.
    pub verbs: Vec<(Duration, Verb)>,
    /// Whether an operator continues a phase whenever it waits on a canary.
    pub release_canaries: bool,
    /// A plan that is started, with these parameters, once the service is deployed and is what its last target says.
    pub plan: Option<(PlanName, Parameters)>,
    /// All faults end at this time, or after the last act of an operator. Then the service becomes what it should be
    /// within a bound that follows from the specification. After that nothing is done any more: not for a long time,
    /// and not by an engine that is recovered then. Nodes that are gone stay gone.
    pub heal: Option<Duration>,
    /// The run ends at this time, if it has not before.
    pub until: Duration,
    /// The run is ended after this many events, since it would not end by itself.
    pub most_events: u64,
    /// What is checked.
    pub checks: CheckSet,
    /// Whether [`crate::Report::trace`] is filled.
    pub trace: bool,
    /// A fault that is put into the engine.
    #[cfg(feature = "zoo")]
    pub bug: Option<plan_core::engine::Bug>,
}

impl Scenario {
    /// A benign deployment of a service on a cluster that fits it, with all checks.
    pub fn new(model: Arc<Model>) -> Self {
        Self {
            model,
            then: Vec::new(),
            targets: Vec::new(),
            choices: Choices::Benign,
            record: true,
            shape: Shape::default(),
            faults: Vec::new(),
            verbs: Vec::new(),
            release_canaries: false,
            plan: None,
            heal: None,
            until: Duration::from_secs(24 * 3600),
            most_events: 1_000_000,
            checks: CheckSet::ALL,
            trace: true,
            #[cfg(feature = "zoo")]
            bug: None,
        }
    }

    /// An engine from these records.
    pub(crate) fn recover(&self, records: impl Iterator<Item = Record>) -> Result<Engine, RecoverError> {
        #[cfg(feature = "zoo")]
        if let Some(bug) = self.bug {
            return Engine::recover_with_bug(records, bug);
        }
        Engine::recover(records)
    }

    /// All that the service is to become: first `model`, then those of `then`, then those of `targets`.
    pub(crate) fn models(&self) -> impl Iterator<Item = &Arc<Model>> + Clone {
        std::iter::once(&self.model).chain(&self.then).chain(self.targets.iter().map(|(_, model)| model))
    }

    /// The same scenario without faults, and with benign choices.
    pub(crate) fn without_faults(&self) -> Self {
        Self {
            choices: Choices::Benign,
            record: false,
            trace: false,
            faults: Vec::new(),
            heal: None,
            checks: CheckSet { end: false, ..CheckSet::NONE },
            ..self.clone()
        }
    }

    /// Whether a gate is asked before a step acts.
    pub(crate) fn has_gates(&self) -> bool {
        let mut layouts = self.models().flat_map(|model| model.plans().values());
        layouts.any(|layout| layout.phases.iter().any(|phase| phase.has_gates()))
    }

    /// Whether an operator acts at fixed times, so that the state of the service then depends on how far it is.
    pub(crate) fn is_timed(&self) -> bool {
        !self.targets.is_empty() || !self.verbs.is_empty()
    }
}

/// A scenario that cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// A fault names a task that does not exist.
    #[error("the fault `{fault}` names no task of the service: its tasks are {}", known.join(", "))]
    NoTask {
        /// The fault.
        fault: String,
        /// The tasks that exist.
        known: Vec<String>,
    },
    /// A fault names an instance that does not exist.
    #[error("the fault `{fault}` names no instance of the service: its instances are {}", known.join(", "))]
    NoInstance {
        /// The fault.
        fault: String,
        /// The instances that exist.
        known: Vec<String>,
    },
    /// A fault names neither an instance nor a pod that exists.
    #[error("the fault `{fault}` names no pod and no instance of the service: there are {}", known.join(", "))]
    NoMember {
        /// The fault.
        fault: String,
        /// The pods and instances that exist.
        known: Vec<String>,
    },
    /// A fault names a node that does not exist.
    #[error("the fault `{fault}` names no node of the cluster: its nodes are {}", known.join(", "))]
    NoNode {
        /// The fault.
        fault: String,
        /// The nodes that exist.
        known: Vec<String>,
    },
    /// The plan to be started does not exist.
    #[error("the service has no plan `{plan}`: its plans are {}", known.join(", "))]
    NoPlan {
        /// The plan.
        plan: PlanName,
        /// The plans that exist.
        known: Vec<String>,
    },
    /// Crashes cannot be tried in a run that replays a list of choices.
    #[error("a list of choices is of one run, and crashes make others: name a seed, or none")]
    Replayed,
    /// A call of the operator failed.
    #[error("the operator `{name}` failed: {why}")]
    Operator {
        /// Its name.
        name: String,
        /// What it said, with its causes.
        why: String,
    },
    /// The list of choices belongs to another run.
    #[error(transparent)]
    Replay(#[from] ChoiceError),
}
