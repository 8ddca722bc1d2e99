//! What is kept beside instances and active runs: specifications, configurations, runs that ended, plans, audit, notes.
//!
//! Invariant: each of these is in the store. Whoever changes one writes it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::note::{NoteName, NoteText};
use crate::engine::record::{AuditRecord, Number, PlanRecord, RunRecord};
use crate::plan::{ContentHash, Model, TaskConfig};
use crate::spec::PlanName;

use super::State;

impl State {
    /// Takes what was kept, as it was in the store.
    pub(in crate::engine) fn recover_kept(
        &mut self,
        confs: BTreeMap<ContentHash, Arc<TaskConfig>>,
        plans: BTreeMap<PlanName, Arc<PlanRecord>>,
        audit: BTreeMap<Number, Arc<AuditRecord>>,
        notes: BTreeMap<NoteName, NoteText>,
    ) {
        (self.confs, self.plans, self.audit, self.notes) = (confs, plans, audit, notes);
    }

    /// The last specification that the service reached without a forced step.
    pub(in crate::engine) fn previous(&self) -> Option<&Arc<Model>> {
        self.previous.as_ref()
    }

    /// Changes the last specification that the service reached. Returns the old one.
    pub(in crate::engine) fn set_previous(&mut self, reached: Option<Arc<Model>>) -> Option<Arc<Model>> {
        std::mem::replace(&mut self.previous, reached)
    }

    /// The configurations of tasks that a record names.
    #[inline]
    pub(in crate::engine) fn confs(&self) -> &BTreeMap<ContentHash, Arc<TaskConfig>> {
        &self.confs
    }

    /// Keeps a configuration. Returns whether it is a new one.
    pub(in crate::engine) fn keep_conf(&mut self, hash: ContentHash, config: Arc<TaskConfig>) -> bool {
        self.confs.insert(hash, config).is_none()
    }

    /// Forgets a configuration.
    pub(in crate::engine) fn forget_conf(&mut self, hash: &ContentHash) -> Option<Arc<TaskConfig>> {
        self.confs.remove(hash)
    }

    /// The latest run of each plan whose latest run ended.
    pub(in crate::engine) fn ended(&self) -> &BTreeMap<Number, Arc<RunRecord>> {
        &self.ended
    }

    /// Keeps a run that ended.
    pub(in crate::engine) fn keep_run(&mut self, run: Arc<RunRecord>) {
        self.ended.insert(run.number, run);
    }

    /// Forgets a run that ended.
    pub(in crate::engine) fn forget_run(&mut self, number: Number) {
        self.ended.remove(&number);
    }

    /// Whether a run is remembered: it is active, or the latest run of its plan.
    pub(in crate::engine) fn remembers(&self, run: Number) -> bool {
        self.run(run).is_some() || self.ended.contains_key(&run)
    }

    /// The latest run of a plan, if it ended.
    pub(in crate::engine) fn ended_run(&self, plan: &PlanName) -> Option<&Arc<RunRecord>> {
        self.plans.get(plan).and_then(|record| self.ended.get(&record.latest))
    }

    /// The plans that had a run.
    pub(in crate::engine) fn plans(&self) -> &BTreeMap<PlanName, Arc<PlanRecord>> {
        &self.plans
    }

    /// The record of a plan, to be changed and written.
    pub(in crate::engine) fn plan_mut(&mut self, plan: &PlanName) -> &mut Arc<PlanRecord> {
        let new = || Arc::new(PlanRecord { latest: 0, ended: Vec::new() });
        self.plans.entry(plan.clone()).or_insert_with(new)
    }

    /// Forgets a plan.
    pub(in crate::engine) fn forget_plan(&mut self, plan: &PlanName) -> Option<Arc<PlanRecord>> {
        self.plans.remove(plan)
    }

    /// What operators asked for, oldest first.
    pub(in crate::engine) fn audit(&self) -> &BTreeMap<Number, Arc<AuditRecord>> {
        &self.audit
    }

    /// Keeps what an operator asked for. Returns what is too old to be kept.
    pub(in crate::engine) fn keep_audit(&mut self, audit: Arc<AuditRecord>) -> Vec<Arc<AuditRecord>> {
        self.audit.insert(audit.number, audit);
        let over = self.audit.len().saturating_sub(AuditRecord::KEPT);
        (0..over).filter_map(|_| self.audit.pop_first()).map(|(_, oldest)| oldest).collect()
    }

    /// The backend's notes.
    pub(in crate::engine) fn notes(&self) -> &BTreeMap<NoteName, NoteText> {
        &self.notes
    }

    /// Keeps a note of the backend.
    pub(in crate::engine) fn keep_note(&mut self, name: NoteName, text: NoteText) {
        self.notes.insert(name, text);
    }

    /// Forgets a note of the backend.
    pub(in crate::engine) fn forget_note(&mut self, name: &NoteName) {
        self.notes.remove(name);
    }
}
