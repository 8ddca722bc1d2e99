//! The kinds of backend that the program has, by name.
//!
//! Invariant: nothing else in the program names a kind of backend. The command line, `validate --backend`, the log, the
//! pages of codes and the book's list come from this table. They also have the kinds that another program adds
//! ([`Backends::with`]).

mod local;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use clap::{Arg, ArgMatches};
use futures::stream::{BoxStream, StreamExt as _, empty};
use plan_driver::backend::{Backend, BackendRule};
use plan_driver::with_causes;
use plan_host::{HostedKind, HostedKinds, OneBackend};

use crate::problem::Problem;

/// A kind of backend in the program: what a host needs of it ([`HostedKind`]), and options on the command line.
#[async_trait]
pub trait BackendKind: HostedKind {
    /// Its own options for `run`. No other option has the same names.
    fn options(&self) -> Vec<Arg> {
        Vec::new()
    }

    /// Those of its options (by [`Arg::get_id`]) that are for one run only, and are not proposed for the next one.
    fn of_one_run(&self) -> &'static [&'static str] {
        &[]
    }

    /// Opens a backend. `folder` is an existing folder for this backend alone, in the service's data folder. `options`
    /// has the values of [`BackendKind::options`]. By default it is [`HostedKind::open`].
    ///
    /// # Errors
    /// The backend cannot be used. The error says why, and what to do.
    async fn open_with(&self, folder: &Path, options: &ArgMatches) -> Result<OpenBackend, Box<Problem>> {
        let _ = options;
        let opened = self.open(folder).await;
        opened.map(OpenBackend::new).map_err(|error| Problem::error(with_causes(&error)).into())
    }
}

/// An open backend.
pub struct OpenBackend {
    /// The backend for the driver.
    pub backend: Arc<dyn Backend>,
    /// What the backend does by itself after the service is submitted, as notes for people. The next note is asked for
    /// only after the one before it was shown.
    pub notes: BoxStream<'static, BackendNote>,
}

impl OpenBackend {
    /// A backend that does nothing by itself.
    pub fn new(backend: Arc<dyn Backend>) -> Self {
        Self { backend, notes: empty().boxed() }
    }
}

impl std::fmt::Debug for OpenBackend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenBackend").field("kind", &self.backend.kind().name()).finish_non_exhaustive()
    }
}

/// Something that a backend did by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackendNote {
    /// The work was done.
    Done(String),
    /// The work failed.
    Failed(String),
}

/// A backend that is there already has no options on the command line.
impl BackendKind for OneBackend {}

/// The kinds of backend of a program, with their options. The first is the default.
#[derive(Debug, Clone)]
pub struct Backends(HostedKinds<dyn BackendKind>);

impl Default for Backends {
    /// The kinds that planwright comes with.
    fn default() -> Self {
        Self::of(plan_host::local_kind())
    }
}

impl Backends {
    /// A table with one kind.
    pub fn of(kind: impl BackendKind) -> Self {
        Self(std::iter::once(Arc::new(kind) as Arc<dyn BackendKind>).collect())
    }

    /// Adds a kind. It replaces one of the same name.
    #[must_use]
    pub fn with(self, kind: impl BackendKind) -> Self {
        Self(self.0.and(Arc::new(kind)))
    }

    /// Adds the kind of a backend that is there already, and needs neither a folder nor options. `about` says in a few words
    /// what it is.
    #[must_use]
    pub fn with_backend(self, about: &'static str, backend: impl Backend) -> Self {
        self.with(OneBackend::new(about, backend))
    }

    /// All kinds, the default first.
    pub fn iter(&self) -> impl Iterator<Item = &dyn BackendKind> {
        self.0.iter()
    }

    /// The kind of this name.
    pub fn get(&self, name: &str) -> Option<&dyn BackendKind> {
        self.0.get(name)
    }

    /// The name of the default kind.
    pub fn default_name(&self) -> &'static str {
        // There is at least one kind.
        self.iter().next().map_or("", |kind| kind.name())
    }

    /// The rules of all kinds.
    pub fn rules(&self) -> impl Iterator<Item = &'static BackendRule> {
        self.0.rules()
    }

    /// Runs as a helper, if a backend has started this process as one.
    pub fn helper(&self) -> Option<ExitCode> {
        self.0.helper()
    }

    /// All kinds, for a host.
    pub fn hosted(&self) -> HostedKinds {
        self.0.shared().map(|kind| kind.clone() as Arc<dyn HostedKind>).collect()
    }

    /// Each kind with a description, for the help.
    pub(crate) fn about(&self) -> String {
        let each: Vec<_> = self.iter().map(|kind| format!("{} ({})", kind.name(), kind.about())).collect();
        each.join(", ")
    }

    /// The names of the kinds, for the help: `local|other`.
    pub(crate) fn names(&self) -> String {
        self.iter().map(|kind| kind.name()).collect::<Vec<_>>().join("|")
    }
}
