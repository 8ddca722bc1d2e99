//! The target of the service: what the file says, or what an operator has made of it since.
//!
//! Invariant: a start with the same file as the last start changes nothing. So a loop or a system unit that restarts a
//! scheduler rolls no operator's update back. The last submitted file is kept beside the records. A start that was cut
//! short between the two submits its file again.

use std::fs;
use std::io;

use plan_core::engine::{Author, Engine, Refusal, Reply, Wall};
use plan_core::plan::ContentHash;
use plan_driver::{DriverError, Service};
use plan_host::folder::{Folder, SUBMITTED};
use serde::{Deserialize, Serialize};

use super::{Stopped, Wanted, failed, store};
use crate::problem::Problem;
use crate::ui::Ui;

/// The last submission of `run`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Submitted {
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
    /// Who submitted it, and when.
    by: Option<(String, Wall)>,
}

/// The result of a submission.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The target becomes what the file says. It was something else, or nothing.
    Submitted {
        /// Whether there was another target.
        update: bool,
    },
    /// That is the target already.
    AlreadySo,
    /// An operator has updated the service since, and that stays.
    Kept {
        /// Who, and when; `None` if that is no longer remembered.
        by: Option<(String, Wall)>,
    },
    /// Nobody knows whether an operator has updated the service since, and it stays as it is.
    Unsure {
        /// What cannot be read.
        why: String,
    },
    /// The service is being uninstalled.
    Uninstalling,
    /// The service cannot become what the file says, and stays as it is.
    Refused(Refusal),
}

/// Submits the file, if there is something to submit.
///
/// # Errors
/// There is no service, and the file is refused; or the store does not answer.
pub(super) async fn settle(
    ui: &mut Ui,
    service: &Service,
    folder: &Folder,
    wanted: &Wanted,
) -> Result<Outcome, Stopped> {
    let now = service.now();
    let present = patiently(folder, || service.read(move |engine| Present::of(engine, now))).await?;
    let spec = wanted.model.hash();
    let last = match Submitted::read(folder) {
        Ok(last) => last,
        // An operator may have updated the service since.
        Err(error) if present.as_ref().is_some_and(|present| present.spec != spec) => {
            return Ok(Outcome::Unsure {
                why: format!("`{}`: {error}", folder.path().join(SUBMITTED).display()),
            });
        }
        Err(_) => None,
    };
    let plan = wanted.plan.as_ref().map(ToString::to_string);
    if let (Some(present), Some(last)) = (&present, &last) {
        let same = Submitted { installation: present.installation.clone(), spec, plan: plan.clone() };
        if *last == same && present.spec != spec {
            return Ok(Outcome::Kept { by: present.by.clone() });
        }
    }
    let by = Author { id: uuid::Uuid::new_v4().to_string().into(), who: crate::who().into() };
    let submit = || service.target(wanted.model.clone(), wanted.plan.clone(), Some(by.clone()));
    let outcome = match patiently(folder, submit).await? {
        Reply::Done => Outcome::Submitted { update: present.is_some() },
        Reply::AlreadySo => Outcome::AlreadySo,
        Reply::Refused(Refusal::Uninstalling) => return Ok(Outcome::Uninstalling),
        Reply::Refused(refusal) if present.is_some() => return Ok(Outcome::Refused(refusal)),
        Reply::Refused(refusal) => {
            let problem = Problem::error(refusal.to_string()).file(wanted.input.file.clone());
            return Err((vec![problem], crate::Verdict::Denied));
        }
    };
    let installed = || service.read(|engine| engine.installation().map(ToString::to_string));
    if let Some(installation) = patiently(folder, installed).await?
        && let Err(error) = (Submitted { installation, spec, plan }).write(folder)
    {
        let file = folder.path().join(SUBMITTED);
        ui.complain(&format!(
            "cannot write `{}`: {error}; when it is started again, it submits the file again, over any update",
            file.display()
        ));
    }
    Ok(outcome)
}

/// Asks again as long as nobody knows whether the request was received.
async fn patiently<T, F: Future<Output = Result<T, DriverError>>>(
    folder: &Folder,
    ask: impl FnMut() -> F,
) -> Result<T, Stopped> {
    let asked = plan_host::patiently(ask).await;
    asked.map_err(|error| failed(store::driver_problem(&error, folder.path())))
}

impl Present {
    fn of(engine: &Engine, now: Wall) -> Option<Self> {
        let spec = engine.model()?.hash();
        let said = format!("target {spec}");
        let by = engine.audit().filter(|audit| audit.verb == said && audit.reply == Reply::Done).last();
        let by = by.map(|audit| (audit.who.to_string(), engine.wall(audit.at, now)));
        Some(Self { installation: engine.installation()?.to_string(), spec, by })
    }
}

impl Submitted {
    /// `None` if nothing was submitted.
    fn read(folder: &Folder) -> io::Result<Option<Self>> {
        match fs::read(folder.path().join(SUBMITTED)) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write(&self, folder: &Folder) -> io::Result<()> {
        plan_host::replace(&folder.path().join(SUBMITTED), &serde_json::to_string(self)?)
    }
}
