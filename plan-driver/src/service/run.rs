//! A service's loop: recover, then take inputs one after another, until it ends.
//!
//! Invariant: there is one engine, and it is what the store holds under our epoch. Whatever leaves that in doubt
//! drops it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use plan_core::engine::{CodecError, Engine, Input, RecoverError, Wall, decode};
use plan_core::spec::ServiceName;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

use super::Ask;
use super::turn::{Asker, Teller, Turn};
use crate::backend::{Backend, BackendError, Identity, Report, Reports, Session, Told};
use crate::condition::Condition;
use crate::error::{DriverError, words};
use crate::options::Options;
use crate::store::{Epoch, Store, StoreError};

/// What a loop is made of.
pub(super) struct Loop {
    pub(super) name: ServiceName,
    pub(super) store: Arc<dyn Store>,
    pub(super) backend: Arc<dyn Backend>,
    pub(super) options: Options,
    pub(super) asked: mpsc::Receiver<Ask>,
    pub(super) teller: Teller,
}

/// Why the engine was dropped.
enum Dropped {
    /// The store failed: what it holds is read again.
    Store(StoreError),
    /// What is to be stored cannot be.
    Codec(CodecError),
    /// It was told to end.
    Stopped(oneshot::Sender<()>),
    /// Nobody can ask anything any more.
    Forgotten,
}

/// Why records are no engine.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error(transparent)]
    Codec(#[from] CodecError),
    #[error(transparent)]
    Recover(#[from] RecoverError),
}

pub(super) async fn run(mut of: Loop) {
    let mut failures = 0;
    loop {
        let dropped = match of.recover().await {
            Ok((engine, epoch)) => {
                failures = 0;
                Running::new(&mut of, engine, epoch).go_on().await
            }
            Err(error) => Dropped::Store(error),
        };
        let error = match dropped {
            Dropped::Stopped(done) => {
                of.teller.condition(Condition::Stopped { why: "it was told to".to_owned() });
                of.asked.close();
                let _ = done.send(());
                return;
            }
            Dropped::Forgotten => return,
            Dropped::Codec(error) => {
                return of.refuse_for_good(Condition::Unusable { why: words(&error) }).await;
            }
            Dropped::Store(error @ StoreError::Fenced { .. }) => {
                return of.refuse_for_good(Condition::Superseded { why: words(&error) }).await;
            }
            Dropped::Store(error @ StoreError::Unusable { .. }) => {
                return of.refuse_for_good(Condition::Unusable { why: words(&error) }).await;
            }
            Dropped::Store(error) => error,
        };
        failures += 1;
        tracing::warn!(service = %of.name, error = words(&error), failures, "the store failed");
        if let Some(done) = of.wait(failures, words(&error)).await {
            of.teller.condition(Condition::Stopped { why: "it was told to".to_owned() });
            of.asked.close();
            let _ = done.send(());
            return;
        }
    }
}

impl Loop {
    async fn recover(&self) -> Result<(Engine, Epoch), StoreError> {
        let opened = self.store.open(&self.name).await?;
        let records = opened.records.iter().map(|(key, bytes)| decode(key, bytes));
        let engine = records
            .collect::<Result<Vec<_>, _>>()
            .map_err(Unusable::from)
            .and_then(
                |records| if records.is_empty() { Ok(Engine::new()) } else { Ok(Engine::recover(records)?) },
            )
            .map_err(|error| StoreError::Unusable { what: words(&error) })?;
        Ok((engine, opened.epoch))
    }

    /// Waits for the store, and answers meanwhile that nothing is done. Gives back who wants the loop to end.
    async fn wait(&mut self, failures: u32, why: String) -> Option<oneshot::Sender<()>> {
        let since = match self.teller.conditions.borrow().clone() {
            Condition::StoreAway { since, .. } => since,
            _ => self.options.clock.now(),
        };
        self.teller.condition(Condition::StoreAway { since, why });
        let until = Instant::now() + self.options.retries.after(failures);
        loop {
            tokio::select! {
                ask = self.asked.recv() => {
                    if let Some(done) = self.refuse(ask?) {
                        return Some(done);
                    }
                }
                () = sleep_until(until) => return None,
            }
        }
    }

    /// Answers, until it is told to end, that nothing is done any more.
    async fn refuse_for_good(mut self, condition: Condition) {
        tracing::error!(service = %self.name, %condition, "the scheduler stops acting");
        self.teller.condition(condition);
        while let Some(ask) = self.asked.recv().await {
            if let Some(done) = self.refuse(ask) {
                self.asked.close();
                let _ = done.send(());
                return;
            }
        }
    }

    fn refuse(&self, ask: Ask) -> Option<oneshot::Sender<()>> {
        let away = || DriverError::Away(self.teller.conditions.borrow().clone());
        match ask {
            Ask::Verb(_, answer) | Ask::Target(_, answer) => drop(answer.send(Err(away()))),
            Ask::Read(read) => read(Err(away())),
            Ask::Stop(done) => return Some(done),
        }
        None
    }
}

/// A session that is there, or is being opened.
enum Connection {
    /// There is nothing to connect for.
    None,
    /// It is tried again then.
    Waiting {
        until: Instant,
        failures: u32,
    },
    Opening {
        opened: BoxFuture<'static, Result<Box<dyn Session>, BackendError>>,
        told: mpsc::Receiver<Told>,
        failures: u32,
    },
    Open {
        session: Box<dyn Session>,
        told: mpsc::Receiver<Told>,
    },
}

/// A loop with its engine.
struct Running<'a> {
    of: &'a mut Loop,
    engine: Engine,
    epoch: Epoch,
    connection: Connection,
    /// When the engine wants to be woken.
    wake_at: Option<Wall>,
    turn: Turn,
}

