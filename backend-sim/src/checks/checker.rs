//! What the checks remember about a run.
//!
//! Invariant: the memory follows from the writes, the events and the commands, in that order.

use std::collections::{BTreeMap, BTreeSet};

use plan_core::engine::{Answer, Command, DebtRecord, Handle, Number, StepRef, Verb, Wall};
use plan_core::spec::TaskName;

use crate::store::RecordStore;

use super::asked::Asked;
use super::batch::{Act, Batch};
use super::end::{all_that_lives_is_known, patience_ends};
use super::scene::{Scene, Verdict};
use super::watch::Watch;

/// What checks need to remember.
#[derive(Debug, Clone, Default)]
pub(crate) struct Checker {
    /// Steps that were launched for.
    pub(super) begun: BTreeSet<StepRef>,
    /// The steps among them whose member was broken when they began.
    pub(super) broken: BTreeSet<StepRef>,
    /// How often an operator continued a phase in a run of its plan.
    pub(crate) continued: BTreeMap<(Number, String), usize>,
    /// Whether an operator forced or restarted something, so that an order may remain.
    pub(crate) meddled: bool,
    /// What an operator gave up: launches and places.
    pub(crate) given_up: GivenUp,
    pub(super) watch: Watch,
    asked: Asked,
}

/// What an operator gave up.
#[derive(Debug, Clone, Default)]
pub(crate) struct GivenUp {
    pub(crate) launches: BTreeSet<(Number, TaskName)>,
    pub(crate) handles: BTreeSet<Handle>,
}

impl Checker {
    /// Notes what an operator gives up with a batch that is about to become durable.
    pub(crate) fn note(&mut self, store: &RecordStore, batch: &Batch<'_>) {
        let Some(Verb::GiveUp { debt }) = batch.verb else { return };
        for debt in batch.debts_that_leave(store).filter(|of| of.number == *debt) {
            let launches = debt.kill.iter().map(|owed| (owed.launch, owed.task.clone()));
            self.given_up.launches.extend(launches);
            self.given_up.handles.extend(debt.release.clone());
        }
    }

    /// Checks a batch that is about to become durable, and what leaves after it.
    pub(crate) fn batch(&mut self, scene: &Scene<'_>, batch: &Batch<'_>) -> Verdict {
        let gives_up = |debt: &DebtRecord| matches!(batch.verb, Some(Verb::GiveUp { debt: number }) if *number == debt.number);
        let mut leave = batch.debts_that_leave(scene.store).filter(|debt| !gives_up(debt));
        leave.try_for_each(|debt| scene.debt_is_paid(debt))?;
        self.watch.batch(scene, batch)?;
        let acts: Vec<Act<'_>> = batch.acts(scene.store).collect();
        scene.few_are_down(batch, &acts)?;
        self.asked.acts(scene, batch, &acts)
    }

    /// The answer to a question beside a task arrives.
    pub(crate) fn answered(&mut self, now: u64, id: Number, answer: &Answer) {
        self.asked.answered(now, id, answer);
    }

    /// Checks the waiting steps after an input.
    pub(crate) fn waiting(&self, scene: &Scene<'_>, wake_at: Option<Wall>) -> Verdict {
        self.asked.asked_in_time(scene)?;
        scene.who_may_acts(wake_at)
    }

    /// Checks a command as it leaves.
    pub(crate) fn command(&mut self, scene: &Scene<'_>, command: &Command) -> Verdict {
        match command {
            Command::Launch(launch) => {
                self.launched(scene, launch)?;
                scene.launch_is_not_over(launch)
            }
            Command::Kill { instance, launch, task, .. } => scene.kill_is_wanted(instance, *launch, task),
            Command::Release(release) => {
                scene.release_is_owed(release)?;
                scene.release_is_unused(release)
            }
            Command::Ask(ask) => {
                self.asked.ask(scene, ask);
                Ok(())
            }
            Command::Deregister => scene.nothing_is_left(&self.given_up),
            _ => Ok(()),
        }
    }

    /// What must hold when nothing more will happen.
    pub(crate) fn rest(&self, scene: &Scene<'_>, complete: bool) -> Verdict {
        scene.rest_is_explained(complete, self.meddled)?;
        scene.held_is_named(&self.given_up)?;
        self.watch.obeyed(scene)?;
        all_that_lives_is_known(scene, &self.given_up)?;
        patience_ends(scene)?;
        scene.questions_are_true()?;
        scene.who_may_acts(None)?;
        self.asked.rest(scene)?;
        scene.what_lives_has_room(&self.given_up)?;
        scene.held_is_what_was_said(&self.given_up)?;
        scene.complete_is_true()
    }
}
