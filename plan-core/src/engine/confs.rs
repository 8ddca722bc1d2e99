//! Which specifications and configurations are kept, and when the service has reached its target.
//!
//! Invariant: every configuration and specification that a record names is kept.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::plan::{ContentHash, Model, TaskModel};
use crate::spec::Goal;

use super::at::At;
use super::record::{Key, Number, Record, RunRecord, StepRef};
use super::state::State;
use super::transition::Transition;

impl Transition<'_> {
    /// Keeps the configurations of a target.
    pub(super) fn keep_confs(&mut self, model: &Model) {
        for task in model.pods().iter().flat_map(|pod| &pod.tasks) {
            if self.state.keep_conf(task.conf, task.config.clone()) {
                self.writes.put_new(Record::Conf(task.config.clone()));
            }
        }
    }

    /// Notes that the service has reached its target.
    pub(super) fn became_target(&mut self, run: Number) {
        let target = self.state.model().clone();
        let forced = self.state.ended().get(&run).is_some_and(|run| self.state.is_any_forced(run));
        let reached = !forced && self.state.is_all_of_target();
        let advance = reached && self.state.service().previous != Some(target.hash());
        if advance || !self.state.service().deployed {
            self.change_service(|service| {
                service.deployed = true;
                if advance {
                    service.previous = Some(target.hash());
                }
            });
        }
        if advance {
            let old = self.state.set_previous(Some(target.clone()));
            if let Some(old) = old.filter(|old| old.hash() != target.hash()) {
                self.forget_spec(&old);
            }
        }
        self.forget_unnamed();
    }

    pub(super) fn forget_spec(&mut self, spec: &Arc<Model>) {
        self.writes.delete(Key::Spec(spec.hash()), Record::Spec(spec.clone()).digest());
    }

    /// Deletes configurations and specifications that no record names.
    pub(super) fn forget_unnamed(&mut self) {
        let wanted = self.state.model().pods().iter().flat_map(|pod| &pod.tasks).map(|task| task.conf);
        let mut named: BTreeSet<ContentHash> = wanted.collect();
        if named.len() == self.state.confs().len() {
            return;
        }
        for record in self.state.pods().iter().flatten().filter_map(|instance| instance.record()) {
            named.extend(record.orders().iter().flat_map(|order| &*order.tasks).map(|task| task.conf));
            named.extend(record.tasks().iter().filter_map(|task| task.last()).map(|last| last.conf));
            named.extend(record.tasks().iter().filter_map(|task| task.reached()).map(|reached| reached.conf));
        }
        let unnamed: Vec<ContentHash> =
            self.state.confs().keys().filter(|conf| !named.contains(conf)).copied().collect();
        for conf in unnamed {
            if let Some(config) = self.state.forget_conf(&conf) {
                self.writes.delete(Key::Conf(conf), Record::Conf(config).digest());
            }
        }
    }
}

impl State {
    /// Whether an operator forced a step of a run to be complete.
    fn is_any_forced(&self, run: &RunRecord) -> bool {
        let Some(layout) = self.model().plans().get(&run.plan) else { return false };
        (0..).zip(&layout.phases).any(|(phase, of)| {
            (0..).zip(&of.steps).any(|(step, at)| {
                let record = self.record(At { pod: of.pod, index: at.instance });
                run.wanted(record, StepRef { run: run.number, phase, step }).forced
            })
        })
    }

    /// Whether the latest launch of every launched task, except `ONCE` tasks, has the target's configuration. A plan
    /// may be complete and leave tasks out.
    fn is_all_of_target(&self) -> bool {
        (0..).zip(self.model().pods()).all(|(pod, model)| {
            (0..model.count).all(|index| {
                let record = self.record(At { pod, index });
                let of = |task: &TaskModel| record.and_then(|record| record.task(&task.name)?.last());
                let tasks = model.tasks.iter().filter(|task| task.goal != Goal::Once);
                tasks.into_iter().all(|task| of(task).is_none_or(|last| last.conf == task.conf))
            })
        })
    }
}
