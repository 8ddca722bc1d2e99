//! What must hold when nothing more will happen.
//!
//! Invariant: whatever is not done at the end has a reason that someone else can clear.

use std::collections::BTreeSet;

use plan_core::engine::{Handle, Number, OrderStage, Reason, Record, TaskState, Why};
use plan_core::spec::{Goal, TaskName};

use crate::task::Life;
use crate::violation::CheckName;

use super::batch::is_timeout;
use super::checker::GivenUp;
use super::scene::{Scene, Verdict};

impl Scene<'_> {
    /// The held places are those that records name.
    pub(crate) fn held_is_named(&self, given_up: &GivenUp) -> Verdict {
        let mut named: BTreeSet<&Handle> = BTreeSet::new();
        let mut standing: BTreeSet<Number> = BTreeSet::new();
        for record in self.store.records() {
            match record {
                Record::Pod(_, pod) => {
                    named.extend(pod.place().iter().map(|place| &place.handle));
                    let orders = pod.orders().iter().filter(|order| order.stage != OrderStage::Launched);
                    standing.extend(orders.map(|order| order.launch));
                }
                Record::Debt(debt) => named.extend(debt.release.iter()),
                _ => {}
            }
        }
        let nobodys = self.tally.places(self.cluster).find(|(handle, place)| {
            !named.contains(*handle)
                && !place.orders().any(|order| standing.contains(&order))
                && !given_up.handles.contains(*handle)
        });
        if let Some((handle, place)) = nobodys {
            return self.violation(
                CheckName::Held,
                "what is held is somebody's place, owed, or granted to an order that stands",
                format!("{} of {} is held, and no record names it", handle.0, place.instance),
            );
        }
        for record in self.store.records() {
            let Record::Pod(name, pod) = record else { continue };
            let Some(place) = &pod.place() else { continue };
            let gone = self.cluster.node_id(place.node.name.as_str());
            let gone = gone.is_some_and(|id| self.cluster.nodes[id as usize].gone);
            let lives = pod.living().next().is_some();
            if lives && !gone && self.tally.place(self.cluster, &place.handle).is_none() {
                return self.violation(
                    CheckName::Held,
                    "where something lives, its place is held",
                    format!("{name} lives in {}, which is not held", place.handle.0),
                );
            }
        }
        Ok(())
    }

    /// Every task with the goal RUNNING runs with its configuration, except paused tasks.
    pub(crate) fn all_runs(&self) -> Verdict {
        if self.engine.model().is_none() {
            return Ok(());
        }
        for (nth, pod) in (0..).zip(self.model.pods()) {
            for index in 0..pod.count {
                let name = self.model.instance_name(nth, index);
                let Some(id) = self.cluster.roster.id(&name) else { continue };
                for task in pod.tasks.iter().filter(|task| task.goal == Goal::Running) {
                    let living = self.cluster.tasks_of(id).find(|(_, launch)| {
                        launch.name == task.name
                            && launch.lives()
                            && launch.conf == task.conf
                            && (launch.paused || launch.life == Life::Running { ready: true })
                    });
                    let named = self.model.plans().values().any(|plan| {
                        let mut phases = plan.phases.iter().filter(|phase| phase.pod == nth);
                        phases.any(|phase| {
                            let tasks = |group: &plan_core::plan::Group| {
                                group.tasks.iter().any(|&of| pod.tasks[of as usize].name == task.name)
                            };
                            phase.groups.iter().any(tasks)
                        })
                    });
                    if living.is_none() && named {
                        return self.violation(
                            CheckName::SameEnd,
                            format!("{name}-{} runs with the configuration of the target", task.name),
                            "it does not",
                        );
                    }
                }
            }
        }
        Ok(())
    }

    /// When nothing more will happen, the engine knows what is alive, and whatever is not done has a reason.
    pub(crate) fn rest_is_explained(&self, complete: bool, meddled: bool) -> Verdict {
        for view in self.engine.tasks() {
            let Some(state) = view.state else { continue };
            let Some(id) = self.cluster.roster.id(&view.instance) else { continue };
            let latest = self.cluster.tasks_of(id).rev().find(|(_, task)| task.name == view.task);
            if latest.is_some_and(|(_, task)| self.cluster.nodes[task.node as usize].silent) {
                continue;
            }
            if view.silent {
                return self.violation(
                    CheckName::View,
                    format!("the engine knows that the node of {}-{} is heard", view.instance, view.task),
                    "it believes that it is silent",
                );
            }
            let truth = latest.map(|(_, task)| task.life);
            let same = match (state, truth) {
                (TaskState::Ended(_), truth) => truth.is_none_or(|life| matches!(life, Life::Ended(_))),
                (TaskState::Running { ready }, Some(Life::Running { ready: truly })) => ready == truly,
                _ => false,
            };
            if !same {
                return self.violation(
                    CheckName::View,
                    format!("the engine knows that {}-{} is {truth:?}", view.instance, view.task),
                    format!("it believes {state:?}"),
                );
            }
            let mut living = self.pod(&view.instance).into_iter().flat_map(|record| record.living());
            let recorded = living.find(|occupant| occupant.task == view.task);
            if let (Some(of), Some((nth, _))) = (recorded, latest) {
                let truth = self.cluster.seen(nth);
                if (&of.words, &of.address) != (&truth.words, &truth.address) {
                    return self.violation(
                        CheckName::View,
                        format!("the record of {}-{} has {truth:?}", view.instance, view.task),
                        format!("it has {:?}, {:?}", of.words, of.address),
                    );
                }
            }
        }
        for id in 0..self.cluster.roster.len() {
            let name = self.cluster.roster.name(id);
            let whys = self.engine.why(name);
            let room = whys.iter().any(|why| matches!(why.reason, Reason::NoRoom(_)));
            let asked = |why: &Why| room && why.reason == Reason::PlaceAsked;
            if let Some(why) = whys.iter().find(|why| will_not_clear(&why.reason) && !asked(why)) {
                return self.violation(
                    CheckName::Stuck,
                    "what waits when nothing more will happen waits for someone else",
                    format!("{name}: {why}"),
                );
            }
            let no_room = |why: &&Why| matches!(why.reason, Reason::NoRoom(_));
            if let Some(why) = whys.iter().find(no_room).filter(|_| !self.is_asked(name)) {
                return self.violation(
                    CheckName::Stuck,
                    "who waits for room has asked for it, and the question stands",
                    format!("{name}: {why}"),
                );
            }
            let pod = self.model.pod_index(&name.pod).map(|at| &self.model.pods()[at as usize]);
            let pod = pod.filter(|pod| name.index < pod.count && self.engine.model().is_some());
            let dead = self.cluster.tasks_of(id).rev().find(|(_, task)| {
                task.config.spec.goal == Goal::Running
                    && !task.lives()
                    && pod.is_some_and(|pod| pod.task_index(&task.name).is_some())
                    && self.cluster.tasks_of(id).all(|(_, other)| {
                        // The task may live on in another resource set, or may have left its own to another task.
                        let here = other.config.spec.resource_set == task.config.spec.resource_set;
                        !(here || other.name == task.name) || (!other.lives() && other.launch <= task.launch)
                    })
            });
            if let (Some((_, task)), true) = (dead, whys.is_empty()) {
                return self.violation(
                    CheckName::Stuck,
                    "a RUNNING task that ended is brought back, or there is a reason why not",
                    format!("{name}-{} (launch {}) ended, and nothing is said of it", task.name, task.launch),
                );
            }
        }
        let whys: Vec<Why> = (0..self.cluster.roster.len())
            .flat_map(|id| self.engine.why(self.cluster.roster.name(id)))
            .collect();
        let reasons = !whys.is_empty();
        if reasons && whys.iter().all(|why| waits_for_another(&why.reason)) {
            return self.violation(
                CheckName::Stuck,
                "of those that wait for each other, one waits for someone else",
                format!("all wait for each other; {}: {}", whys[0].instance, whys[0]),
            );
        }
        // A plan that an operator stopped gives no reason.
        if !complete && !reasons && !meddled {
            return self.violation(
                CheckName::Stuck,
                "a plan that is not complete has a reason",
                "nothing more will happen, and no instance says why".to_owned(),
            );
        }
        Ok(())
    }
}

