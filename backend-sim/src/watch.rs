//! What must hold of what an engine writes and says, and of what operators were promised.
//!
//! Invariant: it compares a batch with the records before it, with the cluster and with what operators asked for;
//! it asks the engine for nothing that it decides by.

use std::collections::BTreeMap;

use plan_core::engine::{
    Cause, DebtCause, End, Event, Key, Number, Order, PodRecord, Purpose, Reason, Record, Reply, RunKind,
    RunRecord, Stage, TaskState, Verb, Write,
};
use plan_core::spec::placement::Census;
use plan_core::spec::{Goal, InstanceName, NodeFacts, PlacementRule, TaskName};

use crate::backend::Backend;
use crate::checks::{Check, GivenUp, Scene, Verdict};
use crate::task::Life;

/// What is remembered of a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watch {
    /// Tasks that operators restarted, and the number of the last such word.
    restarted: BTreeMap<(InstanceName, TaskName), Number>,
    /// Whether operators want tasks paused.
    paused: BTreeMap<(InstanceName, TaskName), bool>,
    /// When an instance last went elsewhere as it was down for too long.
    timeout: Option<u64>,
    /// Launches that were told to end to make room.
    displaced: BTreeMap<(InstanceName, Number, TaskName), Displaced>,
}

/// What a launch was when it was told to end.
#[derive(Debug, Clone, Copy)]
struct Displaced {
    /// The order that it made room for, as it was numbered then.
    by: Number,
    /// Whether it was up.
    up: bool,
}

/// A batch that is about to become durable, with what leaves after it.
pub(crate) struct Batch<'a> {
    pub(crate) writes: &'a [Write],
    pub(crate) events: &'a [Event],
    /// The verb that it answers.
    pub(crate) verb: Option<&'a Verb>,
}

impl Batch<'_> {
    /// The record of an instance, if the batch has it.
    fn pod(&self, instance: &InstanceName) -> Option<&PodRecord> {
        self.writes.iter().rev().find_map(|write| match write {
            Write::Put(Record::Pod(name, record)) if name == instance => Some(&**record),
            _ => None,
        })
    }

    fn deletes(&self, key: &Key) -> bool {
        self.writes.iter().any(|write| matches!(write, Write::Delete(deleted) if deleted == key))
    }
}

