//! Tasks that the target does not have, and orders that get another purpose.
//!
//! Invariant: a task that is being ended has a successor in the same batch, unless the target does not have the task. A
//! task that the target does not have is kept until the steps of its instance are complete.

use std::collections::BTreeSet;

use crate::plan::Status;
use crate::spec::{ResourceSetName, TaskName};

use super::at::At;
use super::bug::Bug;
use super::effects::Command;
use super::reason::Reason;
use super::record::{DebtCause, Number, Occupant, Order, OrderStage, OrderedTask, PodRecord, Purpose, Slot};
use super::state::State;
use super::transition::Transition;

impl State {
    /// Whether an order of an instance that stays launches a task that the target does not have, and that no step will
    /// replace.
    pub(super) fn launches_removed(&self, at: At, order: &Order) -> bool {
        order.tasks.iter().any(|ordered| self.is_removed(at, &ordered.task))
    }

    /// Whether a task of an instance that stays is not launched again, as the target does not have it. While the
    /// instance has steps to do, the task is kept: one of the steps may replace it.
    pub(super) fn is_removed(&self, at: At, task: &TaskName) -> bool {
        let pod = self.pod_model(at.pod).filter(|_| !self.is_leaver(at));
        pod.is_some_and(|pod| pod.task_index(task).is_none()) && !self.has_steps_to_do(at)
    }

    /// Whether the run that brings the target about has incomplete steps of an instance.
    pub(super) fn has_steps_to_do(&self, at: At) -> bool {
        let Some(run) = self.run(self.service().converging) else { return false };
        run.layout.phases_of(at.pod).iter().any(|&phase| {
            let mut steps = run.phase(phase).steps_of(at.index);
            steps.any(|step| run.progress.phase(phase).step(step) != Status::Complete)
        })
    }

    /// An order without the tasks that the target does not have.
    pub(super) fn remainder(&self, at: At, order: &Order) -> (Purpose, Vec<OrderedTask>) {
        let pod = self.pod_model(at.pod);
        let stays = |task: &&OrderedTask| pod.is_some_and(|pod| pod.task_index(&task.task).is_some());
        (order.purpose, order.tasks.iter().filter(stays).cloned().collect())
    }

    /// The RUNNING tasks that an order was to displace, except those in the sets `taken`, in which other tasks are
    /// launched anyway.
    pub(super) fn spared(
        &self,
        at: At,
        record: &PodRecord,
        launch: Number,
        taken: &[ResourceSetName],
    ) -> Vec<OrderedTask> {
        let slots =
            record.slots().iter().filter(|slot| slot.act() == Some(launch) && !taken.contains(slot.set()));
        let mains = slots.filter_map(|slot| self.main_task(record, slot.set()));
        let tasks = mains.filter_map(|main| {
            let conf = self.comes_back_as(record, main).or(main.last().map(|last| last.conf))?;
            Some(OrderedTask { task: main.name().clone(), conf, paused: main.paused() })
        });
        tasks.filter(|ordered| !self.is_removed(at, &ordered.task)).collect()
    }
}

impl Transition<'_> {
    /// Gives an order whose way is being cleared another purpose and other tasks, or removes it.
    pub(super) fn goes_on_as(
        &mut self,
        at: At,
        old: &Order,
        mut purpose: Purpose,
        mut tasks: Vec<OrderedTask>,
    ) {
        let Some(record) = self.state.instance(at).record().cloned() else { return };
        // A task that was told to end needlessly comes back as it was.
        if tasks.len() < old.tasks.len() {
            let known = |one: &OrderedTask| tasks.iter().any(|task| task.task == one.task);
            let spared = self.state.spared(at, &record, old.launch, &self.state.sets(&tasks));
            let spared: Vec<_> = spared.into_iter().filter(|one| !known(one)).collect();
            tasks.extend(spared);
            purpose = if tasks.is_empty() { purpose } else { Purpose::Recovery };
        }
        let tasks = if self.bug(Bug::ClearingDropped) { Vec::new() } else { tasks };
        let sets = self.state.sets(&tasks);
        // A slot waits for one order only. The other order is withdrawn; recovery brings its tasks back.
        let current = self.state.record(at);
        let others: BTreeSet<Number> = sets.iter().filter_map(|set| current?.slot(set)?.act()).collect();
        for other in others.into_iter().filter(|&other| other != old.launch) {
            self.withdraw(at, other, Reason::NotWanted);
        }
        if tasks.is_empty() {
            // The tasks that were told to end for the order end without a successor.
            self.record_mut(at).spend(old.launch);
            self.session.fits.close(old.launch);
            let instance = self.name(at);
            self.command(Command::Withdraw { instance, launch: old.launch });
            self.touch(at);
            return;
        }
        self.record_mut(at).want_otherwise(old.launch, purpose, tasks, &sets);
        self.renumber(at, old.launch);
    }

    /// Ends the tasks that the target does not have, once the steps of their instance are complete. Until then a step
    /// may replace them.
    pub(super) fn end_removed(&mut self, at: At) {
        if !self.state.is_obsolete(at) || self.state.has_steps_to_do(at) {
            return;
        }
        self.drop_removed(at);
        // A withdrawal may have made a step incomplete.
        if self.state.has_steps_to_do(at) {
            return;
        }
        let Some(record) = self.state.instance(at).record().cloned() else { return };
        let Some(pod) = self.state.pod_model(at.pod) else { return };
        let gone = |task: &TaskName| pod.task_index(task).is_none();
        let removed: Vec<TaskName> =
            record.tasks().iter().map(|task| task.name()).filter(|task| gone(task)).cloned().collect();
        // A task that is being ended for an order is not ended a second time.
        let ends = |slot: &&Slot| slot.act().is_none() && slot.occupant().is_some_and(|o| gone(&o.task));
        let ended = record.slots().iter().filter(ends).filter_map(|slot| slot.occupant().cloned());
        let ended: Vec<Occupant> = ended.collect();
        let living = ended.iter().filter(|occupant| occupant.may_live()).cloned().collect();
        self.owe(at, &record, DebtCause::TaskRemoved, living, None);
        for task in &removed {
            self.delay(at, task, None);
        }
        self.record_mut(at).drop_removed(&removed, &ended);
        self.touch(at);
        self.state.index_instance(at);
    }

    /// Withdraws or changes the orders for tasks that the target does not have.
    fn drop_removed(&mut self, at: At) {
        let removed = |transition: &Self| {
            let record = transition.state.record(at)?;
            record.standing().find(|order| transition.state.launches_removed(at, order)).cloned()
        };
        while let Some(order) = removed(self) {
            if order.stage == OrderStage::Requested {
                self.withdraw(at, order.launch, Reason::NotWanted);
            } else {
                let (purpose, tasks) = self.state.remainder(at, &order);
                self.goes_on_as(at, &order, purpose, tasks);
            }
        }
    }
}
