//! A service's loop: recover an engine, run it ([`Running`]) until its state is in doubt, and repeat.
//!
//! Invariant: there is one engine, and it equals what the store holds under our epoch. Whenever that is in doubt, the
//! engine is dropped.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;

use futures::FutureExt as _;
use plan_core::engine::{CodecError, Engine, RecoverError, decode};
use plan_core::spec::ServiceName;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

use super::Ask;
use super::panics::panicked;
use super::pending::Teller;
use super::running::Running;
use crate::backend::Backend;
use crate::condition::Condition;
use crate::error::{DriverError, with_causes};
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
    /// How often the store failed in a row, until now.
    pub(super) failures: u32,
    /// How many inputs were taken.
    pub(super) inputs: u64,
}

/// Why the engine was dropped.
pub(super) enum Dropped {
    /// The store failed. Its content is read again.
    Store(StoreError),
    /// A record cannot be stored.
    Codec(CodecError),
    /// Another scheduler has launched something after everything that this one knows.
    Superseded(String),
    /// The loop was told to end.
    Stopped(oneshot::Sender<()>),
    /// Nobody can ask anything any more.
    Forgotten,
}

/// Why records cannot be made an engine.
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
                return of.refuse_for_good(Condition::Unusable { why: with_causes(&error) }).await;
            }
            Dropped::Superseded(why) => return of.refuse_for_good(Condition::Superseded { why }).await,
            Dropped::Store(error @ StoreError::Fenced { .. }) => {
                return of.refuse_for_good(Condition::Superseded { why: with_causes(&error) }).await;
            }
            Dropped::Store(error @ StoreError::Unusable { .. }) => {
                return of.refuse_for_good(Condition::Unusable { why: with_causes(&error) }).await;
            }
            Dropped::Store(error) => error,
        };
        of.failures = of.failures.saturating_add(1);
        let failures = of.failures;
        tracing::warn!(service = %of.name, error = with_causes(&error), failures, "the store failed");
        if let Some(done) = of.wait(with_causes(&error)).await {
            return of.end(done);
        }
    }
}

/// Up to this many records are decoded on this thread. More would keep a thread busy that others need.
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
            // Requests wait for the first answer of the store. Later nobody knows when an answer comes, so requests are
            // refused.
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
        let engine =
            engine.map_err(|error| Dropped::Store(StoreError::Unusable { what: with_causes(&error) }))?;
        if let Some(recorder) = &self.options.record {
            recorder.began(&self.name, self.options.clock.now(), Arc::unwrap_or_clone(records));
        }
        Ok((engine, epoch))
    }

    /// A store that does not answer may have kept the batch or not.
    pub(super) async fn keep(&mut self, epoch: Epoch, batch: Batch) -> Result<(), StoreError> {
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

    /// Ends when told to. Later requests are answered that nothing was done. A caller that waits for the end may then
    /// open the store's file, since this loop no longer holds any part of it.
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
            // The caller may be gone.
            let _ = done.send(());
        }
    }

    /// Waits for the store, and meanwhile answers requests that nothing was done. Returns the caller that wants the
    /// loop to end.
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

    /// Answers all requests that nothing is done any more, until the loop is told to end.
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