/// What the loop waits for.
enum Next {
    Ask(Option<Ask>),
    Told(Option<Told>),
    Opened(Result<Box<dyn Session>, BackendError>),
    Wake,
    Open,
}

/// A clock that is set forward is noticed after so long.
const LOOK_AT_CLOCK: Duration = Duration::from_secs(60);

impl<'a> Running<'a> {
    fn new(of: &'a mut Loop, engine: Engine, epoch: Epoch) -> Self {
        Self { of, engine, epoch, connection: Connection::None, wake_at: None, turn: Turn::default() }
    }

    async fn go_on(mut self) -> Dropped {
        self.of.teller.condition(Condition::Running);
        loop {
            self.connect();
            let next = self.next().await;
            let mut dropped = self.take(next).await;
            // What waits already is made durable with it.
            while dropped.is_none() && self.turn.inputs > 0 && self.turn.inputs < self.of.options.limits.batch
            {
                let Some(next) = self.ready() else { break };
                dropped = self.take(next).await;
            }
            match dropped {
                None => {
                    if let Err(dropped) = self.commit().await {
                        return dropped;
                    }
                }
                Some(stopped @ Dropped::Stopped(_)) => {
                    // It ends in any case; whoever waits for an answer has it.
                    let _ = self.commit().await;
                    return stopped;
                }
                Some(dropped) => {
                    self.turn.failed(&DriverError::Unknown);
                    return dropped;
                }
            }
        }
    }

    /// Opens a session when there is a service to open it for.
    fn connect(&mut self) {
        match (&self.connection, self.engine.installation()) {
            (Connection::None, Some(_)) => self.open(0),
            (Connection::Open { .. } | Connection::Opening { .. } | Connection::Waiting { .. }, None) => {
                self.connection = Connection::None;
            }
            _ => {}
        }
    }

    fn open(&mut self, failures: u32) {
        let Some(installation) = self.engine.installation().cloned() else { return };
        let identity = Identity { service: self.of.name.clone(), installation };
        let limits = self.of.options.limits;
        let (reports, told) = Reports::channel(limits.reports);
        let backend = self.of.backend.clone();
        let opened = async move {
            let opening =
                AssertUnwindSafe(async { timeout(limits.patience, backend.open(identity, reports)).await });
            match opening.catch_unwind().await {
                Ok(Ok(opened)) => opened,
                Ok(Err(_)) => Err(BackendError::new("the backend does not answer")),
                Err(panic) => Err(panicked(&*panic)),
            }
        };
        self.connection = Connection::Opening { opened: opened.boxed(), told, failures };
    }

