//! Tasks. Invariant: a task names the resource set that it runs in, whether the file has the set inside the task or by
//! name.

use std::num::NonZeroU32;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::names::ResourceSetName;
use super::pod::IpcMode;
use super::units::{Megabytes, Seconds};

/// The goal of a task (SDK rule R13).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Goal {
    /// The task keeps running. It is brought back when it ends.
    Running,
    /// The task ends with success once for each configuration.
    Finish,
    /// The task ends with success once in the life of the installation.
    Once,
}

/// One command of a pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct TaskSpec {
    /// The goal.
    pub goal: Goal,
    /// Whether a failure of the task relaunches the RUNNING tasks beside it (SDK rule R14).
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub essential: bool,
    /// The shell command.
    pub cmd: String,
    /// The environment.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub env: IndexMap<String, String>,
    /// The files that are rendered into the task's sandbox, by name.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub configs: IndexMap<String, ConfigFile>,
    /// The resource set of the pod that the task runs in.
    pub resource_set: ResourceSetName,
    /// The health check, which ends the task when it fails too often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check: Option<HealthCheck>,
    /// The readiness check, which must pass before the task's goal counts as reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readiness_check: Option<ReadinessCheck>,
    /// How the task is named to others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discovery: Option<Discovery>,
    /// Labels, for tools that list tasks.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub labels: IndexMap<String, String>,
    /// The time between the request to end and the forced end.
    #[serde(default, skip_serializing_if = "is_default")]
    pub kill_grace_period: Seconds,
    /// The signal that asks the task to end.
    #[serde(default, skip_serializing_if = "is_default")]
    pub kill_signal: KillSignal,
    /// The certificates that the task is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transport_encryption: Vec<TransportEncryption>,
    /// What the task's inter-process communication is shared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipc_mode: Option<IpcMode>,
    /// The size of the task's shared memory; never beside [`IpcMode::ShareParent`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shm_size: Option<Megabytes>,
}

impl TaskSpec {
    /// A task with this goal and command in this resource set, and default values for the rest.
    pub fn new(goal: Goal, cmd: impl Into<String>, resource_set: ResourceSetName) -> Self {
        Self {
            goal,
            essential: true,
            cmd: cmd.into(),
            env: IndexMap::new(),
            configs: IndexMap::new(),
            resource_set,
            health_check: None,
            readiness_check: None,
            discovery: None,
            labels: IndexMap::new(),
            kill_grace_period: Seconds::default(),
            kill_signal: KillSignal::default(),
            transport_encryption: Vec::new(),
            ipc_mode: None,
            shm_size: None,
        }
    }
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_yes(value: &bool) -> bool {
    *value
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A signal that asks a task to end, before the forced end when [`TaskSpec::kill_grace_period`] is over. The forced end
/// is always SIGKILL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum KillSignal {
    /// The signal that orchestrators send by default.
    #[default]
    SigTerm,
    /// The signal of Ctrl-C.
    SigInt,
    /// The signal of Ctrl-\\. nginx, php-fpm and others finish their work; a JVM prints its threads and goes on.
    SigQuit,
    /// The signal of a closed terminal. Many programs read their configuration again and go on.
    SigHup,
    /// A signal whose meaning the program defines.
    SigUsr1,
    /// A signal whose meaning the program defines.
    SigUsr2,
}

impl KillSignal {
    /// All of them.
    pub const ALL: &[Self] =
        &[Self::SigTerm, Self::SigInt, Self::SigQuit, Self::SigHup, Self::SigUsr1, Self::SigUsr2];

    /// The name in signal(7).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SigTerm => "SIGTERM",
            Self::SigInt => "SIGINT",
            Self::SigQuit => "SIGQUIT",
            Self::SigHup => "SIGHUP",
            Self::SigUsr1 => "SIGUSR1",
            Self::SigUsr2 => "SIGUSR2",
        }
    }
}

/// A file rendered into a task's sandbox (SDK rule R16).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigFile {
    /// The template's file name.
    pub template: String,
    /// Where the file goes, below the sandbox.
    pub dest: String,
    /// Whether the file is a template, filled in with the task's environment. Otherwise it is copied as it is.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub render: bool,
    /// The template's text; `None` if it was not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// A command that must keep passing (SDK rule R27).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct HealthCheck {
    /// The shell command; it passes with exit code 0.
    pub cmd: String,
    /// The time between two runs.
    pub interval: Seconds,
    /// The time after the launch in which failures do not count.
    pub grace_period: Seconds,
    /// How many failures in a row end the task.
    pub max_consecutive_failures: NonZeroU32,
    /// The time before the first run.
    pub delay: Seconds,
    /// How long a run may take. A run that takes longer has failed.
    pub timeout: Seconds,
}

/// A command that must pass once for the task to count as ready (SDK rule R28).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ReadinessCheck {
    /// The shell command; it passes with exit code 0.
    pub cmd: String,
    /// The time between two runs.
    pub interval: Seconds,
    /// The time before the first run.
    #[serde(default, skip_serializing_if = "is_default")]
    pub delay: Seconds,
    /// How long a run may take. A run that takes longer has failed.
    pub timeout: Seconds,
}

/// How a task is named to others (SDK rule R29).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discovery {
    /// The DNS name is `<prefix>-<index>`.
    pub prefix: String,
    /// Who may see the name.
    #[serde(default, skip_serializing_if = "is_default")]
    pub visibility: Visibility,
}

/// Who may see a task's name (SDK rule R29).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Visibility {
    /// The tasks of the service.
    Framework,
    /// Everyone in the cluster.
    #[default]
    Cluster,
    /// Everyone.
    External,
}

/// A certificate that a task is given (SDK rule R31).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransportEncryption {
    /// The base of the files' names.
    pub name: String,
    /// The form of the files.
    #[serde(rename = "type")]
    pub kind: EncryptionKind,
}

/// The form of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[non_exhaustive]
pub enum EncryptionKind {
    /// `<name>.crt`, `.key`, `.ca`.
    Tls,
    /// `<name>.keystore`, `.truststore`.
    Keystore,
}
