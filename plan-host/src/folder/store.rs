//! The store of the records, and the messages when it cannot be used.
//!
//! Invariant: a service with tasks in this folder is continued only with records that know the tasks. Records that are
//! lost, empty or elsewhere never make a second installation beside the first.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use plan_core::engine::{Key, Record, decode};
use plan_core::spec::ServiceName;
use plan_driver::store::{MemoryStore, RedbStore, Store, StoreError};

use super::{Folder, FolderError, RECORDS, Records, unusable};
use crate::kind::{HostedKind, HostedKinds, Leftovers};

impl Folder {
    /// Opens the store of the folder. With a service, the folder is to be that service's or nobody's; without one, it may
    /// be of several. `backend` runs what the records speak of; `backends` are all that the host knows.
    ///
    /// # Errors
    /// The records cannot be used, or do not know what is in the folder. Then nothing is changed.
    pub async fn open_store(
        &self,
        kind: Records,
        service: Option<&ServiceName>,
        backends: &HostedKinds,
        backend: &dyn HostedKind,
    ) -> Result<Arc<dyn Store>, FolderError> {
        open(self, kind, service, backends, backend).await
    }
}

async fn open(
    folder: &Folder,
    kind: Records,
    service: Option<&ServiceName>,
    backends: &HostedKinds,
    backend: &dyn HostedKind,
) -> Result<Arc<dyn Store>, FolderError> {
    let path = folder.path();
    let records = path.join(RECORDS);
    let left = left(folder, backends, backend, records.exists())?;
    let found = match fs::metadata(&records) {
        Ok(found) => Some(found.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(unusable(&records, error)),
    };
    let (store, left): (Arc<dyn Store>, _) = match (kind, found) {
        (Records::Memory, Some(_)) => return Err(FolderError::OnDisk { path: path.to_owned() }),
        (Records::Disk, Some(0)) => return Err(FolderError::Empty { file: records }),
        (_, None) => {
            let left = forget_the_forgotten(folder, left)?;
            if !left.is_empty() {
                return Err(unknown(folder, false, left));
            }
            folder.is_for(kind, backend.name())?;
            match kind {
                Records::Memory => return Ok(Arc::new(MemoryStore::new())),
                Records::Disk => (opened(path).await?, left),
            }
        }
        (Records::Disk, Some(_)) => (opened(path).await?, left),
    };
    let kept = store.services().await.map_err(|error| problem(error, path))?;
    let mut unknown_left = Vec::new();
    for left in left {
        let is_known = match kept.iter().find(|known| known.as_str() == left.service) {
            None => false,
            // A file that is not in use does no harm, and stays where it is.
            Some(_) if left.processes.is_empty() => true,
            Some(known) => {
                let installed = installation(&*store, known).await.map_err(|error| problem(error, path))?;
                installed.is_none_or(|installed| installed == left.installation)
            }
        };
        if !is_known {
            unknown_left.push(left);
        }
    }
    if !unknown_left.is_empty() {
        return Err(unknown(folder, true, unknown_left));
    }
    if let Some(service) = service
        && !kept.contains(service)
        && let Some(other) = kept.into_iter().next()
    {
        return Err(FolderError::OtherService { path: path.to_owned(), other, service: service.clone() });
    }
    folder.is_for(kind, backend.name())?;
    Ok(store)
}

/// The installation of a service in the records. `None` also if they cannot be read: the service's loop says why.
async fn installation(store: &dyn Store, service: &ServiceName) -> Result<Option<String>, StoreError> {
    let key = Key::Service.to_string();
    let records = store.open(service).await?.records;
    let record = records.iter().find(|(found, _)| *found == key);
    Ok(record.and_then(|(key, bytes)| match decode(key, bytes) {
        Ok(Record::Service(service)) => Some(service.installation.to_string()),
        _ => None,
    }))
}

async fn opened(folder: &Path) -> Result<Arc<dyn Store>, FolderError> {
    let opened = RedbStore::open(folder.join(RECORDS)).await;
    Ok(Arc::new(opened.map_err(|error| problem(error, folder))?))
}

/// What the folder has of services. Tasks of another backend are refused, since this backend would not find them, and
/// would run them a second time.
fn left(
    folder: &Folder,
    backends: &HostedKinds,
    backend: &dyn HostedKind,
    has_records: bool,
) -> Result<Vec<Leftovers>, FolderError> {
    let before = &folder.before.backend;
    if before == backend.name() {
        return backend.left(&folder.tasks()).map_err(FolderError::Leftovers);
    }
    let other = backends.get(before);
    let nothing = match other {
        Some(other) if !has_records => {
            other.left(&folder.tasks()).map_err(FolderError::Leftovers)?.is_empty()
        }
        _ => false,
    };
    if nothing {
        return Ok(Vec::new());
    }
    let (path, known) = (folder.path().to_owned(), other.is_some());
    Err(FolderError::OtherBackend { path, backend: before.clone(), known })
}

/// Cleans up after a scheduler that was killed with its records in memory: removes files of tasks that do not run any
/// more. Returns what is left.
fn forget_the_forgotten(folder: &Folder, left: Vec<Leftovers>) -> Result<Vec<Leftovers>, FolderError> {
    if folder.before.records != Records::Memory || left.iter().any(|left| !left.processes.is_empty()) {
        return Ok(left);
    }
    for Leftovers { folder, .. } in &left {
        fs::remove_dir_all(folder).map_err(|error| unusable(folder, error))?;
    }
    Ok(Vec::new())
}

/// The message about tasks that no records know.
fn unknown(folder: &Folder, has_records: bool, left: Vec<Leftovers>) -> FolderError {
    let (path, tasks, records) = (folder.path().to_owned(), folder.tasks(), folder.before.records);
    FolderError::UnknownTasks { path, tasks, records, has_records, left }
}

/// The message about a store that fails.
fn problem(source: StoreError, folder: &Path) -> FolderError {
    FolderError::Store { path: folder.to_owned(), source }
}
