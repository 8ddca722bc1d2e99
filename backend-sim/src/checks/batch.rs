//! What must hold for a batch, compared with the state before it.
//!
//! Invariant: each check compares a batch that is about to be written with the records and the cluster at that moment,
//! and remembers nothing.

use plan_core::engine::records::{PodRecord, RunRecord};
use plan_core::engine::{
    Cause, DebtCause, DebtRecord, End, Event, Key, Number, Order, OrderStage, Purpose, Record, RunKind,
    StepRef, TaskState, Verb, Write,
};
use plan_core::spec::{Goal, InstanceName, TaskName};

use crate::store::RecordStore;
use crate::task::Life;
use crate::violation::CheckName;

use super::scene::{Scene, Verdict};

/// A batch that is about to become durable, and what leaves after it.
pub(crate) struct Batch<'a> {
    pub(crate) writes: &'a [Write],
    pub(crate) events: &'a [Event],
    /// The verb that the batch answers.
    pub(crate) verb: Option<&'a Verb>,
}

/// An order of a step that acts from now on. Before, it only asked for room.
pub(super) struct Act<'a> {
    pub(super) instance: &'a InstanceName,
    /// The member's record before it.
    pub(super) before: &'a PodRecord,
    pub(super) after: &'a PodRecord,
    pub(super) order: &'a Order,
    pub(super) step: StepRef,
}

impl Batch<'_> {
    /// The record of an instance, if the batch has it.
    pub(super) fn pod(&self, instance: &InstanceName) -> Option<&PodRecord> {
        self.writes.iter().rev().find_map(|write| match write {
            Write::Put(Record::Pod(name, record)) if name == instance => Some(&**record),
            _ => None,
        })
    }

    /// The debts that leave the records with the batch.
    pub(super) fn debts_that_leave<'s>(
        &self,
        store: &'s RecordStore,
    ) -> impl Iterator<Item = &'s DebtRecord> {
        self.writes.iter().filter_map(|write| match write {
            Write::Delete(key @ Key::Debt(_)) => match store.get(key)? {
                Record::Debt(debt) => Some(&**debt),
                _ => None,
            },
            _ => None,
        })
    }

    /// Whether the batch writes a run, so that the earlier state of the run may not apply to its orders.
    pub(super) fn changes_run(&self, number: Number) -> bool {
        let is = |write: &Write| matches!(write, Write::Put(Record::Run(run)) if run.number == number);
        self.writes.iter().any(is)
    }

    /// The orders of steps that act from now on.
    pub(super) fn acts<'s>(&'s self, store: &'s RecordStore) -> impl Iterator<Item = Act<'s>> {
        let pods = self.writes.iter().filter_map(|write| match write {
            Write::Put(Record::Pod(instance, after)) => match store.get(&Key::Pod(instance.clone()))? {
                Record::Pod(_, before) => Some((instance, &**before, &**after)),
                _ => None,
            },
            _ => None,
        });
        pods.flat_map(|(instance, before, after)| {
            let acting = after.orders().iter().filter(|order| order.stage != OrderStage::Requested);
            acting.filter_map(move |order| {
                let Purpose::Step(step) = order.purpose else { return None };
                before.order(order.launch).filter(|before| before.stage == OrderStage::Requested)?;
                Some(Act { instance, before, after, order, step })
            })
        })
    }

    pub(super) fn deletes(&self, key: &Key) -> bool {
        self.writes.iter().any(|write| matches!(write, Write::Delete(deleted) if deleted == key))
    }
}

/// Whether an instance may go elsewhere because it was down for too long.
pub(super) fn is_timeout(record: &PodRecord) -> bool {
    record.relocation().is_some_and(|relocation| relocation.cause == Cause::Timeout)
}

/// A request is carried out once.
pub(super) fn once(scene: &Scene<'_>, request: &str) -> Verdict {
    let again = scene
        .store
        .records()
        .any(|record| matches!(record, Record::Audit(audit) if audit.request == request));
    if !again {
        return Ok(());
    }
    let found = format!("`{request}` is carried out again");
    scene.violation(CheckName::Once, "a request that is said again has the reply that it had", found)
}

/// An instance that leaves is not in the target, is the highest of its pod, and leaves after the debts of others are
/// settled.
pub(super) fn leaves_in_turn(scene: &Scene<'_>, batch: &Batch<'_>, debt: &DebtRecord) -> Verdict {
    let known = scene.store.get(&Key::Debt(debt.number)).is_some();
    if debt.cause != DebtCause::Decommission || known {
        return Ok(());
    }
    let expected = "who leaves is the highest that the target does not have, and goes after the one before";
    let name = &debt.instance;
    let model =
        scene.engine.model().and_then(|model| Some(&model.pods()[model.pod_index(&name.pod)? as usize]));
    if model.is_some_and(|pod| name.index < pod.count) {
        return scene.violation(CheckName::Leaving, expected, format!("{name} leaves, and is of the target"));
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
        return scene.violation(CheckName::Leaving, expected, found);
    }
    let higher = scene.store.records().find_map(|record| match record {
        Record::Pod(other, _) if other.pod == name.pod && other.index > name.index => Some(other),
        _ => None,
    });
    if let Some(other) = higher.filter(|other| !batch.deletes(&Key::Pod((*other).clone()))) {
        return scene.violation(CheckName::Leaving, expected, format!("{name} leaves before {other}"));
    }
    Ok(())
}

