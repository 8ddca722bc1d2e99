//! One scheduler per data folder: leadership on one machine.
//!
//! Invariant: the process that has the lock is alive, since the system takes the lock from a process that ends, however
//! it ends. The lock keeps a second scheduler from starting. It is the store's fence that lets only one scheduler
//! write, not this lock.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use plan_core::engine::Wall;
use serde::{Deserialize, Serialize};

/// The time between two attempts to get a lock. A lock that becomes free wakes nobody.
const AGAIN: Duration = Duration::from_millis(100);

/// A lock on a file, until it is dropped or the process ends. The file stays, and names the process that had the lock
/// last.
#[derive(Debug)]
pub struct FileLock {
    /// Holds the lock.
    _file: File,
    path: PathBuf,
}

/// The process that has a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The process.
    pub pid: u32,
    /// Since when, in microseconds since 1970.
    pub since: Wall,
}

/// Why there is no lock.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another process has it.
    #[error(
        "{} has `{path}`: end it, wait for it, or use another data folder",
        .holder.as_ref().map_or_else(|| "another process".to_owned(), ToString::to_string)
    )]
    Held {
        /// The file.
        path: PathBuf,
        /// The process that has it; `None` if that is not written to the file yet.
        holder: Option<Holder>,
    },
    /// The file cannot be used.
    #[error("cannot lock `{path}`")]
    Io {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
}

impl FileLock {
    /// Takes the lock on a file. Makes the file if it does not exist.
    ///
    /// # Errors
    /// [`LockError::Held`]: another process, or another lock of this process, has it.
    pub fn take(path: impl AsRef<Path>, now: Wall) -> Result<Self, LockError> {
        let path = path.as_ref();
        Self::attempt(path, now)
            .map_err(|source| LockError::Io { path: path.to_path_buf(), source })?
            .map_err(|holder| LockError::Held { path: path.to_path_buf(), holder })
    }

    /// Takes the lock as soon as it is free. `held` is told which process has the lock, and is told again when that
    /// is another one.
    ///
    /// # Errors
    /// The file cannot be used.
    pub async fn wait(
        path: impl AsRef<Path>,
        now: impl Fn() -> Wall,
        mut held: impl FnMut(Option<&Holder>),
    ) -> Result<Self, LockError> {
        let path = path.as_ref();
        let mut told: Option<Option<Holder>> = None;
        loop {
            let source = |source| LockError::Io { path: path.to_path_buf(), source };
            match Self::attempt(path, now()).map_err(source)? {
                Ok(lock) => return Ok(lock),
                Err(holder) => {
                    if told.as_ref() != Some(&holder) {
                        held(holder.as_ref());
                        told = Some(holder);
                    }
                }
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The lock, or the process that has it.
    fn attempt(path: &Path, now: Wall) -> io::Result<Result<Self, Option<Holder>>> {
        let mut options = OpenOptions::new();
        // As for the records beside it, only the owner can read it.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // The process may be writing its name just now.
                let read = file.take(1024).read_to_string(&mut text);
                return Ok(Err(read.ok().and_then(|_| serde_json::from_str(&text).ok())));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let holder = Holder { pid: std::process::id(), since: now };
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(serde_json::to_string(&holder).map_err(io::Error::other)?.as_bytes())?;
        Ok(Ok(Self { _file: file, path: path.to_path_buf() }))
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.since.0 / 1_000_000;
        let (year, month, day) = date(seconds / 86_400);
        let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        write!(
            f,
            "process {}, since {year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC,",
            self.pid
        )
    }
}

/// Year, month and day of a day since 1970 (the Gregorian calendar from March on, so that leap days come last).
fn date(day: u64) -> (u64, u64, u64) {
    let since_0 = day + 719_468;
    let (era, of_era) = (since_0 / 146_097, since_0 % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, of_year - (153 * from_march + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(of: u64) -> Wall {
        Wall(of * 1_000_000)
    }

    #[test]
    fn one_has_it_and_the_other_is_told_who() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let lock = FileLock::take(&path, seconds(1_795_424_597)).unwrap();
        let told = FileLock::take(&path, seconds(1_795_424_600)).unwrap_err().to_string();
        let pid = std::process::id();
        assert_eq!(
            told,
            format!(
                "process {pid}, since 2026-11-23 09:03:17 UTC, has `{}`: end it, wait for it, or use another data folder",
                path.display()
            )
        );
        drop(lock);
        let again = FileLock::take(&path, seconds(1)).unwrap();
        assert_eq!(again.path(), path);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_has_it_when_it_is_free() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let lock = FileLock::take(&path, seconds(7)).unwrap();
        let (told, mut tells) = tokio::sync::mpsc::unbounded_channel();
        let waits = FileLock::wait(&path, || seconds(8), move |holder| told.send(holder.cloned()).unwrap());
        let frees = async {
            let holder = tells.recv().await.unwrap().unwrap();
            assert_eq!(holder, Holder { pid: std::process::id(), since: seconds(7) });
            drop(lock);
        };
        let (lock, ()) = tokio::join!(waits, frees);
        lock.unwrap();
        assert!(tells.recv().await.is_none(), "told once");
    }

    #[test]
    fn days_have_dates() {
        let known = [
            (0, (1970, 1, 1)),
            (59, (1970, 3, 1)),
            (789, (1972, 2, 29)),
            (11_016, (2000, 2, 29)),
            (47_541, (2100, 3, 1)),
        ];
        for (day, expected) in known {
            assert_eq!(date(day), expected);
        }
    }
}
