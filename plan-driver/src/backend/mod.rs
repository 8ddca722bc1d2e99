//! The contract of a backend, which carries out commands and reports what it sees.
//!
//! Invariant: a report gets its [`Receipt`] only after the batch that it caused is durable. So a backend that waits for
//! the receipt of an end before it forgets the end loses no end.

mod inspect;
mod kind;
pub mod prompt;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

pub use inspect::{Log, LogEnd, LogError, LogQuery, LogStream};
pub use kind::{BackendRule, Finding, Kind, RuleExample, check};

use async_trait::async_trait;
use plan_core::engine::{
    Command, CommandOutcome, Held, InstallationId, Note, NoteName, NoteText, Observation, Snapshot,
};
use plan_core::spec::ServiceName;
use tokio::sync::{mpsc, oneshot};

/// An orchestrator: processes on this machine, Kubernetes, Mesos.
///
/// A backend has no state of its own that a restart would lose. Everything that it knows is in the orchestrator, or in
/// a record of the engine.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// What is known of the backend without a connection: its name, and what it does not support.
    fn kind(&self) -> &dyn Kind;

    /// Opens a session of a service. From now on the backend tells `reports` what it sees of the service. Reports of
    /// earlier sessions of the service no longer count. Running tasks go on.
    ///
    /// # Errors
    /// The orchestrator cannot be reached now. The driver tries again.
    async fn open(&self, opening: Opening, reports: Reports) -> Result<Box<dyn Session>, BackendError>;

    /// Reads what a task printed. A backend that keeps no output does not implement this method.
    ///
    /// # Errors
    /// There is no log, or it cannot be read.
    async fn log(&self, of: &Identity, query: LogQuery) -> Result<Log, LogError> {
        // A backend without logs ignores the question.
        let _ = (of, query);
        Err(LogError::Unsupported { backend: self.kind().name() })
    }
}

/// A service's connection to its backend. Dropping it leaves the tasks running.
#[async_trait]
pub trait Session: Send {
    /// Begins to carry out the commands of one batch, in this order. The results go to the session's [`Reports`]. The
    /// commands come together, so that a backend can make one call out of several. This method must not wait for
    /// results, and must not wait for [`Reports::tell`]. The commands of later batches wait for it to return, and so
    /// may the task that receives the reports.
    ///
    /// # Errors
    /// The session is lost, and nobody knows which of the commands were carried out. The driver opens another session,
    /// and the engine asks what runs. A command that the backend does not know is such an error, and the error names
    /// the command.
    async fn carry_out(&mut self, commands: Vec<Command>) -> Result<(), BackendError>;
}

/// What a session begins with.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Opening {
    /// The installation whose tasks the session is about.
    pub identity: Identity,
    /// The places that the service's records name. Any other place that the backend holds for the installation belongs
    /// to an open question, or to a debt whose release will come.
    pub held: Vec<Held>,
    /// The backend's own notes, which earlier sessions reported as [`BackendReport::Note`].
    pub notes: BTreeMap<NoteName, NoteText>,
    /// Where the scheduler's API is reached, if it has one. Tasks find it as `SCHEDULER_API_HOSTNAME` and
    /// `SCHEDULER_API_PORT`.
    pub api: Option<SocketAddr>,
}

impl Opening {
    /// The opening of a service that holds nothing.
    pub fn new(identity: Identity) -> Self {
        Self { identity, held: Vec::new(), notes: BTreeMap::new(), api: None }
    }
}

/// The installation whose tasks a session is about. The label of each task has both names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The service.
    pub service: ServiceName,
    /// Its installation.
    pub installation: InstallationId,
}

/// Why a backend did not do something.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct BackendError {
    /// What the backend tried, and what to do about it.
    pub what: String,
    /// What went wrong.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl BackendError {
    /// An error with this message.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), source: None }
    }

    /// An error with this message and its cause.
    pub fn because(
        what: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { what: what.into(), source: Some(source.into()) }
    }
}

/// Something that a backend reports.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum BackendReport {
    /// The state of a launched task.
    Observed(Observation),
    /// The answer to a command.
    Outcome(CommandOutcome),
    /// A part of the answer to `Reconcile`.
    Snapshot(Snapshot),
    /// Something to keep in the service's records. The note is durable when its receipt comes, and the backend may use
    /// it from then on.
    Note(Note),
}

/// Where a session reports what it sees. All clones end with the session.
#[derive(Clone)]
pub struct Reports {
    queue: mpsc::Sender<Told>,
}

/// A report on its way to the engine.
#[derive(Debug)]
pub struct Told {
    /// What is told.
    pub report: BackendReport,
    /// Answered when what the report caused is durable. If it is dropped, nobody knows whether that is so.
    pub durable: oneshot::Sender<()>,
}

impl fmt::Debug for Reports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reports").field("free", &self.queue.capacity()).finish()
    }
}

impl Reports {
    /// A queue with this capacity, and its receiving end: for the loop of a service, and for tests of a backend.
    pub fn channel(places: usize) -> (Self, mpsc::Receiver<Told>) {
        let (queue, told) = mpsc::channel(places);
        (Self { queue }, told)
    }

    /// Sends a report. Waits while the queue is full, so that a backend is never faster than the engine.
    ///
    /// # Errors
    /// The session is over.
    pub async fn tell(&self, report: BackendReport) -> Result<Receipt, SessionOver> {
        let (durable, receipt) = oneshot::channel();
        self.queue.send(Told { report, durable }).await.map_err(|_| SessionOver)?;
        Ok(Receipt(receipt))
    }

    /// Waits until the session is over.
    pub async fn over(&self) {
        self.queue.closed().await;
    }
}

/// Tells when what a report caused is durable.
#[derive(Debug)]
pub struct Receipt(oneshot::Receiver<()>);

impl Receipt {
    /// Waits until what the report caused is durable.
    ///
    /// # Errors
    /// The session ended first. Nobody knows whether the report is durable, so the backend has to send it again in the
    /// next session.
    pub async fn durable(self) -> Result<(), SessionOver> {
        self.0.await.map_err(|_| SessionOver)
    }
}

/// The session is over, because another one has begun, or the scheduler ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the session is over")]
pub struct SessionOver;
