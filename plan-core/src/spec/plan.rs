//! Plans as they are declared. Invariant: the type of a level says which strategies it can have.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::gate::Gates;
use super::names::{PhaseName, PodName, StepName, TaskName};
use super::strategy::{PhaseStrategy, PlanStrategy};
use super::units::MaxUnavailable;

/// A workflow over the service's pods (SDK rule R39).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PlanSpec {
    /// The order of the phases.
    #[serde(default)]
    pub strategy: PlanStrategy,
    /// The phases, in declared order.
    pub phases: IndexMap<PhaseName, PhaseSpec>,
    /// The fields whose changes this plan brings about, as [`super::matches`] reads them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_change: Vec<String>,
    /// How many members of all pods of the plan together may be down at the same time. `None` is no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<MaxUnavailable>,
}

/// Steps over the instances of one pod (SDK rule R39).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PhaseSpec {
    /// The order of the steps.
    #[serde(default)]
    pub strategy: PhaseStrategy,
    /// The pod.
    pub pod: PodName,
    /// The steps.
    #[serde(default, skip_serializing_if = "Steps::is_default")]
    pub steps: Steps,
    /// The phases that must be complete before this one begins; only under [`PlanStrategy::Dependency`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<PhaseName>,
    /// How many members of the pod may be down at the same time. `None` is no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<MaxUnavailable>,
    /// The gates of each step of the phase.
    #[serde(default, skip_serializing_if = "Gates::is_empty")]
    pub gates: Gates,
}

impl PhaseSpec {
    /// A serial phase over a pod, one step per instance with all its tasks.
    pub fn new(pod: PodName) -> Self {
        Self {
            strategy: PhaseStrategy::default(),
            pod,
            steps: Steps::AllTasks,
            depends_on: Vec::new(),
            max_unavailable: None,
            gates: Gates::default(),
        }
    }
}

/// Which steps a phase has.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Steps {
    /// One step for each instance, with all tasks of the pod.
    #[default]
    AllTasks,
    /// Lists of task lists for instances: `- default: [[a, b], [c]]`.
    Lists(Vec<StepLists>),
    /// Steps with names, for [`PhaseStrategy::Dependency`].
    Named(Vec<NamedStep>),
}

impl Steps {
    fn is_default(&self) -> bool {
        *self == Self::AllTasks
    }
}

/// The steps of one instance, or of all that have no entry of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct StepLists {
    /// The instance, or all without an entry.
    pub instance: Instances,
    /// The steps: each list is the tasks that a step launches together.
    pub steps: Vec<Vec<TaskName>>,
}

/// A step that others can depend on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct NamedStep {
    /// The name, unique in the phase.
    pub name: StepName,
    /// The instance that the step is for. [`Instances::Default`] makes one step for each instance.
    pub instance: Instances,
    /// The tasks that the step launches together.
    pub tasks: Vec<TaskName>,
    /// The steps that must be complete before this one begins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<StepName>,
    /// The gates of the step, besides those of the phase.
    #[serde(default, skip_serializing_if = "Gates::is_empty")]
    pub gates: Gates,
}

/// Which instances of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Instances {
    /// The instance with this index.
    Index(u32),
    /// For lists, all instances without an entry of their own. For a named step, all instances.
    Default,
}
