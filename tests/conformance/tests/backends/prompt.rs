//! The backend whose tasks do at once what their goal asks.

use std::sync::Arc;

use async_trait::async_trait;
use backend_conformance::{Cluster, Need, Subject};
use plan_core::plan::Model;
use plan_driver::backend::prompt::PromptBackend;
use plan_driver::backend::{Backend, BackendError};

pub(crate) struct Prompt;

struct Nowhere(PromptBackend);

#[async_trait]
impl Cluster for Nowhere {
    async fn start(&mut self) -> Result<Arc<dyn Backend>, BackendError> {
        Ok(Arc::new(self.0.clone()))
    }
}

#[async_trait]
impl Subject for Prompt {
    fn name(&self) -> &'static str {
        "prompt"
    }

    async fn cluster(&self, _: &Arc<Model>) -> Result<Box<dyn Cluster>, BackendError> {
        Ok(Box::new(Nowhere(PromptBackend::new())))
    }

    fn lacks(&self) -> &'static [(Need, &'static str)] {
        &[
            (Need::Room, "there is always room, and none is counted"),
            (Need::Failure, "nothing that it runs fails"),
            (Need::Words, "it says nothing in words"),
            (Need::Grace, "what it runs ends at once"),
            (Need::Readiness, "what it runs is ready at once"),
            (Need::Commands, "it runs no commands"),
            (Need::Silence, "its one node is always heard"),
            (Need::Loss, "its one node is never gone"),
        ]
    }

    fn leaves_out(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("an end is told until its receipt", "it waits for no receipts, and tells each end once"),
            (
                "an end is told until its receipt, over a restart",
                "it waits for no receipts, and tells each end once",
            ),
            ("what is in use is not released", "it counts no room, so that none is in use"),
        ]
    }
}
