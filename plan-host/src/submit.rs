//! The rule of a scheduler that submits the same file at each start.
//!
//! Invariant: a start with the same file as the last start changes nothing. So a loop or a system unit that restarts a
//! scheduler does not roll an operator's update back. The data folder remembers which file was submitted last. A start
//! that was cut short between the submission and the memory of it submits its file again.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use plan_core::engine::{Author, Engine, Refusal, Reply, Wall};
use plan_core::plan::{ContentHash, Model};
use plan_core::spec::PlanName;
use plan_driver::{DriverError, Service};
use serde::{Deserialize, Serialize};

use crate::files::replace;
use crate::folder::{Folder, SUBMITTED};
use crate::patience::patiently;

/// What a scheduler submits at its start.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Submission {
    /// The target.
    pub model: Arc<Model>,
    /// The plan that carries the target out; by default the one that the engine chooses.
    pub plan: Option<PlanName>,
    /// Who submits it, for the audit.
    pub who: String,
}

impl Submission {
    /// A target, by the plan that the engine chooses.
    pub fn new(model: Arc<Model>, who: impl Into<String>) -> Self {
        Self { model, plan: None, who: who.into() }
    }

    /// The same, by this plan.
    #[must_use]
    pub fn by(mut self, plan: Option<PlanName>) -> Self {
        self.plan = plan;
        self
    }
}

/// Who made a service what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submitter {
    /// The name in the audit.
    pub who: String,
    /// When.
    pub at: Wall,
}

/// What became of a submission.
#[derive(Debug)]
#[non_exhaustive]
pub enum Submitted {
    /// The target becomes what was submitted.
    Accepted {
        /// Whether there was another target before.
        update: bool,
        /// Why the data folder does not remember the submission. The next start then submits again, over any update.
        forgotten: Option<io::Error>,
    },
    /// The target is the same already.
    AlreadySo {
        /// Why the data folder does not remember the submission.
        forgotten: Option<io::Error>,
    },
    /// The same was submitted at the last start, an operator has updated the service since, and the update stays.
    Kept {
        /// The operator; `None` if the audit does not go back so far.
        by: Option<Submitter>,
    },
    /// Nobody knows whether an operator has updated the service since the last start, and the service stays as it is.
    Unsure {
        /// The file that says what was submitted last.
        file: PathBuf,
        /// Why the file cannot be read.
        source: io::Error,
    },
    /// The engine refuses, and nothing changes.
    Refused {
        /// Why.
        refusal: Refusal,
        /// Whether the service exists, and goes on as it is.
        exists: bool,
    },
}

/// The last submission, as the data folder remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Remembered {
    /// The installation.
    installation: String,
    /// The specification.
    spec: ContentHash,
    /// The plan that was named.
    plan: Option<String>,
}

/// The target of the service before anything is submitted.
#[derive(Debug)]
struct Present {
    installation: String,
    spec: ContentHash,
    by: Option<Submitter>,
}

/// Submits a target at the start of a scheduler, unless the same was submitted at the last start and an operator has updated
/// the service since. The data folder is that of a scheduler with this one service.
///
/// # Errors
/// The service does not answer.
pub async fn submit(
    service: &Service,
    folder: &Folder,
    submission: Submission,
) -> Result<Submitted, DriverError> {
    let Submission { model, plan, who } = submission;
    let now = service.now();
    let present = patiently(|| service.read(move |engine| Present::of(engine, now))).await?;
    let spec = model.hash();
    let file = folder.path().join(SUBMITTED);
    let last = match Remembered::read(folder) {
        Ok(last) => last,
        // An operator may have updated the service since.
        Err(source) if present.as_ref().is_some_and(|present| present.spec != spec) => {
            return Ok(Submitted::Unsure { file, source });
        }
        Err(_) => None,
    };
    let plan_name = plan.as_ref().map(ToString::to_string);
    if let (Some(present), Some(last)) = (&present, &last) {
        let same = Remembered { installation: present.installation.clone(), spec, plan: plan_name.clone() };
        if *last == same && present.spec != spec {
            return Ok(Submitted::Kept { by: present.by.clone() });
        }
    }
    let by = Author { id: uuid::Uuid::new_v4().to_string().into(), who: who.into() };
    let send = || service.target(model.clone(), plan.clone(), Some(by.clone()));
    let reply = patiently(send).await?;
    if let Reply::Refused(refusal) = reply {
        return Ok(Submitted::Refused { refusal, exists: present.is_some() });
    }
    let installed = || service.read(|engine| engine.installation().map(ToString::to_string));
    let forgotten = match patiently(installed).await? {
        Some(installation) => Remembered { installation, spec, plan: plan_name }.write(folder).err(),
        None => None,
    };
    Ok(match reply {
        Reply::AlreadySo => Submitted::AlreadySo { forgotten },
        _ => Submitted::Accepted { update: present.is_some(), forgotten },
    })
}

impl Present {
    fn of(engine: &Engine, now: Wall) -> Option<Self> {
        let spec = engine.model()?.hash();
        let said = format!("target {spec}");
        let by = engine.audit().filter(|audit| audit.verb == said && audit.reply == Reply::Done).last();
        let by = by.map(|audit| Submitter { who: audit.who.to_string(), at: engine.wall(audit.at, now) });
        Some(Self { installation: engine.installation()?.to_string(), spec, by })
    }
}

impl Remembered {
    /// `None` if nothing was submitted.
    fn read(folder: &Folder) -> io::Result<Option<Self>> {
        match fs::read(folder.path().join(SUBMITTED)) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write(&self, folder: &Folder) -> io::Result<()> {
        replace(&folder.path().join(SUBMITTED), &serde_json::to_string(self)?)
    }
}
