//! What carries out commands, and says what it sees.
//!
//! Invariant: an observation is confirmed upstream only after the batch that it caused is durable; a backend that
//! waits for the [`Receipt`] of an end before it forgets the end loses none.

mod inspect;
mod kind;
pub mod prompt;

use std::collections::BTreeMap;
use std::fmt;

pub use inspect::{Log, LogEnd, LogError, LogQuery, LogStream};
pub use kind::{Example, Finding, Kind, Rule, check};

use async_trait::async_trait;
use plan_core::engine::{
    Command, Held, InstallationId, Note, NoteName, NoteText, Observation, Outcome, Snapshot,
};
use plan_core::spec::ServiceName;
use tokio::sync::{mpsc, oneshot};

/// An orchestrator: processes on this machine, Kubernetes, Mesos.
///
/// It keeps nothing that a restart would miss: what it knows is in the orchestrator, or in a record of the engine.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// What is known of it without a connection: its name, and what it cannot keep.
    fn kind(&self) -> &dyn Kind;

    /// Opens a session of a service: from now on what is seen of it is told to `reports`, and nothing that is told
    /// to the reports of an earlier session counts. Tasks that run go on.
    ///
    /// # Errors
    /// The orchestrator cannot be reached now; it is tried again.
    async fn open(&self, opening: Opening, reports: Reports) -> Result<Box<dyn Session>, BackendError>;

    /// What a task printed. A backend that keeps no output need not have it.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    async fn log(&self, of: &Identity, query: LogQuery) -> Result<Log, LogError> {
        // What a backend has nothing of, it has whoever asks.
        let _ = (of, query);
        Err(LogError::NotKept { backend: self.kind().name() })
    }
}

/// A service's connection to its backend. Dropping it leaves the tasks running.
#[async_trait]
pub trait Session: Send {
    /// Begins to carry out what one batch ordered, in this order; what comes of it is told to the session's
    /// [`Reports`]. The commands come together so that a backend can make one call of several. It does not wait for
    /// results, nor for [`Reports::tell`]: commands of other batches are behind these, and the task that takes the
    /// reports may be the one that waits here.
    ///
    /// # Errors
    /// The session is lost, and nobody knows which of the commands were carried out: another session is opened, and the
    /// engine asks what there is. A command that the backend does not know is such an error, and names it.
    async fn carry_out(&mut self, commands: Vec<Command>) -> Result<(), BackendError>;
}

/// What a session begins with.
#[derive(Debug, Clone, PartialEq)]
pub struct Opening {
    /// Whose tasks it is about.
    pub identity: Identity,
    /// The places that the service's records name. What else a backend holds for the installation is of an open
    /// question, or owed: a debt's release comes.
    pub held: Vec<Held>,
    /// The backend's own notes, durable since some [`Report::Note`].
    pub notes: BTreeMap<NoteName, NoteText>,
}

impl Opening {
    /// The beginning of a service that holds nothing.
    pub fn new(identity: Identity) -> Self {
        Self { identity, held: Vec::new(), notes: BTreeMap::new() }
    }
}

/// Whose tasks a session is about. Both names stand in the label of each task.
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
    /// What it tried, and what to do about it.
    pub what: String,
    /// What went wrong.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl BackendError {
    /// An error in these words.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), source: None }
    }

    /// An error in these words, and what caused it.
    pub fn because(
        what: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { what: what.into(), source: Some(source.into()) }
    }
}

/// Something that a backend says.
#[derive(Debug, Clone, PartialEq)]
pub enum Report {
    /// How a launched task is.
    Observed(Observation),
    /// The answer to a command.
    Outcome(Outcome),
    /// A part of the answer to `Reconcile`.
    Snapshot(Snapshot),
    /// Something to keep in the service's records: it is durable with its receipt, and may be used from then on.
    Note(Note),
}

/// Where a session tells what it sees. It may be cloned; all clones end with the session.
#[derive(Clone)]
pub struct Reports {
    queue: mpsc::Sender<Told>,
}

/// A report on its way to the engine.
#[derive(Debug)]
pub struct Told {
    /// What is told.
    pub report: Report,
    /// Is answered when what the report caused is durable; dropped, nobody knows.
    pub durable: oneshot::Sender<()>,
}

impl fmt::Debug for Reports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reports").field("free", &self.queue.capacity()).finish()
    }
}

impl Reports {
    /// A queue of so many places, and its other end: for the loop, and for tests of a backend by hand.
    pub fn channel(places: usize) -> (Self, mpsc::Receiver<Told>) {
        let (queue, told) = mpsc::channel(places);
        (Self { queue }, told)
    }

    /// Tells a report; waits while the queue is full, so that a backend is never faster than the engine.
    ///
    /// # Errors
    /// The session is over.
    pub async fn tell(&self, report: Report) -> Result<Receipt, SessionOver> {
        let (durable, receipt) = oneshot::channel();
        self.queue.send(Told { report, durable }).await.map_err(|_| SessionOver)?;
        Ok(Receipt(receipt))
    }

    /// Waits until the session is over.
    pub async fn over(&self) {
        self.queue.closed().await;
    }
}

/// Says when what a report caused is durable.
#[derive(Debug)]
pub struct Receipt(oneshot::Receiver<()>);

impl Receipt {
    /// Waits for it.
    ///
    /// # Errors
    /// The session ended before: nobody knows, and the report is to be told again in the next.
    pub async fn durable(self) -> Result<(), SessionOver> {
        self.0.await.map_err(|_| SessionOver)
    }
}

/// The session is over: another has begun, or the scheduler ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the session is over")]
pub struct SessionOver;
