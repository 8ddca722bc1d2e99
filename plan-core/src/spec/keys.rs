//! The keys of a file (SDK rules R1 to R43), declared once. Reading, suggestions for unknown keys, bounds of numbers
//! and the JSON Schema all come from these tables.

use super::pod::{IpcMode, RLimitName, VolumeMode};
use super::strategy::{PhaseStrategy, PlanStrategy};
use super::task::{EncryptionKind, Goal, KillSignal, Visibility};

/// The keys of a mapping.
#[derive(Debug)]
pub(super) struct Table {
    /// The name of the mapping in the schema.
    pub(super) name: &'static str,
    /// What the mapping is about.
    pub(super) doc: &'static str,
    /// The keys, in groups. Several mappings may share a group.
    pub(super) groups: &'static [&'static [Key]],
    /// How an unknown key is treated.
    pub(super) unknown: Unknown,
}

/// How an unknown key is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    /// An unknown key is an error.
    Refused,
    /// An unknown key is an error, unless it begins with `x-`: such a key is a place for anchors, and has no effect.
    RefusedButNotes,
    /// An unknown key is a warning. The SDK ignored such keys, and files that are in use have some (SDK rule R1).
    Ignored,
}

/// A key of a mapping.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) need: Need,
    pub(super) kind: Kind,
    pub(super) doc: &'static str,
}

/// Whether a key must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    Required,
    Optional,
}

