//! Pods. Invariant: each task's resource set is one of the pod's. This is checked when a service is built.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::check::INLINE_SUFFIX;
use super::names::{ResourceSetName, TaskName};
use super::placement::PlacementRule;
use super::resources::{ResourceSet, Volume};
use super::task::TaskSpec;
use super::units::Megabytes;

/// A kind of member of the service: tasks that live together on one node, `count` times (SDK rule R9).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct PodSpec {
    /// The number of instances; 0 is legal and means no steps.
    pub count: u32,
    /// The tasks, in declared order.
    pub tasks: IndexMap<TaskName, TaskSpec>,
    /// The resource sets: the declared ones first, then one for each task with resources of its own.
    pub resource_sets: IndexMap<ResourceSetName, ResourceSet>,
    /// Where instances may go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<PlacementRule>,
    /// The container image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The networks that the pod joins, by name.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub networks: IndexMap<String, Network>,
    /// Limits on processes.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub rlimits: IndexMap<RLimitName, RLimit>,
    /// The URIs that are fetched into each sandbox.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uris: Vec<String>,
    /// The persistent volumes that all tasks share.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Volume>,
    /// Folders of the node.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub host_volumes: IndexMap<String, HostVolume>,
    /// Volumes of a docker volume driver.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub external_volumes: IndexMap<String, ExternalVolume>,
    /// Secrets, by name.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub secrets: IndexMap<String, Secret>,
    /// The role whose reserved resources are used. `None` is `*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pre_reserved_role: Option<String>,
    /// Whether the tasks see each other's processes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub share_pid_namespace: bool,
    /// Whether the pod may get fewer instances or be removed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_decommission: bool,
    /// The system call filter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seccomp: Option<Seccomp>,
    /// What the pod's inter-process communication is shared with; never [`IpcMode::ShareParent`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipc_mode: Option<IpcMode>,
    /// The size of shared memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shm_size: Option<Megabytes>,
}

impl PodSpec {
    /// A pod with this number of instances, and no task yet.
    pub fn new(count: u32) -> Self {
        Self {
            count,
            tasks: IndexMap::new(),
            resource_sets: IndexMap::new(),
            placement: None,
            image: None,
            networks: IndexMap::new(),
            rlimits: IndexMap::new(),
            uris: Vec::new(),
            volumes: Vec::new(),
            host_volumes: IndexMap::new(),
            external_volumes: IndexMap::new(),
            secrets: IndexMap::new(),
            pre_reserved_role: None,
            share_pid_namespace: false,
            allow_decommission: false,
            seccomp: None,
            ipc_mode: None,
            shm_size: None,
        }
    }

    /// The pod with this resource set.
    #[must_use]
    pub fn resource_set(mut self, name: ResourceSetName, set: ResourceSet) -> Self {
        self.resource_sets.insert(name, set);
        self
    }

    /// The pod with this task.
    #[must_use]
    pub fn task(mut self, name: TaskName, task: TaskSpec) -> Self {
        self.tasks.insert(name, task);
        self
    }

    /// The task that owns a resource set: the set has the name of the task's inline set, and no other task names it. A
    /// file writes such a set inside the task.
    pub fn owner(&self, set: &ResourceSetName) -> Option<&TaskName> {
        let task = set.as_str().strip_suffix(INLINE_SUFFIX)?;
        let mut users = self.tasks.iter().filter(|(_, task)| task.resource_set == *set);
        let (owner, _) = users.next().filter(|(name, _)| name.as_str() == task)?;
        users.next().is_none().then_some(owner)
    }

    /// The pod with this placement rule.
    #[must_use]
    pub fn placement(mut self, rule: PlacementRule) -> Self {
        self.placement = Some(rule);
        self
    }
}

/// A network that a pod joins (SDK rule R32).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Network {
    /// Ports of the node and of the container behind them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<PortMapping>,
    /// Labels for the network's plug-in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<(String, String)>,
}

/// A port of the node that leads to one of the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PortMapping {
    /// The port of the node.
    pub host: u16,
    /// The port of the container.
    pub container: u16,
}

/// A limit on a process (SDK rule R33).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RLimit {
    /// No limit; -1 for both in a file.
    Unlimited,
    /// A soft and a hard limit. The soft limit is not above the hard one.
    Limited {
        /// The limit that a process gets.
        soft: u64,
        /// The limit that a process may raise its own limit to.
        hard: u64,
    },
}

macro_rules! rlimits {
    ($($variant:ident = $text:literal),* $(,)?) => {
        /// The limits that Linux knows.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[expect(missing_docs, reason = "each is the limit of setrlimit(2) that its text names")]
        pub enum RLimitName { $(#[serde(rename = $text)] $variant),* }

        impl RLimitName {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name as setrlimit(2) gives it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }
    };
}

rlimits! {
    As = "RLIMIT_AS", Core = "RLIMIT_CORE", Cpu = "RLIMIT_CPU", Data = "RLIMIT_DATA", Fsize = "RLIMIT_FSIZE",
    Locks = "RLIMIT_LOCKS", Memlock = "RLIMIT_MEMLOCK", Msgqueue = "RLIMIT_MSGQUEUE", Nice = "RLIMIT_NICE",
    Nofile = "RLIMIT_NOFILE", Nproc = "RLIMIT_NPROC", Rss = "RLIMIT_RSS", Rtprio = "RLIMIT_RTPRIO",
    Rttime = "RLIMIT_RTTIME", Sigpending = "RLIMIT_SIGPENDING", Stack = "RLIMIT_STACK",
}

/// A folder of the node, seen by the tasks (SDK rule R25).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct HostVolume {
    /// The path on the node; begins with a slash.
    pub host_path: String,
    /// The path below the sandbox; does not begin with a slash.
    pub container_path: String,
    /// What the tasks may do there.
    #[serde(default)]
    pub mode: VolumeMode,
}

/// What may be done in a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum VolumeMode {
    /// Tasks may read and write.
    #[default]
    Rw,
    /// Tasks may only read.
    Ro,
}

/// A volume of a docker volume driver (SDK rule R26).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ExternalVolume {
    /// Where the tasks see it.
    pub container_path: String,
    /// The driver.
    pub driver: String,
    /// Options of the driver.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<(String, String)>,
    /// The volume's name. By default it is made of service, pod and index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_name: Option<String>,
    /// What the tasks may do there.
    #[serde(default)]
    pub mode: VolumeMode,
}

/// A secret that the tasks get (SDK rule R30).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Secret {
    /// The path in the secret store.
    pub secret: String,
    /// The environment variable that receives the secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env_key: Option<String>,
    /// The file that receives the secret, if the specification names one. [`Secret::target_file`] applies the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

impl Secret {
    /// The file that receives the secret: the named one or, if no variable is named either, a file at the secret's own
    /// path (SDK rule R30).
    pub fn target_file(&self) -> Option<&str> {
        match (&self.file, &self.env_key) {
            (Some(file), _) => Some(file),
            (None, None) => Some(&self.secret),
            (None, Some(_)) => None,
        }
    }
}

/// The system call filter.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Seccomp {
    /// There is no filter.
    Unconfined,
    /// The filter is this profile.
    Profile(String),
}

/// What inter-process communication is shared with (SDK rule R11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum IpcMode {
    /// It is not shared.
    Private,
    /// A task shares its pod's. Only a task can have this.
    ShareParent,
}
