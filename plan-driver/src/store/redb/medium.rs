//! Where a store's bytes are, and how they are opened.
//!
//! Invariant: what is refused was not written to, and a file that was there is never made anew: a store whose file
//! has gone says so, and does not begin an empty one in its place.

use std::fs::{File, OpenOptions};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use redb::backends::FileBackend;
use redb::{Builder, Database, StorageBackend};

use super::tables::{self, Fault, Owner};
use super::trial::Trial;
use crate::store::StoreError;

/// Where a store's bytes are. It is opened anew after every failure.
///
/// A file is one; tests have others, which tear writes, are full, or fail.
pub trait Medium: Send + 'static {
    /// How people know it.
    fn name(&self) -> String;

    /// Opens it. One without a byte in it is founded; one whose founding was cut short is refused, so that a file is
    /// founded under another name.
    ///
    /// # Errors
    /// It cannot be reached now.
    fn open(&self) -> io::Result<Box<dyn StorageBackend>>;
}

/// Memory for pages that were read. What a service keeps is small, and is read when its loop begins.
const CACHE: usize = 32 << 20;

/// A file.
#[derive(Debug)]
pub(super) struct FileMedium {
    path: PathBuf,
    /// Whether it was there once.
    seen: AtomicBool,
}

impl FileMedium {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, seen: AtomicBool::new(false) }
    }

    /// Makes the file under another name, so that one that is there is there whole.
    fn found(&self) -> io::Result<File> {
        let mut name = self.path.clone().into_os_string();
        name.push(".new");
        let new = PathBuf::from(name);
        let file = options().create(true).truncate(true).open(&new)?;
        let made = || -> Result<(), Fault> {
            let backend = FileBackend::new(file)?;
            let database = Builder::new().set_cache_size(CACHE).create_with_backend(backend)?;
            tables::found(&database)?;
            database.close()?;
            Ok(())
        };
        made().map_err(io::Error::other)?;
        std::fs::rename(&new, &self.path)?;
        if let Some(folder) = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            // So that the name, too, is there after the power went.
            File::open(folder)?.sync_all()?;
        }
        options().open(&self.path)
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    // Records have every value of a service's environment: they are their owner's alone.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

impl Medium for FileMedium {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn open(&self) -> io::Result<Box<dyn StorageBackend>> {
        let file = match options().open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !self.seen.load(Ordering::Relaxed) => {
                self.found()?
            }
            file => file?,
        };
        self.seen.store(true, Ordering::Relaxed);
        Ok(Box::new(FileBackend::new(file).map_err(io::Error::other)?))
    }
}

/// Opens the database of a medium, after it was found to be whole and ours.
pub(super) fn open(medium: &dyn Medium) -> Result<Database, StoreError> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| StoreError::Failed {
        what: format!("open `{}`", medium.name()),
        source,
    };
    let trial = medium.open().and_then(Trial::new).map_err(|error| failed(Box::new(error)))?;
    let looked = catch_unwind(AssertUnwindSafe(|| look(trial.clone())));
    let refused = |why: String| StoreError::Unusable {
        what: format!(
            "`{}` {why}; it was not touched: put a copy of the right file in its place, or name another",
            medium.name()
        ),
    };
    let database = match looked {
        Ok(Ok(Looked::Good(database))) => database,
        Ok(Ok(Looked::Refused(why))) => return Err(refused(why)),
        Ok(Err(fault)) if fault.is_damage() => {
            return Err(refused(format!("is no store that can be read ({fault})")));
        }
        Ok(Err(fault)) => return Err(failed(Box::new(fault))),
        // redb says that it may, on a file that it did not write so.
        Err(_) => return Err(refused("is damaged".to_owned())),
    };
    trial.accept().map_err(|error| failed(Box::new(error)))?;
    Ok(database)
}

enum Looked {
    Good(Database),
    Refused(String),
}

/// Opens it on trial: every page that is in use is read, and its checksum asked.
fn look(trial: Trial) -> Result<Looked, Fault> {
    let database =
        Builder::new().set_cache_size(CACHE).set_check_integrity_on_open(true).create_with_backend(trial)?;
    Ok(match tables::owner(&database)? {
        Owner::Ours => Looked::Good(database),
        Owner::Nobody => {
            tables::found(&database)?;
            Looked::Good(database)
        }
        Owner::Newer(version) => Looked::Refused(format!(
            "was written by a newer planwright (version {version} of the store, this one knows {})",
            tables::FORMAT
        )),
        Owner::Another(table) => {
            Looked::Refused(format!("is another program's (it has the table `{table}`)"))
        }
    })
}