/// If a record says that a launch reached its goal, it did.
pub(super) fn reached_is_true(scene: &Scene<'_>, instance: &InstanceName, record: &PodRecord) -> Verdict {
    let before = scene.pod(instance);
    let Some(id) = scene.cluster.roster.id(instance) else { return Ok(()) };
    for task in record.tasks() {
        let Some(reached) = task.reached() else { continue };
        if before
            .and_then(|before| before.task(task.name()))
            .is_some_and(|old| old.reached() == task.reached())
        {
            continue;
        }
        let truly = scene.cluster.find(id, reached.launch, task.name());
        if !truly.is_some_and(|nth| scene.cluster.tasks[nth as usize].attained) {
            return scene.violation(
                CheckName::ReachedIsTrue,
                "what a record says attained its goal did",
                format!("launch {} of {instance}-{} did not", reached.launch, task.name()),
            );
        }
    }
    Ok(())
}

/// An instance that may move because it was down for too long is still down, or is being ended to move.
pub(super) fn relocation_has_a_cause(
    scene: &Scene<'_>,
    instance: &InstanceName,
    record: &PodRecord,
) -> Verdict {
    let timeout = record.relocation().is_some_and(|relocation| relocation.cause == Cause::Timeout);
    let down = record.tasks().iter().any(|task| task.down().is_some());
    let clearing = record.orders().iter().any(|order| order.stage == OrderStage::Displacing);
    if !timeout || down || clearing {
        return Ok(());
    }
    let found = format!("{instance} runs again, and may move still");
    scene.violation(CheckName::Patience, "who was down for too long and is there again stays", found)
}

/// At most one run makes the service what its target says.
pub(super) fn one_run_converges(scene: &Scene<'_>, batch: &Batch<'_>, number: Number) -> Verdict {
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
            CheckName::OneRun,
            "one run at a time makes the service what its target says",
            format!("runs {other} and {number} do"),
        ),
    }
}

/// An instance that an operator replaces does not stay.
pub(super) fn replaces_for_good(scene: &Scene<'_>, instance: &InstanceName) -> Verdict {
    let relocation = scene.pod(instance).and_then(|record| record.relocation());
    if relocation.is_none_or(|relocation| relocation.cause != Cause::Replace) {
        return Ok(());
    }
    let found = format!("{instance} stays");
    scene.violation(CheckName::Obeyed, "what an operator replaces goes elsewhere", found)
}

/// An end counts as a failure only if nobody asked for it.
pub(super) fn nobody_asked(
    scene: &Scene<'_>,
    batch: &Batch<'_>,
    instance: &InstanceName,
    task: &TaskName,
    end: End,
) -> Verdict {
    let Some(id) = scene.cluster.roster.id(instance) else { return Ok(()) };
    let launch = batch.pod(instance).and_then(|record| {
        let mut occupants = record.slots().iter().filter_map(|slot| slot.occupant());
        occupants.find(|occupant| occupant.task == *task && !occupant.may_live())
    });
    let Some(launch) = launch.map(|occupant| occupant.launch) else { return Ok(()) };
    let truly = scene.cluster.find(id, launch, task).map(|nth| &scene.cluster.tasks[nth as usize]);
    let asked = truly.is_some_and(|task| task.killing && task.life == Life::Ended(end) && end == End::Killed);
    if !asked {
        return Ok(());
    }
    let found = format!("{instance}-{task} (launch {launch}) was told to end, and its end is a failure");
    scene.violation(CheckName::Expected, "an end that was asked for is no failure", found)
}

/// A broken member goes back to the good configuration without an operator: it is no canary.
pub(super) fn no_canary_is_broken(scene: &Scene<'_>, run: &RunRecord) -> Verdict {
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
                let mut occupants = record.slots().iter().filter_map(|slot| slot.occupant());
                let up = occupants.any(|occupant| {
                    occupant.task == task.name && occupant.state == TaskState::Running { ready: true }
                });
                let good = known.reached().map(|reached| reached.conf) == known.last().map(|last| last.conf);
                task.goal == Goal::Running && !up && !good && !known.paused()
            });
            if broken.is_some() {
                return scene.violation(
                    CheckName::BrokenFirst,
                    "who is broken goes first, and waits for no canary to be released",
                    format!("{name} is, and is a canary of {} / {}", run.plan, of.name),
                );
            }
        }
    }
    Ok(())
}
