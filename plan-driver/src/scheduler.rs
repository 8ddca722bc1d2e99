//! Several services in one process.
//!
//! Invariant: a service has one loop, and a store has one scheduler. A scheduler that opens the store later fences this
//! one.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::join_all;
use plan_core::plan::Model;
use plan_core::spec::ServiceName;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::backend::{Backend, Finding, Kind, check};
use crate::error::DriverError;
use crate::options::Options;
use crate::service::{Service, keeps, spawn};
use crate::store::{Store, StoreError};

/// The services of one store, on one backend.
pub struct Scheduler {
    store: Arc<dyn Store>,
    backend: Arc<dyn Backend>,
    options: Options,
    services: Mutex<BTreeMap<ServiceName, Service>>,
}

impl std::fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scheduler").field("backend", &self.backend.kind().name()).finish_non_exhaustive()
    }
}

impl Scheduler {
    /// Starts, and continues every service that the store has records of.
    ///
    /// # Errors
    /// The store cannot list its services.
    pub async fn start(
        store: Arc<dyn Store>,
        backend: Arc<dyn Backend>,
        options: Options,
    ) -> Result<Self, StoreError> {
        let names = timeout(options.limits.patience, store.services()).await.unwrap_or_else(|_| {
            let source = format!("no answer for {:?}", options.limits.patience).into();
            Err(StoreError::Failed { what: "list its services".to_owned(), source })
        })?;
        let scheduler = Self { store, backend, options, services: Mutex::default() };
        let mut services = scheduler.services.lock().await;
        for name in names {
            let service = scheduler.spawn(name.clone());
            services.insert(name, service);
        }
        drop(services);
        Ok(scheduler)
    }

    /// The service of this name. A service without records waits for its first target.
    ///
    /// # Errors
    /// There are none yet. A bound on the number of services will be one.
    pub async fn service(&self, name: &ServiceName) -> Result<Service, DriverError> {
        let mut services = self.services.lock().await;
        if let Some(service) = services.get(name).filter(|service| !service.is_over()) {
            return Ok(service.clone());
        }
        let service = self.spawn(name.clone());
        services.insert(name.clone(), service.clone());
        Ok(service)
    }

    /// The kind of the backend.
    pub fn kind(&self) -> &dyn Kind {
        self.backend.kind()
    }

    /// What the backend does not support in a specification.
    pub fn check(&self, model: &Model) -> Vec<Finding> {
        check(self.backend.kind(), model.spec())
    }

    /// Whether the backend supports a specification. Findings that are warnings do not count.
    ///
    /// # Errors
    /// [`DriverError::Unsupported`]: the backend does not support it.
    pub fn keeps(&self, model: &Model) -> Result<(), DriverError> {
        keeps(&*self.backend, model)
    }

    /// The service of this name, if there is one.
    pub async fn find(&self, name: &ServiceName) -> Option<Service> {
        self.services.lock().await.get(name).cloned()
    }

    /// The names of the services.
    pub async fn names(&self) -> Vec<ServiceName> {
        self.services.lock().await.keys().cloned().collect()
    }

    /// Ends all loops, each after its current work. Tasks keep running.
    pub async fn stop(&self) {
        let services: Vec<Service> = self.services.lock().await.values().cloned().collect();
        join_all(services.iter().map(Service::stop)).await;
    }

    fn spawn(&self, name: ServiceName) -> Service {
        spawn(name, self.store.clone(), self.backend.clone(), self.options.clone())
    }
}
