//! The backend, and what all of its parts share.
//!
//! Invariant: what runs in the background belongs to the [`Local`]: it ends with it, and the tasks do not.

use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use plan_core::engine::{Handle, Incarnation, Number};
use plan_core::spec::{InstanceName, NodeName, ServiceName, ServiceSpec, TaskName};
use plan_driver::backend::{
    Backend, BackendError, Identity, Log, LogError, LogQuery, OpenPort, Reach, Reports, Session, Unkept,
};
use tokio::sync::{Notify, mpsc};
use tokio::task::{AbortHandle, JoinSet};

use crate::disk::{self, DiskError};
use crate::fetch::Fetcher;
use crate::inspect;
use crate::layout::Layout;
use crate::lost;
use crate::memory::MemoryControl;
use crate::options::LocalOptions;
use crate::process;
use crate::room::{self, PlaceFile, ServiceKey};
use crate::session::LocalSession;
use crate::state::State;
use crate::unkept::Machine;
use crate::vip::Vips;
use crate::{endpoints, load, tell, vip};

/// Open questions are looked at this often: another program may have given a port back.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Runs tasks as processes on this machine.
///
/// Dropping it leaves the tasks running; another one on the same data folder finds them again.
#[derive(Debug)]
pub struct Local {
    inner: Arc<Inner>,
}

/// Why the backend cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocalError {
    /// The data folder cannot be used, or holds what planwright did not write.
    #[error("the data folder cannot be used: {0}")]
    Disk(#[from] DiskError),
    /// The system does not say what must be known of it.
    #[error("cannot find out {what}: {source}")]
    System {
        /// What is to be known.
        what: &'static str,
        /// Why it is not.
        source: std::io::Error,
    },
    /// There is no such node.
    #[error("there is no node `{0}`")]
    NoNode(NodeName),
    /// There is no such launch.
    #[error("nothing is known of `{0}`: it was never launched here, or is not kept any more")]
    NoRun(String),
}

/// What all parts share.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) options: LocalOptions,
    pub(crate) layout: Layout,
    pub(crate) shim: PathBuf,
    pub(crate) boot: String,
    pub(crate) memory: Result<MemoryControl, String>,
    pub(crate) fetcher: Fetcher,
    pub(crate) vips: Vips,
    /// Rings when a port of a task may be another than before.
    pub(crate) ports_changed: Notify,
    /// Whoever writes a place down has this: a file has one writer at a time.
    places: Mutex<()>,
    state: Mutex<State>,
    jobs: Mutex<JoinSet<()>>,
}

impl Inner {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // Each change is complete in itself: after a panic the state is what it was before the next.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down what is held under a handle, as it is now. Launches of one instance may be prepared at one time.
    pub(crate) fn note_place(
        &self,
        of: &Identity,
        key: &ServiceKey,
        instance: &InstanceName,
        handle: &Handle,
    ) -> Result<(), DiskError> {
        let _alone = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = self.layout.place(of, handle);
        disk::create_folder(&folder)?;
        let file = {
            let state = self.state();
            let referenced = state.referenced.get(&(key.clone(), handle.clone())).copied();
            let place = state.book.place(key, instance, handle);
            place.map(|place| PlaceFile::of(place, referenced.unwrap_or_default()))
        };
        file.map_or(Ok(()), |file| disk::write(&folder.join("place.json"), &file))
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
        let mut runs = state.runs_of_instance(&key, instance).filter(|(key, _)| key.task == *task).rev();
        let run = runs.find(|(key, _)| launch.is_none_or(|launch| key.launch == launch));
        let unknown = || LocalError::NoRun(format!("{instance}-{task}"));
        run.map(|(_, run)| run.folder.sandbox()).ok_or_else(unknown)
    }

    /// Does something in the background, for as long as the backend is there.
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

/// Does what waits for the disk where it does not keep others waiting.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // The runtime ends, and with it whoever waits here.
        Err(_) => std::future::pending().await,
    }
}