/// Whether the engine, its backend or time should have cleared a reason. For a gate, the questions and answers decide
/// (`asked`): an operator clears a denial, and the next answer may clear anything else.
fn will_not_clear(reason: &Reason) -> bool {
    matches!(
        reason,
        Reason::NotSeen
            | Reason::PlaceAsked
            | Reason::Backoff { .. }
            | Reason::AskedForRoom
            | Reason::Displacing(_)
            | Reason::Launching(_)
            | Reason::NotThereYet(_)
            | Reason::Owes { .. }
    )
}

/// Whether a reason only names another step or task of the service, or members that others have to bring back up.
fn waits_for_another(reason: &Reason) -> bool {
    matches!(
        reason,
        Reason::PhaseFirst(_)
            | Reason::StepFirst(_)
            | Reason::SlotBusy { .. }
            | Reason::WaitsForItsStep(_)
            | Reason::Budget { .. }
            | Reason::Leaves
    )
}

/// Whatever is alive is in a slot, is a debt, or was given up.
pub(super) fn all_that_lives_is_known(scene: &Scene<'_>, given_up: &GivenUp) -> Verdict {
    for task in scene.cluster.tasks.iter().filter(|task| task.lives()) {
        let name = scene.cluster.roster.name(task.instance);
        let in_slot = scene.pod(name).is_some_and(|record| {
            record.living().any(|living| living.launch == task.launch && living.task == task.name)
        });
        let key = (task.launch, task.name.clone());
        let known = in_slot
            || scene.owes(name, task.launch, &task.name).is_some()
            || given_up.launches.contains(&key)
            // The backend said that the task was lost, and nobody has asked since.
            || task.lost == Some(scene.session);
        if !known {
            return scene.violation(
                CheckName::Known,
                "what lives is in a record, or owed",
                format!("{name}-{} (launch {}) lives, and no record says so", task.name, task.launch),
            );
        }
    }
    Ok(())
}

