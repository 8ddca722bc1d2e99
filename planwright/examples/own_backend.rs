//! planwright with a backend of one's own: `run --backend nowhere`, `validate --backend nowhere`, the API and all else.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use plan_core::spec::ServiceSpec;
use plan_driver::backend::prompt::PromptBackend;
use plan_driver::backend::{Backend, BackendError, Finding, Kind, Opening, Reports, Session};
use planwright::backends::{BackendKind, Backends, Opened};
use planwright::clap::ArgMatches;
use planwright::problem::Problem;

/// Its tasks are said to run, and do not. A real one asks its cluster, and says what it hears.
#[derive(Clone, Default)]
struct Nowhere(PromptBackend);

impl Kind for Nowhere {
    fn name(&self) -> &'static str {
        "nowhere"
    }

    fn check(&self, _: &ServiceSpec) -> Vec<Finding> {
        Vec::new() // It supports everything. Something unsupported would be a `Finding`, with its `Rule`.
    }
}

#[async_trait]
impl Backend for Nowhere {
    fn kind(&self) -> &dyn Kind {
        self
    }

    async fn open(&self, opening: Opening, reports: Reports) -> Result<Box<dyn Session>, BackendError> {
        self.0.open(opening, reports).await
    }
}

#[async_trait]
impl BackendKind for Nowhere {
    fn about(&self) -> &'static str {
        "nothing at all"
    }

    async fn open(&self, _folder: &Path, _options: &ArgMatches) -> Result<Opened, Box<Problem>> {
        Ok(Opened::new(Arc::new(self.clone())))
    }
}

pub(crate) fn main() -> ExitCode {
    planwright::main_with(&Backends::default().with(Nowhere::default()))
}
