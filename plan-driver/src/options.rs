//! What a scheduler is started with.

use std::sync::Arc;
use std::time::Duration;

use plan_core::engine::InstallationId;

use crate::clock::{Clock, SystemClock};
use crate::recording::Recorder;
use crate::retry::Retries;

/// What a scheduler is started with. The default is right for a program on a machine.
#[derive(Clone)]
pub struct Options {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Names an installation, when a service is installed.
    pub installation: Arc<dyn Fn() -> InstallationId + Send + Sync>,
    /// Waits for the store and the backend.
    pub retries: Retries,
    /// Bounds.
    pub limits: Limits,
    /// Writes down what happens, if it is to be replayed.
    pub record: Option<Recorder>,
}

/// Bounds of queues and waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// So many requests of a service wait; one more is answered [`crate::DriverError::Busy`].
    pub requests: usize,
    /// So many reports of a session wait; a backend that has more to say waits.
    pub reports: usize,
    /// So many inputs are made durable in one batch at most.
    pub batch: usize,
    /// So many events are kept for listeners that are slower than the service.
    pub events: usize,
    /// A backend that takes longer to take a command, or to open a session, has lost it. A store that takes longer
    /// is away, and nobody knows what it did.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            installation: Arc::new(|| InstallationId(uuid::Uuid::new_v4().to_string().into())),
            retries: Retries::default(),
            limits: Limits::default(),
            record: None,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { requests: 256, reports: 1024, batch: 64, events: 1024, patience: Duration::from_secs(30) }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("retries", &self.retries).field("limits", &self.limits).finish()
    }
}