impl Local {
    /// Opens a data folder, and finds what runs there.
    ///
    /// # Errors
    /// The folder cannot be used, or a file in it is damaged: then nothing is changed.
    pub async fn start(options: LocalOptions) -> Result<Self, LocalError> {
        let system = |what| move |source| LocalError::System { what, source };
        let boot = process::boot_id().map_err(system("which start of the machine this is"))?;
        let shim = match &options.shim {
            Some(path) => path.clone(),
            None => std::env::current_exe().map_err(system("which program this is"))?,
        };
        let root = {
            let root = options.root.clone();
            blocking(move || {
                disk::create_folder(&root)?;
                std::fs::canonicalize(&root).map_err(DiskError::io("find", &root))
            })
            .await?
        };
        let seed = root
            .as_os_str()
            .as_encoded_bytes()
            .iter()
            .fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
        let book = room::book(&options.nodes, seed);
        let layout = Layout::new(root);
        let inner = Arc::new(Inner {
            fetcher: Fetcher::new(layout.cache(), options.fetch),
            memory: MemoryControl::find(),
            options,
            layout,
            shim,
            boot,
            vips: Vips::default(),
            ports_changed: Notify::new(),
            places: Mutex::default(),
            state: Mutex::new(State::new(book)),
            jobs: Mutex::default(),
        });
        let local = Self { inner };
        load::all(&local.inner).await?;
        let inner = local.inner.clone();
        local.inner.spawn(async move {
            let mut ticks = tokio::time::interval(LOOK_AGAIN);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let mut state = inner.state();
                if state.is_asked() {
                    state.look_again();
                }
            }
        });
        local.inner.spawn(vip::keep(local.inner.clone()));
        Ok(local)
    }

    /// Lets a node vanish: its tasks are killed, nothing is heard of it, and after
    /// [`LocalOptions::gone_after`] it is gone for good. The data folder remembers it.
    ///
    /// # Errors
    /// There is no such node, or it cannot be written down.
    pub async fn lose_node(&self, name: &NodeName) -> Result<(), LocalError> {
        lost::lose(&self.inner, name).await
    }

    /// The sandbox of a launch of a task; the latest, if no launch is named.
    ///
    /// # Errors
    /// Nothing is known of it.
    pub fn sandbox(
        &self,
        of: &Identity,
        instance: &InstanceName,
        task: &TaskName,
        launch: Option<Number>,
    ) -> Result<PathBuf, LocalError> {
        self.inner.sandbox(of, instance, task, launch)
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.inner.jobs.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}

#[async_trait]
impl Backend for Local {
    fn name(&self) -> &'static str {
        "local"
    }

    fn unkept(&self, spec: &ServiceSpec) -> Vec<Unkept> {
        let Inner { memory, options, .. } = &*self.inner;
        crate::unkept::of(spec, Machine { memory, environment: &options.environment })
    }

    async fn open(&self, identity: Identity, reports: Reports) -> Result<Box<dyn Session>, BackendError> {
        load::note_service(&self.inner, &identity)
            .await
            .map_err(|error| BackendError::because("the service's folder cannot be made", error))?;
        let key: ServiceKey = (identity.service.clone(), identity.installation.clone());
        let (say, said) = mpsc::unbounded_channel();
        let number = self.inner.state().begin_session(&key, say);
        self.inner.spawn(tell::tell(self.inner.clone(), key.clone(), number, reports, said));
        Ok(Box::new(LocalSession::new(self.inner.clone(), identity, key, number)))
    }

    async fn log(&self, of: &Identity, query: LogQuery) -> Result<Log, LogError> {
        inspect::log(&self.inner, of, query).await
    }

    async fn why_ended(&self, service: &ServiceName, of: &Incarnation) -> Option<String> {
        inspect::why_ended(&self.inner, service, of).await
    }

    fn reach(&self, port: &OpenPort<'_>) -> Reach {
        endpoints::reach(&self.inner, port)
    }
}
