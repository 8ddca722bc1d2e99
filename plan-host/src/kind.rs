//! The kinds of backend that a host has, by name.
//!
//! Invariant: a host knows a backend by this table alone. A program that adds a kind of its own ([`HostedKinds::with`]) has all
//! that a host does with one.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use plan_core::spec::ServiceSpec;
use plan_driver::backend::{Backend, BackendError, BackendRule, Finding, Kind};

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
    fn left(&self, folder: &Path) -> Result<Vec<Leftovers>, BackendError> {
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
pub struct Leftovers {
    /// The service.
    pub service: String,
    /// The installation's id.
    pub installation: String,
    /// Its folder, with its volumes.
    pub folder: PathBuf,
    /// The living processes of its tasks, and their helpers.
    pub processes: Vec<i32>,
}

/// The kinds of backend of a program, by name. The first is the default. A program that asks more of a kind than a host does
/// has a table of kinds of its own.
pub struct HostedKinds<K: ?Sized = dyn HostedKind>(Vec<Arc<K>>);

impl<K: ?Sized> Clone for HostedKinds<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K: HostedKind + ?Sized> std::fmt::Debug for HostedKinds<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter().map(Kind::name)).finish()
    }
}

#[cfg(feature = "local")]
impl Default for HostedKinds {
    /// `local`.
    fn default() -> Self {
        Self::of(crate::local::kind())
    }
}

impl<K: ?Sized> FromIterator<Arc<K>> for HostedKinds<K> {
    fn from_iter<T: IntoIterator<Item = Arc<K>>>(kinds: T) -> Self {
        Self(kinds.into_iter().collect())
    }
}

impl HostedKinds {
    /// A table with one kind.
    pub fn of(kind: impl HostedKind) -> Self {
        Self(vec![Arc::new(kind)])
    }

    /// Adds a kind. It replaces one of the same name.
    #[must_use]
    pub fn with(self, kind: impl HostedKind) -> Self {
        self.and(Arc::new(kind))
    }

    /// Adds the kind of a backend that is there already, and needs no folder. `about` says in a few words what it is.
    #[must_use]
    pub fn with_backend(self, about: &'static str, backend: impl Backend) -> Self {
        self.with(OneBackend::new(about, backend))
    }
}

impl<K: HostedKind + ?Sized> HostedKinds<K> {
    /// Adds a kind. It replaces one of the same name.
    #[must_use]
    pub fn and(mut self, kind: Arc<K>) -> Self {
        match self.0.iter().position(|known| known.name() == kind.name()) {
            Some(at) => self.0[at] = kind,
            None => self.0.push(kind),
        }
        self
    }

    /// All kinds, the default first.
    pub fn iter(&self) -> impl Iterator<Item = &K> {
        self.0.iter().map(|kind| &**kind)
    }

    /// All kinds, shared.
    pub fn shared(&self) -> impl Iterator<Item = &Arc<K>> {
        self.0.iter()
    }

    /// The kind of this name.
    pub fn get(&self, name: &str) -> Option<&K> {
        self.iter().find(|kind| kind.name() == name)
    }

    /// The rules of all kinds.
    pub fn rules(&self) -> impl Iterator<Item = &'static BackendRule> {
        self.iter().flat_map(|kind| kind.rules().iter().copied())
    }

    /// Runs as a helper, if a backend has started this process as one.
    pub fn helper(&self) -> Option<ExitCode> {
        self.iter().find_map(HostedKind::helper)
    }
}

/// The kind of a backend that is there already, and needs no folder.
pub struct OneBackend {
    about: &'static str,
    backend: Arc<dyn Backend>,
}

impl OneBackend {
    /// The kind of this backend. `about` says in a few words what it is.
    pub fn new(about: &'static str, backend: impl Backend) -> Self {
        Self { about, backend: Arc::new(backend) }
    }
}

impl std::fmt::Debug for OneBackend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OneBackend").field("name", &self.name()).finish_non_exhaustive()
    }
}

impl Kind for OneBackend {
    fn name(&self) -> &'static str {
        self.backend.kind().name()
    }

    fn rules(&self) -> &'static [&'static BackendRule] {
        self.backend.kind().rules()
    }

    fn check(&self, spec: &ServiceSpec) -> Vec<Finding> {
        self.backend.kind().check(spec)
    }
}

#[async_trait]
impl HostedKind for OneBackend {
    fn about(&self) -> &'static str {
        self.about
    }

    async fn open(&self, _folder: &Path) -> Result<Arc<dyn Backend>, BackendError> {
        Ok(self.backend.clone())
    }
}
