//! One service: the handle through which callers reach its engine.
//!
//! Invariant: each request is answered once, in the order of the requests, and after its effects are durable.

mod connection;
mod history;
mod operate;
mod panics;
mod pending;
mod run;
mod running;

use std::sync::Arc;

pub use history::{EventId, EventIdError, Followed, Happened};
pub use operate::OperatorHandle;

use history::History;
use plan_core::engine::{Author, Engine, Reply, Request, Target, Wall};
use plan_core::plan::Model;
use plan_core::spec::{PlanName, ServiceName};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::backend::{Backend, BackendError, Finding, Identity, Log, LogError, LogQuery, check};
use crate::condition::Condition;
use crate::error::DriverError;
use crate::options::Options;
use crate::store::Store;

/// A handle of a service. All clones are handles of the same service.
#[derive(Clone)]
pub struct Service {
    name: ServiceName,
    asks: mpsc::Sender<Ask>,
    condition: watch::Receiver<Condition>,
    changes: watch::Receiver<u64>,
    recoveries: watch::Receiver<u64>,
    history: Arc<History>,
    backend: Arc<dyn Backend>,
    options: Options,
}

type Answer<T> = oneshot::Sender<Result<T, DriverError>>;
type Read = Box<dyn FnOnce(Result<&Engine, DriverError>) + Send>;

/// A request to a service's loop.
enum Ask {
    Verb(Request, Answer<Reply>),
    Target(Box<Target>, Answer<Reply>),
    Read(Read),
    Stop(oneshot::Sender<()>),
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("name", &self.name).field("condition", &self.condition()).finish()
    }
}

impl Service {
    /// Its name.
    pub fn name(&self) -> &ServiceName {
        &self.name
    }

    /// Sends a verb of an operator.
    ///
    /// # Errors
    /// [`DriverError::Unknown`]: send it again with the same request id. After any other error, nothing was done.
    pub async fn verb(&self, request: Request) -> Result<Reply, DriverError> {
        self.ask(|answer| Ask::Verb(request, answer)).await
    }

    /// Gives the service a new target. `plan` brings it about, by default the one that the engine chooses.
    ///
    /// # Errors
    /// [`DriverError::Unsupported`]: the backend does not support it. [`DriverError::Unknown`]: send it again with the same
    /// author id. After any other error, nothing was done.
    pub async fn target(
        &self,
        model: Arc<Model>,
        plan: Option<PlanName>,
        by: Option<Author>,
    ) -> Result<Reply, DriverError> {
        keeps(&*self.backend, &model)?;
        let installation = (self.options.installation)();
        let target = Target::new(model, installation).with_plan(plan).with_author(by);
        self.ask(|answer| Ask::Target(Box::new(target), answer)).await
    }

    /// What the backend does not support in a specification.
    pub fn check(&self, model: &Model) -> Vec<Finding> {
        check(self.backend.kind(), model.spec())
    }

