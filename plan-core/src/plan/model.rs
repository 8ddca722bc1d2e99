//! Models: a specification compiled, with configurations hashed and plans laid out.
//!
//! Invariant: a model follows from its specification alone, and never changes.

use std::fmt;
use std::sync::Arc;

use bitcoin_hashes::Sha256;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::spec::{
    ExternalVolume, Goal, HostVolume, InstanceName, IpcMode, Megabytes, Network, PhaseName, PlacementRule,
    PlanName, PodName, PodSpec, RLimit, RLimitName, ResourceSet, ResourceSetName, SchedulerSpec, Seccomp,
    Secret, ServiceSpec, StepName, TaskName, TaskSpec, Volume,
};

use super::layout::PlanLayout;

/// A specification, compiled.
#[derive(Debug)]
pub struct Model {
    spec: ServiceSpec,
    hash: ContentHash,
    pods: Vec<PodModel>,
    plans: IndexMap<PlanName, Arc<PlanLayout>>,
}

/// A pod, compiled.
#[derive(Debug)]
#[non_exhaustive]
pub struct PodModel {
    /// The name.
    pub name: PodName,
    /// The number of instances.
    pub count: u32,
    /// The tasks, as declared.
    pub tasks: Vec<TaskModel>,
    /// Where instances may go.
    pub placement: Option<Arc<PlacementRule>>,
    /// What a whole instance needs. Its first launch asks for all of it (SDK rule R66).
    pub footprint: Arc<[Demand]>,
    /// The pod's own volumes.
    pub volumes: Arc<[Volume]>,
    /// The configurations of the pod's tasks, in declared order.
    pub configs: Arc<[Arc<TaskConfig>]>,
}

/// A task, compiled.
#[derive(Debug)]
#[non_exhaustive]
pub struct TaskModel {
    /// The name.
    pub name: TaskName,
    /// The goal.
    pub goal: Goal,
    /// The resource set.
    pub set: ResourceSetName,
    /// The hash of the configuration.
    pub conf: ContentHash,
    /// The configuration.
    pub config: Arc<TaskConfig>,
    /// What a launch of the task alone needs, if its instance has a place.
    pub demand: Arc<[Demand]>,
    /// The task's configuration alone, in the form that a question for room needs.
    pub configs: Arc<[Arc<TaskConfig>]>,
}

/// A resource set that room is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Demand {
    /// The name of the set in the pod.
    pub set: ResourceSetName,
    /// The resources.
    pub resources: Arc<ResourceSet>,
}

/// The configuration of a task: everything that decides how the task runs, and nothing that is chosen at its launch.
/// Equal configurations have equal hashes. A task is relaunched when the hash of its configuration changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct TaskConfig {
    /// The pod of the task.
    pub pod: PodName,
    /// The task.
    pub task: TaskName,
    /// The task's own part.
    pub spec: TaskSpec,
    /// The resource set.
    pub resources: Arc<ResourceSet>,
    /// The part of the pod that each launch carries.
    pub carried: Arc<Carried>,
}

/// The part of a pod that each launch of its tasks carries.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
#[expect(missing_docs, reason = "each field is the one of the same name in `PodSpec` or `SchedulerSpec`")]
#[non_exhaustive]
pub struct Carried {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub networks: IndexMap<String, Network>,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub rlimits: IndexMap<RLimitName, RLimit>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub uris: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Volume>,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub host_volumes: IndexMap<String, HostVolume>,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub external_volumes: IndexMap<String, ExternalVolume>,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub secrets: IndexMap<String, Secret>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pre_reserved_role: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub share_pid_namespace: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seccomp: Option<Seccomp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipc_mode: Option<IpcMode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shm_size: Option<Megabytes>,
}

/// The hash of a value's content: the first half of its SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash([u8; 16]);

