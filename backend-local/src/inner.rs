//! What all parts of the backend share.
//!
//! Invariant: the state is changed under one lock, without waiting. Work in the background ends when it is told to
//! stop, or when the owner of this value drops it.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use plan_core::engine::Number;
use plan_core::spec::{Addresses, InstanceName, TaskName};
use plan_driver::backend::Identity;
use plan_room::Book;
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};

use crate::error::LocalError;
use crate::fetch::Fetcher;
use crate::kind::LocalKind;
use crate::layout::Layout;
use crate::options::LocalOptions;
use crate::room::ServiceKey;
use crate::state::State;
use crate::vip::Vips;

/// What all parts share.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) options: LocalOptions,
    pub(crate) layout: Layout,
    pub(crate) shim: PathBuf,
    pub(crate) boot: String,
    pub(crate) kind: LocalKind,
    pub(crate) fetcher: Fetcher,
    pub(crate) vips: Vips,
    /// Rings when a port of a task may have changed.
    pub(crate) ports_changed: Notify,
    /// Where the scheduler's API is reached. A process has one scheduler, which says it once.
    api: OnceLock<SocketAddr>,
    state: Mutex<State>,
    jobs: Mutex<JoinSet<()>>,
}

impl Inner {
    pub(crate) fn new(
        options: LocalOptions,
        layout: Layout,
        shim: PathBuf,
        boot: String,
        book: Book<ServiceKey>,
    ) -> Self {
        Self {
            fetcher: Fetcher::new(layout.cache(), options.fetch),
            kind: LocalKind::new(options.environment.clone()),
            options,
            layout,
            shim,
            boot,
            vips: Vips::default(),
            ports_changed: Notify::new(),
            api: OnceLock::new(),
            state: Mutex::new(State::new(book)),
            jobs: Mutex::default(),
        }
    }

    /// Notes where the scheduler's API is reached.
    pub(crate) fn note_api(&self, api: Option<SocketAddr>) {
        api.map(|api| self.api.set(api));
    }

    /// How tasks reach the scheduler and each other.
    pub(crate) fn addresses(&self) -> Addresses {
        let mut addresses = self.options.addresses.clone();
        if let Some(api) = self.api.get() {
            addresses.api_host.get_or_insert_with(|| api.ip().to_string());
            addresses.api_port.get_or_insert(api.port());
        }
        addresses
    }

    /// Stops the work in the background.
    pub(crate) fn stop(&self) {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // Each change is complete in itself, so a panic leaves the state whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sandbox of a launch of a task; the latest, if no launch is named.
    pub(crate) fn sandbox(
        &self,
        of: &Identity,
        instance: &InstanceName,
        task: &TaskName,
        launch: Option<Number>,
    ) -> Result<PathBuf, LocalError> {
        let state = self.state();
        let key = (of.service.clone(), of.installation.clone());
        let mut runs = state.runs.of_instance(&key, instance).filter(|(key, _)| key.task == *task).rev();
        let run = runs.find(|(key, _)| launch.is_none_or(|launch| key.launch == launch));
        let unknown = || LocalError::NoRun(format!("{instance}-{task}"));
        run.map(|(_, run)| run.folder.sandbox()).ok_or_else(unknown)
    }

    /// Does something in the background, as long as the backend exists.
    pub(crate) fn spawn(&self, job: impl Future<Output = ()> + Send + 'static) {
        drop(self.spawn_abortable(job));
    }

    /// The same, until it is told to stop.
    pub(crate) fn spawn_abortable(&self, job: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(ended) = jobs.try_join_next() {
            if let Err(error) = ended
                && error.is_panic()
            {
                tracing::error!(%error, "a part of the local backend panicked: please report it");
            }
        }
        jobs.spawn(job)
    }
}
