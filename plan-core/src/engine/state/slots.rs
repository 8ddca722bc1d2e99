//! Slots: which task a slot belongs to, and whether the task in it is as it should be.
//!
//! Invariant: a set belongs to the RUNNING task that was launched last in it (`docs/decisions/0014-whose-a-set-is.md`).

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

    /// Whether recovery may have something to do in a slot: its RUNNING task does not live, is not what an operator
    /// wants, or lives by an order of recovery and is not up yet.
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
            // Only a slot in which a task ended can have a task to bring back.
            _ => self.main_task(record, slot.set()).is_some(),
        }
    }

    /// The configuration that a task comes back with: the one that it reached, unless that one's set belongs to another
    /// task by now.
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

    /// The RUNNING task that a set belongs to, if it is another than this one.
    pub(in crate::engine) fn successor_in<'a>(
        &self,
        record: &'a PodRecord,
        set: &ResourceSetName,
        task: &TaskName,
    ) -> Option<&'a TaskRecord> {
        self.main_task(record, set).filter(|main| *main.name() != *task)
    }

    /// The task that keeps recovery from launching a slot's task with a configuration of another set: a task that lives
    /// in that set, or is about to be launched there. If recovery displaced that task, the task would come back and
    /// displace in transition.
    pub(in crate::engine) fn in_the_way<'a>(
        &self,
        record: &'a PodRecord,
        slot: &Slot,
        conf: ContentHash,
    ) -> Option<&'a TaskName> {
        let set = &self.confs.get(&conf)?.spec.resource_set;
        let other = record.slot(set).filter(|_| *set != *slot.set())?;
        let act = other.act().and_then(|act| record.order(act)).filter(|order| !self.gives_way(order, None));
        let lives = other.occupant().filter(|occupant| occupant.may_live());
        let comes = act.and_then(|order| order.tasks.first()).map(|ordered| &ordered.task);
        lives.map(|occupant| &occupant.task).or(comes)
    }

    /// Whether this session has seen every launch of an instance that may live.
    pub(in crate::engine) fn is_seen(&self, at: At) -> bool {
        let instance = self.instance(at);
        let Some(record) = instance.record() else { return true };
        record.slots().iter().enumerate().all(|(nth, slot)| {
            let living = slot.occupant().filter(|occupant| occupant.may_live());
            let seen = |occupant: &Occupant| instance.has_seen(nth, occupant.launch);
            living.is_none_or(|occupant| seen(occupant) || self.bug(Bug::ActUnseen))
        })
    }
}

/// Whether a living task is not as an operator wants it: it was launched before a restart, it is paused and should not
/// be or the reverse, or its instance is permitted to move.
pub(in crate::engine) fn is_stale(record: &PodRecord, occupant: &Occupant) -> bool {
    let paused = || record.orders().iter().flat_map(|order| &*order.tasks).any(|ordered| ordered.paused);
    // Usually no operator has asked for anything.
    if record.relocation().is_none()
        && record.tasks().iter().all(|t| t.since() == 0 && !t.paused())
        && !paused()
    {
        return false;
    }
    let Some(task) = record.task(&occupant.task) else { return false };
    record.relocation().is_some()
        || occupant.launch < task.since()
        || is_paused(record, occupant) != task.paused()
}

/// Whether a task was launched paused.
pub(in crate::engine) fn is_paused(record: &PodRecord, occupant: &Occupant) -> bool {
    let order = record.order(occupant.launch);
    order.is_some_and(|order| order.tasks.iter().any(|of| of.paused && of.task == occupant.task))
}

/// Whether an occupant has reached its goal with its present launch.
fn is_up(record: &PodRecord, occupant: &Occupant) -> bool {
    if is_paused(record, occupant) {
        return matches!(occupant.state, TaskState::Running { .. });
    }
    let reached = record.task(&occupant.task).and_then(|task| task.reached());
    reached.is_some_and(|reached| reached.launch >= occupant.launch)
}