impl ContentHash {
    /// The hash of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut half = [0; 16];
        half.copy_from_slice(&Sha256::hash(bytes).to_byte_array()[..16]);
        Self(half)
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a content hash of 32 hexadecimal digits")]
pub struct HashError(String);

impl std::str::FromStr for ContentHash {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, HashError> {
        let wrong = || HashError(text.to_owned());
        if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let whole = u128::from_str_radix(text, 16).map_err(|_| wrong())?;
        Ok(Self(whole.to_be_bytes()))
    }
}

impl Serialize for ContentHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ContentHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Why a specification cannot be compiled. The reader of files reports all of these with their places.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A task names a resource set that does not exist.
    #[error("task `{task}` of pod `{pod}` names the resource set `{set}`, which the pod does not have")]
    UnknownSet {
        /// The pod.
        pod: PodName,
        /// The task.
        task: TaskName,
        /// The set.
        set: ResourceSetName,
    },
    /// A phase names a pod that does not exist.
    #[error("phase `{phase}` names the pod `{pod}`, which the service does not have")]
    UnknownPod {
        /// The phase.
        phase: PhaseName,
        /// The pod.
        pod: PodName,
    },
    /// A step names a task that does not exist.
    #[error("a step of phase `{phase}` names the task `{task}`, which pod `{pod}` does not have")]
    UnknownTask {
        /// The phase.
        phase: PhaseName,
        /// The pod.
        pod: PodName,
        /// The task.
        task: TaskName,
    },
    /// A phase depends on a phase that does not exist.
    #[error("a phase of plan `{plan}` depends on `{phase}`, which the plan does not have")]
    UnknownPhase {
        /// The plan.
        plan: PlanName,
        /// The phase that does not exist.
        phase: PhaseName,
    },
    /// A step depends on a step that does not exist.
    #[error("a step of phase `{phase}` depends on `{step}`, which the phase does not have")]
    UnknownStep {
        /// The phase.
        phase: PhaseName,
        /// The step that does not exist.
        step: StepName,
    },
    /// The lists of a phase have no entry for an instance, and no default.
    #[error("phase `{phase}` has no steps for instance {instance}, and no `default`")]
    MissingEntry {
        /// The phase.
        phase: PhaseName,
        /// The instance.
        instance: u32,
    },
    /// A named step is for an instance that does not exist.
    #[error("a step of phase `{phase}` is for instance {instance}, which the pod does not have")]
    NoInstance {
        /// The phase.
        phase: PhaseName,
        /// The instance.
        instance: u32,
    },
    /// Phases, or steps of a phase, wait for each other.
    #[error("in {place}, these depend on each other: {}", members.join(", "))]
    Cycle {
        /// Where the cycle is.
        place: String,
        /// The members of the cycle.
        members: Vec<String>,
    },
}

impl Model {
    /// Compiles a specification.
    ///
    /// # Errors
    /// The specification names something that it does not have, or phases or steps in it depend on each other in a
    /// cycle.
    pub fn new(spec: ServiceSpec) -> Result<Self, ModelError> {
        let pods = spec
            .pods()
            .iter()
            .map(|(name, pod)| PodModel::new(name, pod, spec.scheduler()))
            .collect::<Result<Vec<_>, _>>()?;
        let plans = spec
            .plans()
            .iter()
            .map(|(name, plan)| Ok((name.clone(), Arc::new(PlanLayout::new(name, plan, &pods)?))))
            .collect::<Result<_, ModelError>>()?;
        // The declared order of pods, tasks and phases has a meaning, so this JSON is not sorted.
        let hash = ContentHash::of(&serde_json::to_vec(&spec).unwrap_or_default());
        Ok(Self { spec, hash, pods, plans })
    }

    /// The specification.
    pub fn spec(&self) -> &ServiceSpec {
        &self.spec
    }

    /// The hash of the specification.
    pub fn hash(&self) -> ContentHash {
        self.hash
    }

    /// The pods, as declared.
    pub fn pods(&self) -> &[PodModel] {
        &self.pods
    }

    /// The position of a pod.
    pub fn pod_index(&self, name: &PodName) -> Option<u32> {
        self.spec.pods().get_index_of(name).and_then(|at| u32::try_from(at).ok())
    }

    /// The plans, laid out, as declared.
    pub fn plans(&self) -> &IndexMap<PlanName, Arc<PlanLayout>> {
        &self.plans
    }

    /// The name of an instance.
    pub fn instance_name(&self, pod: u32, index: u32) -> InstanceName {
        InstanceName::new(self.pods[pod as usize].name.clone(), index)
    }
}

