//! The kinds of backend that a host has, by name.
//!
//! Invariant: a host knows a backend by this table alone. A program that adds a kind of its own ([`Backends::with`]) has all
//! that a host does with one.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use plan_driver::backend::{Backend, BackendError, Kind, Rule};

/// A kind of backend, as a host runs it.
#[async_trait]
pub trait HostedKind: Kind {
    /// What it is, in a few words: `processes of this machine`.
    fn about(&self) -> &'static str;

    /// Opens a backend. `folder` is an existing folder for this backend alone, in the data folder.
    ///
    /// # Errors
    /// The backend cannot be used. The error says why, and what to do.
    async fn open(&self, folder: &Path) -> Result<Arc<dyn Backend>, BackendError>;

    /// The targets of its lines in the log (`tracing`), as the names of its crates.
    fn log_targets(&self) -> &'static [&'static str] {
        &[]
    }

    /// Runs as a helper, if a backend of this kind has started this process as one.
    fn helper(&self) -> Option<ExitCode> {
        None
    }

    /// What its folder has of services, without opening the backend. A backend whose tasks are elsewhere has nothing in
    /// its folder.
    ///
    /// # Errors
    /// The folder cannot be read.
    fn left(&self, folder: &Path) -> Result<Vec<Left>, BackendError> {
        let _ = folder;
        Ok(Vec::new())
    }

    /// Removes what the backend put into its folder, once the service is uninstalled. Anything else stays.
    fn forget(&self, folder: &Path) {
        let _ = folder;
    }
}

/// What a folder has of one installation of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// The service.
    pub service: String,
    /// The installation's id.
    pub installation: String,
    /// Its folder, with its volumes.
    pub folder: PathBuf,
    /// The living processes of its tasks, and their helpers.
    pub processes: Vec<i32>,
}

/// The kinds of backend of a program. The first is the default.
#[derive(Clone)]
pub struct Backends(Vec<Arc<dyn HostedKind>>);

impl std::fmt::Debug for Backends {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter().map(|kind| kind.name())).finish()
    }
}

#[cfg(feature = "local")]
impl Default for Backends {
    /// `local`.
    fn default() -> Self {
        Self::of(crate::local::kind())
    }
}

impl FromIterator<Arc<dyn HostedKind>> for Backends {
    fn from_iter<T: IntoIterator<Item = Arc<dyn HostedKind>>>(kinds: T) -> Self {
        Self(kinds.into_iter().collect())
    }
}

impl Backends {
    /// A table with one kind.
    pub fn of(kind: impl HostedKind) -> Self {
        Self(vec![Arc::new(kind)])
    }

    /// Adds a kind. It replaces one of the same name.
    #[must_use]
    pub fn with(mut self, kind: impl HostedKind) -> Self {
        match self.0.iter().position(|known| known.name() == kind.name()) {
            Some(at) => self.0[at] = Arc::new(kind),
            None => self.0.push(Arc::new(kind)),
        }
        self
    }

    /// All kinds, the default first.
    pub fn iter(&self) -> impl Iterator<Item = &dyn HostedKind> {
        self.0.iter().map(|kind| &**kind)
    }

    /// The kind of this name.
    pub fn get(&self, name: &str) -> Option<&dyn HostedKind> {
        self.iter().find(|kind| kind.name() == name)
    }

    /// The rules of all kinds.
    pub fn rules(&self) -> impl Iterator<Item = &'static Rule> {
        self.iter().flat_map(|kind| kind.rules().iter().copied())
    }

    /// Runs as a helper, if a backend has started this process as one.
    pub fn helper(&self) -> Option<ExitCode> {
        self.iter().find_map(HostedKind::helper)
    }
}
