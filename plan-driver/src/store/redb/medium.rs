//! Where a store's bytes are, and how they are opened.
//!
//! Invariant: a file that is refused was not written to. A file that existed is never made anew: a store whose file is
//! gone says so, and does not begin an empty one in its place.

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

/// Where a store's bytes are. The medium is opened anew after every failure.
///
/// A file is a medium. Tests have others, which tear writes, are full, or fail.
pub trait Medium: Send + 'static {
    /// The name of the medium for people.
    fn name(&self) -> String;

    /// Opens the medium. The store initializes an empty one. It refuses one whose initialization was cut short, so a
    /// file has to be initialized under another name and then renamed.
    ///
    /// # Errors
    /// The medium cannot be reached now.
    fn open(&self) -> io::Result<Box<dyn StorageBackend>>;
}

/// Memory for pages that were read. The records of a service are small, and are read when its loop begins.
const CACHE: usize = 32 << 20;

/// A file.
#[derive(Debug)]
pub(super) struct FileMedium {
    path: PathBuf,
    /// Whether the file existed once.
    seen: AtomicBool,
}

impl FileMedium {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, seen: AtomicBool::new(false) }
    }

    /// Makes the file under another name and renames it, so that a file under this name is whole.
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
            // So that the name also survives a loss of power.
            File::open(folder)?.sync_all()?;
        }
        options().open(&self.path)
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    // Records have every value of a service's environment, so only their owner can read them.
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

/// Opens the database of a medium, after a check that it is whole and ours.
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
        // redb documents that it may panic on a file that it did not write.
        Err(_) => return Err(refused("is damaged".to_owned())),
    };
    trial.accept().map_err(|error| failed(Box::new(error)))?;
    Ok(database)
}

enum Looked {
    Good(Database),
    Refused(String),
}

/// Opens the database on trial: reads every page that is in use, and checks its checksum.
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
