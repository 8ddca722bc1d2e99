//! Plans as they are declared. Invariant: which strategies a level can have is said by its type.

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
    /// In which order phases go.
    #[serde(default)]
    pub strategy: PlanStrategy,
    /// The phases, in declared order.
    pub phases: IndexMap<PhaseName, PhaseSpec>,
    /// The fields whose change this plan brings about, as [`super::matches`] reads them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_change: Vec<String>,
    /// How many members of all its pods together may be down at the same time; none says that all may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<MaxUnavailable>,
}

/// Steps over the instances of one pod (SDK rule R39).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PhaseSpec {
    /// In which order steps go.
    #[serde(default)]
    pub strategy: PhaseStrategy,
    /// The pod.
    pub pod: PodName,
    /// Which steps there are.
    #[serde(default, skip_serializing_if = "Steps::is_default")]
    pub steps: Steps,
    /// The phases that must be complete before this one begins; only under [`PlanStrategy::Dependency`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<PhaseName>,
    /// How many members of its pod may be down at the same time; none says that all may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<MaxUnavailable>,
    /// What is asked around the acts of each of its steps.
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
    /// One per instance, with all tasks of the pod.
    #[default]
    AllTasks,
    /// Lists of task lists per instance: `- default: [[a, b], [c]]`.
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
    /// Whose steps.
    pub instance: Instances,
    /// One step for each list: the tasks that it launches together.
    pub steps: Vec<Vec<TaskName>>,
}

/// A step that others can depend on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct NamedStep {
    /// Its name, unique in the phase.
    pub name: StepName,
    /// The instance that it is for; [`Instances::Default`] makes one step of each.
    pub instance: Instances,
    /// The tasks that it launches together.
    pub tasks: Vec<TaskName>,
    /// The steps that must be complete before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<StepName>,
    /// What is asked around its acts, besides what the phase asks.
    #[serde(default, skip_serializing_if = "Gates::is_empty")]
    pub gates: Gates,
}

/// Which instances of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Instances {
    /// This one.
    Index(u32),
    /// For lists, all that have no entry of their own; for a named step, all.
    Default,
}
