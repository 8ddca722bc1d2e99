//! Processes of this machine.

use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use backend_conformance::{Cluster, Need, Subject};
use backend_local::{Local, LocalOptions, options};
use plan_core::plan::Model;
use plan_core::spec::NodeName;
use plan_driver::backend::{Backend, BackendError};
use rustix::process::{Pid, Signal, kill_process};

pub(crate) struct Processes;

/// A data folder, and the backend that uses it.
struct Machine {
    options: LocalOptions,
    local: Weak<Local>,
    _folder: tempfile::TempDir,
}

#[async_trait]
impl Cluster for Machine {
    async fn start(&mut self) -> Result<Arc<dyn Backend>, BackendError> {
        let local = Local::start(self.options.clone()).await;
        let local = Arc::new(local.map_err(|error| BackendError::because("it does not start", error))?);
        self.local = Arc::downgrade(&local);
        Ok(local)
    }

    async fn lose(&mut self, node: &NodeName) {
        if let Some(local) = self.local.upgrade() {
            // That nothing happens is what the scenario finds.
            let _ = local.lose_node(node).await;
        }
    }
}

/// What a scenario left running ends with it: processes that the data folder names.
impl Drop for Machine {
    fn drop(&mut self) {
        let left = backend_local::leftovers(&self.options.root).unwrap_or_default();
        for pid in left.iter().flat_map(|left| &left.processes).filter_map(|pid| Pid::from_raw(*pid)) {
            // It may have ended meanwhile.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

#[async_trait]
impl Subject for Processes {
    fn name(&self) -> &'static str {
        "local"
    }

    async fn cluster(&self, _: &Arc<Model>) -> Result<Box<dyn Cluster>, BackendError> {
        let folder =
            tempfile::tempdir().map_err(|error| BackendError::because("there is no folder", error))?;
        let mut options = LocalOptions::new(folder.path().join("data"));
        options.environment = options::inherited([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]);
        options.nodes = options::nodes(3, options::Capacity { cpus: 4000, memory: 4000, disk: 4000 });
        options.gone_after = Duration::from_millis(300);
        Ok(Box::new(Machine { options, local: Weak::new(), _folder: folder }))
    }

    fn lacks(&self) -> &'static [(Need, &'static str)] {
        &[
            (Need::Silence, "a node that is lost does not come back"),
            (Need::Refusals, "it judges configurations when a target is taken, and again at the launch"),
            (Need::Notes, "all that it has to keep is in its folder"),
        ]
    }

    fn quiet(&self) -> Duration {
        Duration::from_millis(400)
    }

    fn at_once(&self) -> usize {
        6
    }
}
