//! The backend whose tasks do at once what their goal asks.

use std::sync::Arc;

use async_trait::async_trait;
use backend_conformance::{Cluster, Does, Need, Subject};
use plan_core::engine::{NoteName, NoteText};
use plan_core::plan::Model;
use plan_driver::backend::prompt::PromptBackend;
use plan_driver::backend::{Backend, BackendError};

/// The prompt backend, as it is or with a fault.
pub(crate) struct Prompt {
    pub(crate) fault: Option<PromptFault>,
}

/// A fault of the prompt backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PromptFault {
    NotesAreNotTold,
    NothingIsRefused,
}

impl PromptFault {
    /// All faults, with the scenario that has to find each.
    pub(crate) const ALL: &[(Self, &str)] = &[
        (Self::NotesAreNotTold, "a note comes back"),
        (Self::NothingIsRefused, "room for what cannot be run"),
    ];
}

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
        let mut backend = PromptBackend::new();
        if self.fault != Some(PromptFault::NotesAreNotTold) {
            let name =
                NoteName::new("framework-id").map_err(|e| BackendError::because("a note's name", e))?;
            let text = NoteText::new("prompt-1").map_err(|e| BackendError::because("a note's text", e))?;
            backend = backend.with_note(name, text);
        }
        if self.fault != Some(PromptFault::NothingIsRefused) {
            backend = backend.refusing(self.command(Does::IsRefused));
        }
        Ok(Box::new(Nowhere(backend)))
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
            (Need::Addresses, "what it runs is nowhere"),
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
