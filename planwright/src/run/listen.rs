//! The port of the scheduler's API, and what is served there.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use plan_api::{Api, FolderFiles, ServerHandle, Targets, Token};
use plan_core::spec::ServiceName;
use plan_driver::{Scheduler, with_causes};
use tokio::net::TcpListener;

use crate::problem::Problem;
use crate::running::Running;

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

/// Begins to answer.
pub(super) fn serve(
    listener: TcpListener,
    scheduler: &Arc<Scheduler>,
    service: &ServiceName,
    token: Token,
    files: PathBuf,
) -> Result<ServerHandle, Box<Problem>> {
    let failed = |error: &dyn std::error::Error| Problem::error(with_causes(error));
    let address = listener.local_addr().map_err(|error| failed(&error))?;
    let mut api = Api::new(scheduler.clone(), token, address);
    api.main = Some(service.clone());
    api.targets = Targets::Known;
    api.files = Arc::new(FolderFiles::new(files));
    let server = api.on(listener).map_err(|error| failed(&error))?;
    Ok(server.spawn())
}
