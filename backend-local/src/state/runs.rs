//! Launches of tasks, and how far each is.
//!
//! Invariant: a run goes forward only, and ends once.

use std::sync::Arc;

use plan_core::engine::{End, Handle, Incarnation, Number};
use plan_core::spec::{InstanceName, NodeName, TaskName};
use tokio::sync::Notify;

use super::State;
use crate::layout::RunFolder;
use crate::room::ServiceKey;
use crate::run::Order;

/// A launch of a task, of whatever service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RunKey {
    pub(crate) service: ServiceKey,
    pub(crate) instance: InstanceName,
    pub(crate) launch: Number,
    pub(crate) task: TaskName,
}

impl RunKey {
    fn within(&self) -> (InstanceName, Number, TaskName) {
        (self.instance.clone(), self.launch, self.task.clone())
    }

    pub(crate) fn incarnation(&self) -> Incarnation {
        Incarnation {
            installation: self.service.1.clone(),
            instance: self.instance.clone(),
            task: self.task.clone(),
            launch: self.launch,
        }
    }
}

/// A launch of a task.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) folder: RunFolder,
    pub(crate) node: NodeName,
    pub(crate) handle: Handle,
    pub(crate) order: Arc<Order>,
    pub(crate) phase: Phase,
    /// Whether the engine's records hold its end.
    pub(crate) told: bool,
    /// Whether it waits to be told.
    pub(super) queued: bool,
    /// Rings when it is to end before it began.
    pub(crate) cancel: Arc<Notify>,
    pub(crate) cancelled: bool,
}

impl Run {
    pub(crate) fn new(folder: RunFolder, order: Arc<Order>, phase: Phase) -> Self {
        Self {
            folder,
            node: order.node.clone(),
            handle: order.handle.clone(),
            order,
            phase,
            told: false,
            queued: false,
            cancel: Arc::new(Notify::new()),
            cancelled: false,
        }
    }

    pub(crate) fn lives(&self) -> bool {
        !matches!(self.phase, Phase::Ended(_))
    }
}

/// How far a launch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Its sandbox is made; there is no process yet.
    Preparing,
    /// Its shim was started.
    Starting,
    /// It runs.
    Running {
        /// Whether its readiness check passes.
        ready: bool,
    },
    /// Nothing of it is left.
    Ended(End),
}

impl State {
    pub(crate) fn insert(&mut self, key: RunKey, run: Run) {
        self.runs.entry(key.service).or_default().insert((key.instance, key.launch, key.task), run);
    }

    pub(crate) fn remove(&mut self, key: &RunKey) {
        if let Some(runs) = self.runs.get_mut(&key.service) {
            runs.remove(&key.within());
        }
    }

    pub(crate) fn run(&self, key: &RunKey) -> Option<&Run> {
        self.runs.get(&key.service)?.get(&key.within())
    }

    pub(crate) fn run_mut(&mut self, key: &RunKey) -> Option<&mut Run> {
        self.runs.get_mut(&key.service)?.get_mut(&key.within())
    }

    /// The runs of an instance, in the order of their launches.
    pub(crate) fn runs_of_instance(
        &self,
        service: &ServiceKey,
        instance: &InstanceName,
    ) -> impl DoubleEndedIterator<Item = (RunKey, &Run)> {
        self.runs_of(service).filter(move |(key, _)| key.instance == *instance)
    }

    /// The runs of a service, by instance in the order of their launches.
    pub(crate) fn runs_of(&self, service: &ServiceKey) -> impl DoubleEndedIterator<Item = (RunKey, &Run)> {
        let runs = self.runs.get_key_value(service);
        runs.into_iter().flat_map(|(of, runs)| runs.iter().map(move |(within, run)| (key(of, within), run)))
    }

    /// All runs.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (RunKey, &Run)> {
        self.runs.iter().flat_map(|(of, runs)| runs.iter().map(move |(within, run)| (key(of, within), run)))
    }
}

fn key(of: &ServiceKey, (instance, launch, task): &(InstanceName, Number, TaskName)) -> RunKey {
    RunKey { service: of.clone(), instance: instance.clone(), launch: *launch, task: task.clone() }
}
