//! The data folder: the records, the token, the log, and what the tasks have.
//!
//! Invariant: one scheduler has it at a time. The system takes the lock from a process that is gone, however it
//! went; what is in the folder is its owner's alone.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use plan_driver::clock::{Clock, SystemClock};
use plan_driver::store::{FileLock, Holder, LockError};

use crate::api::token::{self, Token, TokenError};
use crate::problem::Problem;
use crate::running::{RECORDS, Running, folder_name, is_alive, state_folder};

/// Whoever has the lock on it has the folder.
const LOCK: &str = "lock";
/// What the tasks have.
pub(super) const TASKS: &str = "tasks";
/// The small files that operators keep with the service.
pub(super) const FILES: &str = "files";
/// Who takes the lock says who it is within this time.
const MOMENT: Duration = Duration::from_secs(1);
/// The scheduler's log.
pub(super) const LOG: &str = "scheduler.log";

/// A data folder that is ours as long as this lives.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    lock: FileLock,
}

impl Folder {
    /// Makes the folder where there is none, and takes it.
    ///
    /// # Errors
    /// It cannot be written, or another scheduler has it.
    pub(super) fn take(wanted: Option<&Path>, service: &str) -> Result<Self, Box<Problem>> {
        let path = match wanted {
            Some(path) => path.to_owned(),
            None => state_folder().map(|state| state.join(folder_name(service))).ok_or_else(|| {
                let problem = Problem::error("there is no folder to keep the service in: no HOME is set");
                problem.help("name one with `--data-dir`, or set HOME or XDG_STATE_HOME")
            })?,
        };
        let failed = |error| unusable(&path, &error);
        // What is in it is its owner's alone.
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(failed)?;
        let path = path.canonicalize().map_err(failed)?;
        let failed = |error| unusable(&path, &error);
        let lock = lock(&path.join(LOCK)).map_err(|error| match error {
            LockError::Held { holder, .. } => held(&path, holder.as_ref()),
            LockError::Io { source, .. } => failed(source),
            // A later kind: its words are all that is known of it here.
            other => Problem::error(other.to_string()),
        })?;
        Ok(Self { path, lock })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The token that requests are to have, and its file.
    ///
    /// # Errors
    /// It cannot be read or made, or others can read it.
    pub(super) fn token(&self) -> Result<(PathBuf, Token), Box<Problem>> {
        let file = self.path.join(token::FILE);
        let token = token::load_or_make(&self.path).map_err(|error| match error {
            TokenError::File { source, .. } => unusable(&file, &source),
            other => Problem::error(other.to_string()),
        })?;
        Ok((file, token))
    }

    /// Takes away what was kept of a service that is no more; the token stays, for the next one.
    pub(super) fn forget(self) {
        for file in [LOG, "scheduler.log.1", RECORDS, LOCK] {
            // What is not there need not be taken away; what cannot be is in nobody's way.
            let _ = fs::remove_file(self.path.join(file));
        }
        for folder in [FILES, TASKS] {
            let _ = fs::remove_dir_all(self.path.join(folder));
        }
        drop(self.lock);
    }
}

/// Takes the lock, or says who has it: who has just taken it may not have said so yet, and the file then names the one
/// before, or nobody.
fn lock(path: &Path) -> Result<FileLock, LockError> {
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
