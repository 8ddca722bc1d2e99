//! The server of the scheduler's API.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use plan_core::spec::ServiceName;
use plan_driver::Scheduler;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::api::{Api, FolderFiles, Targets, Token};
use crate::problem::{Problem, with_causes};
use crate::running::Running;

/// How long open requests have to end.
const PATIENCE: Duration = Duration::from_secs(3);

/// Opens the port.
pub(super) async fn bind(address: SocketAddr) -> Result<TcpListener, Box<Problem>> {
    let opened = TcpListener::bind(address).await.map_err(|error| {
        let taken = error.kind() == std::io::ErrorKind::AddrInUse;
        if !taken {
            let problem = Problem::error(format!("cannot listen on {address}: {error}"));
            return problem.help("name another address of the loopback with `--listen`");
        }
        let url = format!("http://{address}");
        let whose = Running::all().into_iter().find(|running| running.url == url);
        let who = whose.map_or_else(
            || "another program".to_owned(),
            |running| format!("the scheduler of `{}`, process {}", running.service, running.pid),
        );
        Problem::error(format!("cannot listen on {address}: {who} does already")).help(format!(
            "name another port with `--listen`; `--listen {}:0` takes any that is free",
            address.ip()
        ))
    });
    Ok(opened?)
}

/// A server that answers.
pub(super) struct Server {
    /// The address.
    pub(super) address: SocketAddr,
    until: Option<oneshot::Sender<()>>,
    ends: Option<JoinHandle<()>>,
}

/// Begins to answer.
pub(super) fn serve(
    listener: TcpListener,
    scheduler: &Arc<Scheduler>,
    service: &ServiceName,
    token: Token,
    files: PathBuf,
) -> Result<Server, Box<Problem>> {
    let failed = |error: &dyn std::error::Error| Problem::error(with_causes(error));
    let address = listener.local_addr().map_err(|error| failed(&error))?;
    let mut api = Api::new(scheduler.clone(), token, address);
    api.main = Some(service.clone());
    api.targets = Targets::Known;
    api.files = Arc::new(FolderFiles::new(files));
    let server = api.on(listener).map_err(|error| failed(&error))?;
    let (until, over) = oneshot::channel::<()>();
    // The other end is dropped with the scheduler.
    let ends = tokio::spawn(server.serve(async { drop(over.await) }));
    Ok(Server { address, until: Some(until), ends: Some(ends) })
}

impl Server {
    /// Accepts no further requests.
    pub(super) fn close(&mut self) {
        drop(self.until.take());
    }

    /// Ends the server, after the open requests.
    pub(super) async fn stop(&mut self) {
        self.close();
        if let Some(ends) = self.ends.take() {
            // Whatever does not end, ends with the process.
            let _ = timeout(PATIENCE, ends).await;
        }
    }
}
