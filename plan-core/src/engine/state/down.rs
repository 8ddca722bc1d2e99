//! Whether a member is down, for `max-unavailable`.
//!
//! Invariant: this follows from the record of the member alone.

use crate::engine::at::At;
use crate::engine::record::{OrderStage, PodRecord, TaskRecord, TaskState};
use crate::spec::Goal;

use super::State;
use super::slots::is_paused;

impl State {
    /// Updates whether a member is down. Returns whether it was down before and is not now.
    pub(in crate::engine) fn index_member(&mut self, at: At) -> bool {
        if !self.members.counts() {
            return false;
        }
        let down = self.is_down(at);
        self.members.set(at, down)
    }

    /// Whether a member of the target is down, for any reason: it was up once, and one of its essential tasks that
    /// should run does not, or is about to be ended.
    pub(in crate::engine) fn is_down(&self, at: At) -> bool {
        let (Some(record), Some(pod)) = (self.record(at), self.pod_model(at.pod)) else { return false };
        if self.is_leaver(at) {
            return false;
        }
        let known = record.tasks().iter().filter(|task| pod.task_index(task.name()).is_some());
        let essential = known.filter(|task| {
            let config = task.last().and_then(|last| self.confs.get(&last.conf));
            config.is_some_and(|config| config.spec.goal == Goal::Running && config.spec.essential)
        });
        let (mut was_up, mut down) = (false, record.relocation().is_some());
        for task in essential {
            was_up |= task.reached().is_some();
            down |= !is_up(record, task);
        }
        was_up && down
    }
}

/// Whether a task runs, is ready and heard of, and no order is about to end it.
fn is_up(record: &PodRecord, task: &TaskRecord) -> bool {
    let clears = |act| record.order(act).is_some_and(|order| order.stage == OrderStage::Displacing);
    record.slots().iter().any(|slot| {
        slot.occupant().is_some_and(|occupant| {
            occupant.task == *task.name()
                && occupant.state == TaskState::Running { ready: true }
                && occupant.silent.is_none()
                && !is_paused(record, occupant)
        }) && !slot.act().is_some_and(clears)
    })
}
