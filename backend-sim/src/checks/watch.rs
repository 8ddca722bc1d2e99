//! What must hold for an engine's writes and events, and for the promises to operators.
//!
//! Invariant: a batch is compared with the records before it, with the cluster and with what operators asked for.
//! Nothing is asked of the engine that the engine itself decides by.

use std::collections::{BTreeMap, BTreeSet};

use plan_core::engine::records::PodRecord;
use plan_core::engine::{
    Cause, Event, Key, Number, OrderStage, Reason, Record, Reply, RunKind, TaskState, Verb, Write,
};
use plan_core::spec::{Goal, InstanceName, TaskName};

use crate::violation::CheckName;

use super::batch::{self, Batch, is_timeout};
use super::launched::launched;
use super::scene::{Scene, Verdict};

/// What is remembered about a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watch {
    /// Tasks that operators restarted, and the number of the last restart.
    restarted: BTreeMap<(InstanceName, TaskName), Number>,
    /// Whether operators want tasks paused.
    paused: BTreeMap<(InstanceName, TaskName), bool>,
    /// When an instance last went elsewhere because it was down for too long.
    timeout: Option<u64>,
    /// Tasks of which a launch was refused, and the last such launch.
    refused: BTreeMap<(InstanceName, TaskName), Number>,
    /// By launch that was given: those of its instance of which nothing was heard when it became durable.
    unheard: BTreeMap<Number, BTreeSet<(Number, TaskName)>>,
    /// Launches that were told to end to make room.
    displaced: BTreeMap<(InstanceName, Number, TaskName), Displaced>,
}

/// The state of a launch when it was told to end.
#[derive(Debug, Clone, Copy)]
struct Displaced {
    /// The number, at that time, of the order that it made room for.
    by: Number,
    /// Whether the launch was up.
    up: bool,
}

