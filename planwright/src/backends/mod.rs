//! The kinds of backend that the program has, by name.
//!
//! Invariant: nothing else in the program names one: the command line, `validate --backend`, the log, the pages of codes
//! and the book's list come from this table. A program that adds a kind of its own ([`Backends::with`]) has all of it.

mod local;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use clap::{Arg, ArgMatches};
use futures::stream::{BoxStream, StreamExt as _, empty};
use plan_driver::backend::{Backend, Kind, Rule};

use crate::problem::Problem;

/// A kind of backend, as the program runs it.
#[async_trait]
pub trait BackendKind: Kind {
    /// What it is, in a few words, for the help and the book: `processes of this machine`.
    fn about(&self) -> &'static str;

    /// Options of its own, for `run`. Their names are no other option's.
    fn options(&self) -> Vec<Arg> {
        Vec::new()
    }

    /// Of these options, those (by [`Arg::get_id`]) that mean one run alone, and are not proposed for the next.
    fn of_one_run(&self) -> &'static [&'static str] {
        &[]
    }

    /// The targets of its lines in the log (`tracing`), by default those of its crate's name: with `-v` they are seen too.
    fn log_targets(&self) -> &'static [&'static str] {
        &[]
    }

    /// Does what this process was started for, if a backend of this kind has started it as a helper.
    fn helper(&self) -> Option<ExitCode> {
        None
    }

    /// Opens a backend. `folder` is its own: a part of the service's data folder, which is there. `options` hold those of
    /// [`BackendKind::options`].
    ///
    /// # Errors
    /// It cannot be used: why, and what to do.
    async fn open(&self, folder: &Path, options: &ArgMatches) -> Result<Opened, Box<Problem>>;

    /// What its folder has of services, told without opening it. A backend whose tasks are elsewhere has nothing here.
    ///
    /// # Errors
    /// It cannot be read.
    fn left(&self, folder: &Path) -> Result<Vec<Left>, Box<Problem>> {
        let _ = folder;
        Ok(Vec::new())
    }

    /// Takes away what it has put into its folder, once the service is uninstalled. What it leaves there stays.
    fn forget(&self, folder: &Path) {
        let _ = folder;
    }
}

/// A backend that was opened.
pub struct Opened {
    /// As the driver has it.
    pub backend: Arc<dyn Backend>,
    /// What it does by itself beside the service, once that is submitted, as people are told. It is asked for the next
    /// note only after the one before it was told.
    pub notes: BoxStream<'static, Note>,
}

impl Opened {
    /// One that does nothing by itself.
    pub fn new(backend: Arc<dyn Backend>) -> Self {
        Self { backend, notes: empty().boxed() }
    }
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened").field("kind", &self.backend.kind().name()).finish_non_exhaustive()
    }
}

/// Something that a backend did by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// It was done.
    Done(String),
    /// It was to be done, and was not.
    Failed(String),
}

/// What there is of one installation of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// The service.
    pub service: String,
    /// The installation's id.
    pub installation: String,
    /// Its folder, with its volumes.
    pub folder: PathBuf,
    /// The processes of its tasks that live, and those that keep them.
    pub processes: Vec<i32>,
}

/// The kinds of backend of a program. The first is the default.
#[derive(Clone)]
pub struct Backends(Vec<Arc<dyn BackendKind>>);

impl std::fmt::Debug for Backends {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter().map(|kind| kind.name())).finish()
    }
}

impl Default for Backends {
    /// Those that planwright comes with.
    fn default() -> Self {
        Self::of(local::kind())
    }
}

impl Backends {
    /// One kind.
    pub fn of(kind: impl BackendKind) -> Self {
        Self(vec![Arc::new(kind)])
    }

    /// The same, and one more. One of the same name is no more, and this one is in its place.
    #[must_use]
    pub fn with(mut self, kind: impl BackendKind) -> Self {
        match self.0.iter().position(|known| known.name() == kind.name()) {
            Some(at) => self.0[at] = Arc::new(kind),
            None => self.0.push(Arc::new(kind)),
        }
        self
    }

    /// All of them, the default first.
    pub fn iter(&self) -> impl Iterator<Item = &dyn BackendKind> {
        self.0.iter().map(|kind| &**kind)
    }

    /// The one of this name.
    pub fn get(&self, name: &str) -> Option<&dyn BackendKind> {
        self.iter().find(|kind| kind.name() == name)
    }

    /// The name of the one that runs what names none.
    pub fn default_name(&self) -> &'static str {
        // There is at least one.
        self.0.first().map_or("", |kind| kind.name())
    }

    /// The rules of all of them.
    pub fn rules(&self) -> impl Iterator<Item = &'static Rule> {
        self.iter().flat_map(|kind| kind.rules().iter().copied())
    }

    /// Does what this process was started for, if one of them has started it as a helper.
    pub fn helper(&self) -> Option<ExitCode> {
        self.iter().find_map(BackendKind::helper)
    }

    /// Each with what it is, for the help.
    pub(crate) fn about(&self) -> String {
        let each: Vec<_> = self.iter().map(|kind| format!("{} ({})", kind.name(), kind.about())).collect();
        each.join(", ")
    }

    /// Their names, for the help: `local|other`.
    pub(crate) fn names(&self) -> String {
        self.iter().map(|kind| kind.name()).collect::<Vec<_>>().join("|")
    }
}
