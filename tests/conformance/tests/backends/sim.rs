//! The simulator's cluster behind the trait, in virtual time: on a runtime whose clock is paused.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use backend_conformance::{Cluster, Need, Subject};
use backend_sim::{Bench, Room, Said, Shape};
use plan_core::engine::{Command, End, Incarnation, InstallationId, Seen};
use plan_core::plan::Model;
use plan_core::spec::{NodeName, ServiceSpec};
use plan_driver::backend::{Backend, BackendError, BackendReport, Finding, Kind, Opening, Reports, Session};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::faults::{Fault, Given};

/// The simulator, as it is or with a fault.
pub(crate) struct Simulator {
    pub(crate) fault: Option<Fault>,
}

/// A cluster, whose time is tokio's.
struct Simulated {
    bench: Mutex<Bench>,
    began: Instant,
    /// Rings when something was commanded or done.
    changed: Notify,
    fault: Option<Fault>,
    given: Mutex<Given>,
}

impl Simulated {
    /// The cluster as it is now.
    fn now(&self) -> MutexGuard<'_, Bench> {
        let mut bench = self.bench.lock().unwrap_or_else(PoisonError::into_inner);
        bench.pass(self.began.elapsed());
        bench
    }

    /// What a fault makes of something, with what it remembers.
    fn faulty<T>(&self, of: T, makes: impl FnOnce(Fault, &mut Given, T) -> Vec<T>) -> Vec<T> {
        match self.fault {
            None => vec![of],
            Some(fault) => makes(fault, &mut self.given.lock().unwrap_or_else(PoisonError::into_inner), of),
        }
    }

    fn change(&self, change: impl FnOnce(&mut Bench)) {
        change(&mut self.now());
        self.changed.notify_one();
    }
}

/// Tells what the backend says, until the session is over.
async fn tell(cluster: Arc<Simulated>, reports: Reports) {
    loop {
        let (said, next) = {
            let mut bench = cluster.now();
            (bench.said(), bench.next())
        };
        for said in said.into_iter().flat_map(|said| cluster.faulty(said, Fault::said)) {
            let (report, end) = match said {
                Said::Observed(of) => {
                    let end = matches!(of.seen.seen, Seen::Ended(_)).then(|| of.of.clone());
                    (BackendReport::Observed(of), end)
                }
                Said::Outcome(outcome) => (BackendReport::Outcome(outcome), None),
                Said::Snapshot(snapshot) => (BackendReport::Snapshot(snapshot), None),
            };
            let Ok(receipt) = reports.tell(report).await else { return };
            if let Some(end) = end {
                let cluster = cluster.clone();
                tokio::spawn(async move {
                    let durable = match cluster.fault {
                        Some(Fault::EndsAreToldOnce) => true,
                        Some(Fault::ReceiptsAreLost) => false,
                        _ => receipt.durable().await.is_ok(),
                    };
                    if durable {
                        cluster.change(|bench| bench.is_durable(&end));
                    }
                });
            }
        }
        // A moment later all that is due has come.
        let due = next.map(|next| cluster.began + next + Duration::from_millis(1));
        tokio::select! {
            () = async { match due { Some(due) => tokio::time::sleep_until(due).await, None => std::future::pending().await } } => {}
            () = cluster.changed.notified() => {}
            () = reports.over() => return,
        }
    }
}

/// The cluster, and a backend of it.
#[derive(Clone)]
struct Simulation(Arc<Simulated>);

impl Kind for Simulation {
    fn name(&self) -> &'static str {
        "simulator"
    }

    fn check(&self, _: &ServiceSpec) -> Vec<Finding> {
        Vec::new()
    }
}

#[async_trait]
impl Backend for Simulation {
    fn kind(&self) -> &dyn Kind {
        self
    }

    async fn open(&self, opening: Opening, reports: Reports) -> Result<Box<dyn Session>, BackendError> {
        let held = if self.0.fault == Some(Fault::PlacesAreForgotten) { &[][..] } else { &opening.held };
        self.0.change(|bench| bench.begin_session(held));
        tokio::spawn(tell(self.0.clone(), reports));
        Ok(Box::new(InTime(self.0.clone())))
    }
}

/// A session; only the latest is used.
struct InTime(Arc<Simulated>);

#[async_trait]
impl Session for InTime {
    async fn carry_out(&mut self, commands: Vec<Command>) -> Result<(), BackendError> {
        let mut commands: Vec<Command> =
            commands.into_iter().flat_map(|command| self.0.faulty(command, Fault::command)).collect();
        if self.0.fault == Some(Fault::BatchesAreReversed) {
            commands.reverse();
        }
        let mut done = Ok(());
        self.0.change(|bench| done = commands.into_iter().try_for_each(|command| bench.execute(command)));
        done.map_err(|error| BackendError::because("the simulator ends the session", error))
    }
}

impl Drop for InTime {
    fn drop(&mut self) {
        self.0.change(Bench::end_session);
    }
}

#[async_trait]
impl Cluster for Simulation {
    async fn start(&mut self) -> Result<Arc<dyn Backend>, BackendError> {
        Ok(Arc::new(self.clone()))
    }

    async fn fail(&mut self, task: &Incarnation) {
        self.0.change(|bench| bench.end(task, End::Failed));
    }

    async fn silence(&mut self, node: &NodeName) {
        self.0.change(|bench| bench.silence(node.as_str()));
    }

    async fn hear(&mut self, node: &NodeName) {
        self.0.change(|bench| bench.hear(node.as_str()));
    }

    async fn lose(&mut self, node: &NodeName) {
        self.0.change(|bench| bench.lose(node.as_str()));
    }
}

#[async_trait]
impl Subject for Simulator {
    fn name(&self) -> &'static str {
        "simulator"
    }

    async fn cluster(&self, model: &Arc<Model>) -> Result<Box<dyn Cluster>, BackendError> {
        let room = Room { cpus: 4000, gpus: 0, memory: 4000, disk: 4000 };
        let shape = Shape { nodes: Some(3), capacity: Some(room), ..Shape::default() };
        let bench = Bench::new(model, &shape, InstallationId("ours".into()));
        let cluster = Simulated {
            bench: Mutex::new(bench),
            began: Instant::now(),
            changed: Notify::new(),
            fault: self.fault,
            given: Mutex::default(),
        };
        Ok(Box::new(Simulation(Arc::new(cluster))))
    }

    fn lacks(&self) -> &'static [(Need, &'static str)] {
        &[
            (Need::Grace, "each of its tasks ends when it is asked to"),
            (Need::Commands, "it runs no commands"),
            (Need::Installations, "a simulated cluster is that of one installation"),
            (Need::Refusals, "it runs no commands, and each of them can be run"),
            (Need::Notes, "all that it has to keep is in the cluster"),
        ]
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(600)
    }

    /// Longer than anything takes that it does by itself.
    fn quiet(&self) -> Duration {
        Duration::from_secs(120)
    }
}
