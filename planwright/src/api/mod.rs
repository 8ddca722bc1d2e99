//! The HTTP API of a scheduler: what DC/OS Commons' clients know (`/v1`, SDK rules R70 to R79), and what they do not
//! (`/v2`).
//!
//! Invariant: nothing is kept here that the scheduler does not keep: an answer is read off an engine, between two
//! inputs, when all before it is durable; a command is a verb, through the same door as any operator's. Whatever is
//! not an answer is a `problem`, as JSON.
//!
//! ```text
//!  TCP ──▶ serve: bounded connections ──▶ guard: Host, Origin, token ──▶ routes: one table ──▶ v1, v2 ──▶ Service
//! ```
//!
//! It listens on the loopback alone, and wants a [`token`] for everything but `/v1/health`: there is neither TLS nor
//! are there roles yet.

mod call;
mod files;
mod guard;
mod held;
mod ids;
mod problem;
mod refused;
mod reply;
mod routes;
mod serve;
pub mod token;
mod v1;
mod v2;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use plan_core::spec::ServiceName;
use plan_driver::Scheduler;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

pub use call::{REQUEST, WHO};
pub use files::{FILE_BYTES, FILES, Files, FolderFiles, MemoryFiles};
pub use routes::{RouteView, route_views};
pub use serve::{ListenError, Server};
pub use token::{Token, TokenError};

/// What an API is made of.
#[derive(Clone)]
pub struct Api {
    /// Whose services it speaks of.
    pub scheduler: Arc<Scheduler>,
    /// What is wanted of whoever asks.
    pub token: Token,
    /// Where it listens; port 0 is any free one.
    pub listen: SocketAddr,
    /// The service that is meant where none is named; by default the one that there is.
    pub main: Option<ServiceName>,
    /// Of which services it takes targets.
    pub targets: Targets,
    /// Keeps the small files of SDK rule R75.
    pub files: Arc<dyn Files>,
    /// Bounds.
    pub limits: Limits,
}

/// Of which services an API takes targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Targets {
    /// Of any: one that is not there is begun.
    #[default]
    Any,
    /// Of those that are there, and of [`Api::main`].
    Known,
}

impl Api {
    /// An API with the default bounds, whose files are forgotten with it.
    pub fn new(scheduler: Arc<Scheduler>, token: Token, listen: SocketAddr) -> Self {
        let files = Arc::new(MemoryFiles::default());
        Self {
            scheduler,
            token,
            listen,
            main: None,
            targets: Targets::default(),
            files,
            limits: Limits::default(),
        }
    }

    /// Begins to listen; who connects waits until [`Server::serve`].
    ///
    /// # Errors
    /// The address is not the loopback's, or cannot be listened on.
    pub async fn bind(self) -> Result<Server, ListenError> {
        Server::bind(self).await
    }

    /// Listens on a port that is open already: [`Api::listen`] is not looked at.
    ///
    /// # Errors
    /// The port is not the loopback's.
    pub fn on(self, listener: TcpListener) -> Result<Server, ListenError> {
        Server::on(self, listener)
    }
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api")
            .field("listen", &self.listen)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Bounds on what clients can use up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// So many connections at once. One more takes the place of one that waits, or is sent away.
    pub connections: usize,
    /// Of these, so many may follow events or logs.
    pub streams: usize,
    /// The bytes of a request's line and headers.
    pub header_bytes: usize,
    /// The number of a request's headers.
    pub headers: usize,
    /// The bytes of a body that is a specification.
    pub target_bytes: usize,
    /// The bytes of any other body.
    pub body_bytes: usize,
    /// How long a request's headers may take; and how long a connection may be quiet.
    pub header_time: Duration,
    /// How long a body may take.
    pub body_time: Duration,
    /// How long an answer may take; what is followed has no bound.
    pub answer_time: Duration,
    /// How long answers that are under way may go on when the server ends.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            streams: 128,
            header_bytes: 32 * 1024,
            headers: 64,
            target_bytes: 16 * 1024 * 1024,
            body_bytes: 64 * 1024,
            header_time: Duration::from_secs(10),
            body_time: Duration::from_secs(30),
            answer_time: Duration::from_secs(30),
            grace: Duration::from_secs(2),
        }
    }
}

/// What all requests share.
pub(crate) struct Shared {
    pub(crate) scheduler: Arc<Scheduler>,
    pub(crate) token: Token,
    pub(crate) port: u16,
    pub(crate) main: Option<ServiceName>,
    pub(crate) targets: Targets,
    pub(crate) files: Arc<dyn Files>,
    pub(crate) limits: Limits,
    pub(crate) streams: Arc<Semaphore>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("port", &self.port).field("main", &self.main).finish_non_exhaustive()
    }
}
