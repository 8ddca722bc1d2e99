//! Members that are down, and what must hold if a plan bounds their number.
//!
//! Invariant: the members that are down are counted from the records, with the specification that each task was
//! launched with. The engine's own count is not used.

use std::collections::BTreeSet;

use plan_core::engine::records::{PodRecord, TaskRecord};
use plan_core::engine::{Key, OrderStage, Reason, Record, TaskState, Wall, Why};
use plan_core::plan::{Model, PodModel, Status};
use plan_core::spec::{Goal, InstanceName};

use crate::violation::CheckName;

use super::batch::{Act, Batch};
use super::scene::{Scene, Verdict};

/// The most members that the engine names for a step that waits.
const NAMED: usize = 3;

/// The state of a member, by its essential tasks with the goal RUNNING.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// All of them run and are ready, or the member was never up.
    Up,
    /// All of them run and are ready, and an order is about to end one.
    Ending,
    /// One does not run or is not ready, or the member is to go elsewhere.
    Down,
}

impl Scene<'_> {
    /// The state of a member, according to its record.
    pub(super) fn how(&self, pod: &PodModel, record: &PodRecord) -> How {
        let essential = record.tasks().iter().filter(|task| {
            let known = task.last().and_then(|last| self.store.get(&Key::Conf(last.conf)));
            let Some(Record::Conf(config)) = known else { return false };
            let declared = pod.tasks.iter().any(|of| of.name == *task.name());
            declared && config.spec.goal == Goal::Running && config.spec.essential
        });
        let essential: Vec<&TaskRecord> = essential.collect();
        if essential.iter().all(|task| task.reached().is_none()) {
            return How::Up;
        }
        let order = |launch| record.orders().iter().find(move |order| order.launch == launch);
        let (mut how, mut down) = (How::Up, record.relocation().is_some());
        for task in essential {
            let runs = record.slots().iter().find_map(|slot| {
                let occupant = slot.occupant().filter(|occupant| occupant.task == *task.name())?;
                let paused = order(occupant.launch)
                    .is_some_and(|order| order.tasks.iter().any(|of| of.paused && of.task == occupant.task));
                let ready = occupant.state == TaskState::Running { ready: true };
                (ready && occupant.silent.is_none() && !paused).then_some(slot)
            });
            down |= runs.is_none();
            let act = runs.and_then(|slot| slot.act()).and_then(order);
            if act.is_some_and(|act| act.stage == OrderStage::Displacing) {
                how = How::Ending;
            }
        }
        if down { How::Down } else { how }
    }

    /// The members of pods that are down after a batch: those that were down and still are, and those that steps take
    /// down with the batch. Other changes of the same input may come after an act.
    fn down(&self, batch: &Batch<'_>, acts: &[Act<'_>], model: &Model, pods: &[u32]) -> Vec<InstanceName> {
        let members = pods.iter().flat_map(|&pod| {
            let of = &model.pods()[pod as usize];
            (0..of.count).map(move |index| (of, model.instance_name(pod, index)))
        });
        let down = members.filter(|(pod, name)| {
            let Some(before) = self.pod(name) else { return false };
            let after = batch.pod(name).unwrap_or(before);
            if batch.deletes(&Key::Pod(name.clone())) || self.how(pod, after) == How::Up {
                return false;
            }
            self.how(pod, before) != How::Up || acts.iter().any(|act| act.instance == name)
        });
        down.map(|(_, name)| name).collect()
    }

    /// A step takes down no more members than its phase and its plan allow.
    pub(super) fn few_are_down(&self, batch: &Batch<'_>, acts: &[Act<'_>]) -> Verdict {
        for act in acts.iter().filter(|act| act.order.stage == OrderStage::Displacing) {
            let Some(run) = self.run(act.step.run).filter(|run| !batch.changes_run(run.record.number)) else {
                continue;
            };
            let phase = &run.layout.phases[act.step.phase as usize];
            let pod = &run.model.pods()[phase.pod as usize];
            let takes_down = self.how(pod, act.before) == How::Up && self.how(pod, act.after) == How::Ending;
            if !takes_down {
                continue;
            }
            let all: Vec<u32> = run.layout.pods().collect();
            let bounds = [(phase.most_down(), &[phase.pod][..]), (run.layout.most_down(), &all)];
            for (most, pods) in bounds {
                let Some(most) = most else { continue };
                let down = self.down(batch, acts, run.model, pods);
                if down.len() > most as usize {
                    let down: Vec<String> = down.iter().map(ToString::to_string).collect();
                    return self.violation(
                        CheckName::MaxUnavailable,
                        format!(
                            "{} acts when no more than {most} are down with it",
                            self.step_name(&run, act.step.phase, act.step.step)
                        ),
                        format!("{} are", down.join(", ")),
                    );
                }
            }
        }
        Ok(())
    }

    /// A step that waits for nothing has begun, unless the engine asks to be woken at once. A step that waits for
    /// members that are down waits for as many as may be down.
    pub(super) fn who_may_acts(&self, wake_at: Option<Wall>) -> Verdict {
        if !self.model.plans().values().any(|plan| plan.has_bounds()) {
            return Ok(());
        }
        let busy = wake_at.is_some_and(|at| at <= Wall(self.time));
        let mut waiting = BTreeSet::new();
        for id in 0..self.cluster.roster.len() {
            for why in self.engine.why(self.cluster.roster.name(id)) {
                self.budget_is_true(&why)?;
                waiting.extend(why.step.map(|step| step.to_string()));
            }
        }
        // A pending step without a reason waits for nothing.
        let runs = self.model.plans().keys().filter(|plan| !busy && self.engine.run(plan).is_some());
        for plan in runs.filter_map(|plan| self.engine.plan(plan.as_str())) {
            for phase in &plan.phases {
                let pending = phase.steps.iter().filter(|step| step.status == Status::Pending);
                for step in pending {
                    let name = format!("{} / {} / {}", plan.name, phase.name, step.name);
                    if !waiting.contains(&name) {
                        return self.violation(
                            CheckName::TakenUp,
                            "a step that nothing keeps waiting has begun",
                            format!("{name} has not"),
                        );
                    }
                }
            }
        }
        Ok(())
    }

    /// The members that a step waits for are down, or about to be, and there are as many of them as may be down.
    fn budget_is_true(&self, why: &Why) -> Verdict {
        let Reason::Budget { most, members } = &why.reason else { return Ok(()) };
        let up = members.iter().find(|name| {
            let pod = self.model.pod_index(&name.pod).map(|at| &self.model.pods()[at as usize]);
            let Some((pod, record)) = pod.zip(self.pod(name)) else { return true };
            let asks = record.orders().iter().any(|order| order.stage == OrderStage::Requested);
            self.how(pod, record) == How::Up && !asks
        });
        let expected = "who waits for members that are down waits for as many as may be";
        match up {
            Some(up) => {
                let found = format!("{}: {why}; {up} is up, and nothing is about to end it", why.instance);
                self.violation(CheckName::MaxUnavailable, expected, found)
            }
            None if members.len() < NAMED.min(*most as usize) => {
                let found = format!("{}: {why}; {most} may be", why.instance);
                self.violation(CheckName::MaxUnavailable, expected, found)
            }
            None => Ok(()),
        }
    }
}