/// The kind of a key's value.
#[derive(Debug)]
pub(super) enum Kind {
    /// Any scalar, as its text.
    Text,
    /// `true` or `false`.
    Flag,
    /// A whole number from the first to the second.
    Whole(i64, i64),
    /// A decimal number above zero, with up to three decimals.
    Share,
    /// A value of the other kind, or `unlimited`.
    Limit(&'static Self),
    /// One of these words.
    Words(fn() -> Vec<&'static str>),
    /// One of these words, in upper or lower case.
    AnyCase(fn() -> Vec<&'static str>),
    /// A list.
    List(&'static Self),
    /// A mapping from names.
    Map(&'static Self),
    /// A mapping whose keys are among these words.
    Known(fn() -> Vec<&'static str>, &'static Self),
    /// A mapping with known keys.
    Table(&'static Table),
    /// A whole number above zero, or a percentage up to 100.
    Part,
    /// The steps of a phase, as lists or with names.
    Steps,
}

impl Table {
    /// The keys of the mapping, in declared order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'static Key> + Clone + use<> {
        self.groups.iter().flat_map(|group| group.iter())
    }

    /// The key with this name.
    pub(super) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys().find(|key| key.name == name)
    }
}

const fn required(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key { name, need: Need::Required, kind, doc }
}

const fn optional(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key { name, need: Need::Optional, kind, doc }
}

const fn table(name: &'static str, doc: &'static str, groups: &'static [&'static [Key]]) -> Table {
    Table { name, doc, groups, unknown: Unknown::Refused }
}

fn words<T>(pairs: &[(&'static str, T)]) -> Vec<&'static str> {
    pairs.iter().map(|(word, _)| *word).collect()
}

// The words that keys take, with what they mean.

pub(super) const GOALS: [(&str, Goal); 3] =
    [("RUNNING", Goal::Running), ("FINISH", Goal::Finish), ("ONCE", Goal::Once)];
pub(super) const MODES: [(&str, VolumeMode); 2] = [("RW", VolumeMode::Rw), ("RO", VolumeMode::Ro)];
pub(super) const EXTERNAL_TYPES: [(&str, ()); 1] = [("DOCKER", ())];
pub(super) const IPC_MODES: [(&str, IpcMode); 2] =
    [("PRIVATE", IpcMode::Private), ("SHARE_PARENT", IpcMode::ShareParent)];
pub(super) const KILL_SIGNALS: [(&str, KillSignal); 6] = [
    (KillSignal::SigTerm.as_str(), KillSignal::SigTerm),
    (KillSignal::SigInt.as_str(), KillSignal::SigInt),
    (KillSignal::SigQuit.as_str(), KillSignal::SigQuit),
    (KillSignal::SigHup.as_str(), KillSignal::SigHup),
    (KillSignal::SigUsr1.as_str(), KillSignal::SigUsr1),
    (KillSignal::SigUsr2.as_str(), KillSignal::SigUsr2),
];
/// The type of a volume's disk in a file. `PATH` means MOUNT, as in the SDK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DiskType {
    Root,
    Mount,
    Path,
}

pub(super) const DISK_TYPES: [(&str, DiskType); 3] =
    [("ROOT", DiskType::Root), ("MOUNT", DiskType::Mount), ("PATH", DiskType::Path)];
pub(super) const VISIBILITIES: [(&str, Visibility); 3] = [
    ("FRAMEWORK", Visibility::Framework),
    ("CLUSTER", Visibility::Cluster),
    ("EXTERNAL", Visibility::External),
];
pub(super) const ENCRYPTION_KINDS: [(&str, EncryptionKind); 2] =
    [("TLS", EncryptionKind::Tls), ("KEYSTORE", EncryptionKind::Keystore)];
pub(super) const PLAN_STRATEGIES: [(&str, PlanStrategy); 3] = [
    (PlanStrategy::Serial.as_str(), PlanStrategy::Serial),
    (PlanStrategy::Parallel.as_str(), PlanStrategy::Parallel),
    (PlanStrategy::Dependency.as_str(), PlanStrategy::Dependency),
];
pub(super) const PHASE_STRATEGIES: [(&str, PhaseStrategy); 6] = [
    (PhaseStrategy::Serial.as_str(), PhaseStrategy::Serial),
    (PhaseStrategy::Parallel.as_str(), PhaseStrategy::Parallel),
    (PhaseStrategy::SerialCanary.as_str(), PhaseStrategy::SerialCanary),
    ("canary", PhaseStrategy::SerialCanary),
    (PhaseStrategy::ParallelCanary.as_str(), PhaseStrategy::ParallelCanary),
    (PhaseStrategy::Dependency.as_str(), PhaseStrategy::Dependency),
];

// The numbers that keys take.

const COUNT: Kind = Kind::Whole(0, u32::MAX as i64);
const SECONDS: Kind = Kind::Whole(0, u32::MAX as i64);
const AT_LEAST_A_SECOND: Kind = Kind::Whole(1, u32::MAX as i64);
const MEGABYTES: Kind = Kind::Whole(1, i64::MAX);
/// 0 is any free port.
const PORT: Kind = Kind::Whole(0, u16::MAX as i64);

// The service.

pub(super) static SERVICE: Table = Table {
    name: "service",
    doc: "A service: its pods, and the plans that change them.",
    unknown: Unknown::RefusedButNotes,
    groups: &[&[
        required("name", Kind::Text, "The service's name; slashes make folders, as in `/group/kafka`."),
        optional("web-url", Kind::Text, "The page of the service; the orchestrator's own UI links to it."),
        optional("scheduler", Kind::Table(&SCHEDULER), "How the scheduler identifies itself to the cluster."),
        optional(
            "replacement-failure-policy",
            Kind::Table(&REPLACEMENT),
            "When lost instances are replaced without being asked for. By default they never are.",
        ),
        required(
            "pods",
            Kind::Map(&Kind::Table(&POD)),
            "The pods of the service, by name. A generated `deploy` takes them in this order.",
        ),
        optional(
            "plans",
            Kind::Map(&Kind::Table(&PLAN)),
            "The plans, by name. One of them is `deploy`; if there are none, it is generated.",
        ),
    ]],
};

pub(super) static SCHEDULER: Table = table(
    "scheduler",
    "How the scheduler identifies itself to the cluster.",
    &[&[
        optional("principal", Kind::Text, "The principal; by default `<name>-principal`."),
        optional("zookeeper", Kind::Text, "The ZooKeeper ensemble, `host:port` with commas."),
        optional("user", Kind::Text, "The unix user of all tasks; by default `root`."),
    ]],
);

pub(super) static REPLACEMENT: Table = table(
    "replacement-failure-policy",
    "When an instance that cannot be brought back at its place is replaced without being asked for.",
    &[&[
        optional(
            "permanent-failure-timeout-secs",
            Kind::Whole(1, u32::MAX as i64),
            "Seconds after which an instance that is down counts as lost; by default 1200.",
        ),
        optional(
            "min-replace-delay-secs",
            SECONDS,
            "The least number of seconds between two such replacements; by default 600.",
        ),
    ]],
);

// Pods.

pub(super) static POD: Table = Table {
    name: "pod",
    doc: "Tasks that live together on one node, `count` times.",
    unknown: Unknown::Ignored,
    groups: &[&[
        required("count", COUNT, "How many instances. 0 is allowed, and means no steps."),
        required("tasks", Kind::Map(&Kind::Table(&TASK)), "The tasks, by name."),
        optional(
            "resource-sets",
            Kind::Map(&Kind::Table(&RESOURCE_SET)),
            "Resources that tasks of the pod take turns in, by name.",
        ),
        optional(
            "placement",
            Kind::Text,
            "Where instances may go: `hostname:UNIQUE`, `[[\"@zone\", \"GROUP_BY\", \"3\"]]`.",
        ),
        optional("image", Kind::Text, "The container image."),
        optional("networks", Kind::Map(&Kind::Table(&NETWORK)), "The networks that the pod joins, by name."),
        optional(
            "rlimits",
            Kind::Known(|| RLimitName::ALL.iter().map(|name| name.as_str()).collect(), &Kind::Table(&RLIMIT)),
            "Limits on processes, as setrlimit(2) names them.",
        ),
        optional("uris", Kind::List(&Kind::Text), "What is fetched into each sandbox."),
        optional("volume", Kind::Table(&VOLUME), "A persistent volume that all tasks share."),
        optional(
            "volumes",
            Kind::Map(&Kind::Table(&VOLUME)),
            "Persistent volumes that all tasks share. Their names have no effect.",
        ),
        optional("host-volumes", Kind::Map(&Kind::Table(&HOST_VOLUME)), "Folders of the node, by name."),
        optional(
            "external-volumes",
            Kind::Map(&Kind::Table(&EXTERNAL_VOLUME)),
            "Volumes of a docker volume driver, by name.",
        ),
        optional("secrets", Kind::Map(&Kind::Table(&SECRET)), "Secrets that the tasks get, by name."),
        optional(
            "pre-reserved-role",
            Kind::Text,
            "The role whose reserved resources are used; by default `*`.",
        ),
        optional("share-pid-namespace", Kind::Flag, "Whether tasks share the executor's process ids."),
        optional("allow-decommission", Kind::Flag, "Whether the pod may lose instances, or be removed."),
        optional("seccomp-unconfined", Kind::Flag, "Whether system calls are not filtered."),
        optional("seccomp-profile-name", Kind::Text, "The system call filter."),
        optional(
            "ipc-mode",
            Kind::Words(|| words(&IPC_MODES)),
            "With whom inter-process communication is shared; at a pod, PRIVATE.",
        ),
        optional("shm-size", MEGABYTES, "The size of shared memory, in MB."),
    ]],
};

pub(super) static NETWORK: Table = table(
    "network",
    "A network that a pod joins.",
    &[&[
        optional("host-ports", Kind::List(&PORT), "Ports of the node; on `mesos-bridge` only."),
        optional("container-ports", Kind::List(&PORT), "The ports of the container that they lead to."),
        optional("labels", Kind::Text, "Labels for the network's plug-in, as `key:value,key:value`."),
    ]],
);

pub(super) static RLIMIT: Table = table(
    "rlimit",
    "A limit on a process. Without `soft` and `hard` there is no limit.",
    &[&[
        optional("soft", Kind::Whole(-1, i64::MAX), "What a process gets; -1 is no limit."),
        optional("hard", Kind::Whole(-1, i64::MAX), "What it may raise it to; -1 is no limit."),
    ]],
);

pub(super) static HOST_VOLUME: Table = table(
    "host-volume",
    "A folder of the node.",
    &[&[
        required("host-path", Kind::Text, "The folder on the node. It begins with a slash."),
        required("container-path", Kind::Text, "The path below the sandbox. It does not begin with a slash."),
        optional("mode", Kind::Words(|| words(&MODES)), "What tasks may do there; by default RW."),
    ]],
);

pub(super) static EXTERNAL_VOLUME: Table = table(
    "external-volume",
    "A volume of a docker volume driver.",
    &[&[
        required("type", Kind::Words(|| words(&EXTERNAL_TYPES)), "DOCKER."),
        required("container-path", Kind::Text, "Where the tasks see it."),
        required("driver-name", Kind::Text, "The driver, as `pxd`."),
        optional("driver-options", Kind::Text, "Options of the driver, as `key=value;key=value`."),
        optional("volume-name", Kind::Text, "Its name; by default made from service, pod and index."),
        optional("volume-mode", Kind::Words(|| words(&MODES)), "What tasks may do there; by default RW."),
    ]],
);

pub(super) static SECRET: Table = table(
    "secret",
    "A secret that the tasks get. Without `env-key` and `file` it is a file at its path.",
    &[&[
        required("secret", Kind::Text, "Its path in the secret store."),
        optional("env-key", Kind::Text, "The environment variable that receives it."),
        optional("file", Kind::Text, "The file that receives it; a relative path."),
    ]],
);

// Resources.

/// The keys of a task that make up its resource set.
pub(super) static RESOURCES: [Key; 7] = [
    optional("cpus", Kind::Share, "Processors."),
    optional("gpus", Kind::Share, "Graphics processors."),
    optional("memory", MEGABYTES, "Memory, in MB."),
    optional("ports", Kind::Map(&Kind::Table(&PORT_TABLE)), "Ports, by name."),
    optional("volume", Kind::Table(&VOLUME), "A persistent volume."),
    optional("volumes", Kind::Map(&Kind::Table(&VOLUME)), "Persistent volumes; their names mean nothing."),
    optional("resource-limits", Kind::Table(&LIMITS), "Upper bounds that differ from the request."),
];

pub(super) static RESOURCE_SET: Table =
    table("resource-set", "Resources that are held together. One task at a time uses them.", &[&RESOURCES]);

pub(super) static LIMITS: Table = table(
    "resource-limits",
    "Upper bounds on what a task may use.",
    &[&[
        optional("cpus", Kind::Limit(&Kind::Share), "Of processors, or `unlimited`."),
        optional("memory", Kind::Limit(&MEGABYTES), "Of memory, in MB, or `unlimited`."),
    ]],
);

pub(super) static PORT_TABLE: Table = table(
    "port",
    "A port of a task.",
    &[&[
        required("port", PORT, "The number, or 0 for any free one, which the instance then keeps."),
        optional("env-key", Kind::Text, "The environment variable that receives the number."),
        optional("advertise", Kind::Flag, "Whether the port is listed among the service's endpoints."),
        optional("vip", Kind::Table(&VIP), "The virtual address that leads to the port."),
        optional("ranges", Kind::List(&Kind::Table(&RANGE)), "Where a dynamic port is picked from."),
    ]],
);

pub(super) static VIP: Table = table(
    "vip",
    "A virtual address.",
    &[&[
        required("port", Kind::Whole(1, u16::MAX as i64), "Its port."),
        optional("prefix", Kind::Text, "The first part of its host name; by default the port's name."),
    ]],
);

pub(super) static RANGE: Table = table(
    "range",
    "Ports from `begin` to `end`, both included.",
    &[&[
        optional("begin", PORT, "The first."),
        optional("end", PORT, "The last port. If it is missing or 0, it is 65535."),
    ]],
);

pub(super) static VOLUME: Table = table(
    "volume",
    "A persistent volume. It stays on its node when the task is restarted.",
    &[&[
        required("path", Kind::Text, "Where the task finds the volume: one name, below the sandbox."),
        required("type", Kind::Words(|| words(&DISK_TYPES)), "ROOT, or MOUNT for a disk of its own."),
        optional("profiles", Kind::List(&Kind::Text), "The profiles that a MOUNT disk may have."),
        required("size", MEGABYTES, "Its size, in MB."),
    ]],
);

// Tasks.

pub(super) static TASK: Table = table(
    "task",
    "One command of a pod.",
    &[
        &[
            required(
                "goal",
                Kind::AnyCase(|| words(&GOALS)),
                "RUNNING, FINISH (once for each configuration) or ONCE (in the life of the installation).",
            ),
            required("cmd", Kind::Text, "The shell command."),
            optional(
                "essential",
                Kind::Flag,
                "Whether a failure of the task relaunches the other RUNNING tasks of the instance; by default true.",
            ),
            optional("env", Kind::Map(&Kind::Text), "Its environment; TASKCFG values are laid over it."),
            optional(
                "configs",
                Kind::Map(&Kind::Table(&CONFIG)),
                "Files that are rendered into the task's sandbox, by name.",
            ),
            optional("resource-set", Kind::Text, "The resource set of the pod that the task runs in."),
            optional("health-check", Kind::Table(&HEALTH_CHECK), "Ends the task when it fails too often."),
            optional(
                "readiness-check",
                Kind::Table(&READINESS_CHECK),
                "A check that passes before the task's goal counts as reached.",
            ),
            optional("discovery", Kind::Table(&DISCOVERY), "How it is named to others."),
            optional("labels", Kind::Text, "Labels, as `key:value,key:value`."),
            optional(
                "kill-grace-period",
                SECONDS,
                "Seconds between the request to end and the forced end; at most 3600.",
            ),
            optional(
                "kill-signal",
                Kind::Words(|| words(&KILL_SIGNALS)),
                "The signal that asks the task to end; by default SIGTERM.",
            ),
            optional(
                "transport-encryption",
                Kind::List(&Kind::Table(&ENCRYPTION)),
                "Certificates that the task is given.",
            ),
            optional(
                "ipc-mode",
                Kind::Words(|| words(&IPC_MODES)),
                "With whom the task shares inter-process communication.",
            ),
            optional(
                "shm-size",
                MEGABYTES,
                "The size of the task's shared memory, in MB; not with SHARE_PARENT.",
            ),
        ],
        &RESOURCES,
    ],
);

pub(super) static CONFIG: Table = table(
    "config",
    "A file rendered into a task's sandbox.",
    &[&[
        required("template", Kind::Text, "The template's file name."),
        required("dest", Kind::Text, "Where the file goes, below the sandbox."),
        optional(
            "render",
            Kind::Flag,
            "Whether the file is a template; `false` leaves all braces as they are.",
        ),
    ]],
);

pub(super) static HEALTH_CHECK: Table = table(
    "health-check",
    "A command that has to pass as long as the task runs.",
    &[&[
        required("cmd", Kind::Text, "The shell command; it passes with exit code 0."),
        required("interval", SECONDS, "Seconds between two runs."),
        required("grace-period", SECONDS, "Seconds after the launch in which failures do not count."),
        required(
            "max-consecutive-failures",
            Kind::Whole(1, u32::MAX as i64),
            "How many failures in a row end the task.",
        ),
        required("delay", SECONDS, "Seconds before the first run."),
        required("timeout", SECONDS, "Seconds after which a run counts as failed."),
    ]],
);

pub(super) static READINESS_CHECK: Table = table(
    "readiness-check",
    "A command that has to pass once before the task counts as ready.",
    &[&[
        required("cmd", Kind::Text, "The shell command; it passes with exit code 0."),
        required("interval", SECONDS, "Seconds between two runs."),
        optional("delay", SECONDS, "Seconds before the first run; by default 0."),
        required("timeout", SECONDS, "Seconds after which a run counts as failed."),
    ]],
);

pub(super) static DISCOVERY: Table = table(
    "discovery",
    "How other programs find a task.",
    &[&[
        required("prefix", Kind::Text, "The DNS name is `<prefix>-<index>`."),
        optional("visibility", Kind::Words(|| words(&VISIBILITIES)), "Who may see it; by default CLUSTER."),
    ]],
);

pub(super) static ENCRYPTION: Table = table(
    "transport-encryption",
    "A certificate that a task is given.",
    &[&[
        required("name", Kind::Text, "The base of the files' names."),
        required("type", Kind::Words(|| words(&ENCRYPTION_KINDS)), "The form of the files."),
    ]],
);

// Plans.

pub(super) static PLAN: Table = table(
    "plan",
    "A plan: phases over the service's pods.",
    &[&[
        optional(
            "strategy",
            Kind::Words(|| words(&PLAN_STRATEGIES)),
            "In which order phases go; by default serial.",
        ),
        required("phases", Kind::Map(&Kind::Table(&PHASE)), "The phases, by name, in order."),
        optional(
            "on-change",
            Kind::List(&Kind::Text),
            "The fields whose change this plan brings about, as `pods.kafka.tasks.*.env` or `count`.",
        ),
        optional(
            "max-unavailable",
            Kind::Part,
            "How many members of all its pods together may be down at once: a number, or a part as `25%`.",
        ),
    ]],
);

pub(super) static PHASE: Table = table(
    "phase",
    "Steps over the instances of one pod.",
    &[&[
        optional(
            "strategy",
            Kind::Words(|| words(&PHASE_STRATEGIES)),
            "In which order steps go; by default serial.",
        ),
        required("pod", Kind::Text, "The pod."),
        optional("steps", Kind::Steps, "Which steps there are; by default one per instance, of all tasks."),
        optional(
            "depends-on",
            Kind::List(&Kind::Text),
            "The phases that are complete before this one begins; only under the plan's `strategy: dependency`.",
        ),
        optional(
            "max-unavailable",
            Kind::Part,
            "How many members of its pod may be down at once: a number, or a part as `25%`.",
        ),
        optional("gates", Kind::Table(&GATES), "What is asked before the acts of each step."),
    ]],
);

pub(super) static STEP: Table = table(
    "step",
    "A step that others can depend on; for `strategy: dependency` of the phase.",
    &[&[
        required("name", Kind::Text, "Its name, unique in the phase."),
        required(
            "instance",
            Kind::Text,
            "The index of the instance that the step is for, or `default` for all.",
        ),
        required("tasks", Kind::List(&Kind::Text), "The tasks that it launches together."),
        optional("depends-on", Kind::List(&Kind::Text), "The steps that must be complete before."),
        optional(
            "gates",
            Kind::Table(&GATES),
            "What is asked before the acts of the step, besides what the phase asks.",
        ),
    ]],
);

pub(super) static GATES: Table = table(
    "gates",
    "What is asked before the acts of a step.",
    &[&[optional("before", Kind::Table(&GATE), "What is asked right before the step acts on a member.")]],
);

pub(super) static GATE: Table = table(
    "gate",
    "A command that says whether a step may act: exit code 0 allows it, 1 defers it, 2 denies it.",
    &[&[
        required("cmd", Kind::Text, "The shell command. It runs beside a task of the member."),
        optional(
            "task",
            Kind::Text,
            "The task that the command runs beside; by default the first RUNNING task of the step.",
        ),
        optional(
            "timeout",
            AT_LEAST_A_SECOND,
            "Seconds after which a run counts as inconclusive; by default 10.",
        ),
        optional("max-age", AT_LEAST_A_SECOND, "Seconds for which an answer holds; by default 60."),
    ]],
);
