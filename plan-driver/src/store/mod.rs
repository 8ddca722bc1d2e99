//! Where records are kept.
//!
//! Invariant: a batch is stored whole or not at all, and only under the latest epoch of its service, so a scheduler
//! that was replaced cannot write. A batch that [`Store::commit`] answered with `Ok` is there after any crash.

pub mod conformance;
pub mod lines;
mod lock;
mod memory;
#[cfg(feature = "redb")]
mod redb;

#[cfg(feature = "redb")]
pub use self::redb::{Medium, RedbStore};
pub use lock::{FileLock, Holder, LockError};
pub use memory::MemoryStore;

use std::fmt;

use async_trait::async_trait;
use plan_core::spec::ServiceName;

/// Keeps the records of services.
///
/// A caller may drop the future of any call. Then the call takes effect before any later call for the service, or
/// never. A commit never takes effect after an [`Store::open`] that was called later.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The services that have records.
    ///
    /// # Errors
    /// The store cannot be read.
    async fn services(&self) -> Result<Vec<ServiceName>, StoreError>;

    /// Reads all records of a service, and begins a new epoch. From now on every commit under an earlier epoch is
    /// refused.
    ///
    /// # Errors
    /// The store cannot be read, or the epoch cannot be written.
    async fn open(&self, service: &ServiceName) -> Result<Opened, StoreError>;

    /// Makes a batch durable, whole or not at all.
    ///
    /// # Errors
    /// [`StoreError::Fenced`]: a later epoch was opened, and nothing was written. [`StoreError::Failed`]: nothing was
    /// written. [`StoreError::Unknown`]: nobody knows whether the batch was written. Open the service again to find
    /// out.
    async fn commit(&self, service: &ServiceName, epoch: Epoch, batch: Batch) -> Result<(), StoreError>;
}

/// The records of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The new epoch.
    pub epoch: Epoch,
    /// Keys and bytes, in the order of the keys.
    pub records: Vec<(String, Vec<u8>)>,
}

/// Counts the schedulers that a service had. A higher epoch fences a lower one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Changes of records that are made together, in this order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    /// The changes.
    pub changes: Vec<RecordChange>,
}

/// A change of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordChange {
    /// These bytes are kept under the key.
    Put(String, Vec<u8>),
    /// Nothing is kept under the key.
    Delete(String),
}

/// Why a store did not do something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A later epoch was opened: another scheduler has this service now.
    #[error("epoch {held} of `{service}` is over: another scheduler has opened epoch {latest}")]
    Fenced {
        /// The service.
        service: ServiceName,
        /// The epoch that the commit was made under.
        held: Epoch,
        /// The latest one.
        latest: Epoch,
    },
    /// Nothing was done.
    #[error("the store did not {what}")]
    Failed {
        /// What was tried.
        what: String,
        /// What went wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Nobody knows whether it was done.
    #[error("nobody knows whether the store did {what}")]
    Unknown {
        /// What was tried.
        what: String,
        /// What went wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The content of the store cannot be used, and is left untouched.
    #[error("{what}")]
    Unusable {
        /// What is wrong, where, and what to do.
        what: String,
    },
}
