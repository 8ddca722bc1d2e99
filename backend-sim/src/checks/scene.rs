//! The scene of a check: everything that it looks at.
//!
//! Invariant: a scene has the specification, the store's records, the cluster's own history, and what the engine shows
//! to everyone.

use plan_core::engine::records::{PodRecord, RunRecord};
use plan_core::engine::{Engine, Key, Number, Record};
use plan_core::plan::{ContentHash, Model, PlanLayout};
use plan_core::spec::InstanceName;

use crate::backend::Backend;
use crate::cluster::Cluster;
use crate::scenario::Scenario;
use crate::store::RecordStore;
use crate::violation::{CheckName, Violation};

use super::tally::Tally;

/// The result of a check.
pub(crate) type Verdict = Result<(), Violation>;

/// Everything that a check looks at.
pub(crate) struct Scene<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) time: u64,
    /// The engine's present session with the backend.
    pub(crate) session: u32,
    /// The target of the service now.
    pub(crate) model: &'a Model,
    pub(crate) store: &'a RecordStore,
    pub(crate) cluster: &'a Cluster,
    pub(crate) backend: &'a Backend,
    /// What commands and answers say is asked for and held.
    pub(crate) tally: &'a Tally,
    pub(crate) engine: &'a Engine,
}

/// A run with its plan.
pub(super) struct Run<'a> {
    pub(super) record: &'a RunRecord,
    pub(super) model: &'a Model,
    pub(super) layout: &'a PlanLayout,
}

impl Scene<'_> {
    pub(crate) fn violation(
        &self,
        check: CheckName,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Verdict {
        Err(Violation { check, time: self.time, expected: expected.into(), found: found.into() })
    }

    fn spec(&self, hash: ContentHash) -> Option<&Model> {
        match self.store.get(&Key::Spec(hash)) {
            Some(Record::Spec(model)) => Some(model),
            _ => None,
        }
    }

    pub(crate) fn pod(&self, instance: &InstanceName) -> Option<&PodRecord> {
        match self.store.get(&Key::Pod(instance.clone())) {
            Some(Record::Pod(_, record)) => Some(record),
            _ => None,
        }
    }

    pub(super) fn run(&self, number: Number) -> Option<Run<'_>> {
        let Some(Record::Run(run)) = self.store.get(&Key::Run(number)) else { return None };
        let model = self.spec(run.spec)?;
        Some(Run { record: run, model, layout: model.plans().get(&run.plan)? })
    }
}
