//! Records in memory: for tests, and for services whose records may be lost.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use plan_core::spec::ServiceName;

use super::{Batch, Epoch, Opened, RecordChange, Store, StoreError};

/// Keeps records as long as it lives.
#[derive(Debug, Default)]
pub struct MemoryStore {
    services: Mutex<BTreeMap<ServiceName, Service>>,
}

#[derive(Debug, Default)]
struct Service {
    epoch: Epoch,
    records: BTreeMap<String, Vec<u8>>,
}

impl MemoryStore {
    /// A store with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// A panic elsewhere leaves the map whole, since no change of the map can panic half-way.
    fn services(&self) -> MutexGuard<'_, BTreeMap<ServiceName, Service>> {
        self.services.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn services(&self) -> Result<Vec<ServiceName>, StoreError> {
        let services = self.services();
        let kept = services.iter().filter(|(_, service)| !service.records.is_empty());
        Ok(kept.map(|(name, _)| name.clone()).collect())
    }

    async fn open(&self, name: &ServiceName) -> Result<Opened, StoreError> {
        let mut services = self.services();
        let service = services.entry(name.clone()).or_default();
        service.epoch.0 += 1;
        let records = service.records.iter().map(|(key, bytes)| (key.clone(), bytes.clone()));
        Ok(Opened { epoch: service.epoch, records: records.collect() })
    }

    async fn commit(&self, name: &ServiceName, epoch: Epoch, batch: Batch) -> Result<(), StoreError> {
        let mut services = self.services();
        let service = services.entry(name.clone()).or_default();
        if service.epoch != epoch {
            return Err(StoreError::Fenced { service: name.clone(), held: epoch, latest: service.epoch });
        }
        for change in batch.changes {
            match change {
                RecordChange::Put(key, bytes) => drop(service.records.insert(key, bytes)),
                RecordChange::Delete(key) => drop(service.records.remove(&key)),
            }
        }
        Ok(())
    }
}