impl Watch {
    /// Looks at a batch, with the records before it.
    pub(crate) fn batch(&mut self, scene: &Scene<'_>, batch: &Batch<'_>) -> Verdict {
        for write in batch.writes {
            match write {
                Write::Put(Record::Audit(audit)) => {
                    batch::once(scene, &audit.request)?;
                    if let (Some(verb), Reply::Done) = (batch.verb, &audit.reply) {
                        self.promise(scene, batch, verb, audit.number)?;
                    }
                }
                Write::Put(Record::Debt(debt)) => batch::leaves_in_turn(scene, batch, debt)?,
                Write::Put(Record::Pod(instance, record)) => {
                    self.dropped(scene, instance, record);
                    batch::reached_is_true(scene, instance, record)?;
                    batch::relocation_has_a_cause(scene, instance, record)?;
                }
                Write::Put(Record::Run(run)) if run.kind == RunKind::Converging && run.outcome.is_none() => {
                    batch::one_run_converges(scene, batch, run.number)?;
                    if scene.store.get(&Key::Run(run.number)).is_none() {
                        batch::no_canary_is_broken(scene, run)?;
                    }
                }
                Write::Delete(Key::Pod(instance)) => {
                    self.paused.retain(|(of, _), _| of != instance);
                    self.restarted.retain(|(of, _), _| of != instance);
                }
                _ => {}
            }
        }
        for event in batch.events {
            match event {
                Event::MayMove { cause: Cause::Timeout, instance } => {
                    self.keeps_distance(scene, batch, instance)?
                }
                Event::Moved { instance, .. } => self.moved(scene, batch, instance),
                Event::Stays { instance } => batch::replaces_for_good(scene, instance)?,
                Event::Ended { instance, task, end, expected: false, .. } => {
                    batch::nobody_asked(scene, batch, instance, task, *end)?;
                }
                Event::Displaced { instance, launch, task } => {
                    self.displaced(scene, batch, instance, *launch, task);
                }
                Event::Refused { instance, launch, .. } => {
                    let order = scene.pod(instance).and_then(|record| record.order(*launch));
                    let tasks = order.into_iter().flat_map(|order| order.tasks.iter());
                    self.refused.extend(tasks.map(|of| ((instance.clone(), of.task.clone()), *launch)));
                }
                Event::Launched { instance, launch, .. } => {
                    self.unheard.insert(*launch, unheard_of(scene, instance));
                    launched(scene, batch, instance, *launch)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Notes a launch that is told to end to make room. It may come up before it ends.
    fn displaced(
        &mut self,
        scene: &Scene<'_>,
        batch: &Batch<'_>,
        instance: &InstanceName,
        launch: Number,
        task: &TaskName,
    ) {
        let Some(record) = batch.pod(instance).or_else(|| scene.pod(instance)) else { return };
        let clearing = record.orders().iter().filter(|order| order.stage == OrderStage::Displacing);
        let by = clearing.map(|order| order.launch).max().unwrap_or_default();
        let up = record.task(task).and_then(|task| task.reached()).is_some_and(|r| r.launch >= launch);
        self.displaced.entry((instance.clone(), launch, task.clone())).or_insert(Displaced { by, up });
    }

    /// Whether a launch of a task was refused after another launch of it.
    pub(super) fn was_refused(&self, instance: &InstanceName, task: &TaskName, after: Number) -> bool {
        self.refused.get(&(instance.clone(), task.clone())).is_some_and(|&launch| launch > after)
    }

    /// Whether nothing was heard of a task's launch when another launch became durable.
    pub(super) fn was_unheard(&self, by: Number, launch: Number, task: &TaskName) -> bool {
        self.unheard.get(&by).is_some_and(|all| all.contains(&(launch, task.clone())))
    }

    /// Whether a launch was told to end when it was up, for this run or a later one.
    pub(crate) fn was_up(
        &self,
        instance: &InstanceName,
        launch: Number,
        task: &TaskName,
        run: Number,
    ) -> bool {
        let displaced = self.displaced.get(&(instance.clone(), launch, task.clone()));
        displaced.is_none_or(|displaced| displaced.up && displaced.by > run)
    }

    /// A task that the target does not have is forgotten with what operators said of it: if it comes back, it is another.
    fn dropped(&mut self, scene: &Scene<'_>, instance: &InstanceName, record: &PodRecord) {
        let model = scene.engine.model();
        let pod = model.and_then(|model| Some(&model.pods()[model.pod_index(&instance.pod)? as usize]));
        let dropped = |(of, task): &(InstanceName, TaskName)| {
            let has = pod.is_some_and(|pod| pod.task_index(task).is_some());
            of == instance && !has && record.task(task).is_none()
        };
        self.paused.retain(|one, _| !dropped(one));
        self.restarted.retain(|one, _| !dropped(one));
    }

    /// Notes a verb that was accepted.
    fn promise(&mut self, scene: &Scene<'_>, batch: &Batch<'_>, verb: &Verb, number: Number) -> Verdict {
        let running = |instance: &InstanceName, tasks: &[TaskName]| -> Vec<(InstanceName, TaskName)> {
            let pod = scene.model.pod_index(&instance.pod).map(|at| &scene.model.pods()[at as usize]);
            let all = pod.into_iter().flat_map(|pod| &pod.tasks);
            let all = all.filter(|task| task.goal == Goal::Running).map(|task| &task.name);
            let named = all.filter(|task| tasks.is_empty() || tasks.contains(task));
            named.map(|task| (instance.clone(), task.clone())).collect()
        };
        match verb {
            Verb::RestartPod { instance, tasks } => {
                let all = running(instance, tasks).into_iter();
                // A launch that is under way counts.
                let fresh = |(instance, task): &(InstanceName, TaskName)| {
                    let record = scene.pod(instance);
                    let mut orders = record.into_iter().flat_map(|record| record.orders());
                    orders.any(|order| {
                        order.stage != OrderStage::Launched && order.tasks.iter().any(|of| of.task == *task)
                    }) || record.is_some_and(|record| {
                        record
                            .living()
                            .any(|living| living.task == *task && living.state == TaskState::Launching)
                    })
                };
                let all = all.filter(|one| !fresh(one));
                self.restarted.extend(all.map(|one| (one, number)));
            }
            Verb::PausePod { instance, tasks } | Verb::ResumePod { instance, tasks } => {
                let paused = matches!(verb, Verb::PausePod { .. });
                // Of a task that was never launched nothing is said: the verb is of those that were.
                let launched = |(instance, task): &(InstanceName, TaskName)| {
                    let known = scene.pod(instance).and_then(|record| record.task(task));
                    known.is_some_and(|known| known.last().is_some())
                };
                let all = running(instance, tasks).into_iter().filter(launched);
                self.paused.extend(all.map(|one| (one, paused)));
            }
            Verb::Interrupt { plan, phase } => {
                let is = batch.writes.iter().any(|write| match write {
                    Write::Put(Record::Run(run)) if run.plan == *plan => match phase {
                        None => run.mark.interrupted,
                        Some(_) => run.phases.values().any(|mark| mark.interrupted),
                    },
                    _ => false,
                });
                if !is {
                    return scene.violation(
                        CheckName::Obeyed,
                        "what an operator interrupted is interrupted",
                        format!("`{verb}` is done, and nothing is"),
                    );
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The loss of many instances does not move all of them at the same time.
    fn keeps_distance(&mut self, scene: &Scene<'_>, batch: &Batch<'_>, instance: &InstanceName) -> Verdict {
        let policy = scene.engine.model().and_then(|model| model.spec().replacement_failure_policy());
        let least = policy.map_or(0, |policy| u64::from(policy.min_replace_delay.0) * 1_000_000);
        if least == 0 {
            return Ok(());
        }
        let expected = || format!("at least {} s are between two replacements", least / 1_000_000);
        if let Some(last) = self.timeout.filter(|last| scene.time - last < least) {
            let found = format!("{instance} may move {} s after another", (scene.time - last) / 1_000_000);
            return scene.violation(CheckName::Patience, expected(), found);
        }
        let waiting = scene.store.records().find_map(|record| match record {
            Record::Pod(name, record) if name != instance && is_timeout(record) => Some(name),
            _ => None,
        });
        let still = |name: &&InstanceName| {
            !batch.deletes(&Key::Pod((*name).clone())) && batch.pod(name).is_none_or(is_timeout)
        };
        match waiting.filter(still) {
            None => Ok(()),
            Some(other) => {
                let found = format!("{instance} may move before {other} has gone");
                scene.violation(CheckName::Patience, expected(), found)
            }
        }
    }

    /// An instance went elsewhere, by a relocation that was recorded before or in the same batch.
    fn moved(&mut self, scene: &Scene<'_>, batch: &Batch<'_>, instance: &InstanceName) {
        let now = batch.events.iter().any(
            |event| matches!(event, Event::MayMove { cause: Cause::Timeout, instance: of } if of == instance),
        );
        if now || scene.pod(instance).is_some_and(is_timeout) {
            self.timeout = Some(scene.time);
        }
    }

    /// When nothing more will happen, all promises are kept.
    pub(super) fn obeyed(&self, scene: &Scene<'_>) -> Verdict {
        for ((instance, name), number) in &self.restarted {
            let Some(id) = scene.cluster.roster.id(instance) else { continue };
            let old = scene.cluster.tasks_of(id).find(|(nth, task)| {
                task.name == *name
                    && task.lives()
                    && task.launch < *number
                    && !scene.cluster.node_of(*nth).silent
            });
            if let Some((_, task)) = old.filter(|_| scene.engine.why(instance).is_empty()) {
                return scene.violation(
                    CheckName::Obeyed,
                    format!("{instance}-{name}, which an operator restarted, is launched again"),
                    format!("launch {} of before lives on", task.launch),
                );
            }
        }
        for ((instance, name), paused) in &self.paused {
            let Some(id) = scene.cluster.roster.id(instance) else { continue };
            let living = scene.cluster.tasks_of(id).find(|(_, task)| task.name == *name && task.lives());
            let Some((nth, task)) = living else { continue };
            let whys = scene.engine.why(instance);
            let quiet = whys.iter().all(|why| matches!(why.reason, Reason::Paused(_)));
            if task.paused != *paused && quiet && !scene.cluster.node_of(nth).silent {
                let words = |paused: bool| if paused { "paused" } else { "not paused" };
                return scene.violation(
                    CheckName::Obeyed,
                    format!("{instance}-{name} is {}, as an operator wants it", words(*paused)),
                    format!("launch {} is {}", task.launch, words(task.paused)),
                );
            }
        }
        Ok(())
    }
}

/// What lives of an instance, and nothing is heard of it.
fn unheard_of(scene: &Scene<'_>, instance: &InstanceName) -> BTreeSet<(Number, TaskName)> {
    let id = scene.cluster.roster.id(instance);
    let living = id.into_iter().flat_map(|id| scene.cluster.tasks_of(id)).filter(|(_, task)| task.lives());
    let unheard = living.filter(|(nth, task)| scene.cluster.node_of(*nth).silent || task.believed_silent);
    unheard.map(|(_, task)| (task.launch, task.name.clone())).collect()
}
