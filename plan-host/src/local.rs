//! The backend `local`: tasks as processes of this machine.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use backend_local::options::inherited;
use backend_local::{Local, LocalKind, LocalOptions};
use plan_driver::backend::{Backend, BackendError};

use crate::kind::{HostedKind, Leftovers};

/// The kind whose tasks have of this process's environment what [`backend_local::options::INHERITED`] names.
pub fn kind() -> LocalKind {
    LocalKind::new(inherited(std::env::vars_os().filter_map(|(name, value)| {
        // A variable that is not text cannot be in a specification either.
        Some((name.into_string().ok()?, value.into_string().ok()?))
    })))
}

/// Starts the backend `local`.
///
/// # Errors
/// The backend cannot be used. The error says what to do, and its source why.
pub async fn start(options: LocalOptions) -> Result<Arc<Local>, BackendError> {
    let what =
        format!("see that `{}` can be written, and that no other program uses it", options.root.display());
    Local::start(options).await.map(Arc::new).map_err(|error| BackendError::because(what, error))
}

#[async_trait]
impl HostedKind for LocalKind {
    fn about(&self) -> &'static str {
        "processes of this machine"
    }

    async fn open(&self, folder: &Path) -> Result<Arc<dyn Backend>, BackendError> {
        let mut options = LocalOptions::new(folder);
        options.environment = self.environment().clone();
        Ok(start(options).await?)
    }

    fn log_targets(&self) -> &'static [&'static str] {
        &["backend_local"]
    }

    fn helper(&self) -> Option<ExitCode> {
        backend_local::shim::run_if_asked()
    }

    fn left(&self, folder: &Path) -> Result<Vec<Leftovers>, BackendError> {
        let left = backend_local::leftovers(folder)
            .map_err(|error| BackendError::new(plan_driver::with_causes(&error)))?;
        let left = left.into_iter().map(|left| Leftovers {
            service: left.service,
            installation: left.installation,
            folder: left.folder,
            processes: left.processes,
        });
        Ok(left.collect())
    }

    /// The backend removes an installation when nothing of it runs any more, so only empty folders are left. The other
    /// folders have what the backend can fetch again, or is removing.
    fn forget(&self, folder: &Path) {
        // A missing file need not be removed, and one that cannot be removed does no harm.
        for others in ["cache", "lost", "trash"] {
            let _ = std::fs::remove_dir_all(folder.join(others));
        }
        let services = folder.join("services");
        for empty in std::fs::read_dir(&services).into_iter().flatten().flatten() {
            let _ = std::fs::remove_dir(empty.path());
        }
        let _ = std::fs::remove_dir(&services);
    }
}
