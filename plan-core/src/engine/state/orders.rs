//! Orders: what each is for, whether that is still wanted, and which tasks are in its way.
//!
//! Invariant: these functions only read.

use std::collections::BTreeSet;

use crate::engine::at::At;
use crate::engine::bug::Bug;
use crate::engine::reason::Reason;
use crate::engine::record::{Number, Occupant, Order, OrderStage, OrderedTask, PodRecord, Purpose, StepRef};
use crate::engine::state::State;
use crate::plan::Status;
use crate::spec::{ResourceSetName, Seconds, TaskName};

impl State {
    /// The resource sets that these tasks run in, one for each.
    pub(in crate::engine) fn sets(&self, tasks: &[OrderedTask]) -> Vec<ResourceSetName> {
        let configs = tasks.iter().filter_map(|task| self.confs.get(&task.conf));
        configs.map(|config| config.spec.resource_set.clone()).collect()
    }

    /// Whether a launch serves an incomplete step of an active run. A launch from before the step's restart does not.
    pub(in crate::engine) fn is_served(&self, step: StepRef, record: &PodRecord, launch: Number) -> bool {
        self.is_incomplete(step)
            && self.run(step.run).is_some_and(|run| launch >= run.record.wanted(Some(record), step).since)
    }

    /// Whether an order gives way to a step or to recovery: it only asks for room, and it is the same step's, or not
    /// wanted any more, or an order of recovery in the way of a step.
    pub(in crate::engine) fn gives_way(&self, order: &Order, to: Option<StepRef>) -> bool {
        order.stage == OrderStage::Requested
            && match (order.purpose, to) {
                (Purpose::Recovery, to) => to.is_some(),
                (Purpose::Step(step), to) => Some(step) == to || self.still_wanted(order).is_err(),
            }
    }

    /// Whether an order that does not give way launches a task, in whatever resource set.
    pub(in crate::engine) fn is_asked(
        &self,
        record: &PodRecord,
        task: &TaskName,
        by: Option<StepRef>,
    ) -> bool {
        let names = |order: &Order| order.tasks.iter().any(|ordered| ordered.task == *task);
        record.standing().any(|order| names(order) && !self.gives_way(order, by))
    }

    /// Whether another order asks for the place that an instance is to get. Only one order may, as it takes the whole
    /// instance there. An order of recovery does not give way to a step here, as it moves the tasks that ran.
    pub(in crate::engine) fn is_place_asked(&self, record: &PodRecord, by: Purpose) -> bool {
        let in_the_way = |order: &Order| match by {
            Purpose::Step(step) => {
                order.purpose != by
                    && (order.purpose == Purpose::Recovery || !self.gives_way(order, Some(step)))
            }
            Purpose::Recovery => !self.gives_way(order, None),
        };
        (record.place().is_none() || record.relocation().is_some()) && record.standing().any(in_the_way)
    }

    /// Whether a step belongs to an active run and is not complete.
    pub(in crate::engine) fn is_incomplete(&self, step: StepRef) -> bool {
        self.run(step.run)
            .is_some_and(|run| run.progress.phase(step.phase).step(step.step) != Status::Complete)
    }

    /// Whether the step or recovery that an order serves still wants it.
    pub(in crate::engine) fn still_wanted(&self, order: &Order) -> Result<(), Reason> {
        match order.purpose {
            Purpose::Recovery => Ok(()),
            Purpose::Step(step) => match self.run(step.run) {
                Some(run)
                    if run.progress.allows(&run.layout, step.phase, step.step)
                        && run.progress.phase(step.phase).step(step.step) != Status::Complete =>
                {
                    Ok(())
                }
                _ => Err(Reason::NotWanted),
            },
        }
    }

    /// The tasks that are ended before an order is given: those in its slots or, if the instance moves, all that are
    /// heard of. With an external volume, silent tasks are ended first too.
    pub(in crate::engine) fn victims<'a>(
        &'a self,
        at: At,
        record: &'a PodRecord,
        launch: Number,
    ) -> impl Iterator<Item = &'a Occupant> {
        let moves = record.relocation().is_some();
        let shared = moves && self.has_external_volume(at) && !self.bug(Bug::SharedVolume);
        let stays = moves && self.bug(Bug::MoveAlive);
        let slots = record.slots().iter().filter(move |slot| moves || slot.act() == Some(launch));
        let living = slots.filter_map(|slot| slot.occupant()).filter(|occupant| occupant.may_live());
        living.filter(move |occupant| !stays && (!moves || shared || occupant.silent.is_none()))
    }

    /// Whether an instance has an external volume, which exists apart from its node. Two launches must never use it at
    /// once.
    fn has_external_volume(&self, at: At) -> bool {
        let pod = self.pod_model(at.pod).and_then(|pod| self.model.spec().pods().get(&pod.name));
        pod.is_some_and(|pod| !pod.external_volumes.is_empty())
    }

    /// How long a launched task may take to end.
    pub(in crate::engine) fn grace(
        &self,
        at: At,
        record: &PodRecord,
        launch: Number,
        task: &TaskName,
    ) -> Seconds {
        let order = record.order(launch);
        let conf = order.and_then(|order| order.tasks.iter().find(|ordered| ordered.task == *task));
        // A launch whose order is forgotten gets the grace period of the task's present configuration.
        let now = || {
            let models = &self.pod_model(at.pod)?.tasks;
            models.iter().find(|model| model.name == *task).map(|model| &model.config)
        };
        let config = conf.and_then(|ordered| self.confs.get(&ordered.conf)).or_else(now);
        config.map(|config| config.spec.kill_grace_period).unwrap_or_default()
    }

    /// The orders that the slots of these tasks wait for.
    pub(in crate::engine) fn asking(&self, at: At, tasks: &[OrderedTask]) -> BTreeSet<Number> {
        let Some(record) = self.record(at) else { return BTreeSet::new() };
        let sets = self.sets(tasks);
        let here = sets.iter().filter_map(|set| record.slot(set)?.act());
        // A task has one order at a time, in whatever set it was.
        let named = |order: &&Order| {
            let same = |one: &OrderedTask| tasks.iter().any(|task| task.task == one.task);
            order.stage == OrderStage::Requested && order.tasks.iter().any(same)
        };
        let elsewhere = record.standing().filter(named).map(|order| order.launch);
        here.chain(elsewhere).collect()
    }
}
