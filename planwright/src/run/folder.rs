//! The data folder as the program has it: where it is, its token, and what is said when it cannot be used.

use std::io;
use std::path::{Path, PathBuf};

use plan_driver::store::StoreError;
use plan_host::Records;
use plan_host::folder::{Folder, FolderError, RECORDS, kill_of_left};

use crate::arguments::StoreKind;
use crate::problem::Problem;
use crate::running::{Running, folder_name, state_folder};
use plan_api::token::{self, Token, TokenError};

/// The folder of the state folder for services whose records are in memory. No service's name begins so.
const IN_MEMORY: &str = ".memory";

/// The path of the data folder of a service. Records in memory have a folder of their own, since the files beside
/// records on disk belong to those.
///
/// # Errors
/// No folder was named, and the user has no state folder.
pub(super) fn place(
    wanted: Option<&Path>,
    service: &str,
    records: StoreKind,
) -> Result<PathBuf, Box<Problem>> {
    if let Some(path) = wanted {
        return Ok(path.to_owned());
    }
    let Some(state) = state_folder() else {
        let problem = Problem::error("there is no folder to keep the service in: no HOME is set");
        return Err(problem.help("name one with `--data-dir`, or set HOME or XDG_STATE_HOME").into());
    };
    Ok(match records {
        StoreKind::Redb => state.join(folder_name(service)),
        StoreKind::Memory => state.join(IN_MEMORY).join(folder_name(service)),
    })
}

/// The token that requests need, and its file.
///
/// # Errors
/// The token cannot be read or made, or others can read it.
pub(super) fn token(folder: &Folder) -> Result<(PathBuf, Token), Box<Problem>> {
    let file = folder.path().join(token::FILE);
    let token = token::load_or_make(folder.path()).map_err(|error| match error {
        TokenError::File { source, .. } => unusable(&file, source),
        other => Problem::error(other.to_string()),
    })?;
    Ok((file, token))
}

/// A data folder that cannot be used, with what to do in the words of the command line.
pub(super) fn problem(error: FolderError) -> Box<Problem> {
    let problem = Problem::error(error.message());
    let help = match &error {
        FolderError::Unusable { source, .. } => match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "make room on the disk, and run it again: nothing that was kept is lost".to_owned()
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                "name a folder that you can write to with `--data-dir`".to_owned()
            }
            _ => "name another folder with `--data-dir`".to_owned(),
        },
        FolderError::Held { path, holder } => {
            return held(path, holder.as_ref().map(|by| by.pid), problem).into();
        }
        FolderError::NotOurs { .. } => {
            "name an empty folder, or one that is not there yet, with `--data-dir`".to_owned()
        }
        FolderError::Mark { .. } => {
            "run it with the planwright that made it, or name another folder with `--data-dir`".to_owned()
        }
        FolderError::OnDisk { path } => {
            let message = format!(
                "the data folder `{}` has records on disk (`{RECORDS}`), and `--store memory` would not look at them",
                path.display()
            );
            let help = "run it without `--store memory`, or name another folder with `--data-dir`";
            return Problem::error(message).help(help).into();
        }
        FolderError::Empty { .. } => {
            "restore it from a copy, or name another folder with `--data-dir`".to_owned()
        }
        FolderError::OtherBackend { backend, known: true, .. } => {
            format!("run it with `--backend {backend}`, or name another folder with `--data-dir`")
        }
        FolderError::OtherBackend { .. } => {
            "this program has no such backend: name another folder with `--data-dir`".to_owned()
        }
        FolderError::OtherService { service, .. } => {
            format!("name another one for `{service}` with `--data-dir`")
        }
        FolderError::UnknownTasks { records: Records::Memory, left, .. } => {
            let kill = kill_of_left(left).unwrap_or_default();
            format!("end them ({kill}), and run it again; they run only once that way")
        }
        FolderError::UnknownTasks { tasks, left, .. } => {
            let kill = kill_of_left(left).map(|kill| format!(", end what runs ({kill})")).unwrap_or_default();
            format!(
                "restore `{RECORDS}` from a copy, or name another folder with `--data-dir`; to give them up with their \
                 data{kill} and remove `{}`",
                tasks.display()
            )
        }
        FolderError::Leftovers(_) => {
            "mend or restore it, or name another folder with `--data-dir`: nothing was changed".to_owned()
        }
        // It says itself what to do.
        FolderError::Store { source: StoreError::Unusable { .. }, .. } => return problem.into(),
        FolderError::Store { path, .. } => {
            format!("see that `{}` can be written, and that its disk has room", path.display())
        }
        _ => return problem.into(),
    };
    problem.help(help).into()
}

/// The folder of another scheduler, with where that one listens.
fn held(path: &Path, pid: Option<u32>, mut problem: Problem) -> Problem {
    let running =
        Running::of(path).filter(|running| pid.is_some_and(|pid| i64::from(pid) == i64::from(running.pid)));
    if let Some(running) = running {
        problem.message = format!("{}, listening on {}", problem.message, running.url);
    }
    let end = pid.map(|pid| format!(", end it (`kill {pid}`)")).unwrap_or_default();
    problem.help(format!(
        "ask that one (`planwright plan status`, `planwright update`){end}, or name another folder with `--data-dir`"
    ))
}

/// A file or folder that cannot be used.
pub(super) fn unusable(path: &Path, source: io::Error) -> Problem {
    *problem(FolderError::Unusable { path: path.to_owned(), source })
}
