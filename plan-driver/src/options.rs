//! What a scheduler is started with.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use plan_core::engine::InstallationId;

use crate::clock::{Clock, SystemClock};
use crate::recording::Recorder;
use crate::retry::Retries;

/// What a scheduler is started with. The default is right for a program on a machine.
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes the name of an installation, when a service is installed.
    pub installation: Arc<dyn Fn() -> InstallationId + Send + Sync>,
    /// How long to wait before the store and the backend are tried again.
    pub retries: Retries,
    /// Bounds.
    pub limits: Limits,
    /// Records what happens, for a replay.
    pub record: Option<Recorder>,
    /// Where the scheduler's API is reached, if it has one: tasks find it in their environment.
    pub api: Option<SocketAddr>,
}

/// Bounds of queues and waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// How many requests of a service may wait. One more is answered with [`crate::DriverError::Busy`].
    pub requests: usize,
    /// How many reports of a session may wait. A backend with more reports waits.
    pub reports: usize,
    /// How many inputs are made durable in one batch at most.
    pub batch: usize,
    /// How many events are kept for listeners that are slower than the service.
    pub events: usize,
    /// The longest time of one call. A session is lost if its backend takes longer to accept commands or to open. A
    /// store that takes longer is away, and nobody knows what it did.
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
            api: None,
        }
    }
}

impl Options {
    /// With another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// With other waits before the store and the backend are tried again.
    #[must_use]
    pub fn with_retries(mut self, retries: Retries) -> Self {
        self.retries = retries;
        self
    }

    /// With other bounds.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// With an API, which is reached here.
    #[must_use]
    pub fn with_api(mut self, api: SocketAddr) -> Self {
        self.api = Some(api);
        self
    }

    /// With a recording of what happens, if there is a recorder.
    #[must_use]
    pub fn with_record(mut self, record: impl Into<Option<Recorder>>) -> Self {
        self.record = record.into();
        self
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
