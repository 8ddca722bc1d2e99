//! The cluster of one scenario, with the backend on it and the records of the schedulers.
//!
//! Invariant: a caller's records outlive its session and the backend, as a scheduler's records do.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use plan_core::engine::{Held, InstallationId, NoteName, NoteText, Number};
use plan_core::plan::Model;
use plan_core::spec::{InstanceName, PodName};
use plan_driver::backend::{Backend, Identity, Opening};

use crate::caller::Caller;
use crate::service;
use crate::subject::{Cluster, Subject};

/// A promise that was not kept, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Broken(String);

impl Broken {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }

    /// A failure of the suite itself or of the backend, with all its causes.
    pub(crate) fn because(what: &str, error: &dyn std::error::Error) -> Self {
        let mut text = format!("{what}: {error}");
        let mut cause = error.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        Self(text)
    }
}

/// The records of schedulers, by installation.
#[derive(Debug, Default)]
pub(crate) struct Records {
    pub(crate) last: Number,
    pub(crate) held: BTreeMap<(InstallationId, InstanceName), Held>,
    pub(crate) notes: BTreeMap<InstallationId, BTreeMap<NoteName, NoteText>>,
}

/// Records that a stage and its callers share.
pub(crate) type Shared = Arc<Mutex<Records>>;

pub(crate) fn locked(records: &Shared) -> MutexGuard<'_, Records> {
    records.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A scenario's cluster, and the backend on it.
pub struct TestBed {
    pub(crate) model: Arc<Model>,
    cluster: Box<dyn Cluster>,
    backend: Arc<dyn Backend>,
    records: Shared,
    patience: Duration,
    quiet: Duration,
}

/// The installation of scenarios that need only one.
pub(crate) const OURS: &str = "ours";

impl TestBed {
    /// A new cluster, with a backend started on it.
    pub(crate) async fn new(subject: &dyn Subject) -> Result<Self, Broken> {
        let model = service::model(subject)?;
        let cluster = subject.cluster(&model).await;
        let mut cluster = cluster.map_err(|error| Broken::because("there is no cluster", &error))?;
        let backend = start(&mut *cluster).await?;
        let (patience, quiet) = (subject.patience(), subject.quiet());
        Ok(Self { model, cluster, backend, records: Shared::default(), patience, quiet })
    }

    /// Opens a session of our installation.
    pub(crate) async fn open(&self) -> Result<Caller, Broken> {
        self.open_as(OURS).await
    }

    /// Opens a session of an installation. Its records tell what it holds.
    pub(crate) async fn open_as(&self, installation: &str) -> Result<Caller, Broken> {
        let installation = InstallationId(installation.into());
        let identity =
            Identity { service: self.model.spec().name().clone(), installation: installation.clone() };
        let opening = {
            let records = locked(&self.records);
            let ours = records.held.iter().filter(|((of, _), _)| *of == installation);
            let mut opening = Opening::new(identity);
            opening.held = ours.map(|(_, held)| held.clone()).collect();
            opening.notes = records.notes.get(&installation).cloned().unwrap_or_default();
            opening
        };
        let (model, records) = (self.model.clone(), self.records.clone());
        Caller::open(&*self.backend, opening, model, records, (self.patience, self.quiet)).await
    }

    /// Ends the backend, and starts it again on the same cluster. Drop all callers first.
    pub(crate) async fn restart(self) -> Result<Self, Broken> {
        let Self { model, mut cluster, backend, records, patience, quiet } = self;
        drop(backend);
        let backend = start(&mut *cluster).await?;
        Ok(Self { model, cluster, backend, records, patience, quiet })
    }

    pub(crate) fn backend(&self) -> &dyn Backend {
        &*self.backend
    }

    pub(crate) fn cluster(&mut self) -> &mut dyn Cluster {
        &mut *self.cluster
    }
}

async fn start(cluster: &mut dyn Cluster) -> Result<Arc<dyn Backend>, Broken> {
    cluster.start().await.map_err(|error| Broken::because("the backend does not start", &error))
}

/// An instance of the suite's service.
pub(crate) fn instance(pod: &str, index: u32) -> Result<InstanceName, Broken> {
    let pod = PodName::new(pod).map_err(|error| Broken::because("a pod's name", &error))?;
    Ok(InstanceName::new(pod, index))
}
