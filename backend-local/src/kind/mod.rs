//! What is known of this backend before it has a data folder: its name, and what this machine does not support in a
//! specification.

mod check;
mod rules;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use plan_core::spec::ServiceSpec;
use plan_driver::backend::{BackendRule, Finding, Kind};

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
    /// The kind whose tasks have these variables in their environment, as [`crate::options::inherited`] returns them.
    pub fn new(environment: BTreeMap<String, String>) -> Self {
        Self { environment, memory: OnceLock::new() }
    }

    /// The variables that every task has in its environment.
    pub fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// Where memory can be limited, or why it cannot. It is determined when it is first needed.
    pub(crate) fn memory(&self) -> &Result<MemoryControl, String> {
        self.memory.get_or_init(MemoryControl::find)
    }
}

impl Kind for LocalKind {
    fn name(&self) -> &'static str {
        "local"
    }

    fn rules(&self) -> &'static [&'static BackendRule] {
        rules::ALL
    }

    fn check(&self, spec: &ServiceSpec) -> Vec<Finding> {
        check::of(spec, Machine { memory: self.memory(), environment: &self.environment, most })
    }
}
