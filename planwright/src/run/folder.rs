//! The data folder: the records, the token, the log, and the files of the tasks.
//!
//! Invariant: one scheduler has the folder at a time. The system takes the lock from a process that is gone, however it
//! ended. Only the owner of the folder can read it. Only files that planwright put there are removed.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use plan_driver::clock::{Clock, SystemClock};
use plan_driver::store::{FileLock, Holder, LockError};

use super::mark::{self, Mark};
use crate::api::FolderFiles;
use crate::api::token::{self, Token, TokenError};
use crate::arguments::StoreKind;
use crate::backends::BackendKind;
use crate::problem::Problem;
use crate::running::{RECORDS, Running, folder_name, is_alive, state_folder};

/// The process that has the lock on this file has the folder.
pub(super) const LOCK: &str = "lock";
/// The folder of the backend, with the files of the tasks.
const TASKS: &str = "tasks";
/// The small files that operators keep with the service.
pub(super) const FILES: &str = "files";
/// A process that takes the lock writes its name within this time.
const MOMENT: Duration = Duration::from_secs(1);
/// The scheduler's log.
pub(super) const LOG: &str = "scheduler.log";
/// The log before it.
pub(super) const LOG_BEFORE: &str = "scheduler.log.1";
/// The specification that `run` submitted last.
pub(super) const SUBMITTED: &str = "submitted.json";
/// The folder of the state folder for services whose records are in memory. No service's name begins so.
const IN_MEMORY: &str = ".memory";

/// A data folder that is ours as long as this value exists.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    lock: FileLock,
    /// Where its records were, and which backend ran their tasks, before this scheduler took the folder.
    pub(super) before: Mark,
}

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

impl Folder {
    /// Makes the folder if there is none, and locks it.
    ///
    /// # Errors
    /// The folder cannot be written, is not planwright's, or another scheduler has it.
    pub(super) fn take(path: &Path, records: StoreKind, backend: &str) -> Result<Self, Box<Problem>> {
        let failed = |error| unusable(path, &error);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        let path = path.canonicalize().map_err(failed)?;
        // This comes before anything is written there.
        Mark::of(&path)?;
        let lock = lock(&path)?;
        // Another scheduler may have come in between.
        let before = match Mark::of(&path)? {
            Some(mark) => mark,
            None => {
                let mark = Mark::new(records, backend);
                mark.write(&path)?;
                mark
            }
        };
        let folder = Self { path, lock, before };
        folder.close_to_others().map_err(|error| unusable(&folder.path, &error))?;
        Ok(folder)
    }

    /// The process that has the folder, if another scheduler has it.
    pub(super) fn taken(path: &Path) -> Option<Problem> {
        // Asking for the lock writes its file, if nobody has it.
        if !path.join(LOCK).exists() || !matches!(Mark::of(path), Ok(Some(_))) {
            return None;
        }
        match take(&path.join(LOCK)) {
            Err(LockError::Held { holder, .. }) => Some(held(path, holder.as_ref())),
            _ => None,
        }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The backend's part of the folder.
    pub(super) fn tasks(&self) -> PathBuf {
        self.path.join(TASKS)
    }

    /// Remembers where its records are now, and which backend runs their tasks.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(super) fn is_for(&self, records: StoreKind, backend: &str) -> Result<(), Box<Problem>> {
        let mark = Mark::new(records, backend);
        if self.before == mark { Ok(()) } else { mark.write(&self.path) }
    }

    /// The token that requests need, and its file.
    ///
    /// # Errors
    /// The token cannot be read or made, or others can read it.
    pub(super) fn token(&self) -> Result<(PathBuf, Token), Box<Problem>> {
        let file = self.path.join(token::FILE);
        let token = token::load_or_make(&self.path).map_err(|error| match error {
            TokenError::File { source, .. } => unusable(&file, &source),
            other => Problem::error(other.to_string()),
        })?;
        Ok((file, token))
    }

