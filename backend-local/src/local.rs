//! The public part of the backend.
//!
//! Invariant: work in the background belongs to the [`Local`] and ends with it. The tasks do not.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use plan_core::engine::Number;
use plan_core::spec::{InstanceName, NodeName, TaskName};
use plan_driver::backend::{
    Backend, BackendError, Identity, Kind, Log, LogError, LogQuery, Opening, Reports, Session,
};
use tokio::sync::mpsc;

use crate::blocking::blocking;
use crate::disk::{self, DiskError};
use crate::error::LocalError;
use crate::inner::Inner;
use crate::layout::Layout;
use crate::options::LocalOptions;
use crate::room::{self, ServiceKey};
use crate::session::LocalSession;
use crate::{inspect, load, lost, process, proxy, tell};

/// How often open questions are looked at, since another program may have given a port back.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Runs tasks as processes on this machine.
///
/// Dropping it leaves the tasks running. Another `Local` on the same data folder finds them again.
#[derive(Debug)]
pub struct Local {
    inner: Arc<Inner>,
}

impl Local {
    /// Opens a data folder, and finds its running tasks.
    ///
    /// # Errors
    /// The folder cannot be used, or a file in it is damaged. Then nothing is changed.
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
        let inner = Arc::new(Inner::new(options, Layout::new(root), shim, boot, book));
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
        local.inner.spawn(proxy::keep(local.inner.clone()));
        Ok(local)
    }

    /// Lets a node vanish. Its tasks are killed, the node is silent, and after [`LocalOptions::gone_after`] it is gone
    /// for good. The data folder remembers that.
    ///
    /// # Errors
    /// There is no such node, or the loss cannot be written to disk.
    pub async fn lose_node(&self, name: &NodeName) -> Result<(), LocalError> {
        lost::lose(&self.inner, name).await
    }

    /// The sandbox of a launch of a task; the latest, if no launch is named.
    ///
    /// # Errors
    /// The launch is unknown.
    pub fn sandbox(
        &self,
        of: &Identity,
        instance: &InstanceName,
        task: &TaskName,
        launch: Option<Number>,
    ) -> Result<PathBuf, LocalError> {
        self.inner.sandbox(of, instance, task, launch)
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.inner.stop();
    }
}

#[async_trait]
impl Backend for Local {
    fn kind(&self) -> &dyn Kind {
        &self.inner.kind
    }

    async fn open(&self, opening: Opening, reports: Reports) -> Result<Box<dyn Session>, BackendError> {
        let Opening { identity, held, api, .. } = opening;
        self.inner.note_api(api);
        load::note_service(&self.inner, &identity)
            .await
            .map_err(|error| BackendError::because("the service's folder cannot be made", error))?;
        let key: ServiceKey = (identity.service.clone(), identity.installation.clone());
        let (say, said) = mpsc::unbounded_channel();
        let number = self.inner.state().begin_session(&key, held, say);
        self.inner.spawn(tell::tell(self.inner.clone(), key.clone(), number, reports, said));
        Ok(Box::new(LocalSession::new(self.inner.clone(), identity, key, number)))
    }

    async fn log(&self, of: &Identity, query: LogQuery) -> Result<Log, LogError> {
        inspect::log(&self.inner, of, query).await
    }
}
