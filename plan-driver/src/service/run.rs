//! A service's loop: recover, then take inputs one after another, until it ends.
//!
//! Invariant: there is one engine, and it is what the store holds under our epoch. Whatever leaves that in doubt
//! drops it.

use std::any::Any;
use std::future::{Future as _, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use plan_core::engine::{CodecError, Engine, Input, InstallationId, RecoverError, Wall, decode};
use plan_core::spec::ServiceName;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

use super::Ask;
use super::turn::{Asker, Record, Teller, Turn};
use crate::backend::{Backend, BackendError, Identity, Report, Reports, Session, Told};
use crate::condition::Condition;
use crate::error::{DriverError, words};
use crate::options::Options;
use crate::store::{Batch, Epoch, Opened, Store, StoreError};

/// What a loop is made of.
pub(super) struct Loop {
    pub(super) name: ServiceName,
    pub(super) store: Arc<dyn Store>,
    pub(super) backend: Arc<dyn Backend>,
    pub(super) options: Options,
    pub(super) asked: mpsc::Receiver<Ask>,
    pub(super) teller: Teller,
    /// How often the store failed in a row, up to the last commit.
    pub(super) failures: u32,
    /// How many inputs were taken.
    pub(super) inputs: u64,
}

/// Why the engine was dropped.
enum Dropped {
    /// The store failed: what it holds is read again.
    Store(StoreError),
    /// What is to be stored cannot be.
    Codec(CodecError),
    /// Something runs that another scheduler launched later than all that this one knows.
    Superseded(String),
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
    #[error("planwright has a fault of its own, report it: {0}")]
    Fault(String),
}

pub(super) async fn run(mut of: Loop) {
    loop {
        let dropped = match of.recover().await {
            Ok((engine, epoch)) => Running::new(&mut of, engine, epoch).go_on().await,
            Err(dropped) => dropped,
        };
        let error = match dropped {
            Dropped::Stopped(done) => return of.end(done),
            Dropped::Forgotten => {
                let why = "nobody can ask it anything any more".to_owned();
                return of.teller.condition(Condition::Stopped { why });
            }
            Dropped::Codec(error) => {
                return of.refuse_for_good(Condition::Unusable { why: words(&error) }).await;
            }
            Dropped::Superseded(why) => return of.refuse_for_good(Condition::Superseded { why }).await,
            Dropped::Store(error @ StoreError::Fenced { .. }) => {
                return of.refuse_for_good(Condition::Superseded { why: words(&error) }).await;
            }
            Dropped::Store(error @ StoreError::Unusable { .. }) => {
                return of.refuse_for_good(Condition::Unusable { why: words(&error) }).await;
            }
            Dropped::Store(error) => error,
        };
        of.failures = of.failures.saturating_add(1);
        let failures = of.failures;
        tracing::warn!(service = %of.name, error = words(&error), failures, "the store failed");
        if let Some(done) = of.wait(words(&error)).await {
            return of.end(done);
        }
    }
}

/// So many records are made an engine in between; more keep a thread busy that others need.
const FEW: usize = 1000;

/// An engine of what a store holds.
fn engine(records: &[(String, Vec<u8>)]) -> Result<Engine, Unusable> {
    if records.is_empty() {
        return Ok(Engine::new());
    }
    let records = records.iter().map(|(key, bytes)| decode(key, bytes)).collect::<Result<Vec<_>, _>>()?;
    Ok(Engine::recover(records)?)
}

impl Loop {
    async fn recover(&mut self) -> Result<(Engine, Epoch), Dropped> {
        let (store, name, patience) = (self.store.clone(), self.name.clone(), self.options.limits.patience);
        let opening = async move {
            let opened = AssertUnwindSafe(timeout(patience, store.open(&name))).catch_unwind().await;
            let failed =
                |source| StoreError::Failed { what: format!("open the records of `{name}`"), source };
            match opened {
                Ok(Ok(opened)) => opened,
                Ok(Err(_)) => Err(failed(format!("no answer for {patience:?}").into())),
                Err(panic) => Err(failed(panicked(&*panic).into())),
            }
        };
        let mut opening = pin!(opening);
        let Opened { epoch, records } = loop {
            // What is asked before the first answer of the store waits for it; later nobody knows when it comes.
            let is_away = matches!(*self.teller.conditions.borrow(), Condition::StoreAway { .. });
            tokio::select! {
                opened = &mut opening => break opened.map_err(Dropped::Store)?,
                ask = self.asked.recv(), if is_away => match ask.map(|ask| self.refuse(ask)) {
                    None => return Err(Dropped::Forgotten),
                    Some(Some(done)) => return Err(Dropped::Stopped(done)),
                    Some(None) => {}
                },
            }
        };
        let records = Arc::new(records);
        let engine = if records.len() > FEW {
            let records = records.clone();
            tokio::task::spawn_blocking(move || engine(&records))
                .await
                .unwrap_or_else(|error| Err(Unusable::Fault(error.to_string())))
        } else {
            engine(&records)
        };
        let engine = engine.map_err(|error| Dropped::Store(StoreError::Unusable { what: words(&error) }))?;
        if let Some(recorder) = &self.options.record {
            recorder.began(&self.name, self.options.clock.now(), Arc::unwrap_or_clone(records));
        }
        Ok((engine, epoch))
    }

    /// A store that does not answer may have kept the batch or not.
    async fn keep(&mut self, epoch: Epoch, batch: Batch) -> Result<(), StoreError> {
        let patience = self.options.limits.patience;
        let keeping = timeout(patience, self.store.commit(&self.name, epoch, batch));
        let unknown =
            |source| StoreError::Unknown { what: format!("keep the records of `{}`", self.name), source };
        match AssertUnwindSafe(keeping).catch_unwind().await {
            Ok(Ok(kept)) => kept,
            Ok(Err(_)) => Err(unknown(format!("no answer for {patience:?}").into())),
            Err(panic) => Err(unknown(panicked(&*panic).into())),
        }
    }

    /// Ends, when it is told to: whoever asked behind that is told that nothing was done. Who waits for the end may then
    /// open the store's file, for nothing of it is held here any more.
    fn end(mut self, done: oneshot::Sender<()>) {
        if !self.teller.conditions.borrow().is_final() {
            self.teller.condition(Condition::Stopped { why: "it was told to".to_owned() });
        }
        self.asked.close();
        let mut waiting = vec![done];
        while let Ok(ask) = self.asked.try_recv() {
            waiting.extend(self.refuse(ask));
        }
        drop(self);
        for done in waiting {
            // Whoever waited may have gone.
            let _ = done.send(());
        }
    }

    /// Waits for the store, and answers meanwhile that nothing is done. Gives back who wants the loop to end.
    async fn wait(&mut self, why: String) -> Option<oneshot::Sender<()>> {
        let since = match self.teller.conditions.borrow().clone() {
            Condition::StoreAway { since, .. } => since,
            _ => self.options.clock.now(),
        };
        self.teller.condition(Condition::StoreAway { since, why });
        let until = Instant::now() + self.options.retries.after(self.failures);
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
                return self.end(done);
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
    Waiting { until: Instant, failures: u32 },
    /// Whether it can be reached is not known yet.
    Opening {
        of: InstallationId,
        opened: BoxFuture<'static, Result<Box<dyn Session>, BackendError>>,
        told: mpsc::Receiver<Told>,
        failures: u32,
    },
    /// It is there. The failures before it count until it has told something.
    Open { of: InstallationId, session: Box<dyn Session>, told: mpsc::Receiver<Told>, failures: u32 },
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
    /// Which source is looked at first: another one each time, so that none keeps the others out.
    first: u8,
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
/// Asks, the backend, the time.
const SOURCES: u8 = 3;

impl<'a> Running<'a> {
    fn new(of: &'a mut Loop, engine: Engine, epoch: Epoch) -> Self {
        let (connection, turn) = (Connection::None, Turn::default());
        Self { of, engine, epoch, connection, wake_at: None, turn, first: 0 }
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

    /// Has a session for the installation that there is, and none for one that there is no more.
    fn connect(&mut self) {
        let wanted = self.engine.installation();
        let fits = match &self.connection {
            Connection::None => wanted.is_none(),
            Connection::Waiting { .. } => wanted.is_some(),
            Connection::Opening { of, .. } | Connection::Open { of, .. } => wanted == Some(of),
        };
        if !fits {
            self.connection = Connection::None;
            self.wake_at = None;
            self.open(0);
        }
    }

    fn open(&mut self, failures: u32) {
        let Some(installation) = self.engine.installation().cloned() else { return };
        let identity = Identity { service: self.of.name.clone(), installation: installation.clone() };
        let limits = self.of.options.limits;
        let (reports, told) = Reports::channel(limits.reports);
        let backend = self.of.backend.clone();
        let opened = async move {
            let opening =
                AssertUnwindSafe(async { timeout(limits.patience, backend.open(identity, reports)).await });
            match opening.catch_unwind().await {
                Ok(Ok(opened)) => opened,
                Ok(Err(_)) => Err(BackendError::new("the backend does not answer")),
                Err(panic) => Err(BackendError::new(panicked(&*panic))),
            }
        };
        self.connection = Connection::Opening { of: installation, opened: opened.boxed(), told, failures };
    }

    /// Waits for what comes next. Whatever it waits for is still there when it is dropped.
    async fn next(&mut self) -> Next {
        let wake = self.wake_at.map(|at| {
            let wait = Duration::from_micros(at.0.saturating_sub(self.of.options.clock.now().0));
            Instant::now() + wait.min(LOOK_AT_CLOCK)
        });
        let mut wake = pin!(async {
            match wake {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        });
        let first = self.turns();
        let mut backend = pin!(async {
            match &mut self.connection {
                Connection::None => std::future::pending().await,
                Connection::Waiting { until, .. } => {
                    sleep_until(*until).await;
                    Next::Open
                }
                Connection::Opening { opened, .. } => Next::Opened(opened.await),
                Connection::Open { told, .. } => Next::Told(told.recv().await),
            }
        });
        let mut ask = pin!(self.of.asked.recv());
        poll_fn(|context| {
            let polled = (first..first + SOURCES).map(|source| match source % SOURCES {
                0 => ask.as_mut().poll(context).map(Next::Ask),
                1 => backend.as_mut().poll(context),
                _ => wake.as_mut().poll(context).map(|()| Next::Wake),
            });
            polled.into_iter().find(Poll::is_ready).unwrap_or(Poll::Pending)
        })
        .await
    }

    /// What can be taken without waiting.
    fn ready(&mut self) -> Option<Next> {
        let first = self.turns();
        let mut ready =
            (first..first + SOURCES).map(|source| match (source % SOURCES, &mut self.connection) {
                (0, _) => self.of.asked.try_recv().ok().map(|ask| Next::Ask(Some(ask))),
                (1, Connection::Open { told, .. }) => told.try_recv().ok().map(|told| Next::Told(Some(told))),
                (1, _) => None,
                _ => self.wake_at.filter(|at| *at <= self.of.options.clock.now()).map(|_| Next::Wake),
            });
        ready.find_map(|next| next)
    }

    /// Which source is looked at first this time.
    fn turns(&mut self) -> u8 {
        let first = self.first;
        self.first = (first + 1) % SOURCES;
        first
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
                // It can look, and break nothing: what it was to answer goes with it.
                if let Err(panic) = catch_unwind(AssertUnwindSafe(|| read(Ok(&self.engine)))) {
                    tracing::error!(service = %self.of.name, panic = said(&*panic), "who reads panicked");
                }
                return None;
            }
            Next::Ask(Some(Ask::Verb(request, answer))) => {
                return self.handle(Input::Verb(request), Asker::Operator(answer));
            }
            Next::Ask(Some(Ask::Target(target, answer))) => {
                return self.handle(Input::Target(*target), Asker::Operator(answer));
            }
            Next::Told(Some(Told { report, durable })) => {
                if let Connection::Open { failures, .. } = &mut self.connection {
                    *failures = 0;
                }
                let input = match report {
                    Report::Observed(observation) => Input::Observed(observation),
                    Report::Outcome(outcome) => Input::Outcome(outcome),
                    Report::Snapshot(snapshot) => Input::Snapshot(snapshot),
                };
                return self.handle(input, Asker::Backend(durable));
            }
            Next::Told(None) => self.lost(&BackendError::new("the backend ended the session")),
            Next::Opened(Ok(session)) => {
                if let Connection::Opening { of, told, failures, .. } =
                    std::mem::replace(&mut self.connection, Connection::None)
                {
                    self.connection = Connection::Open { of, session, told, failures };
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
        self.of.inputs += 1;
        let number = self.of.inputs;
        let record = self.of.options.record.as_ref();
        let record = record.map(|recorder| Record { recorder, service: &self.of.name, number });
        match self.turn.take(&mut self.engine, wall, input, asker, record) {
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
            if let Err(error) = self.of.keep(self.epoch, batch).await {
                std::mem::take(&mut self.turn).failed(&DriverError::Unknown);
                return Err(Dropped::Store(error));
            }
            self.of.failures = 0;
        }
        self.turn.durable(&mut self.of.teller);
        if let Some(launch) = self.turn.superseded.take() {
            return Err(Dropped::Superseded(launch));
        }
        // What the batch gave up may be the installation that the session is of.
        self.connect();
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
                Err(panic) => BackendError::new(panicked(&*panic)),
            };
            self.lost(&error);
        }
        Ok(())
    }

    /// The session is over, or was never there: another is opened a little later.
    fn lost(&mut self, error: &BackendError) {
        let failures = match self.connection {
            Connection::Opening { failures, .. } | Connection::Open { failures, .. } => {
                failures.saturating_add(1)
            }
            Connection::None | Connection::Waiting { .. } => 1,
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

fn panicked(panic: &(dyn Any + Send)) -> String {
    format!("it has a fault of its own (it panicked: {})", said(panic))
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or_default()
}
