//! What becomes of an instance's orders and tasks when another target comes (`docs/decisions/0011-targets.md`).
//!
//! Invariant: what is being ended has a successor in the same batch, unless the target does not have it; what the
//! target does not have is kept until the steps of its instance are complete.

use std::collections::BTreeSet;

use crate::plan::Status;
use crate::spec::{ResourceSetName, TaskName};

use super::at::At;
use super::bug::Bug;
use super::effects::Command;
use super::reason::Reason;
use super::record::{
    DebtCause, Number, Occupant, Order, OrderedTask, PodRecord, Purpose, Slot, Stage, StepRef,
};
use super::state::Run;
use super::turn::Turn;

impl Turn<'_> {
    /// Takes back what stands for the run before, and the waits of configurations that are wanted no more.
    pub(super) fn adapt(&mut self, at: At, left_runs: &BTreeSet<Number>) {
        let Some(record) = self.state.instance(at).record.clone() else { return };
        let of_run = |purpose| matches!(purpose, Purpose::Step(step) if left_runs.contains(&step.run));
        for order in record.standing().filter(|order| order.stage == Stage::Wanted) {
            if of_run(order.purpose) || self.launches_removed(at, order) {
                self.withdraw(at, order.launch, Reason::NotWanted);
            }
        }
        for task in record.tasks() {
            let model = self.state.pod_model(at.pod);
            let wanted = model.and_then(|pod| Some(pod.tasks[pod.task_index(task.name())?].conf));
            let other = task.last().is_some_and(|last| Some(last.conf) != wanted);
            if other && (task.failures() > 0 || task.delayed_until().is_some()) {
                self.delay(at, task.name(), None);
                self.record_mut(at).forgive(task.name());
            }
            if task.never().is_some() {
                self.record_mut(at).ask_once_more(task.name());
            }
        }
        self.state.index_instance(at);
    }

    /// Whether an order of an instance that stays launches a task that the target does not have, and that
    /// nothing will take the place of any more.
    fn launches_removed(&self, at: At, order: &Order) -> bool {
        order.tasks.iter().any(|ordered| self.is_removed(at, &ordered.task))
    }

    /// Whether a task of an instance that stays is not launched again: the target does not have it. As long as
    /// the instance has steps to do it is kept as it was (engine.md §5: one of them may take its place).
    fn is_removed(&self, at: At, task: &TaskName) -> bool {
        let pod = self.state.pod_model(at.pod).filter(|_| !self.state.is_leaver(at));
        pod.is_some_and(|pod| pod.task_index(task).is_none()) && !self.has_steps_to_do(at)
    }

    /// What is being ended for the run before is launched again all the same: for the step of the new run that
    /// may act, or as what was good. What the target does not have is not.
    pub(super) fn rebind(&mut self, at: At, left_runs: &BTreeSet<Number>) {
        let Some(record) = self.state.instance(at).record.clone() else { return };
        let of_run = |purpose| matches!(purpose, Purpose::Step(step) if left_runs.contains(&step.run));
        for old in record.standing().filter(|order| order.stage == Stage::Clearing) {
            let left = of_run(old.purpose);
            if !left && !self.launches_removed(at, old) {
                continue;
            }
            let (purpose, tasks) =
                if left { self.successor(at, &old.tasks) } else { self.remainder(at, old) };
            self.goes_on_as(at, old, purpose, tasks);
        }
    }

    /// What an order clears the way for is something else now, or nothing.
    pub(super) fn goes_on_as(
        &mut self,
        at: At,
        old: &Order,
        mut purpose: Purpose,
        mut tasks: Vec<OrderedTask>,
    ) {
        let Some(record) = self.state.instance(at).record.clone() else { return };
        // What was told to end for nothing comes back as it was.
        if tasks.len() < old.tasks.len() {
            let known = |one: &OrderedTask| tasks.iter().any(|task| task.task == one.task);
            let spared = self.spared(at, &record, old.launch, &self.state.sets(&tasks));
            let spared: Vec<_> = spared.into_iter().filter(|one| !known(one)).collect();
            tasks.extend(spared);
            purpose = if tasks.is_empty() { purpose } else { Purpose::Recovery };
        }
        let tasks = if self.bug(Bug::ClearingDropped) { Vec::new() } else { tasks };
        let sets = self.state.sets(&tasks);
        // Two orders do not take one slot; what the other would have launched is recovery's again.
        let current = self.state.record(at);
        let others: BTreeSet<Number> = sets.iter().filter_map(|set| current?.slot(set)?.act()).collect();
        for other in others.into_iter().filter(|&other| other != old.launch) {
            self.withdraw(at, other, Reason::NotWanted);
        }
        if tasks.is_empty() {
            // What was told to end for it ends for nothing.
            self.record_mut(at).spend(old.launch);
            self.session.fits.close(old.launch);
            let instance = self.name(at);
            self.effects.commands.push(Command::Withdraw { instance, launch: old.launch });
            self.touch(at);
            return;
        }
        self.record_mut(at).want_otherwise(old.launch, purpose, tasks, &sets);
        self.renumber(at, old.launch);
    }

    /// The RUNNING tasks that an order was to displace, but for those in sets that are launched in anyway.
    fn spared(
        &self,
        at: At,
        record: &PodRecord,
        launch: Number,
        taken: &[ResourceSetName],
    ) -> Vec<OrderedTask> {
        let slots =
            record.slots().iter().filter(|slot| slot.act() == Some(launch) && !taken.contains(slot.set()));
        let mains = slots.filter_map(|slot| self.state.main_task(record, slot.set()));
        let tasks = mains.filter_map(|main| {
            let conf = self.state.comes_back_as(record, main).or(main.last().map(|last| last.conf))?;
            Some(OrderedTask { task: main.name().clone(), conf, paused: main.paused() })
        });
        tasks.filter(|ordered| !self.is_removed(at, &ordered.task)).collect()
    }

    /// An order without the tasks that the target does not have.
    fn remainder(&self, at: At, order: &Order) -> (Purpose, Vec<OrderedTask>) {
        let pod = self.state.pod_model(at.pod);
        let stays = |task: &&OrderedTask| pod.is_some_and(|pod| pod.task_index(&task.task).is_some());
        (order.purpose, order.tasks.iter().filter(stays).cloned().collect())
    }

    /// What takes the place of an order of the run before.
    fn successor(&self, at: At, tasks: &[OrderedTask]) -> (Purpose, Vec<OrderedTask>) {
        let state = &*self.state;
        let record = state.record(at);
        let run = state.run(state.service.converging);
        let step = run.and_then(|run| {
            run.layout.phases_of(at.pod).iter().find_map(|&phase| {
                let mut steps = run.phase(phase).steps_of(at.index);
                let step = steps.find(|&step| {
                    let of = run.phase(phase).tasks(step);
                    let has = |name: &TaskName| of.iter().any(|&t| state.task_model(at.pod, t).name == *name);
                    tasks.iter().all(|ordered| has(&ordered.task)) && self.may_go_on(run, phase, step)
                })?;
                Some(StepRef { run: run.number(), phase, step })
            })
        });
        let successors = tasks.iter().filter_map(|ordered| {
            let pod = state.pod_model(at.pod);
            let model = pod.and_then(|pod| Some(&pod.tasks[pod.task_index(&ordered.task)?]));
            let known = record.and_then(|record| record.task(&ordered.task));
            let good = known.and_then(|task| state.comes_back_as(record?, task));
            let conf = match (step, model) {
                (Some(_), Some(model)) => model.conf,
                // It goes on as it was, until its step may act.
                (None, Some(_)) => good.or_else(|| known?.last().map(|last| last.conf))?,
                (_, None) if state.is_leaver(at) => good?,
                (_, None) => return None,
            };
            Some(OrderedTask { conf, ..ordered.clone() })
        });
        (step.map_or(Purpose::Recovery, Purpose::Step), successors.collect())
    }

    /// Whether a member that is on its way goes on with a step: nothing but the turn of others is against it.
    fn may_go_on(&self, run: &Run, phase: u32, step: u32) -> bool {
        let progress = run.progress.phase(phase);
        progress.step(step) != Status::Complete
            && !run.progress.is_interrupted()
            && !progress.is_interrupted()
            && run.progress.blocked(&run.layout, phase).is_none()
            && progress.goes_on(run.phase(phase), step)
    }

    /// Tasks that the target does not have are ended when the steps of their instance are complete: until then
    /// one of these may take their place, or be their successor.
    pub(super) fn end_removed(&mut self, at: At) {
        if !self.state.obsolete.contains(&at) || self.has_steps_to_do(at) {
            return;
        }
        self.drop_removed(at);
        // What was withdrawn may have been what completed one.
        if self.has_steps_to_do(at) {
            return;
        }
        let Some(record) = self.state.instance(at).record.clone() else { return };
        let Some(pod) = self.state.pod_model(at.pod) else { return };
        let gone = |task: &TaskName| pod.task_index(task).is_none();
        let removed: Vec<TaskName> =
            record.tasks().iter().map(|task| task.name()).filter(|task| gone(task)).cloned().collect();
        // What is being ended for another is ended as that.
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

    /// Nothing asks for room, or clears the way, for a task that the target does not have.
    fn drop_removed(&mut self, at: At) {
        let removed = |turn: &Self| {
            let record = turn.state.record(at)?;
            record.standing().find(|order| turn.launches_removed(at, order)).cloned()
        };
        while let Some(order) = removed(self) {
            if order.stage == Stage::Wanted {
                self.withdraw(at, order.launch, Reason::NotWanted);
            } else {
                let (purpose, tasks) = self.remainder(at, &order);
                self.goes_on_as(at, &order, purpose, tasks);
            }
        }
    }

    /// Whether the run that brings the target about has incomplete steps of an instance.
    fn has_steps_to_do(&self, at: At) -> bool {
        let Some(run) = self.state.run(self.state.service.converging) else { return false };
        run.layout.phases_of(at.pod).iter().any(|&phase| {
            let mut steps = run.phase(phase).steps_of(at.index);
            steps.any(|step| run.progress.phase(phase).step(step) != Status::Complete)
        })
    }
}
