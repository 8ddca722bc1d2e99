//! Listening, and the bounds on connections.
//!
//! Invariant: at any time there are at most [`ApiLimits::connections`](super::ApiLimits) connections. A connection without an
//! accepted request is idle, and makes room for a newer one. Those that never had such a request go first. So a client
//! that opens connections and sends nothing keeps no other client out. An answer that has begun is sent to its end,
//! within [`ApiLimits::grace`](super::ApiLimits).

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, timeout};

use super::{Api, ApiLimits, Shared, routes};

/// How much longer than its grace a server may take to end.
const MORE: Duration = Duration::from_secs(1);

/// Why the API does not listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// Other machines could reach it.
    #[error(
        "{0} can be reached from other machines, and there is no TLS and there are no roles yet: listen on 127.0.0.1 \
         or [::1], and reach it from elsewhere through a tunnel (ssh -L)"
    )]
    NotLoopback(SocketAddr),
    /// The address cannot be listened on.
    #[error("{0} cannot be listened on: choose another port, or 0 for any that is free")]
    Bind(SocketAddr, #[source] io::Error),
}

/// An API that is listening.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
    limits: ApiLimits,
}

impl Server {
    pub(super) async fn bind(api: Api) -> Result<Self, ListenError> {
        let listen = api.listen;
        if !listen.ip().is_loopback() {
            return Err(ListenError::NotLoopback(listen));
        }
        let listener = TcpListener::bind(listen).await.map_err(|error| ListenError::Bind(listen, error))?;
        Self::on(api, listener)
    }

    pub(super) fn on(api: Api, listener: TcpListener) -> Result<Self, ListenError> {
        let Api { scheduler, token, listen, main, targets, files, limits } = api;
        let address = listener.local_addr().map_err(|error| ListenError::Bind(listen, error))?;
        if !address.ip().is_loopback() {
            return Err(ListenError::NotLoopback(address));
        }
        let shared = Shared {
            scheduler,
            token,
            port: address.port(),
            main,
            targets,
            files,
            limits,
            streams: Arc::new(Semaphore::new(limits.streams)),
        };
        Ok(Self { listener, address, router: routes::router(Arc::new(shared)), limits })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers in a task of its own, until the handle is told to end it or is dropped.
    pub fn spawn(self) -> ServerHandle {
        let (address, grace) = (self.address, self.limits.grace);
        let (until, over) = oneshot::channel::<()>();
        // The other end is dropped with the handle.
        let ends = tokio::spawn(self.serve(async { drop(over.await) }));
        ServerHandle { address, grace, until: Some(until), ends: Some(ends) }
    }

    /// Answers until it is told to end. Answers that are under way then have [`ApiLimits::grace`](super::ApiLimits) to end.
    pub async fn serve(self, until: impl Future<Output = ()> + Send) {
        let Self { listener, router, limits, .. } = self;
        let table = Arc::new(Table::default());
        let (stop, stopping) = watch::channel(());
        let mut tasks = JoinSet::new();
        let mut until = pin!(until);
        loop {
            let stream = tokio::select! {
                () = &mut until => break,
                Some(_) = tasks.join_next() => continue,
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        // For example, this process has no free file descriptors. Other connections must end first.
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        continue;
                    }
                },
            };
            let Some((number, connection)) = table.admit(limits.connections) else {
                send_away(&stream);
                continue;
            };
            let (table, router, stopping) = (table.clone(), router.clone(), stopping.clone());
            tasks.spawn(async move {
                converse(stream, router, &connection, limits, stopping).await;
                table.forget(number);
            });
        }
        drop(listener);
        // Every connection has a receiver, and ends.
        stop.send_replace(());
        let ended = async { while tasks.join_next().await.is_some() {} };
        // Connections that have not ended then are dropped.
        let _ = timeout(limits.grace, ended).await;
    }
}

/// An API that answers in a task of its own. When the handle is dropped, no further request is accepted.
#[derive(Debug)]
pub struct ServerHandle {
    address: SocketAddr,
    grace: Duration,
    until: Option<oneshot::Sender<()>>,
    ends: Option<JoinHandle<()>>,
}

impl ServerHandle {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts no further request. Answers that are under way go on.
    pub fn close(&mut self) {
        drop(self.until.take());
    }

    /// Accepts no further request, and waits for the answers that are under way. The wait has a bound of little more than
    /// [`ApiLimits::grace`](super::ApiLimits).
    pub async fn stop(&mut self) {
        self.close();
        if let Some(ends) = self.ends.take() {
            // What does not end within this time ends with the process.
            let _ = timeout(self.grace + MORE, ends).await;
        }
    }
}

/// There is no room. The answer is short, so that the server waits for no client.
fn send_away(stream: &TcpStream) {
    const BODY: &str = "{\n  \"title\": \"Service Unavailable\",\n  \"status\": 503,\n  \"detail\": \"too many \
                        connections are at work: ask again a little later\"\n}";
    let head = "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\nretry-after: \
                1\r\nconnection: close\r\n";
    let answer = format!("{head}content-length: {}\r\n\r\n{BODY}", BODY.len());
    // A new connection has room for the answer. A client that is gone does not matter.
    let _ = stream.try_write(answer.as_bytes());
}

