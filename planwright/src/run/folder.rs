//! The data folder: the records, the token, the log, and what the tasks have.
//!
//! Invariant: one scheduler has it at a time. Whoever holds the lock on `lock` has it, and the system takes the lock
//! back when that process is gone, however it went.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::problem::Problem;
use crate::running::{Running, folder_name, state_folder};

/// A data folder that is ours as long as this lives.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder where there is none, and takes it.
    ///
    /// # Errors
    /// It cannot be written, or another scheduler has it.
    pub(super) fn take(wanted: Option<&Path>, service: &str) -> Result<Self, Problem> {
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
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path.join("lock"))
            .map_err(failed)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(held(&path, &mut lock)),
            Err(error) => return Err(failed(error.into())),
        }
        let write = |lock: &mut File| {
            lock.set_len(0)?;
            lock.rewind()?;
            writeln!(lock, "{}", std::process::id())?;
            lock.sync_all()
        };
        write(&mut lock).map_err(failed)?;
        Ok(Self { path, _lock: lock })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The token that requests are to have: made at the first start, and readable by its owner alone.
    ///
    /// # Errors
    /// It cannot be read or written, or others can read it.
    pub(super) fn token(&self) -> Result<(PathBuf, String), Problem> {
        let file = self.path.join("token");
        let failed = |error| unusable(&file, &error);
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file) {
            Ok(mut new) => {
                let token = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
                writeln!(new, "{token}").and_then(|()| new.sync_all()).map_err(failed)?;
                return Ok((file, token));
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error)),
        }
        let mode = fs::metadata(&file).map_err(failed)?.permissions().mode();
        if mode & 0o077 != 0 {
            let problem = Problem::error(format!("others can read the token `{}`", file.display()));
            let help = format!("take it away, and a new one is made: `rm {}`", file.display());
            return Err(problem.help(help));
        }
        let token = fs::read_to_string(&file).map_err(failed)?.trim().to_owned();
        if token.len() < 32 {
            let problem = Problem::error(format!("the token `{}` is not whole", file.display()));
            let help = format!("take it away, and a new one is made: `rm {}`", file.display());
            return Err(problem.help(help));
        }
        Ok((file, token))
    }
}

fn held(path: &Path, lock: &mut File) -> Problem {
    let mut pid = String::new();
    let _ = lock.read_to_string(&mut pid);
    let (pid, running) = (pid.trim(), Running::of(path));
    let who = match &running {
        Some(running) if running.pid.to_string() == pid => {
            format!("process {pid}, which listens on {}", running.url)
        }
        _ if pid.is_empty() => "another process".to_owned(),
        _ => format!("process {pid}"),
    };
    let problem =
        Problem::error(format!("another scheduler has the data folder `{}`: {who}", path.display()));
    problem.help(format!(
        "ask that one (`planwright plan status`, `planwright update`), end it (`kill {pid}`), or name another folder \
         with `--data-dir`"
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
