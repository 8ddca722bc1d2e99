//! Records in one file on disk: the default.
//!
//! Invariant: what was answered `Ok` is on disk, with all that was committed with it, after any crash of this
//! process or of the machine; and a file that is damaged, newer or another's is refused before a byte of it is
//! changed.
//!
//! One thread has the file, so that no task of the runtime waits for a disk. What waits while the disk is busy is
//! made durable together (group commit); the epoch is asked inside of the transaction. After a failure the file is
//! opened anew with the next question, so that a store that was away comes back by itself
//! (`docs/decisions/0012-records-on-disk.md`).

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
    /// None while it is dropped.
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl RedbStore {
    /// Opens a file, or makes it, in a folder that is there.
    ///
    /// # Errors
    /// [`StoreError::Unusable`]: the file is damaged, another's, or newer; it is untouched. [`StoreError::Failed`]:
    /// it cannot be opened now, or another process has it.
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
                // Whoever opens it may have gone; then so has who could ask.
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

    /// All records, in the order of services and keys ([`super::lines`] writes them down).
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn export(&self) -> Result<Vec<Line>, StoreError> {
        self.ask("read all records", |answer| Job::Export { answer }).await
    }

    /// Keeps records that were exported, all or none, as the first of their services.
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
        // Dropped while it was at it: it may have been done.
        answered
            .await
            .unwrap_or_else(|_| Err(StoreError::Unknown { what: what.to_owned(), source: source() }))
    }
}

impl Drop for RedbStore {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic in it was logged where it was contained.
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