/// An instance that is down for too long may move.
pub(super) fn patience_ends(scene: &Scene<'_>) -> Verdict {
    let Some(model) = scene.engine.model() else { return Ok(()) };
    if scene.engine.is_uninstalling() || model.spec().replacement_failure_policy().is_none() {
        return Ok(());
    }
    // One after the other: the next instance waits until the one before has moved.
    let waiting = |record: &Record| matches!(record, Record::Pod(_, record) if is_timeout(record));
    if scene.store.records().any(waiting) {
        return Ok(());
    }
    for record in scene.store.records() {
        let Record::Pod(name, record) = record else { continue };
        let pod = model.pod_index(&name.pod).map(|at| &model.pods()[at as usize]);
        // A running task is not moved because of one that does not run, and a sidecar moves no other task.
        let goes = |task: &TaskName| {
            let models = pod.into_iter().flat_map(|pod| &pod.tasks);
            models.into_iter().any(|model| {
                model.name == *task && model.goal == Goal::Running && model.config.spec.essential
            })
        };
        let runs = record.living().any(|living| {
            let down = record.task(&living.task).is_some_and(|task| task.down().is_some() || task.paused());
            let running = matches!(living.state, TaskState::Running { .. }) && living.silent.is_none();
            goes(&living.task) && running && !down
        });
        let down =
            record.tasks().iter().find(|task| !task.paused() && task.down().is_some() && goes(task.name()));
        let down = down.filter(|_| !runs);
        let member = pod.is_some_and(|pod| name.index < pod.count);
        if let Some(task) =
            down.filter(|_| member && record.place().is_some() && record.relocation().is_none())
        {
            return scene.violation(
                CheckName::Patience,
                "who is down for too long may move",
                format!("{name}-{} is down for good, and {name} may not", task.name()),
            );
        }
    }
    Ok(())
}