async fn converse(
    stream: TcpStream,
    router: Router,
    connection: &Arc<Connection>,
    limits: ApiLimits,
    mut stopping: watch::Receiver<()>,
) {
    // An answer is one write. Without this option the system may wait for more.
    let _ = stream.set_nodelay(true);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_headers(limits.headers)
        .max_buf_size(limits.header_bytes.max(8192));
    // All connections share one router: a layer of its own would be a copy of it for each.
    let (router, own) = (TowerToHyperService::new(router), connection.clone());
    let answer = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(own.clone());
        router.call(request)
    });
    let mut talk = pin!(http.serve_connection(TokioIo::new(stream), answer));
    loop {
        tokio::select! {
            // It does not matter how a client closes its connection.
            _ = talk.as_mut() => return,
            // An answer that has begun is sent to its end.
            () = connection.evicted.notified() => match connection.is_answered() {
                true => break,
                false => return,
            },
            () = tokio::time::sleep(limits.header_time) => {
                if connection.is_quiet_for(limits.header_time) {
                    break;
                }
            }
            _ = stopping.changed() => {
                talk.as_mut().graceful_shutdown();
                let _ = talk.await;
                return;
            }
        }
    }
    // A request that has come meanwhile is still answered, and the client told that it was the last.
    talk.as_mut().graceful_shutdown();
    let _ = timeout(limits.grace, talk).await;
}

/// The open connections.
#[derive(Debug, Default)]
struct Table {
    connections: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    next: u64,
    of: BTreeMap<u64, Arc<Connection>>,
}

impl Table {
    /// A place for a new connection, if there is one or one can be freed.
    fn admit(&self, places: usize) -> Option<(u64, Arc<Connection>)> {
        let mut entries = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.of.len() >= places {
            let idle = entries.of.iter().filter(|(_, connection)| !connection.is_busy());
            let (&number, _) = idle.min_by_key(|(number, connection)| connection.worth(**number))?;
            entries.of.remove(&number)?.evicted.notify_one();
        }
        entries.next += 1;
        let (number, connection) = (entries.next, Arc::new(Connection::new()));
        entries.of.insert(number, connection.clone());
        Some((number, connection))
    }

    fn forget(&self, number: u64) {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).of.remove(&number);
    }
}

/// The state of a connection.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Accepted requests that are not completely answered yet.
    at_work: AtomicUsize,
    /// Requests for health, which need no token. They do not keep the connection from being closed.
    asides: AtomicUsize,
    /// Whether there ever was an accepted request.
    trusted: AtomicBool,
    /// Since when it is idle.
    quiet: Mutex<Instant>,
    evicted: Notify,
}

impl Connection {
    fn new() -> Self {
        Self {
            at_work: AtomicUsize::new(0),
            asides: AtomicUsize::new(0),
            trusted: AtomicBool::new(false),
            quiet: Mutex::new(Instant::now()),
            evicted: Notify::new(),
        }
    }

    /// A request is accepted. It is under way until the result of this call is dropped.
    pub(crate) fn work(self: &Arc<Self>) -> AtWork {
        self.trusted.store(true, Ordering::Relaxed);
        self.at_work.fetch_add(1, Ordering::Relaxed);
        AtWork { connection: self.clone(), counted: |connection| &connection.at_work }
    }

    /// A request for health is answered.
    pub(crate) fn aside(self: &Arc<Self>) -> AtWork {
        self.asides.fetch_add(1, Ordering::Relaxed);
        AtWork { connection: self.clone(), counted: |connection| &connection.asides }
    }

    fn is_answered(&self) -> bool {
        self.is_busy() || self.asides.load(Ordering::Relaxed) > 0
    }

    fn is_busy(&self) -> bool {
        self.at_work.load(Ordering::Relaxed) > 0
    }

    fn quiet_since(&self) -> Instant {
        *self.quiet.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_quiet_for(&self, time: Duration) -> bool {
        !self.is_answered() && self.quiet_since().elapsed() >= time
    }

    /// The least valuable connection makes room first.
    fn worth(&self, number: u64) -> (bool, Instant, u64) {
        (self.trusted.load(Ordering::Relaxed), self.quiet_since(), number)
    }
}

/// A request that is under way.
#[derive(Debug)]
pub(crate) struct AtWork {
    connection: Arc<Connection>,
    /// The connection that counts it.
    counted: fn(&Connection) -> &AtomicUsize,
}

impl Drop for AtWork {
    fn drop(&mut self) {
        *self.connection.quiet.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        (self.counted)(&self.connection).fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_makes_room_and_who_works_does_not() {
        let table = Table::default();
        let (first, busy) = table.admit(2).unwrap();
        let work = busy.work();
        let (second, _) = table.admit(2).unwrap();
        let (third, _) = table.admit(2).unwrap();
        let left = |table: &Table| table.connections.lock().unwrap().of.keys().copied().collect::<Vec<_>>();
        assert_eq!(left(&table), [first, third], "{second} waited, and went");
        let (_, other) = table.admit(2).unwrap();
        let other = other.work();
        assert!(table.admit(2).is_none(), "both work");
        drop((work, other));
        let (last, _) = table.admit(2).unwrap();
        assert_eq!(left(&table).len(), 2);
        assert!(left(&table).contains(&last));
    }
}
