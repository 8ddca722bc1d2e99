//! Records in one file on disk: the default.
//!
//! Invariant: a batch that was answered with `Ok` is on disk, whole, after any crash of this process or of the machine.
//! A file that is damaged, newer or of another program is refused before a byte of it is changed.
//!
//! One thread owns the file, so that no task of the runtime waits for a disk. Batches that wait while the disk is busy
//! are made durable together (group commit). The epoch is checked inside the transaction. After a failure the next call
//! opens the file anew, so a store that was away comes back by itself (`docs/decisions/0012-records-on-disk.md`).

mod keeper;
mod medium;
mod tables;
mod trial;

use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use async_trait::async_trait;
use plan_core::spec::ServiceName;
use tokio::sync::oneshot;

use super::lines::Line;
use super::{Batch, Epoch, Opened, Store, StoreError};
use keeper::{Job, Keeper};
use medium::FileMedium;

pub use medium::Medium;

/// Keeps records in a redb file. Dropping it closes the file, and waits for that.
#[derive(Debug)]
pub struct RedbStore {
    /// `None` while the store is being dropped.
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl RedbStore {
    /// Opens a file in an existing folder, or makes the file.
    ///
    /// # Errors
    /// [`StoreError::Unusable`]: the file is damaged, newer, or of another program. It is untouched.
    /// [`StoreError::Failed`]: the file cannot be opened now, or another process has it.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::on(FileMedium::new(path.as_ref().to_path_buf())).await
    }

    /// Opens a store on any medium.
    ///
    /// # Errors
    /// As for [`RedbStore::open`].
    pub async fn on(medium: impl Medium) -> Result<Self, StoreError> {
        let name = medium.name();
        let (jobs, taken) = channel();
        let (opened, is_open) = oneshot::channel();
        let keep = move || match Keeper::new(Box::new(medium)) {
            Ok(keeper) => {
                // The caller may be gone, and then nobody can use the store.
                let _ = opened.send(Ok(()));
                keeper.keep(&taken);
            }
            Err(error) => drop(opened.send(Err(error))),
        };
        let failed = |source| StoreError::Failed { what: format!("open `{name}`"), source };
        let thread = std::thread::Builder::new().name("store".to_owned()).spawn(keep);
        let thread = thread.map_err(|error| failed(Box::new(error)))?;
        let store = Self { jobs: Some(jobs), thread: Some(thread) };
        is_open.await.unwrap_or_else(|_| Err(failed("its thread ended".into())))?;
        Ok(store)
    }

    /// All records, in the order of services and keys ([`super::lines`] writes them as text).
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn export(&self) -> Result<Vec<Line>, StoreError> {
        self.ask("read all records", |answer| Job::Export { answer }).await
    }

    /// Stores exported records, all or none, of services that have no records yet.
    ///
    /// # Errors
    /// One of the services has records; or the store failed.
    pub async fn import(&self, lines: Vec<Line>) -> Result<(), StoreError> {
        self.ask("import records", |answer| Job::Import { lines, answer }).await
    }

    async fn ask<T>(
        &self,
        what: &str,
        job: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Job,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let sent = self.jobs.as_ref().map(|jobs| jobs.send(job(answer)));
        let source = || "its thread has ended: restart planwright, and report what the log says".into();
        if !matches!(sent, Some(Ok(()))) {
            return Err(StoreError::Failed { what: what.to_owned(), source: source() });
        }
        // The answer was dropped, so the job may have been done.
        answered
            .await
            .unwrap_or_else(|_| Err(StoreError::Unknown { what: what.to_owned(), source: source() }))
    }
}

impl Drop for RedbStore {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic in the thread was already logged.
            let _ = thread.join();
        }
    }
}

#[async_trait]
impl Store for RedbStore {
    async fn services(&self) -> Result<Vec<ServiceName>, StoreError> {
        let names = self.ask("list its services", |answer| Job::Services { answer }).await?;
        let names = names.into_iter().map(|name| {
            let what = format!("the store has records of `{name}`, which is no service's name: was it written by a newer planwright?");
            ServiceName::new(&name).map_err(|_| StoreError::Unusable { what })
        });
        names.collect()
    }

    async fn open(&self, service: &ServiceName) -> Result<Opened, StoreError> {
        let service = service.clone();
        self.ask("open the records of a service", |answer| Job::Open { service, answer }).await
    }

    async fn commit(&self, service: &ServiceName, epoch: Epoch, batch: Batch) -> Result<(), StoreError> {
        let service = service.clone();
        self.ask("keep a batch", |answer| Job::Commit { service, epoch, batch, answer }).await
    }
}
