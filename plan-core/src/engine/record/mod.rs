//! Records: all that the engine knows and that matters.
//!
//! Invariant: an engine recovered from its records equals the one that wrote them, with its session
//! forgotten. So nothing that a decision rests on is outside of here and of [`super::session`].

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
use super::time::{Time, Wall};

pub use debt::*;
pub use place::*;
pub(super) use pod::Occupied;
pub use pod::*;
pub use run::*;

/// The number of a launch, a run or a question: one counter numbers them all, and none is used twice.
pub type Number = u64;

/// Where a record is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

/// A record with what it is. Cloning one is cheap: large parts are shared.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// The counter and the clocks.
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
    /// What is remembered of a plan's runs.
    Plan(PlanName, Arc<PlanRecord>),
    /// A verb, and what came of it.
    Audit(Arc<AuditRecord>),
    /// Something left behind.
    Debt(Arc<DebtRecord>),
    /// What a backend has kept.
    Note(NoteName, NoteText),
}

impl Record {
    /// Where the record is kept.
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

    /// What the record adds to the digest of all; the clocks add nothing.
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

/// The counter, and how engine time follows from wall time. Written with every batch.
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

/// Names an installation of a service: made once, and part of every label, so that another service's tasks
/// are never taken for ours.
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
pub struct ServiceRecord {
    /// Its name.
    pub name: ServiceName,
    /// Its installation.
    pub installation: InstallationId,
    /// The specification that it shall be.
    pub target: ContentHash,
    /// The run that makes it so, or made it so.
    pub converging: Number,
    /// Whether the first deployment was completed.
    pub deployed: bool,
    /// The last specification that the service became with nothing forced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<ContentHash>,
    /// Pods that the target does not have, and of which instances are still there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leaving: Vec<PodName>,
    /// When the replacement failure policy last let an instance go elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<Time>,
    /// Whether the service is being taken away; there is no way back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub uninstalling: bool,
}

/// A verb, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct AuditRecord {
    /// Its number.
    pub number: Number,
    /// The requester's own name for the request: the same one again gets the same reply, and does nothing.
    pub request: SmolStr,
    /// Who asked.
    pub who: SmolStr,
    /// When.
    pub at: Time,
    /// What was asked, in words.
    pub verb: String,
    /// The reply.
    pub reply: super::reply::Reply,
}

impl AuditRecord {
    /// How many verbs are remembered.
    pub const KEPT: usize = 256;
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_never(number: &Number) -> bool {
    *number == 0
}
