//! Where records are kept.
//!
//! Invariant: a batch is there whole or not at all, and only under the latest epoch of its service: a scheduler that
//! was replaced cannot write. What [`Store::commit`] answered `Ok` to is there after any crash.

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
/// Whoever waits may give up. What was begun is then done before anything that is asked of the service later, or not
/// at all: a commit never comes behind an [`Store::open`] that was asked after it.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The services that there are records of.
    ///
    /// # Errors
    /// The store cannot be read.
    async fn services(&self) -> Result<Vec<ServiceName>, StoreError>;

    /// All records of a service, under a new epoch: no commit under an earlier one is taken from now on.
    ///
    /// # Errors
    /// The store cannot be read, or the epoch not be written.
    async fn open(&self, service: &ServiceName) -> Result<Opened, StoreError>;

    /// Makes a batch durable, whole or not at all.
    ///
    /// # Errors
    /// [`StoreError::Fenced`]: a later epoch was opened, and nothing was written. [`StoreError::Failed`]: nothing was
    /// written. [`StoreError::Unknown`]: nobody knows; open the service again and see.
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

/// Counts the schedulers that a service had. A higher one fences a lower one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Changes that are made together, in this order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    /// The changes.
    pub changes: Vec<Change>,
}

/// A change of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
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
    /// What is there cannot be used, and is left untouched.
    #[error("{what}")]
    Unusable {
        /// What is wrong, where, and what to do.
        what: String,
    },
}
