//! Proxies for virtual addresses: a port of the loopback that leads to the ready tasks.
//!
//! Invariant: a connection goes to a task that was ready when the connection came. While no task is ready the port is
//! closed, so a connection is refused. The proxy never takes a port that a task has.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

use crate::inner::Inner;
use crate::state::Phase;
use crate::vip::VipKey;

/// The most connections through one address.
const CONNECTIONS: usize = 1024;
/// How long until an address that could not be opened is tried again.
const AGAIN: Duration = Duration::from_secs(2);
/// A task that does not accept a connection within this time is skipped.
const PATIENCE: Duration = Duration::from_secs(5);

/// An address that is open until it is dropped.
struct Open {
    behind: Arc<Behind>,
    listener: AbortHandle,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

/// The ready tasks behind an address, in turn.
#[derive(Default)]
struct Behind {
    ports: Mutex<Vec<u16>>,
    next: AtomicUsize,
}

impl Behind {
    fn set(&self, ports: Vec<u16>) {
        *self.ports.lock().unwrap_or_else(PoisonError::into_inner) = ports;
    }

    /// All of them, beginning with the one whose turn it is.
    fn in_turn(&self) -> Vec<u16> {
        let mut ports = self.ports.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        if !ports.is_empty() {
            let by = turn % ports.len();
            ports.rotate_left(by);
        }
        ports
    }
}

/// Opens and closes the addresses of all services as their tasks become ready and end.
pub(crate) async fn keep(inner: Arc<Inner>) {
    let mut open: BTreeMap<VipKey, Open> = BTreeMap::new();
    loop {
        let (wanted, taken) = wanted(&inner);
        open.retain(|key, _| wanted.contains_key(key) && !taken.contains_key(&key.port));
        let mut all = true;
        for (key, ports) in wanted {
            if let Some(open) = open.get(&key) {
                open.behind.set(ports);
                continue;
            }
            let listening = match taken.get(&key.port) {
                Some(owner) => Err(format!(
                    "port {} is the port of {owner} itself: it is reached there, without a choice among others",
                    key.port
                )),
                None => listen(&inner, &key, ports).await,
            };
            inner.vips.note(&key, listening.as_ref().err().cloned());
            match listening {
                Ok(listening) => drop(open.insert(key, listening)),
                Err(_) => all = false,
            }
        }
        if all {
            inner.ports_changed.notified().await;
        } else {
            // The program that has the port may give it back.
            let _ = tokio::time::timeout(AGAIN, inner.ports_changed.notified()).await;
        }
    }
}

/// The addresses with ready tasks, and those of their ports that places have.
fn wanted(inner: &Inner) -> (BTreeMap<VipKey, Vec<u16>>, BTreeMap<u16, String>) {
    let state = inner.state();
    let mut wanted: BTreeMap<VipKey, BTreeSet<u16>> = BTreeMap::new();
    for (key, run) in state.runs.all() {
        if run.phase != (Phase::Running { ready: true }) || run.seen(&state.book).seen != seen_ready() {
            continue;
        }
        for port in &run.order.ports {
            if let Some(vip) = &port.vip {
                let service = key.service.clone();
                let key = VipKey { service, prefix: vip.prefix.clone(), port: vip.port.get() };
                wanted.entry(key).or_default().insert(port.number);
            }
        }
    }
    let owner = |key: &VipKey| Some((key.port, state.book.port_holder(key.port)?));
    let taken = wanted.keys().filter_map(owner).collect();
    (wanted.into_iter().map(|(key, ports)| (key, ports.into_iter().collect())).collect(), taken)
}

fn seen_ready() -> plan_core::engine::Seen {
    plan_core::engine::Seen::Running { ready: true }
}

async fn listen(inner: &Arc<Inner>, key: &VipKey, ports: Vec<u16>) -> Result<Open, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, key.port))
        .await
        .map_err(|error| format!("port {} cannot be had: {error}", key.port))?;
    let behind = Arc::new(Behind::default());
    behind.set(ports);
    let (shared, of) = (inner.clone(), behind.clone());
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let listening = async move {
        loop {
            // The permit ends with the connection.
            let Ok(permit) = room.clone().acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, _)) => {
                    let ports = of.in_turn();
                    // Open connections go on when the address is closed.
                    shared.spawn(async move {
                        pass_on(stream, &ports).await;
                        drop(permit);
                    });
                }
                // Too many files are open, or the client went away.
                Err(error) => {
                    tracing::debug!(%error, "a connection was not taken");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    };
    Ok(Open { behind, listener: inner.spawn_abortable(listening) })
}

async fn pass_on(mut from: TcpStream, ports: &[u16]) {
    for port in ports {
        let connected = tokio::time::timeout(PATIENCE, TcpStream::connect((Ipv4Addr::LOCALHOST, *port)));
        if let Ok(Ok(mut to)) = connected.await {
            // The two ends of a connection notice when it breaks.
            let _ = copy_bidirectional(&mut from, &mut to).await;
            return;
        }
    }
}
