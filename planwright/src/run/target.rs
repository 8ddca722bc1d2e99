//! The file is submitted by the rule of `plan-host`: an operator's update stays.

use std::path::Path;

use plan_core::engine::Refusal;
use plan_driver::Service;
use plan_host::folder::{Folder, SUBMITTED};
use plan_host::{Submission, Submitted, Submitter, submit};

use super::{Stopped, Wanted, failed, store};
use crate::problem::Problem;
use crate::ui::Ui;

/// What became of the file.
#[derive(Debug)]
pub(super) enum Settled {
    /// The target becomes what the file says. It was something else, or nothing.
    Submitted {
        /// Whether there was another target.
        update: bool,
    },
    /// The target is that already.
    AlreadySo,
    /// An operator has updated the service since, and the update stays.
    Kept {
        /// The operator; `None` if that is no longer remembered.
        by: Option<Submitter>,
    },
    /// Nobody knows whether an operator has updated the service since, and the service stays as it is.
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
) -> Result<Settled, Stopped> {
    let submission = Submission::new(wanted.model.clone(), crate::who()).by(wanted.plan.clone());
    let submitted = submit(service, folder, submission).await;
    let submitted = submitted.map_err(|error| failed(store::driver_problem(&error, folder.path())))?;
    let (settled, forgotten) = match submitted {
        Submitted::Accepted { update, forgotten } => (Settled::Submitted { update }, forgotten),
        Submitted::AlreadySo { forgotten } => (Settled::AlreadySo, forgotten),
        Submitted::Kept { by } => (Settled::Kept { by }, None),
        Submitted::Unsure { file, source } => (unsure(&file, &source), None),
        Submitted::Refused { refusal: Refusal::Uninstalling, .. } => (Settled::Uninstalling, None),
        Submitted::Refused { refusal, exists: true } => (Settled::Refused(refusal), None),
        Submitted::Refused { refusal, exists: false } => {
            let problem = Problem::error(refusal.to_string()).file(wanted.input.file.clone());
            return Err((vec![problem], crate::Verdict::Denied));
        }
        // A later version of the rule.
        other => return Err(failed(Problem::error(format!("the submission came to {other:?}")))),
    };
    if let Some(error) = forgotten {
        let file = folder.path().join(SUBMITTED);
        ui.complain(&format!(
            "cannot write `{}`: {error}; when it is started again, it submits the file again, over any update",
            file.display()
        ));
    }
    Ok(settled)
}

fn unsure(file: &Path, error: &std::io::Error) -> Settled {
    Settled::Unsure { why: format!("`{}`: {error}", file.display()) }
}