    async fn next(&mut self) -> Next {
        let wake = self.wake_at.map(|at| {
            let wait = Duration::from_micros(at.0.saturating_sub(self.of.options.clock.now().0));
            Instant::now() + wait.min(LOOK_AT_CLOCK)
        });
        let wake = async {
            match wake {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let backend = async {
            match &mut self.connection {
                Connection::None => std::future::pending().await,
                Connection::Waiting { until, .. } => {
                    sleep_until(*until).await;
                    Next::Open
                }
                Connection::Opening { opened, .. } => Next::Opened(opened.await),
                Connection::Open { told, .. } => Next::Told(told.recv().await),
            }
        };
        tokio::select! {
            ask = self.of.asked.recv() => Next::Ask(ask),
            next = backend => next,
            () = wake => Next::Wake,
        }
    }

    /// What can be taken without waiting.
    fn ready(&mut self) -> Option<Next> {
        if let Ok(ask) = self.of.asked.try_recv() {
            return Some(Next::Ask(Some(ask)));
        }
        match &mut self.connection {
            Connection::Open { told, .. } => told.try_recv().ok().map(|told| Next::Told(Some(told))),
            _ => None,
        }
    }

    async fn take(&mut self, next: Next) -> Option<Dropped> {
        match next {
            Next::Ask(None) => return Some(Dropped::Forgotten),
            Next::Ask(Some(Ask::Stop(done))) => return Some(Dropped::Stopped(done)),
            Next::Ask(Some(Ask::Read(read))) => {
                // What is read is durable.
                if let Err(dropped) = self.commit().await {
                    read(Err(DriverError::Unknown));
                    return Some(dropped);
                }
                read(Ok(&self.engine));
                return None;
            }
            Next::Ask(Some(Ask::Verb(request, answer))) => {
                return self.handle(Input::Verb(request), Asker::Operator(answer));
            }
            Next::Ask(Some(Ask::Target(target, answer))) => {
                return self.handle(Input::Target(*target), Asker::Operator(answer));
            }
            Next::Told(Some(Told { report, durable })) => {
                let input = match report {
                    Report::Observed(observation) => Input::Observed(observation),
                    Report::Outcome(outcome) => Input::Outcome(outcome),
                    Report::Snapshot(snapshot) => Input::Snapshot(snapshot),
                };
                return self.handle(input, Asker::Backend(durable));
            }
            Next::Told(None) => self.lost(&BackendError::new("the backend ended the session")),
            Next::Opened(Ok(session)) => {
                if let Connection::Opening { told, .. } =
                    std::mem::replace(&mut self.connection, Connection::None)
                {
                    self.connection = Connection::Open { session, told };
                }
                self.of.teller.condition(Condition::Running);
                return self.handle(Input::SessionLost, Asker::Nobody);
            }
            Next::Opened(Err(error)) => self.lost(&error),
            Next::Wake => {
                let now = self.of.options.clock.now();
                if self.wake_at.is_some_and(|at| at <= now) {
                    return self.handle(Input::Wake, Asker::Nobody);
                }
            }
            Next::Open => {
                if let Connection::Waiting { failures, .. } = self.connection {
                    self.open(failures);
                }
            }
        }
        None
    }

    fn handle(&mut self, input: Input, asker: Asker) -> Option<Dropped> {
        let wall = self.of.options.clock.now();
        match self.turn.take(&mut self.engine, wall, input, asker) {
            Ok(wake_at) => {
                // Without a session there is nothing to be woken for: a new one begins with a wake.
                self.wake_at = wake_at.filter(|_| matches!(self.connection, Connection::Open { .. }));
                None
            }
            Err(error) => Some(Dropped::Codec(error)),
        }
    }

    /// Makes durable what was taken, and lets leave what waits for it.
    async fn commit(&mut self) -> Result<(), Dropped> {
        let batch = std::mem::take(&mut self.turn.batch);
        if !batch.changes.is_empty() {
            let commit = self.of.store.commit(&self.of.name, self.epoch, batch).await;
            if let Err(error) = commit {
                std::mem::take(&mut self.turn).failed(&DriverError::Unknown);
                return Err(Dropped::Store(error));
            }
        }
        self.turn.durable(&mut self.of.teller);
        for command in std::mem::take(&mut self.turn.commands) {
            // Without a session commands are dropped: the next one begins with asking what there is.
            let Connection::Open { session, .. } = &mut self.connection else { break };
            let patience = self.of.options.limits.patience;
            let carried =
                AssertUnwindSafe(timeout(patience, session.carry_out(command))).catch_unwind().await;
            let error = match carried {
                Ok(Ok(Ok(()))) => continue,
                Ok(Ok(Err(error))) => error,
                Ok(Err(_)) => BackendError::new("the backend does not take commands"),
                Err(panic) => panicked(&*panic),
            };
            self.lost(&error);
        }
        Ok(())
    }

    /// The session is over, or was never there: another is opened a little later.
    fn lost(&mut self, error: &BackendError) {
        let failures = match self.connection {
            Connection::Opening { failures, .. } => failures + 1,
            _ => 1,
        };
        let why = words(error);
        tracing::warn!(service = %self.of.name, why, failures, "no session with the backend");
        let since = match self.of.teller.conditions.borrow().clone() {
            Condition::BackendAway { since, .. } => since,
            _ => self.of.options.clock.now(),
        };
        self.of.teller.condition(Condition::BackendAway { since, why });
        let until = Instant::now() + self.of.options.retries.after(failures);
        self.connection = Connection::Waiting { until, failures };
        self.wake_at = None;
    }
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> BackendError {
    let said = panic.downcast_ref::<&str>().map(ToString::to_string);
    let said = said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    BackendError::new(format!("the backend has a fault of its own (it panicked: {said})"))
}
