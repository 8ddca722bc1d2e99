//! The files of one launch of one task, between scheduler and shim.
//!
//! Invariant: an order is written once, and read by the process that runs or finds the task. Each other file has one
//! writer at a time. Nothing that decides anything is only in memory.

use std::collections::BTreeMap;

use plan_core::engine::{End, Handle, Incarnation, InstallationId, Number};
use plan_core::spec::{
    Discovery, HealthCheck, InstanceName, KillSignal, NodeName, PortName, RLimit, RLimitName, ReadinessCheck,
    ResourceSet, ResourceSetName, ServiceName, TaskName, Vip,
};
use serde::{Deserialize, Serialize};

use crate::process::ProcessId;

/// The order: `order.json`. It says where its task runs and what the task has, beside what the shim and the checks need. The
/// records say that too, but only once the task's service opens a session: until then another service of this machine must not
/// get its room or its ports, and a node that was lost must take it along.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Order {
    /// Names the order, so that a shim runs only the order that it was started for, and no other one at the same path.
    pub(crate) nonce: String,
    pub(crate) service: ServiceName,
    pub(crate) installation: InstallationId,
    pub(crate) instance: InstanceName,
    pub(crate) task: TaskName,
    pub(crate) launch: Number,
    pub(crate) node: NodeName,
    pub(crate) handle: Handle,
    pub(crate) paused: bool,
    pub(crate) command: String,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) rlimits: Vec<(RLimitName, RLimit)>,
    pub(crate) kill_signal: KillSignal,
    /// Seconds from the request to the forced end, if the backend itself ends the task.
    pub(crate) grace: u32,
    pub(crate) output: OutputLimits,
    /// The control group to make for the task, with its limit in bytes.
    pub(crate) memory: Option<MemoryGroup>,
    pub(crate) health: Option<HealthCheck>,
    pub(crate) readiness: Option<ReadinessCheck>,
    pub(crate) discovery: Option<Discovery>,
    pub(crate) ports: Vec<GivenPort>,
    /// The resources of each set. Orders of an earlier version do not have them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) resources: Option<(ResourceSetName, ResourceSet)>,
}

impl Order {
    pub(crate) fn incarnation(&self) -> Incarnation {
        Incarnation {
            installation: self.installation.clone(),
            instance: self.instance.clone(),
            task: self.task.clone(),
            launch: self.launch,
        }
    }
}

/// A port of a task, with its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct GivenPort {
    pub(crate) name: PortName,
    pub(crate) number: u16,
    pub(crate) vip: Option<Vip>,
}

/// How much of a task's output is kept, for each of `stdout` and `stderr`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OutputLimits {
    /// The size in bytes at which a file is put aside.
    pub size: u64,
    /// How many files are kept besides the current one. `stdout.1` is the latest of them.
    pub kept: u32,
}

impl Default for OutputLimits {
    /// Five files of 10 MiB.
    fn default() -> Self {
        Self { size: 10 << 20, kept: 4 }
    }
}

/// A control group that bounds a task's memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct MemoryGroup {
    /// The folder of the group.
    pub(crate) folder: std::path::PathBuf,
    /// The file in the folder for the limit.
    pub(crate) limit_file: String,
    pub(crate) bytes: u64,
}

/// The processes that a launch became: `launch.json`. Written before the task starts, and again after that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Launched {
    pub(crate) incarnation: String,
    pub(crate) boot: String,
    pub(crate) shim: ProcessId,
    pub(crate) task: Option<ProcessId>,
    /// When, in milliseconds since 1970.
    pub(crate) at: u64,
}

/// The request to end a task: `kill.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Kill {
    pub(crate) why: KillReason,
    /// Seconds from the request to the forced end.
    pub(crate) grace: u32,
    /// In words, where there is more to say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) words: String,
}

/// Who asks a task to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum KillReason {
    /// The engine.
    Ordered,
    /// Its health check.
    Unhealthy,
}

/// How a task ended: `exit.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Exit {
    pub(crate) cause: ExitCause,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) signal: Option<i32>,
    /// When, in milliseconds since 1970.
    pub(crate) at: u64,
    /// In words, where there is more to say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) why: String,
}

/// Why a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ExitCause {
    /// By itself, or by something other than this backend.
    Itself,
    /// The engine asked for it.
    Killed,
    /// Its health check failed.
    Unhealthy,
    /// Nobody knows: its shim was gone, or the machine started again.
    Lost,
    /// It never began.
    NotStarted,
    /// Its node was lost with it.
    WithNode,
}

impl Exit {
    pub(crate) fn new(cause: ExitCause, why: impl Into<String>) -> Self {
        Self { cause, code: None, signal: None, at: now(), why: why.into() }
    }

    pub(crate) fn end(&self) -> End {
        match self.cause {
            ExitCause::Itself if self.code == Some(0) => End::Finished,
            ExitCause::Itself => End::Failed,
            ExitCause::Killed => End::Killed,
            ExitCause::Unhealthy => End::Unhealthy,
            ExitCause::Lost => End::Lost,
            ExitCause::NotStarted => End::Refused,
            ExitCause::WithNode => End::Gone,
        }
    }
}

/// Milliseconds since 1970.
pub(crate) fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