impl Watch {
    /// Looks at a batch, with the records before it.
    pub(crate) fn batch(&mut self, scene: &Scene<'_>, batch: &Batch<'_>) -> Verdict {
        for write in batch.writes {
            match write {
                Write::Put(Record::Audit(audit)) => {
                    once(scene, &audit.request)?;
                    if let (Some(verb), Reply::Done) = (batch.verb, &audit.reply) {
                        self.promise(scene, batch, verb, audit.number)?;
                    }
                }
                Write::Put(Record::Debt(debt)) => leaves_in_turn(scene, batch, debt)?,
                Write::Put(Record::Pod(instance, record)) => {
                    reached_is_true(scene, instance, record)?;
                    permission_has_a_cause(scene, instance, record)?;
                }
                Write::Put(Record::Run(run)) if run.kind == RunKind::Converging && run.outcome.is_none() => {
                    one_run_converges(scene, batch, run.number)?;
                    if scene.store.get(&Key::Run(run.number)).is_none() {
                        no_canary_is_broken(scene, run)?;
                    }
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
                Event::Stays { instance } => replaces_for_good(scene, instance)?,
                Event::Ended { instance, task, end, expected: false } => {
                    nobody_asked(scene, batch, instance, task, *end)?;
                }
                Event::Displaced { instance, launch, task } => {
                    self.displaced(scene, batch, instance, *launch, task);
                }
                Event::Launched { instance, launch, .. } => launched(scene, batch, instance, *launch)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// A launch is told to end to make room: by the time that it ends, it may have come up.
    fn displaced(
        &mut self,
        scene: &Scene<'_>,
        batch: &Batch<'_>,
        instance: &InstanceName,
        launch: Number,
        task: &TaskName,
    ) {
        let Some(record) = batch.pod(instance).or_else(|| scene.pod(instance)) else { return };
        let clearing = record.orders.iter().filter(|order| order.stage == Stage::Clearing);
        let by = clearing.map(|order| order.launch).max().unwrap_or_default();
        let up = record.task(task).and_then(|task| task.reached).is_some_and(|r| r.launch >= launch);
        self.displaced.entry((instance.clone(), launch, task.clone())).or_insert(Displaced { by, up });
    }

    /// Whether a launch was told to end when it was up, and for a run or later.
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

    /// An operator's word was taken.
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
                // What is on its way counts.
                let fresh = |(instance, task): &(InstanceName, TaskName)| {
                    let record = scene.pod(instance);
                    let mut orders = record.into_iter().flat_map(|record| &record.orders);
                    orders.any(|order| {
                        order.stage != Stage::Given && order.tasks.iter().any(|of| of.task == *task)
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
                self.paused.extend(running(instance, tasks).into_iter().map(|one| (one, paused)));
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
                        Check::Obeyed,
                        "what an operator interrupted is interrupted",
                        format!("`{verb}` is done, and nothing is"),
                    );
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The loss of many does not move all at once.
    fn keeps_distance(&mut self, scene: &Scene<'_>, batch: &Batch<'_>, instance: &InstanceName) -> Verdict {
        let policy = scene.engine.model().and_then(|model| model.spec().replacement_failure_policy());
        let least = policy.map_or(0, |policy| u64::from(policy.min_replace_delay.0) * 1_000_000);
        if least == 0 {
            return Ok(());
        }
        let expected = || format!("at least {} s are between two replacements", least / 1_000_000);
        if let Some(last) = self.timeout.filter(|last| scene.time - last < least) {
            let found = format!("{instance} may move {} s after another", (scene.time - last) / 1_000_000);
            return scene.violation(Check::Patience, expected(), found);
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
                scene.violation(Check::Patience, expected(), found)
            }
        }
    }

    /// An instance went elsewhere; by a permission that it had, or has got with the same batch.
    fn moved(&mut self, scene: &Scene<'_>, batch: &Batch<'_>, instance: &InstanceName) {
        let now = batch.events.iter().any(
            |event| matches!(event, Event::MayMove { cause: Cause::Timeout, instance: of } if of == instance),
        );
        if now || scene.pod(instance).is_some_and(is_timeout) {
            self.timeout = Some(scene.time);
        }
    }

    /// When nothing more will happen, all that was promised is so, and what is waited for is true.
    pub(crate) fn rest(&self, scene: &Scene<'_>, backend: &Backend, given_up: &GivenUp) -> Verdict {
        self.obeyed(scene)?;
        all_that_lives_is_known(scene, given_up)?;
        patience_ends(scene)?;
        backend.questions_are_true(scene)
    }

    fn obeyed(&self, scene: &Scene<'_>) -> Verdict {
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
                    Check::Obeyed,
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
                    Check::Obeyed,
                    format!("{instance}-{name} is {}, as an operator wants it", words(*paused)),
                    format!("launch {} is {}", task.launch, words(task.paused)),
                );
            }
        }
        Ok(())
    }
}

/// Whether an instance may go elsewhere as it was down for too long.
fn is_timeout(record: &PodRecord) -> bool {
    record.permission.is_some_and(|permission| permission.cause == Cause::Timeout)
}

/// A request is carried out once.
fn once(scene: &Scene<'_>, request: &str) -> Verdict {
    let again = scene
        .store
        .records()
        .any(|record| matches!(record, Record::Audit(audit) if audit.request == request));
    if !again {
        return Ok(());
    }
    let found = format!("`{request}` is carried out again");
    scene.violation(Check::Once, "a request that is said again has the reply that it had", found)
}

/// Who leaves is not of the target, is the highest of its pod, and goes after what others owe is settled.
fn leaves_in_turn(scene: &Scene<'_>, batch: &Batch<'_>, debt: &plan_core::engine::DebtRecord) -> Verdict {
    let known = scene.store.get(&Key::Debt(debt.number)).is_some();
    if debt.cause != DebtCause::Decommission || known {
        return Ok(());
    }
    let expected = "who leaves is the highest that the target does not have, and goes after the one before";
    let name = &debt.instance;
    let model =
        scene.engine.model().and_then(|model| Some(&model.pods()[model.pod_index(&name.pod)? as usize]));
    if model.is_some_and(|pod| name.index < pod.count) {
        return scene.violation(Check::Leaving, expected, format!("{name} leaves, and is of the target"));
    }
    let open = scene
        .store
        .debts()
        .find(|other| other.cause == DebtCause::Decommission && !batch.deletes(&Key::Debt(other.number)));
    let twin = batch.writes.iter().find_map(|write| match write {
        Write::Put(Record::Debt(other)) if other.number != debt.number => Some(&**other),
        _ => None,
    });
    let twin = twin.filter(|other| other.cause == DebtCause::Decommission);
    if let Some(other) = open.or(twin).filter(|other| !batch.deletes(&Key::Debt(other.number))) {
        let found = format!("{name} leaves while {} owes debt {}", other.instance, other.number);
        return scene.violation(Check::Leaving, expected, found);
    }
    let higher = scene.store.records().find_map(|record| match record {
        Record::Pod(other, _) if other.pod == name.pod && other.index > name.index => Some(other),
        _ => None,
    });
    if let Some(other) = higher.filter(|other| !batch.deletes(&Key::Pod((*other).clone()))) {
        return scene.violation(Check::Leaving, expected, format!("{name} leaves before {other}"));
    }
    Ok(())
}

/// What a record says was reached was: the launch attained its goal.
fn reached_is_true(scene: &Scene<'_>, instance: &InstanceName, record: &PodRecord) -> Verdict {
    let before = scene.pod(instance);
    let Some(id) = scene.cluster.roster.id(instance) else { return Ok(()) };
    for task in &record.tasks {
        let Some(reached) = task.reached else { continue };
        if before.and_then(|before| before.task(&task.name)).is_some_and(|old| old.reached == task.reached) {
            continue;
        }
        let truly = scene.cluster.find(id, reached.launch, &task.name);
        if !truly.is_some_and(|nth| scene.cluster.tasks[nth as usize].attained) {
            return scene.violation(
                Check::ReachedIsTrue,
                "what a record says attained its goal did",
                format!("launch {} of {instance}-{} did not", reached.launch, task.name),
            );
        }
    }
    Ok(())
}

/// Who may move as it was down for too long is down, or is being ended for it.
fn permission_has_a_cause(scene: &Scene<'_>, instance: &InstanceName, record: &PodRecord) -> Verdict {
    let timeout = record.permission.is_some_and(|permission| permission.cause == Cause::Timeout);
    let down = record.tasks.iter().any(|task| task.down.is_some());
    let clearing = record.orders.iter().any(|order| order.stage == Stage::Clearing);
    if !timeout || down || clearing {
        return Ok(());
    }
    let found = format!("{instance} runs again, and may move still");
    scene.violation(Check::Patience, "who was down for too long and is there again stays", found)
}

/// At most one run makes the service what it shall be.
fn one_run_converges(scene: &Scene<'_>, batch: &Batch<'_>, number: Number) -> Verdict {
    let ends = |of: Number| {
        batch.writes.iter().any(|write| match write {
            Write::Put(Record::Run(run)) => run.number == of && run.outcome.is_some(),
            Write::Delete(key) => *key == Key::Run(of),
            Write::Put(_) => false,
        })
    };
    let other = scene.store.records().find_map(|record| match record {
        Record::Run(run)
            if run.kind == RunKind::Converging && run.outcome.is_none() && run.number != number =>
        {
            Some(run.number)
        }
        _ => None,
    });
    match other.filter(|&other| !ends(other) && !ends(number)) {
        None => Ok(()),
        Some(other) => scene.violation(
            Check::OneRun,
            "one run at a time makes the service what it shall be",
            format!("runs {other} and {number} do"),
        ),
    }
}

/// What an operator replaces does not stay.
fn replaces_for_good(scene: &Scene<'_>, instance: &InstanceName) -> Verdict {
    let permission = scene.pod(instance).and_then(|record| record.permission);
    if permission.is_none_or(|permission| permission.cause != Cause::Replace) {
        return Ok(());
    }
    let found = format!("{instance} stays");
    scene.violation(Check::Obeyed, "what an operator replaces goes elsewhere", found)
}

/// An end that is a failure is one that nobody asked for.
fn nobody_asked(
    scene: &Scene<'_>,
    batch: &Batch<'_>,
    instance: &InstanceName,
    task: &TaskName,
    end: End,
) -> Verdict {
    let Some(id) = scene.cluster.roster.id(instance) else { return Ok(()) };
    let launch = batch.pod(instance).and_then(|record| {
        let mut occupants = record.slots.iter().filter_map(|slot| slot.occupant.as_ref());
        occupants.find(|occupant| occupant.task == *task && !occupant.may_live())
    });
    let Some(launch) = launch.map(|occupant| occupant.launch) else { return Ok(()) };
    let truly = scene.cluster.find(id, launch, task).map(|nth| &scene.cluster.tasks[nth as usize]);
    let asked = truly.is_some_and(|task| task.killing && task.life == Life::Ended(end) && end == End::Killed);
    if !asked {
        return Ok(());
    }
    let found = format!("{instance}-{task} (launch {launch}) was told to end, and its end is a failure");
    scene.violation(Check::Expected, "an end that was asked for is no failure", found)
}

/// What is launched goes where it may, with a grant that is not over; what recovery launches was good.
fn launched(scene: &Scene<'_>, batch: &Batch<'_>, instance: &InstanceName, launch: Number) -> Verdict {
    let Some(record) = batch.pod(instance) else { return Ok(()) };
    let (Some(place), Some(order)) = (&record.place, record.order(launch)) else { return Ok(()) };
    let Some(id) = scene.cluster.roster.id(instance) else { return Ok(()) };
    let held = scene.cluster.reservations[id as usize].iter().find(|held| held.handle == place.handle);
    if let Some(until) = held.and_then(|held| held.until).filter(|until| *until < scene.time) {
        return scene.violation(
            Check::Granted,
            "a launch goes where room is granted as long as it is",
            format!("the grant of launch {launch} of {instance} was over {} µs before", scene.time - until),
        );
    }
    let before = scene.pod(instance).and_then(|record| record.place.as_ref());
    if before.is_none_or(|before| before.handle != place.handle) {
        placed_well(scene, batch, instance, &place.node)?;
    }
    if order.purpose == Purpose::Recovery {
        recovers_what_was_good(scene, record, order, instance)?;
        recovers_the_group(scene, record, order, instance)?;
    }
    Ok(())
}

/// Where the others are, as far as a rule asks.
pub(crate) fn others<'r>(
    records: impl Iterator<Item = (&'r InstanceName, &'r PodRecord)>,
    rule: &PlacementRule,
    instance: &InstanceName,
) -> Census {
    let mut census = Census::default();
    let (fields, pods) = (rule.fields(), rule.pods());
    for (name, record) in records.filter(|(name, _)| *name != instance) {
        let Some(place) = &record.place else { continue };
        if name.pod == instance.pod {
            for field in &fields {
                if let Some(value) = place.node.value(field) {
                    census.add(field, value);
                }
            }
        }
        if pods.contains(&name.pod) {
            census.add_host(&name.pod, &place.node.name);
        }
    }
    census
}

fn placed_well(scene: &Scene<'_>, batch: &Batch<'_>, instance: &InstanceName, node: &NodeFacts) -> Verdict {
    let model = scene.engine.model();
    let pod = model.and_then(|model| Some(&model.pods()[model.pod_index(&instance.pod)? as usize]));
    let Some(rule) = pod.and_then(|pod| pod.placement.as_ref()) else { return Ok(()) };
    let records = scene.store.records().filter_map(|record| match record {
        Record::Pod(name, record) if !batch.deletes(&Key::Pod(name.clone())) => Some((name, &**record)),
        _ => None,
    });
    let census = others(records, rule, instance);
    if rule.allows(node, &census) {
        return Ok(());
    }
    let found = format!("{instance} goes to {}: {}", node.name, rule.judge(node, &census));
    scene.violation(Check::Placement, "an instance goes where its placement lets it", found)
}

/// Recovery launches what attained its goal last, or what was launched before.
fn recovers_what_was_good(
    scene: &Scene<'_>,
    record: &PodRecord,
    order: &Order,
    instance: &InstanceName,
) -> Verdict {
    let Some(id) = scene.cluster.roster.id(instance) else { return Ok(()) };
    for ordered in &order.tasks {
        let Some(reached) = record.task(&ordered.task).and_then(|task| task.reached) else { continue };
        let known = scene
            .cluster
            .tasks_of(id)
            .any(|(_, task)| task.name == ordered.task && task.conf == ordered.conf);
        if reached.conf != ordered.conf && !known {
            return scene.violation(
                Check::Recovered,
                "recovery launches what was good",
                format!("{instance}-{} is launched as it never was before", ordered.task),
            );
        }
    }
    Ok(())
}

/// With an essential task that ended, all of its group come back.
fn recovers_the_group(
    scene: &Scene<'_>,
    record: &PodRecord,
    order: &Order,
    instance: &InstanceName,
) -> Verdict {
    let before = scene.pod(instance);
    if before.is_none_or(|before| before.permission.is_some()) {
        return Ok(());
    }
    let Some(id) = scene.cluster.roster.id(instance) else { return Ok(()) };
    let ended = |task: &TaskName| {
        let mut slots = before.into_iter().flat_map(|before| &before.slots);
        slots.any(|slot| slot.occupant.as_ref().is_some_and(|o| o.task == *task && !o.may_live()))
    };
    let essential = |task: &TaskName| {
        let mut launches = scene.cluster.tasks_of(id).rev();
        launches.find(|(_, of)| of.name == *task).is_some_and(|(_, of)| of.config.spec.essential)
    };
    // One that did not end for the order itself: its order took it along, or displaced it.
    let failed = |task: &TaskName| {
        let mut launches = scene.cluster.tasks_of(id).rev();
        launches.find(|(_, of)| of.name == *task).is_some_and(|(_, of)| !of.killing)
    };
    if !order.tasks.iter().any(|of| ended(&of.task) && essential(&of.task) && failed(&of.task)) {
        return Ok(());
    }
    let left = record.slots.iter().filter(|slot| slot.act.is_none()).find_map(|slot| {
        let occupant = slot.occupant.as_ref().filter(|o| o.may_live() && o.launch < order.launch)?;
        let task = record.task(&occupant.task)?;
        // It was there, and as it shall be, when the order was made.
        let there = task.last.is_some_and(|last| last.at < order.at && last.launch == occupant.launch)
            && task.reached.is_some_and(|reached| reached.launch == occupant.launch && reached.at < order.at);
        let running = scene
            .cluster
            .find(id, occupant.launch, &occupant.task)
            .is_some_and(|nth| scene.cluster.tasks[nth as usize].config.spec.goal == Goal::Running);
        (there && running && !task.paused).then_some(&occupant.task)
    });
    match left {
        None => Ok(()),
        Some(task) => scene.violation(
            Check::Recovered,
            format!("with an essential task all of {instance} comes back"),
            format!("{task} goes on"),
        ),
    }
}

/// What lives is in a slot, or owed, or given up.
fn all_that_lives_is_known(scene: &Scene<'_>, given_up: &GivenUp) -> Verdict {
    for task in scene.cluster.tasks.iter().filter(|task| task.lives()) {
        let name = scene.cluster.roster.name(task.instance);
        let in_slot = scene.pod(name).is_some_and(|record| {
            record.living().any(|living| living.launch == task.launch && living.task == task.name)
        });
        let key = (task.launch, task.name.clone());
        let known = in_slot
            || scene.owes(name, task.launch, &task.name).is_some()
            || given_up.launches.contains(&key)
            // The backend said that it was lost, and nobody asked it since.
            || task.lost == Some(scene.session);
        if !known {
            return scene.violation(
                Check::Known,
                "what lives is in a record, or owed",
                format!("{name}-{} (launch {}) lives, and no record says so", task.name, task.launch),
            );
        }
    }
    Ok(())
}

/// Who is down for too long may move.
fn patience_ends(scene: &Scene<'_>) -> Verdict {
    let Some(model) = scene.engine.model() else { return Ok(()) };
    if scene.engine.is_uninstalling() || model.spec().replacement_failure_policy().is_none() {
        return Ok(());
    }
    // One after the other: the next waits until the one before has gone.
    let waiting = |record: &Record| matches!(record, Record::Pod(_, record) if is_timeout(record));
    if scene.store.records().any(waiting) {
        return Ok(());
    }
    for record in scene.store.records() {
        let Record::Pod(name, record) = record else { continue };
        let pod = model.pod_index(&name.pod).map(|at| &model.pods()[at as usize]);
        // What runs is not taken elsewhere for what does not, and a sidecar takes nobody along.
        let goes = |task: &TaskName| {
            let models = pod.into_iter().flat_map(|pod| &pod.tasks);
            models.into_iter().any(|model| {
                model.name == *task && model.goal == Goal::Running && model.config.spec.essential
            })
        };
        let runs = record.living().any(|living| {
            let down = record.task(&living.task).is_some_and(|task| task.down.is_some() || task.paused);
            let running = matches!(living.state, TaskState::Running { .. }) && living.silent.is_none();
            goes(&living.task) && running && !down
        });
        let down = record.tasks.iter().find(|task| !task.paused && task.down.is_some() && goes(&task.name));
        let down = down.filter(|_| !runs);
        let member = pod.is_some_and(|pod| name.index < pod.count);
        if let Some(task) = down.filter(|_| member && record.place.is_some() && record.permission.is_none()) {
            return scene.violation(
                Check::Patience,
                "who is down for too long may move",
                format!("{name}-{} is down for good, and {name} may not", task.name),
            );
        }
    }
    Ok(())
}

/// Who is broken goes back to what is good without a word: no canary is made of it.
fn no_canary_is_broken(scene: &Scene<'_>, run: &RunRecord) -> Verdict {
    let Some(model) = scene.engine.model() else { return Ok(()) };
    let Some(layout) = model.plans().get(&run.plan).filter(|_| run.afresh) else { return Ok(()) };
    for (&phase, canary) in &run.canaries {
        let of = &layout.phases[phase as usize];
        for &step in &canary.steps {
            let name = model.instance_name(of.pod, of.steps[step as usize].instance);
            let Some(record) = scene.pod(&name) else { continue };
            let broken = of.tasks(step).iter().find(|&&task| {
                let task = &model.pods()[of.pod as usize].tasks[task as usize];
                let Some(known) = record.task(&task.name) else { return false };
                let mut occupants = record.slots.iter().filter_map(|slot| slot.occupant.as_ref());
                let up = occupants.any(|occupant| {
                    occupant.task == task.name && occupant.state == TaskState::Running { ready: true }
                });
                let good = known.reached.map(|reached| reached.conf) == known.last.map(|last| last.conf);
                task.goal == Goal::Running && !up && !good && !known.paused
            });
            if broken.is_some() {
                return scene.violation(
                    Check::BrokenFirst,
                    "who is broken goes first, and waits for no canary to be released",
                    format!("{name} is, and is a canary of {} / {}", run.plan, of.name),
                );
            }
        }
    }
    Ok(())
}
