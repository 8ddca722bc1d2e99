//! A service's loop while it has an engine: inputs go in, one after another, and their effects go out.
//!
//! Invariant: commit, then everything else. Inputs that already wait when one is taken are made durable with it.
//! Nothing of a batch leaves before the whole batch is on disk.

use std::future::{Future as _, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures::FutureExt as _;
use plan_core::engine::{Engine, Input, Wall};
use tokio::time::{Instant, sleep_until, timeout};

use super::Ask;
use super::connection::Connection;
use super::panics::{panicked, said};
use super::pending::{Asker, PendingBatch, Record};
use super::run::{Dropped, Loop};
use crate::backend::{BackendError, BackendReport, Session, Told};
use crate::condition::Condition;
use crate::error::DriverError;
use crate::store::Epoch;

/// A loop with its engine.
pub(super) struct Running<'a> {
    pub(super) of: &'a mut Loop,
    pub(super) engine: Engine,
    epoch: Epoch,
    pub(super) connection: Connection,
    /// When the engine wants to be woken.
    pub(super) wake_at: Option<Wall>,
    pending: PendingBatch,
    /// Which source of inputs is looked at first. It is another one each time, so that no source blocks the others.
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

/// After this time the loop notices a clock that was set forward.
const LOOK_AT_CLOCK: Duration = Duration::from_secs(60);
/// Requests, the backend, and time.
const SOURCES: u8 = 3;

impl<'a> Running<'a> {
    pub(super) fn new(of: &'a mut Loop, engine: Engine, epoch: Epoch) -> Self {
        let (connection, pending) = (Connection::None, PendingBatch::default());
        Self { of, engine, epoch, connection, wake_at: None, pending, first: 0 }
    }

    pub(super) async fn go_on(mut self) -> Dropped {
        self.of.teller.recovered.send_modify(|count| *count += 1);
        self.of.teller.condition(Condition::Running);
        loop {
            self.connect();
            let next = self.next().await;
            let mut dropped = self.take(next).await;
            // Inputs that already wait are made durable with it.
            while dropped.is_none()
                && self.pending.inputs > 0
                && self.pending.inputs < self.of.options.limits.batch
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
                    // The loop ends in any case, and every caller has its answer.
                    let _ = self.commit().await;
                    return stopped;
                }
                Some(dropped) => {
                    self.pending.failed(&DriverError::Unknown);
                    return dropped;
                }
            }
        }
    }

    /// Waits for the next input. If this future is dropped, no input is lost.
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

    /// The inputs that can be taken without waiting.
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

    /// The source that is looked at first this time.
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
                // The reader sees only durable state.
                if let Err(dropped) = self.commit().await {
                    read(Err(DriverError::Unknown));
                    return Some(dropped);
                }
                // A reader that panics breaks nothing. Its answer is dropped.
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
                    BackendReport::Observed(observation) => Input::Observed(observation),
                    BackendReport::Outcome(outcome) => Input::Outcome(outcome),
                    BackendReport::Snapshot(snapshot) => Input::Snapshot(snapshot),
                    BackendReport::Note(note) => Input::Note(note),
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
        match self.pending.take(&mut self.engine, wall, input, asker, record) {
            Ok(wake_at) => {
                // Without a session no wake is needed, since a new session begins with a wake.
                self.wake_at = wake_at.filter(|_| matches!(self.connection, Connection::Open { .. }));
                None
            }
            Err(error) => Some(Dropped::Codec(error)),
        }
    }

    /// Makes the inputs that were taken durable, and then sends what waits for that.
    async fn commit(&mut self) -> Result<(), Dropped> {
        let batch = std::mem::take(&mut self.pending.batch);
        if !batch.changes.is_empty() {
            if let Err(error) = self.of.keep(self.epoch, batch).await {
                std::mem::take(&mut self.pending).failed(&DriverError::Unknown);
                return Err(Dropped::Store(error));
            }
            self.of.failures = 0;
        }
        self.pending.durable(&mut self.of.teller);
        if let Some(launch) = self.pending.superseded.take() {
            return Err(Dropped::Superseded(launch));
        }
        // The batch may have given up the installation that the session belongs to.
        self.connect();
        let commands = std::mem::take(&mut self.pending.commands);
        // Without a session commands are dropped. The next session begins with the question what runs.
        let Connection::Open { session, .. } = &mut self.connection else { return Ok(()) };
        if commands.is_empty() {
            return Ok(());
        }
        let patience = self.of.options.limits.patience;
        let carried = AssertUnwindSafe(timeout(patience, session.carry_out(commands))).catch_unwind().await;
        let error = match carried {
            Ok(Ok(Ok(()))) => return Ok(()),
            Ok(Ok(Err(error))) => error,
            Ok(Err(_)) => BackendError::new("the backend does not take commands"),
            Err(panic) => BackendError::new(panicked(&*panic)),
        };
        self.lost(&error);
        Ok(())
    }
}
