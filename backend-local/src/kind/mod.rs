//! What is known of this backend before it has a data folder: its name, and what of a specification this machine cannot
//! keep.

mod check;
mod rules;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use plan_core::spec::ServiceSpec;
use plan_driver::backend::{Finding, Kind, Rule};

use crate::compose::most;
use crate::memory::MemoryControl;
use check::Machine;

/// Processes of this machine, as a kind of backend.
#[derive(Debug)]
pub struct LocalKind {
    environment: BTreeMap<String, String>,
    memory: OnceLock<Result<MemoryControl, String>>,
}

impl LocalKind {
    /// The kind whose tasks find these variables in their environment, as [`crate::options::inherited`] gives them.
    pub fn new(environment: BTreeMap<String, String>) -> Self {
        Self { environment, memory: OnceLock::new() }
    }

    /// What every task finds in its environment.
    pub fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// Where memory can be bounded, or why it cannot. It is found out when it is first asked for.
    pub(crate) fn memory(&self) -> &Result<MemoryControl, String> {
        self.memory.get_or_init(MemoryControl::find)
    }
}

impl Kind for LocalKind {
    fn name(&self) -> &'static str {
        "local"
    }

    fn rules(&self) -> &'static [&'static Rule] {
        rules::ALL
    }

    fn check(&self, spec: &ServiceSpec) -> Vec<Finding> {
        check::of(spec, Machine { memory: self.memory(), environment: &self.environment, most })
    }
}
