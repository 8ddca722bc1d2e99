//! planwright with a backend of one's own: `run --backend nowhere`, `validate --backend nowhere`, the API and all else.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use plan_core::spec::ServiceSpec;
use plan_driver::backend::prompt::PromptBackend;
use plan_driver::backend::{Backend, BackendError, Finding, Kind, Opening, Reports, Session};
use plan_host::HostedKind;
use planwright::backends::{BackendKind, Backends};

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
impl HostedKind for Nowhere {
    fn about(&self) -> &'static str {
        "nothing at all"
    }

    async fn open(&self, _folder: &Path) -> Result<Arc<dyn Backend>, BackendError> {
        Ok(Arc::new(self.clone()))
    }
}

impl BackendKind for Nowhere {} // It has no options on the command line.

pub(crate) fn main() -> ExitCode {
    planwright::main_with(&Backends::default().with(Nowhere::default()))
}
