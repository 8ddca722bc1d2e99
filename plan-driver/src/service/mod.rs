//! One service: its engine, and who may speak to it.
//!
//! Invariant: what is asked is answered once, in the order in which it was asked, and after it is durable.

mod run;
mod turn;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use plan_core::engine::{Author, Engine, Event, Reply, Request, Target, Wall};
use plan_core::plan::Model;
use plan_core::spec::{PlanName, ServiceName};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::backend::{Backend, Severity, Unkept};
use crate::condition::Condition;
use crate::error::DriverError;
use crate::options::Options;
use crate::store::Store;

/// A service. Clones speak to the same one.
#[derive(Clone)]
pub struct Service {
    name: ServiceName,
    asks: mpsc::Sender<Ask>,
    condition: watch::Receiver<Condition>,
    changes: watch::Receiver<u64>,
    happened: broadcast::Sender<Arc<Happened>>,
    backend: Arc<dyn Backend>,
    options: Options,
}

/// Something that happened to a service.
#[derive(Debug, Clone, PartialEq)]
pub struct Happened {
    /// Grows by one with each event of a loop.
    pub number: u64,
    /// When.
    pub at: Wall,
    /// What.
    pub event: Event,
}

type Answer<T> = oneshot::Sender<Result<T, DriverError>>;
type Read = Box<dyn FnOnce(Result<&Engine, DriverError>) + Send>;

/// What a service is asked.
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

    /// Says what an operator wants.
    ///
    /// # Errors
    /// [`DriverError::Unknown`]: ask again with the same request id; otherwise nothing was done.
    pub async fn verb(&self, request: Request) -> Result<Reply, DriverError> {
        self.ask(|answer| Ask::Verb(request, answer)).await
    }

    /// Says what the service shall be. `plan` makes it so, by default the one that the engine chooses.
    ///
    /// # Errors
    /// [`DriverError::Unkept`]: the backend cannot keep it. [`DriverError::Unknown`]: ask again with the same author
    /// id; otherwise nothing was done.
    pub async fn target(
        &self,
        model: Arc<Model>,
        plan: Option<PlanName>,
        by: Option<Author>,
    ) -> Result<Reply, DriverError> {
        let unkept = self.unkept(&model);
        if unkept.iter().any(|item| item.severity == Severity::Refused) {
            return Err(DriverError::Unkept { backend: self.backend.name(), unkept });
        }
        let installation = (self.options.installation)();
        let target = Target { model, installation, plan, by };
        self.ask(|answer| Ask::Target(Box::new(target), answer)).await
    }

    /// What of a specification the backend cannot keep.
    pub fn unkept(&self, model: &Model) -> Vec<Unkept> {
        catch_unwind(AssertUnwindSafe(|| self.backend.unkept(model.spec()))).unwrap_or_else(|_| {
            let why = "the backend has a fault of its own (it panicked): report what the log says".to_owned();
            vec![Unkept { path: String::new(), why, severity: Severity::Refused }]
        })
    }

    /// Reads something off the engine, between two inputs, when all before it is durable.
    ///
    /// # Errors
    /// The scheduler has no engine now.
    pub async fn read<R: Send + 'static>(
        &self,
        read: impl FnOnce(&Engine) -> R + Send + 'static,
    ) -> Result<R, DriverError> {
        self.ask(|answer| {
            Ask::Read(Box::new(move |engine| {
                // Whoever asked may have gone.
                let _ = answer.send(engine.map(read));
            }))
        })
        .await
    }

    /// Waits until something is so. It is asked after every batch.
    ///
    /// # Errors
    /// The scheduler does nothing any more.
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
                // Whoever waited may have gone.
                let _ = answer.send(engine.map(until));
            }));
            // Unlike who asks, who waits has time for a queue that is full.
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

    /// What happens from now on.
    pub fn events(&self) -> broadcast::Receiver<Arc<Happened>> {
        self.happened.subscribe()
    }

    /// How its scheduler is.
    pub fn condition(&self) -> Condition {
        self.condition.borrow().clone()
    }

    /// How its scheduler is, for whoever waits for a change.
    pub fn conditions(&self) -> watch::Receiver<Condition> {
        self.condition.clone()
    }

    /// Ends its loop, after what is asked already; tasks go on running.
    pub async fn stop(&self) {
        let (done, ended) = oneshot::channel();
        if self.asks.send(Ask::Stop(done)).await.is_ok() {
            // An error is the loop's end, too.
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
        // The loop was dropped with the question: nobody knows what came of it.
        answered.await.unwrap_or(Err(DriverError::Unknown))
    }
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
    let (happened, _) = broadcast::channel(options.limits.events);
    let service = Service {
        name: name.clone(),
        asks,
        condition,
        changes,
        happened: happened.clone(),
        backend: backend.clone(),
        options: options.clone(),
    };
    let teller = turn::Teller { conditions: Arc::new(conditions), changed, happened, number: 0 };
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
