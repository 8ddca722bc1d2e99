//! What must hold for a launch when it becomes durable: its place, its grant, and what recovery launches.
//!
//! Invariant: launches are judged by the records before the batch and by the cluster.

use plan_core::engine::records::PodRecord;
use plan_core::engine::{Key, Number, Order, Purpose, Record, Wall};
use plan_core::spec::{Goal, InstanceName, NodeFacts, TaskName};

use crate::violation::CheckName;

use super::batch::Batch;
use super::room::others;
use super::scene::{Scene, Verdict};

/// A launch goes where it may, with a valid grant. A launch of recovery has a good configuration.
pub(super) fn launched(
    scene: &Scene<'_>,
    batch: &Batch<'_>,
    instance: &InstanceName,
    launch: Number,
) -> Verdict {
    let Some(record) = batch.pod(instance) else { return Ok(()) };
    let (Some(place), Some(order)) = (record.place(), record.order(launch)) else { return Ok(()) };
    let until = scene.tally.until(&place.handle, launch);
    if let Some(Wall(until)) = until.filter(|until| until.0 < scene.time) {
        return scene.violation(
            CheckName::Granted,
            "a launch goes where room is granted as long as it is",
            format!("the grant of launch {launch} of {instance} was over {} µs before", scene.time - until),
        );
    }
    let before = scene.pod(instance).and_then(|record| record.place());
    if before.is_none_or(|before| before.handle != place.handle) {
        placed_well(scene, batch, instance, &place.node)?;
    }
    if order.purpose == Purpose::Recovery {
        recovers_what_was_good(scene, record, order, instance)?;
        recovers_the_group(scene, record, order, instance)?;
    }
    Ok(())
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
    scene.violation(CheckName::Placement, "an instance goes where its placement lets it", found)
}

/// Recovery launches the configuration that reached its goal last, or the one that was launched before.
fn recovers_what_was_good(
    scene: &Scene<'_>,
    record: &PodRecord,
    order: &Order,
    instance: &InstanceName,
) -> Verdict {
    let Some(id) = scene.cluster.roster.id(instance) else { return Ok(()) };
    for ordered in &*order.tasks {
        let Some(reached) = record.task(&ordered.task).and_then(|task| task.reached()) else { continue };
        let known = scene
            .cluster
            .tasks_of(id)
            .any(|(_, task)| task.name == ordered.task && task.conf == ordered.conf);
        if reached.conf != ordered.conf && !known {
            return scene.violation(
                CheckName::Recovered,
                "recovery launches what was good",
                format!("{instance}-{} is launched as it never was before", ordered.task),
            );
        }
    }
    Ok(())
}

/// When an essential task ended, all tasks of its group come back.
fn recovers_the_group(
    scene: &Scene<'_>,
    record: &PodRecord,
    order: &Order,
    instance: &InstanceName,
) -> Verdict {
    let before = scene.pod(instance);
    if before.is_none_or(|before| before.relocation().is_some()) {
        return Ok(());
    }
    let Some(id) = scene.cluster.roster.id(instance) else { return Ok(()) };
    let ended = |task: &TaskName| {
        let mut slots = before.into_iter().flat_map(|before| before.slots());
        slots.any(|slot| slot.occupant().is_some_and(|o| o.task == *task && !o.may_live()))
    };
    let essential = |task: &TaskName| {
        let mut launches = scene.cluster.tasks_of(id).rev();
        launches.find(|(_, of)| of.name == *task).is_some_and(|(_, of)| of.config.spec.essential)
    };
    // An order that was made before it ended is about something else: an operator wants the task otherwise.
    let later = |task: &TaskName| {
        let trouble = before.and_then(|before| before.task(task)?.trouble());
        trouble.is_some_and(|trouble| trouble.at > order.at)
    };
    // A task that did not end because of the order itself: its order restarted it too, or displaced it.
    let failed = |task: &TaskName| {
        let mut launches = scene.cluster.tasks_of(id).rev();
        launches.find(|(_, of)| of.name == *task).is_some_and(|(_, of)| !of.killing)
    };
    let is_about = |task: &TaskName| ended(task) && essential(task) && failed(task) && !later(task);
    if !order.tasks.iter().any(|of| is_about(&of.task)) {
        return Ok(());
    }
    let left = record.slots().iter().filter(|slot| slot.act().is_none()).find_map(|slot| {
        let occupant = slot.occupant().filter(|o| o.may_live() && o.launch < order.launch)?;
        let task = record.task(&occupant.task)?;
        // The task was running, as it should be, when the order was made.
        let there = task.last().is_some_and(|last| last.at < order.at && last.launch == occupant.launch)
            && task
                .reached()
                .is_some_and(|reached| reached.launch == occupant.launch && reached.at < order.at);
        let running = scene
            .cluster
            .find(id, occupant.launch, &occupant.task)
            .is_some_and(|nth| scene.cluster.tasks[nth as usize].config.spec.goal == Goal::Running);
        (there && running && !task.paused()).then_some(&occupant.task)
    });
    match left {
        None => Ok(()),
        Some(task) => scene.violation(
            CheckName::Recovered,
            format!("with an essential task all of {instance} comes back"),
            format!("{task} goes on"),
        ),
    }
}
