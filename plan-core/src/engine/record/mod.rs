//! Records: all durable state of the engine.
//!
//! Invariant: an engine that is recovered from records equals the engine that wrote them, with its session forgotten.
//! So every decision rests on records and on [`super::session`] alone.

mod debt;
mod place;
mod pod;
mod run;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::plan::{ContentHash, Model, TaskConfig};
use crate::spec::{InstanceName, PlanName, PodName, ServiceName};

use super::digest::Digest;
use super::note::{NoteName, NoteText};
pub use super::number::Number;
use super::reply::Reply;
use super::time::{Time, Wall};

pub use debt::*;
pub use place::*;
pub(super) use pod::Occupied;
pub use pod::*;
pub use run::*;

/// The key that a record is stored under.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Key {
    /// [`ClockRecord`].
    Clock,
    /// [`ServiceRecord`].
    Service,
    /// A specification.
    Spec(ContentHash),
    /// A task's configuration.
    Conf(ContentHash),
    /// [`PodRecord`].
    Pod(InstanceName),
    /// [`RunRecord`].
    Run(Number),
    /// [`PlanRecord`].
    Plan(PlanName),
    /// [`AuditRecord`].
    Audit(Number),
    /// [`DebtRecord`].
    Debt(Number),
    /// A backend's note.
    Note(NoteName),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clock => f.write_str("clock"),
            Self::Service => f.write_str("service"),
            Self::Spec(hash) => write!(f, "spec/{hash}"),
            Self::Conf(hash) => write!(f, "conf/{hash}"),
            Self::Pod(instance) => write!(f, "pod/{instance}"),
            Self::Run(number) => write!(f, "run/{number}"),
            Self::Plan(name) => write!(f, "plan/{name}"),
            Self::Audit(number) => write!(f, "audit/{number}"),
            Self::Debt(number) => write!(f, "debt/{number}"),
            Self::Note(name) => write!(f, "note/{name}"),
        }
    }
}

/// A record of any kind. A clone is cheap, as large parts are shared.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Record {
    /// The counter of numbers, and the clocks.
    Clock(ClockRecord),
    /// The service.
    Service(Arc<ServiceRecord>),
    /// A specification, compiled.
    Spec(Arc<Model>),
    /// A task's configuration.
    Conf(Arc<TaskConfig>),
    /// An instance.
    Pod(InstanceName, Arc<PodRecord>),
    /// A run of a plan.
    Run(Arc<RunRecord>),
    /// The latest run of a plan, and its history.
    Plan(PlanName, Arc<PlanRecord>),
    /// A request, and the reply to it.
    Audit(Arc<AuditRecord>),
    /// A debt.
    Debt(Arc<DebtRecord>),
    /// A backend's note.
    Note(NoteName, NoteText),
}

impl Record {
    /// The key that the record is stored under.
    pub fn key(&self) -> Key {
        match self {
            Self::Clock(_) => Key::Clock,
            Self::Service(_) => Key::Service,
            Self::Spec(model) => Key::Spec(model.hash()),
            Self::Conf(config) => Key::Conf(config.hash()),
            Self::Pod(name, _) => Key::Pod(name.clone()),
            Self::Run(run) => Key::Run(run.number),
            Self::Plan(name, _) => Key::Plan(name.clone()),
            Self::Audit(audit) => Key::Audit(audit.number),
            Self::Debt(debt) => Key::Debt(debt.number),
            Self::Note(name, _) => Key::Note(name.clone()),
        }
    }

    /// What the record adds to the digest of all records. The clocks add nothing.
    pub(super) fn digest(&self) -> Digest {
        match self {
            Self::Clock(_) => Digest::default(),
            Self::Service(service) => Digest::of(&**service),
            Self::Spec(model) => Digest::of(&model.hash()),
            Self::Conf(config) => Digest::of(&config.hash()),
            Self::Pod(name, pod) => Digest::of(&(name, &**pod)),
            Self::Run(run) => Digest::of(&**run),
            Self::Plan(name, plan) => Digest::of(&(name, &**plan)),
            Self::Audit(audit) => Digest::of(&**audit),
            Self::Debt(debt) => Digest::of(&**debt),
            Self::Note(name, text) => Digest::of(&(name, text)),
        }
    }
}

/// The counter of numbers, and how engine time follows from wall time. Every batch writes this record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ClockRecord {
    /// The last number given out.
    pub seq: Number,
    /// Engine time of the batch.
    pub time: Time,
    /// Wall time of the batch.
    pub wall: Wall,
}

/// The id of an installation of a service. It is made once, and is part of every task's label, so that another
/// installation's tasks are never taken for this one's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InstallationId(pub SmolStr);

impl fmt::Display for InstallationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The service.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct ServiceRecord {
    /// The service's name.
    pub name: ServiceName,
    /// The id of the installation.
    pub installation: InstallationId,
    /// The target: the specification that the service is to have.
    pub target: ContentHash,
    /// The run that brings the target about, or brought it about.
    pub converging: Number,
    /// Whether the first deployment was completed.
    pub deployed: bool,
    /// The last specification that the service reached without a forced step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<ContentHash>,
    /// The pods that the target does not have, but that still have instances.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leaving: Vec<PodName>,
    /// When the replacement failure policy last moved an instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<Time>,
    /// Whether the service is being uninstalled. That cannot be taken back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub uninstalling: bool,
}

/// A request, and the reply to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct AuditRecord {
    /// The number of the request.
    pub number: Number,
    /// The requester's name for the request. A second request with the same name changes nothing, and gets the reply of
    /// the first.
    pub request: SmolStr,
    /// Who asked.
    pub who: SmolStr,
    /// When the request came.
    pub at: Time,
    /// The request, in words.
    pub verb: String,
    /// The reply.
    pub reply: Reply,
}

impl AuditRecord {
    /// How many requests are remembered.
    pub const KEPT: usize = 256;
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_never(number: &Number) -> bool {
    *number == 0
}
