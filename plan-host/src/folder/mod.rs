//! The data folder: the records, the token, the log, and the files of the tasks.
//!
//! Invariant: one scheduler has the folder at a time. The system takes the lock from a process that is gone, however it
//! ended. Only the owner of the folder can read it. Only files that planwright put there are removed.

mod error;
mod mark;
mod store;

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use plan_driver::clock::{Clock, SystemClock};
use plan_driver::store::{FileLock, LockError};

pub use error::{FolderError, kill_of_left};
use mark::Mark;
use serde::{Deserialize, Serialize};

use crate::files::is_alive;
use crate::kind::HostedKind;

/// The file of the lock on a data folder. A scheduler has the folder while it has the lock.
pub const LOCK: &str = "lock";
/// The records of services.
pub const RECORDS: &str = "records.redb";
/// The folder of the backend, with the files of the tasks.
const TASKS: &str = "tasks";
/// The small files that operators keep with the service.
pub const FILES: &str = "files";
/// A process that takes the lock writes its name within this time.
const MOMENT: Duration = Duration::from_secs(1);
/// The scheduler's log.
pub const LOG: &str = "scheduler.log";
/// The log before it.
pub const LOG_BEFORE: &str = "scheduler.log.1";
/// The specification that `run` submitted last.
pub const SUBMITTED: &str = "submitted.json";
/// Where the records of services are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Records {
    /// In memory: the records end with the host, and its tasks are unknown then. For tests.
    Memory,
    /// On disk, in the data folder.
    #[default]
    #[serde(rename = "redb")]
    Disk,
}

/// A data folder that is ours as long as this value exists.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    lock: FileLock,
    /// Where its records were, and which backend ran their tasks, before this scheduler took the folder.
    before: Mark,
}

impl Folder {
    /// Makes the folder if there is none, and locks it.
    ///
    /// # Errors
    /// It cannot be written, has no mark of planwright's, or another scheduler has it.
    pub fn take(path: &Path, records: Records, backend: &str) -> Result<Self, FolderError> {
        let failed = |error| unusable(path, error);
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
        folder.close_to_others().map_err(|error| unusable(&folder.path, error))?;
        Ok(folder)
    }

    /// The process that has the folder, if another scheduler has it.
    pub fn taken(path: &Path) -> Option<FolderError> {
        // Asking for the lock writes its file, if nobody has it.
        if !path.join(LOCK).exists() || !matches!(Mark::of(path), Ok(Some(_))) {
            return None;
        }
        match take(&path.join(LOCK)) {
            Err(LockError::Held { holder, .. }) => Some(FolderError::Held { path: path.to_owned(), holder }),
            _ => None,
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The backend's part of the folder.
    pub fn tasks(&self) -> PathBuf {
        self.path.join(TASKS)
    }

    /// Remembers where its records are now, and which backend runs their tasks.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(crate) fn is_for(&self, records: Records, backend: &str) -> Result<(), FolderError> {
        let mark = Mark::new(records, backend);
        if self.before == mark { Ok(()) } else { mark.write(&self.path) }
    }

    /// Removes the files of a service that is uninstalled. The token stays for the next service, and so do the mark and
    /// files of others. The lock's file stays too: another scheduler may already have it open, and would then have the
    /// lock on a file that no process can find.
    pub fn forget(self, records: Records, backend: &dyn HostedKind) {
        let of_ours = match records {
            Records::Disk => Some(RECORDS),
            // Records on disk, if there are any, were never opened.
            Records::Memory => None,
        };
        // A missing file need not be removed, and one that cannot be removed does no harm.
        for file in of_ours.into_iter().chain([SUBMITTED, LOG, LOG_BEFORE]) {
            let _ = fs::remove_file(self.path.join(file));
        }
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

fn lock(path: &Path) -> Result<FileLock, FolderError> {
    take(&path.join(LOCK)).map_err(|error| match error {
        LockError::Held { holder, .. } => FolderError::Held { path: path.to_owned(), holder },
        LockError::Io { source, .. } => unusable(path, source),
        // A later kind of error. Only its words are known.
        other => FolderError::Lock(other),
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

/// A file or folder that cannot be used.
pub(crate) fn unusable(path: &Path, source: io::Error) -> FolderError {
    FolderError::Unusable { path: path.to_owned(), source }
}