// A model follows from its specification.
impl PartialEq for Model {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl Eq for Model {}

impl PodModel {
    /// Every field of the pod and of the scheduler is named here. A field that decides how a task runs is carried, and
    /// thus hashed. For every other field a comment says why its change relaunches no task.
    fn new(name: &PodName, pod: &PodSpec, scheduler: &SchedulerSpec) -> Result<Self, ModelError> {
        let PodSpec {
            count,         // Another number of instances is other instances.
            tasks,         // Each is in its own configuration, whole.
            resource_sets, // Each is in the configurations of its tasks, whole.
            placement,     // Judged when an instance gets a place; none is moved for it.
            image,
            networks,
            rlimits,
            uris,
            volumes,
            host_volumes,
            external_volumes,
            secrets,
            pre_reserved_role,
            share_pid_namespace,
            allow_decommission: _, // About targets that leave the pod out, and no launch.
            seccomp,
            ipc_mode,
            shm_size,
        } = pod;
        let SchedulerSpec {
            principal: _, // How the scheduler registers.
            zookeeper: _, // Where its records are.
            user: _,      // Below, without a default that is spelled out.
        } = scheduler;
        let carried = Arc::new(Carried {
            user: scheduler.other_user().map(ToOwned::to_owned),
            image: image.clone(),
            networks: networks.clone(),
            rlimits: rlimits.clone(),
            uris: uris.clone(),
            volumes: volumes.clone(),
            host_volumes: host_volumes.clone(),
            external_volumes: external_volumes.clone(),
            secrets: secrets.clone(),
            pre_reserved_role: pre_reserved_role.clone(),
            share_pid_namespace: *share_pid_namespace,
            seccomp: seccomp.clone(),
            ipc_mode: *ipc_mode,
            shm_size: *shm_size,
        });
        let footprint: Arc<[Demand]> = resource_sets
            .iter()
            .map(|(set, resources)| Demand { set: set.clone(), resources: Arc::new(resources.clone()) })
            .collect();
        let tasks = tasks
            .iter()
            .map(|(task, spec)| TaskModel::new(name, task, spec, &footprint, &carried))
            .collect::<Result<Vec<_>, _>>()?;
        let configs = tasks.iter().map(|task: &TaskModel| task.config.clone()).collect();
        let placement = placement.clone().map(Arc::new);
        let volumes = volumes.iter().cloned().collect();
        Ok(Self { name: name.clone(), count: *count, tasks, placement, footprint, volumes, configs })
    }

    /// The position of a task.
    pub fn task_index(&self, name: &TaskName) -> Option<usize> {
        self.tasks.iter().position(|task| task.name == *name)
    }
}

impl TaskModel {
    fn new(
        pod: &PodName,
        name: &TaskName,
        spec: &TaskSpec,
        footprint: &[Demand],
        carried: &Arc<Carried>,
    ) -> Result<Self, ModelError> {
        let unknown = || ModelError::UnknownSet {
            pod: pod.clone(),
            task: name.clone(),
            set: spec.resource_set.clone(),
        };
        let demand = footprint.iter().find(|d| d.set == spec.resource_set).ok_or_else(unknown)?;
        let config = TaskConfig {
            pod: pod.clone(),
            task: name.clone(),
            spec: spec.clone(),
            resources: demand.resources.clone(),
            carried: carried.clone(),
        };
        let (conf, config) = (config.hash(), Arc::new(config));
        Ok(Self {
            name: name.clone(),
            goal: spec.goal,
            set: spec.resource_set.clone(),
            conf,
            config: config.clone(),
            demand: Arc::new([demand.clone()]),
            configs: Arc::new([config]),
        })
    }
}

impl TaskConfig {
    /// The hash of the configuration, under encoding 1: canonical JSON without fields that equal their defaults.
    pub fn hash(&self) -> ContentHash {
        let mut bytes = b"planwright-conf-1\n".to_vec();
        bytes.extend(canonical(self));
        ContentHash::of(&bytes)
    }
}

/// JSON with the keys of every object sorted, so that the order of an environment does not matter.
fn canonical<T: Serialize>(value: &T) -> Vec<u8> {
    // A conversion fails only for maps whose keys are not strings, and for failing `Serialize` impls. The types that
    // are hashed here have neither.
    let value = serde_json::to_value(value).unwrap_or_default();
    let mut bytes = Vec::new();
    write_canonical(&value, &mut bytes);
    bytes
}

fn write_canonical(value: &serde_json::Value, to: &mut Vec<u8>) {
    use serde_json::Value;
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            to.push(b'{');
            for (key, value) in entries {
                to.extend(Value::String(key.clone()).to_string().bytes());
                to.push(b':');
                write_canonical(value, to);
                to.push(b',');
            }
            to.push(b'}');
        }
        Value::Array(items) => {
            to.push(b'[');
            for item in items {
                write_canonical(item, to);
                to.push(b',');
            }
            to.push(b']');
        }
        scalar => to.extend(scalar.to_string().bytes()),
    }
}
