//! Whose a slot is, and whether what lives in it is what it shall be.
//!
//! Invariant: the RUNNING task that was launched last in a set is the set's (`docs/decisions/0014-whose-a-set-is.md`).

use crate::engine::at::At;
use crate::engine::bug::Bug;
use crate::engine::record::{Number, Occupant, PodRecord, Purpose, Slot, TaskRecord, TaskState};
use crate::plan::ContentHash;
use crate::spec::{Goal, ResourceSetName, TaskName};

use super::State;

impl State {
    /// The RUNNING task that was launched last in a slot.
    pub(in crate::engine) fn main_task<'a>(
        &self,
        record: &'a PodRecord,
        set: &ResourceSetName,
    ) -> Option<&'a TaskRecord> {
        let candidates = record.tasks().iter().filter(|task| {
            task.last().is_some_and(|last| {
                let config = self.confs.get(&last.conf);
                config.is_some_and(|c| c.spec.goal == Goal::Running && c.spec.resource_set == *set)
            })
        });
        candidates.max_by_key(|task| task.last().map(|last| last.launch))
    }

    /// Whether recovery has, or may have, something to do in a slot: its RUNNING task is not alive, or is
    /// alive by recovery's order and not up yet.
    pub(in crate::engine) fn is_slot_hurt(&self, record: &PodRecord, slot: &Slot) -> bool {
        let by_recovery =
            |launch: Number| record.order(launch).is_some_and(|order| order.purpose == Purpose::Recovery);
        if slot.act().is_some_and(by_recovery) {
            return true;
        }
        match &slot.occupant() {
            Some(occupant) if occupant.may_live() => {
                is_stale(record, occupant) || by_recovery(occupant.launch) && !is_up(record, occupant)
            }
            // Only where something ended there can be a task to bring back.
            _ => self.main_task(record, slot.set()).is_some(),
        }
    }

    /// What a task comes back with: what it reached, unless the set of that is another's by now.
    pub(in crate::engine) fn comes_back_as(
        &self,
        record: &PodRecord,
        task: &TaskRecord,
    ) -> Option<ContentHash> {
        let conf = task.reached()?.conf;
        let set = |conf: ContentHash| Some(&self.confs.get(&conf)?.spec.resource_set);
        let stays = task.last().and_then(|last| set(last.conf)) == set(conf);
        let lost = || set(conf).is_some_and(|set| self.successor_in(record, set, task.name()).is_some());
        (stays || !lost()).then_some(conf)
    }

    /// The other RUNNING task that was launched last in a set, which is that task's by now.
    pub(in crate::engine) fn successor_in<'a>(
        &self,
        record: &'a PodRecord,
        set: &ResourceSetName,
        task: &TaskName,
    ) -> Option<&'a TaskRecord> {
        self.main_task(record, set).filter(|main| *main.name() != *task)
    }

    /// Whether every launch of an instance that may live was seen in this session.
    pub(in crate::engine) fn is_seen(&self, at: At) -> bool {
        let instance = self.instance(at);
        let Some(record) = instance.record.as_deref() else { return true };
        record.slots().iter().enumerate().all(|(nth, slot)| {
            let living = slot.occupant().filter(|occupant| occupant.may_live());
            let seen = |occupant: &Occupant| instance.answered.contains(nth, occupant.launch);
            living.is_none_or(|occupant| seen(occupant) || self.bug(Bug::ActUnseen))
        })
    }
}

/// Whether a living task is not what an operator wants it to be: launched before a restart, paused or not, or
/// at a place that its instance shall leave.
pub(in crate::engine) fn is_stale(record: &PodRecord, occupant: &Occupant) -> bool {
    let paused = || record.orders().iter().flat_map(|order| &*order.tasks).any(|ordered| ordered.paused);
    // Mostly nobody has said anything.
    if record.permission().is_none()
        && record.tasks().iter().all(|t| t.since() == 0 && !t.paused())
        && !paused()
    {
        return false;
    }
    let Some(task) = record.task(&occupant.task) else { return false };
    record.permission().is_some()
        || occupant.launch < task.since()
        || is_paused(record, occupant) != task.paused()
}

/// Whether a task was launched paused.
pub(in crate::engine) fn is_paused(record: &PodRecord, occupant: &Occupant) -> bool {
    let order = record.order(occupant.launch);
    order.is_some_and(|order| order.tasks.iter().any(|of| of.paused && of.task == occupant.task))
}

/// Whether an occupant has attained its goal by the launch that it is of.
fn is_up(record: &PodRecord, occupant: &Occupant) -> bool {
    if is_paused(record, occupant) {
        return matches!(occupant.state, TaskState::Running { .. });
    }
    let reached = record.task(&occupant.task).and_then(|task| task.reached());
    reached.is_some_and(|reached| reached.launch >= occupant.launch)
}