    /// Reads something from the engine, between two inputs, when all earlier inputs are durable.
    ///
    /// # Errors
    /// The scheduler has no engine now.
    pub async fn read<R: Send + 'static>(
        &self,
        read: impl FnOnce(&Engine) -> R + Send + 'static,
    ) -> Result<R, DriverError> {
        self.ask(|answer| {
            Ask::Read(Box::new(move |engine| {
                // The caller may be gone.
                let _ = answer.send(engine.map(read));
            }))
        })
        .await
    }

    /// Waits until a condition holds. The condition is checked after every batch.
    ///
    /// # Errors
    /// The scheduler never acts again.
    pub async fn wait(
        &self,
        until: impl Fn(&Engine) -> bool + Clone + Send + 'static,
    ) -> Result<(), DriverError> {
        let mut changes = self.changes.clone();
        let mut condition = self.condition.clone();
        loop {
            changes.borrow_and_update();
            let until = until.clone();
            let (answer, answered) = oneshot::channel();
            let read = Ask::Read(Box::new(move |engine: Result<&Engine, DriverError>| {
                // The caller may be gone.
                let _ = answer.send(engine.map(until));
            }));
            // A caller that waits also waits while the queue is full. Other callers get an error then.
            if self.asks.send(read).await.is_err() {
                return Err(DriverError::Away(self.condition()));
            }
            match answered.await.unwrap_or(Err(DriverError::Unknown)) {
                Ok(true) => return Ok(()),
                Err(error) if self.condition().is_final() => return Err(error),
                Ok(false) | Err(_) => {}
            }
            tokio::select! {
                changed = changes.changed() => if changed.is_err() {
                    return Err(DriverError::Away(self.condition()));
                },
                _ = condition.changed() => {}
            }
        }
    }

    /// What a task printed.
    ///
    /// # Errors
    /// There is no such log, or it cannot be read.
    pub async fn log(&self, query: LogQuery) -> Result<Log, LogError> {
        let installation = self.read(|engine| engine.installation().cloned()).await;
        let installation = installation.map_err(|error| BackendError::because("no log is read", error))?;
        let Some(installation) = installation else {
            return Err(LogError::NoSuchLog(
                "there is no service yet: submit a specification first".to_owned(),
            ));
        };
        let of = Identity { service: self.name.clone(), installation };
        self.backend.log(&of, query).await
    }

    /// The name of the backend.
    pub fn backend_name(&self) -> &'static str {
        self.backend.kind().name()
    }

    /// The time by the scheduler's clock.
    pub fn now(&self) -> Wall {
        self.options.clock.now()
    }

    /// The events from now on.
    pub fn events(&self) -> broadcast::Receiver<Arc<Happened>> {
        self.history.listen()
    }

    /// The events since an event, and those from now on.
    pub fn follow(&self, after: EventId) -> Followed {
        self.history.follow(after)
    }

    /// An event's name.
    pub fn event_id(&self, happened: &Happened) -> EventId {
        EventId { era: self.history.era, number: happened.number }
    }

    /// The condition of its scheduler.
    pub fn condition(&self) -> Condition {
        self.condition.borrow().clone()
    }

    /// The condition of its scheduler, for a caller that waits for a change.
    pub fn conditions(&self) -> watch::Receiver<Condition> {
        self.condition.clone()
    }

    /// Ends its loop, after the requests that wait already. Tasks keep running.
    pub async fn stop(&self) {
        let (done, ended) = oneshot::channel();
        if self.asks.send(Ask::Stop(done)).await.is_ok() {
            // An error also means that the loop has ended.
            let _ = ended.await;
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.asks.is_closed()
    }

    async fn ask<T>(&self, ask: impl FnOnce(Answer<T>) -> Ask) -> Result<T, DriverError> {
        let (answer, answered) = oneshot::channel();
        self.asks.try_send(ask(answer)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => DriverError::Busy,
            mpsc::error::TrySendError::Closed(_) => DriverError::Away(self.condition()),
        })?;
        // The loop was dropped with the request, so nobody knows what came of it.
        answered.await.unwrap_or(Err(DriverError::Unknown))
    }
}

/// Whether a backend supports a specification. Findings that are warnings do not count.
pub(crate) fn keeps(backend: &dyn Backend, model: &Model) -> Result<(), DriverError> {
    let findings = check(backend.kind(), model.spec());
    if findings.iter().any(Finding::is_error) {
        return Err(DriverError::Unsupported { backend: backend.kind().name(), findings });
    }
    Ok(())
}

/// Begins a service's loop.
pub(crate) fn spawn(
    name: ServiceName,
    store: Arc<dyn Store>,
    backend: Arc<dyn Backend>,
    options: Options,
) -> Service {
    let (asks, asked) = mpsc::channel(options.limits.requests);
    let (conditions, condition) = watch::channel(Condition::Starting);
    let (changed, changes) = watch::channel(0);
    let (recovered, recoveries) = watch::channel(0);
    let history = Arc::new(History::new(options.limits.events));
    let service = Service {
        name: name.clone(),
        asks,
        condition,
        changes,
        recoveries,
        history: history.clone(),
        backend: backend.clone(),
        options: options.clone(),
    };
    let teller = pending::Teller { conditions: Arc::new(conditions), changed, recovered, history };
    let conditions = teller.conditions.clone();
    let ends = tokio::spawn(run::run(run::Loop {
        name: name.clone(),
        store,
        backend,
        options,
        asked,
        teller,
        failures: 0,
        inputs: 0,
    }));
    tokio::spawn(async move {
        if let Err(error) = ends.await {
            tracing::error!(service = %name, %error, "the loop panicked; its records are whole");
            let why = "a fault of planwright's own: restart it, and report what the log says".to_owned();
            conditions.send_replace(Condition::Stopped { why });
        }
    });
    service
}
