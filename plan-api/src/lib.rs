//! The HTTP API of a scheduler: the API of DC/OS Commons (`/v1`, SDK rules R70 to R79), and what that lacks (`/v2`).
//!
//! The program `planwright` serves this API, and the commands of `planwright` that ask a scheduler are its clients. A program
//! that embeds a scheduler serves it too: with the feature `api` of `plan-host`, or with an [`Api`] of its own over the
//! [`Scheduler`] of `plan-driver`.
//!
//! Invariant: the API has no state of its own. An answer is read from an engine, between two inputs, when all earlier
//! inputs are durable. A command is a verb, like that of any operator. Whatever is not an answer is a `problem`, as
//! JSON.
//!
//! ```text
//!  TCP ──▶ serve: bounded connections ──▶ guard: Host, Origin, token ──▶ routes: one table ──▶ v1, v2 ──▶ Service
//! ```
//!
//! # What it leaves out
//!
//! The API has neither TLS nor roles yet. So it listens only on the loopback, and requires a [`token`] for everything but
//! `/v1/health`. It reads no specification from a file: the client does that.

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
pub mod words;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use plan_core::spec::ServiceName;
use plan_driver::Scheduler;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

pub use call::{REQUEST, WHO};
pub use files::{FILE_BYTES, FILES, FolderFiles, MemoryFiles, OperatorFiles};
pub use routes::{RouteView, route_views};
pub use serve::{ListenError, Server, ServerHandle};
pub use token::{Token, TokenError};

/// An API that does not listen yet.
#[derive(Clone)]
#[non_exhaustive]
pub struct Api {
    /// The scheduler whose services it serves.
    pub scheduler: Arc<Scheduler>,
    /// The token that clients need.
    pub token: Token,
    /// Where it listens; port 0 is any free port.
    pub listen: SocketAddr,
    /// The service of requests that name none; by default the only one.
    pub main: Option<ServiceName>,
    /// The services whose targets it accepts.
    pub targets: Targets,
    /// The store of small files (SDK rule R75).
    pub files: Arc<dyn OperatorFiles>,
    /// Bounds.
    pub limits: ApiLimits,
}

/// The services whose targets an API accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Targets {
    /// Any service. One that does not exist is begun.
    #[default]
    Any,
    /// The existing services, and [`Api::main`].
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
            limits: ApiLimits::default(),
        }
    }

    /// Begins to listen. Clients that connect wait until [`Server::serve`].
    ///
    /// # Errors
    /// The address is not on the loopback, or cannot be listened on.
    pub async fn bind(self) -> Result<Server, ListenError> {
        Server::bind(self).await
    }

    /// Listens on a port that is already open. [`Api::listen`] has no effect.
    ///
    /// # Errors
    /// The port is not on the loopback.
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

/// Bounds on what clients can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiLimits {
    /// The most connections at the same time. One more takes the place of an idle one, or is sent away.
    pub connections: usize,
    /// How many of these connections may follow events or logs.
    pub streams: usize,
    /// The bytes of a request's line and headers.
    pub header_bytes: usize,
    /// The number of a request's headers.
    pub headers: usize,
    /// The bytes of a body that is a specification.
    pub target_bytes: usize,
    /// The bytes of any other body.
    pub body_bytes: usize,
    /// How long a request's headers may take, and how long a connection may be idle.
    pub header_time: Duration,
    /// How long a body may take.
    pub body_time: Duration,
    /// How long an answer may take. Events and logs that are followed have no bound.
    pub answer_time: Duration,
    /// How long open answers may go on when the server ends.
    pub grace: Duration,
}

impl Default for ApiLimits {
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

/// The example of the crate's page is compiled as this type's.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[derive(Debug)]
pub struct Readme;

/// The state that all requests share.
pub(crate) struct Shared {
    pub(crate) scheduler: Arc<Scheduler>,
    pub(crate) token: Token,
    pub(crate) port: u16,
    pub(crate) main: Option<ServiceName>,
    pub(crate) targets: Targets,
    pub(crate) files: Arc<dyn OperatorFiles>,
    pub(crate) limits: ApiLimits,
    pub(crate) streams: Arc<Semaphore>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("port", &self.port).field("main", &self.main).finish_non_exhaustive()
    }
}
