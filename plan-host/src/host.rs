//! A host: a data folder, a backend, and the services on it.
//!
//! Invariant: the data folder is the host's as long as it lives, and of no other process.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use plan_core::engine::{Refusal, Reply, Request, Verb};
use plan_core::spec::ServiceName;
use plan_driver::backend::Backend;
use plan_driver::{Options, Scheduler, Service};

use crate::deploy::{Deploy, Deployable, Start};
use crate::error::HostError;
use crate::folder::{Folder, Records};
use crate::kind::HostedKinds;
use crate::patience::patiently;

/// A scheduler with its data folder and its backend. Dropped, it ends; tasks go on running.
#[derive(Debug)]
pub struct Host {
    scheduler: Arc<Scheduler>,
    folder: Folder,
    who: String,
}

/// The options of a host that is not open yet.
pub struct HostBuilder {
    folder: PathBuf,
    backends: HostedKinds,
    backend: Option<String>,
    opened: Option<Arc<dyn Backend>>,
    records: Records,
    who: String,
    options: Options,
}

impl std::fmt::Debug for HostBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostBuilder").field("folder", &self.folder).field("backends", &self.backends).finish()
    }
}

impl Host {
    /// Begins a host whose data is in this folder, which is made if it is not there. Its backend is `local`.
    #[cfg(feature = "local")]
    pub fn builder(data_folder: impl Into<PathBuf>) -> HostBuilder {
        Self::with_backends(data_folder, HostedKinds::default())
    }

    /// Begins a host with these kinds of backend, the first of which is the default.
    pub fn with_backends(data_folder: impl Into<PathBuf>, backends: HostedKinds) -> HostBuilder {
        HostBuilder {
            folder: data_folder.into(),
            backends,
            backend: None,
            opened: None,
            records: Records::default(),
            who: "plan-host".to_owned(),
            options: Options::default(),
        }
    }

    /// A service of this host. It need not exist yet.
    pub fn service(&self, name: &str) -> HostedService<'_> {
        HostedService { host: self, name: name.to_owned() }
    }

    /// The names of the services that exist.
    pub async fn services(&self) -> Vec<ServiceName> {
        self.scheduler.names().await
    }

    /// The scheduler, for everything that this crate has no shorter way to.
    pub fn scheduler(&self) -> &Arc<Scheduler> {
        &self.scheduler
    }

    /// The data folder.
    pub fn data_folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends the host after the work that it has begun. Tasks keep running. A host that is opened on the same data folder
    /// finds them again.
    pub async fn stop(self) {
        self.scheduler.stop().await;
    }

    pub(crate) fn who(&self) -> &str {
        &self.who
    }
}

impl HostBuilder {
    /// The backend of this name.
    #[must_use]
    pub fn backend(mut self, name: impl Into<String>) -> Self {
        self.backend = Some(name.into());
        self
    }

    /// A backend that was opened already, such as one with options of its own. It keeps its data in
    /// [`Folder::tasks`](crate::folder::Folder::tasks), or not on this machine.
    #[must_use]
    pub fn opened(mut self, backend: Arc<dyn Backend>) -> Self {
        self.opened = Some(backend);
        self
    }

    /// Where records are kept: on disk by default.
    #[must_use]
    pub fn records(mut self, records: Records) -> Self {
        self.records = records;
        self
    }

    /// The name of the host in the audit: `plan-host` by default.
    #[must_use]
    pub fn who(mut self, who: impl Into<String>) -> Self {
        self.who = who.into();
        self
    }

    /// The options of the scheduler: its clock, its bounds, a recording.
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Takes the data folder, opens the records and the backend, and continues every service that has records.
    ///
    /// # Errors
    /// The folder is another's, the records are not those of what is in it, or the backend cannot be used. No service is
    /// started then.
    pub async fn open(self) -> Result<Host, HostError> {
        let Self { folder, backends, backend, opened, records, who, options } = self;
        let name = backend.as_deref().or(opened.as_ref().map(|opened| opened.kind().name()));
        let kind = match name {
            Some(name) => backends.get(name),
            None => backends.iter().next(),
        };
        let no_backend = || HostError::NoBackend {
            name: name.unwrap_or_default().to_owned(),
            known: backends.iter().map(|kind| kind.name()).collect(),
        };
        let kind = kind.ok_or_else(no_backend)?;
        let folder = Folder::take(&folder, records, kind.name())?;
        let store = folder.open_store(records, None, &backends, kind).await?;
        let backend = match opened {
            Some(opened) => opened,
            None => {
                let opened = kind.open(&folder.tasks()).await;
                opened.map_err(|source| HostError::Backend { name: kind.name(), source })?
            }
        };
        let scheduler = Scheduler::start(store, backend, options).await;
        let scheduler =
            scheduler.map_err(|source| HostError::Store { folder: folder.path().to_owned(), source })?;
        Ok(Host { scheduler: Arc::new(scheduler), folder, who })
    }
}

/// A service of a host.
#[derive(Debug, Clone)]
pub struct HostedService<'a> {
    pub(crate) host: &'a Host,
    pub(crate) name: String,
}

impl<'a> HostedService<'a> {
    /// Makes the service what a specification says. Awaited, it gives the [`Run`](crate::Run) of the plan that does it.
    ///
    /// A specification is one that was loaded ([`plan_load::Loaded`]), a [`ServiceSpec`](plan_core::spec::ServiceSpec), or a
    /// [`Model`](plan_core::plan::Model).
    pub fn deploy(self, what: impl Into<Deployable>) -> Deploy<'a> {
        Deploy::new(self, what.into())
    }

    /// Starts a plan that does not change what the service is, as a backup. Awaited, it gives the plan's
    /// [`Run`](crate::Run).
    pub fn start(self, plan: &str) -> Start<'a> {
        Start::new(self, plan)
    }

    /// The driver's handle of the service: verbs, reads, events and logs.
    ///
    /// # Errors
    /// The name is not one that a service can have.
    pub async fn driver(&self) -> Result<Service, HostError> {
        Ok(self.host.scheduler().service(&self.service_name()?).await?)
    }

    fn service_name(&self) -> Result<ServiceName, HostError> {
        ServiceName::new(&self.name).map_err(|source| HostError::Name { text: self.name.clone(), source })
    }

    /// The service, if there is one. One that is only asked about does not begin to exist.
    async fn known(&self) -> Result<Service, HostError> {
        let found = self.host.scheduler().find(&self.service_name()?).await;
        found.ok_or(HostError::Refused(Refusal::NoService))
    }

    /// Says a verb, as an operator does. A service that does not answer is asked again under the same request id.
    ///
    /// # Errors
    /// The engine refuses it, or the service does not answer.
    pub async fn verb(&self, verb: Verb) -> Result<Reply, HostError> {
        let service = &self.known().await?;
        let request =
            Request { id: uuid::Uuid::new_v4().to_string().into(), who: self.host.who().into(), verb };
        match patiently(|| service.verb(request.clone())).await? {
            Reply::Refused(refusal) => Err(HostError::Refused(refusal)),
            reply => Ok(reply),
        }
    }

    /// Uninstalls the service, and waits until nothing of it is left.
    ///
    /// # Errors
    /// The engine refuses, or the service's scheduler ends before.
    pub async fn uninstall(&self) -> Result<(), HostError> {
        self.verb(Verb::Uninstall).await?;
        Ok(self.known().await?.wait(|engine| engine.model().is_none()).await?)
    }
}
