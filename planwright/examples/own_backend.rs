//! planwright with a backend of one's own: `run --backend nowhere`, `validate --backend nowhere`, the API and all else.

use std::process::ExitCode;

use async_trait::async_trait;
use plan_driver::backend::prompt::PromptBackend;
use plan_driver::backend::{Backend, BackendError, Kind, Opening, Reports, Session};
use planwright::backends::Backends;

/// Its tasks are said to run, and do not. A real one asks its cluster, and says what it hears.
struct Nowhere(PromptBackend);

impl Kind for Nowhere {
    fn name(&self) -> &'static str {
        "nowhere"
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

pub(crate) fn main() -> ExitCode {
    planwright::main_with(&Backends::default().with_backend("nothing at all", Nowhere(PromptBackend::new())))
}
