//! The indices of an instance and of a run, built from records.
//!
//! Invariant: indices that are built anew equal those that the engine updates with each input.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::at::At;
use crate::engine::bug::Bug;
use crate::engine::record::{Cause, Mark, PodRecord, RunRecord, StepRef, TaskState};
use crate::engine::time::Time;
use crate::plan::{PlanLayout, PlanProgress};
use crate::spec::{Goal, Seconds};

use super::{Run, State};

impl State {
    /// Builds the indices of an instance.
    pub(in crate::engine) fn index_instance(&mut self, at: At) {
        let Some(record) = self.instance(at).record().cloned() else { return };
        for task in record.tasks() {
            if let Some(until) = task.delayed_until() {
                self.delays.add(at, until);
            }
        }
        self.index_hurt(at);
        self.index_deadline(at);
        self.index_member(at);
        if self.has_obsolete(at, &record) {
            self.obsolete.insert(at);
        } else {
            self.obsolete.remove(&at);
        }
    }

    /// Whether an instance that stays has a task that the target does not have.
    fn has_obsolete(&self, at: At, record: &PodRecord) -> bool {
        let Some(pod) = self.pod_model(at.pod).filter(|_| !self.is_leaver(at)) else { return false };
        record.tasks().iter().any(|task| pod.task_index(task.name()).is_none())
    }

    /// Updates whether recovery may have something to do for an instance.
    pub(in crate::engine) fn index_hurt(&mut self, at: At) {
        let hurt = self.record(at).is_some_and(|record| {
            record.relocation().is_some() || record.slots().iter().any(|slot| self.is_slot_hurt(record, slot))
        });
        if hurt {
            self.hurt.insert(at);
        } else {
            self.hurt.remove(&at);
        }
    }

    /// Updates the deadline of an instance that is down.
    pub(in crate::engine) fn index_deadline(&mut self, at: At) {
        let relocation = self.record(at).and_then(|record| record.relocation());
        if relocation.is_some_and(|relocation| relocation.cause == Cause::Timeout) {
            self.deadlines.goes(at);
        } else {
            self.deadlines.stays(at);
        }
        self.deadlines.set(at, self.deadline(at));
    }

    fn deadline(&self, at: At) -> Option<Time> {
        let policy = self.model.spec().replacement_failure_policy()?;
        let record =
            self.record(at).filter(|record| record.relocation().is_none() && record.place().is_some())?;
        let record = Some(record).filter(|_| !self.bug(Bug::IgnoreTimeout))?;
        let down = self.down_since(at, record)?;
        (!self.is_leaver(at)).then(|| down.after(seconds(policy.permanent_failure_timeout)))
    }

    /// From when on the next instance that is down for too long may move; `None` while another has not moved yet. So
    /// the loss of many instances does not move all of them at once.
    pub(in crate::engine) fn next_replacement(&self) -> Option<Time> {
        let policy = self.model.spec().replacement_failure_policy()?;
        if policy.min_replace_delay.0 == 0 || self.bug(Bug::NoDistance) {
            return Some(Time::default());
        }
        let last = self.service.replaced.map(|last| last.after(seconds(policy.min_replace_delay)));
        (!self.deadlines.is_anyone_going()).then(|| last.unwrap_or_default())
    }

    /// Since when an instance is down: none of its essential RUNNING tasks runs, and at least one did. So an instance
    /// does not move while such a task runs, and a sidecar that is not essential does not move it.
    fn down_since(&self, at: At, record: &PodRecord) -> Option<Time> {
        let pod = self.pod_model(at.pod)?;
        let mut since = None;
        for task in
            record.tasks().iter().filter(|task| !task.paused() && pod.task_index(task.name()).is_some())
        {
            let Some(config) = task.last().and_then(|last| self.confs.get(&last.conf)) else { continue };
            if config.spec.goal != Goal::Running || !config.spec.essential {
                continue;
            }
            let mut occupants = record.slots().iter().filter_map(|slot| slot.occupant());
            let runs = occupants.any(|occupant| {
                let runs = matches!(occupant.state, TaskState::Running { .. });
                occupant.task == *task.name() && runs && occupant.silent.is_none()
            });
            match task.down() {
                None if runs => return None,
                down => since = since.max(down),
            }
        }
        since
    }

    /// Builds the indices of a run: the status of each step whose instance has a record.
    pub(in crate::engine) fn index_run(&self, record: Arc<RunRecord>, layout: Arc<PlanLayout>) -> Run {
        let mut run = Run { progress: PlanProgress::new(&layout, record.afresh), record, layout };
        let layout = run.layout.clone();
        run.progress.set_interrupted(&layout, run.record.mark.interrupted);
        let record = run.record.clone();
        for (&phase, mark) in &record.phases {
            run.progress.set_phase_interrupted(&layout, phase, mark.interrupted);
        }
        for (&phase, canary) in &record.canaries {
            run.progress.set_canary(&layout, phase, Some(canary.clone()));
        }
        for (phase, of) in (0..).zip(&layout.phases) {
            let untouched = record.mark == Mark { interrupted: record.mark.interrupted, ..Mark::default() }
                && !record.phases.contains_key(&phase)
                && !record.canaries.contains_key(&phase);
            for (index, instance) in (0..).zip(&self.pods[of.pod as usize]) {
                // The instance has no record, so its steps are PENDING from the beginning.
                if untouched && !instance.is_known() {
                    continue;
                }
                let at = At { pod: of.pod, index };
                for step in of.steps_of(index) {
                    let of = StepRef { run: record.number, phase, step };
                    let status = self.step_status(&run, at, of);
                    let urgent = self.is_urgent(&run, at, of, status);
                    run.progress.set_step(&layout, phase, step, status, urgent);
                }
            }
        }
        run
    }
}

fn seconds(of: Seconds) -> Duration {
    Duration::from_secs(u64::from(of.0))
}