    /// Removes the files of a service that is uninstalled. The token stays for the next service, and so do the mark and
    /// files of others. The lock's file stays too: another scheduler may already have it open, and would then have the
    /// lock on a file that no process can find.
    pub(super) fn forget(self, service: &str, records: StoreKind, backend: &dyn BackendKind) {
        let of_ours = match records {
            StoreKind::Redb => Some(RECORDS),
            // Records on disk, if there are any, were never opened.
            StoreKind::Memory => None,
        };
        // A missing file need not be removed, and one that cannot be removed does no harm.
        for file in of_ours.into_iter().chain([SUBMITTED, LOG, LOG_BEFORE]) {
            let _ = fs::remove_file(self.path.join(file));
        }
        let _ = FolderFiles::new(self.path.join(FILES)).forget(service);
        let tasks = self.tasks();
        backend.forget(&tasks);
        // A folder that is not empty has files that are not ours.
        let _ = fs::remove_dir(&tasks);
        drop(self.lock);
    }

    /// Makes all files readable only by their owner, including files that were copied back, if the folder itself is
    /// open.
    fn close_to_others(&self) -> io::Result<()> {
        for folder in [TASKS, FILES] {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(self.path.join(folder))?;
        }
        // The token is not among them: a token that others could read is refused.
        for name in [TASKS, FILES, LOCK, LOG, LOG_BEFORE, RECORDS, mark::FILE] {
            let path = self.path.join(name);
            let Ok(found) = fs::symlink_metadata(&path) else { continue };
            let mode = found.permissions().mode();
            if !found.is_symlink() && mode & 0o077 != 0 {
                fs::set_permissions(&path, Permissions::from_mode(mode & 0o700))?;
            }
        }
        Ok(())
    }
}

fn lock(path: &Path) -> Result<FileLock, Box<Problem>> {
    take(&path.join(LOCK)).map_err(|error| {
        Box::new(match error {
            LockError::Held { holder, .. } => held(path, holder.as_ref()),
            LockError::Io { source, .. } => unusable(path, &source),
            // A later kind of error. Only its words are known.
            other => Problem::error(other.to_string()),
        })
    })
}

/// Takes the lock, or says which process has it. A process that has just taken the lock may not have written its name
/// yet. Then the file names the one before, or none.
fn take(path: &Path) -> Result<FileLock, LockError> {
    let until = Instant::now() + MOMENT;
    loop {
        let taken = FileLock::take(path, SystemClock.now());
        let Err(LockError::Held { holder, .. }) = &taken else { return taken };
        let is_named = holder.as_ref().and_then(|by| i32::try_from(by.pid).ok()).is_some_and(is_alive);
        if is_named || Instant::now() >= until {
            return taken;
        }
        std::thread::sleep(MOMENT / 100);
    }
}

fn held(path: &Path, holder: Option<&Holder>) -> Problem {
    let running = Running::of(path)
        .filter(|running| holder.is_some_and(|by| i64::from(by.pid) == i64::from(running.pid)));
    let who = match (holder, &running) {
        (Some(by), Some(running)) => format!("{by} listening on {}", running.url),
        (Some(by), None) => by.to_string().trim_end_matches(',').to_owned(),
        (None, _) => "another process".to_owned(),
    };
    let problem =
        Problem::error(format!("another scheduler has the data folder `{}`: {who}", path.display()));
    let end = holder.map(|by| format!(", end it (`kill {}`)", by.pid)).unwrap_or_default();
    problem.help(format!(
        "ask that one (`planwright plan status`, `planwright update`){end}, or name another folder with `--data-dir`"
    ))
}

/// A file or folder that cannot be used.
pub(super) fn unusable(path: &Path, error: &io::Error) -> Problem {
    let problem = Problem::error(format!("cannot use `{}`: {error}", path.display()));
    problem.help(match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "make room on the disk, and run it again: nothing that was kept is lost"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "name a folder that you can write to with `--data-dir`"
        }
        _ => "name another folder with `--data-dir`",
    })
}
