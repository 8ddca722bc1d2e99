//! A service's session with its backend: opened, lost, and opened again.
//!
//! Invariant: a session belongs to the installation that the engine has. Reports of an earlier session are ignored.
//! Without a session no command leaves, and a new session begins with the question what runs.

use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use plan_core::engine::InstallationId;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::panics::panicked;
use super::running::Running;
use crate::backend::{BackendError, Identity, Opening, Reports, Session, Told};
use crate::condition::Condition;
use crate::error::with_causes;

/// A session that is open, or is being opened.
pub(super) enum Connection {
    /// There is no installation to connect for.
    None,
    /// The next attempt is at this time.
    Waiting { until: Instant, failures: u32 },
    /// Nobody knows yet whether the backend can be reached.
    Opening {
        of: InstallationId,
        opened: BoxFuture<'static, Result<Box<dyn Session>, BackendError>>,
        told: mpsc::Receiver<Told>,
        failures: u32,
    },
    /// The session is open. Earlier failures count until the session has reported something.
    Open { of: InstallationId, session: Box<dyn Session>, told: mpsc::Receiver<Told>, failures: u32 },
}

impl Running<'_> {
    /// Opens a session for the current installation, and ends one for an installation that is gone.
    pub(super) fn connect(&mut self) {
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

    pub(super) fn open(&mut self, failures: u32) {
        let Some(installation) = self.engine.installation().cloned() else { return };
        let identity = Identity { service: self.of.name.clone(), installation: installation.clone() };
        let notes = self.engine.notes().map(|(name, text)| (name.clone(), text.clone())).collect();
        let opening = Opening { identity, held: self.engine.held(), notes, api: self.of.options.api };
        let limits = self.of.options.limits;
        let (reports, told) = Reports::channel(limits.reports);
        let backend = self.of.backend.clone();
        let opened = async move {
            let opening =
                AssertUnwindSafe(async { timeout(limits.patience, backend.open(opening, reports)).await });
            match opening.catch_unwind().await {
                Ok(Ok(opened)) => opened,
                Ok(Err(_)) => Err(BackendError::new("the backend does not answer")),
                Err(panic) => Err(BackendError::new(panicked(&*panic))),
            }
        };
        self.connection = Connection::Opening { of: installation, opened: opened.boxed(), told, failures };
    }

    /// The session is over, or could not be opened. Another one is opened a little later.
    pub(super) fn lost(&mut self, error: &BackendError) {
        let failures = match self.connection {
            Connection::Opening { failures, .. } | Connection::Open { failures, .. } => {
                failures.saturating_add(1)
            }
            Connection::None | Connection::Waiting { .. } => 1,
        };
        let why = with_causes(error);
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
