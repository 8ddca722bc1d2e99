//! What checks remember of a run.
//!
//! Invariant: what is remembered follows from what was written, said and commanded, in that order.

use std::collections::{BTreeMap, BTreeSet};

use plan_core::engine::{Handle, Number, StepRef};
use plan_core::spec::TaskName;

use crate::backend::Backend;

use super::end::{all_that_lives_is_known, patience_ends};
use super::scene::{Scene, Verdict};
use super::watch::Watch;

/// What checks need to remember.
#[derive(Debug, Clone, Default)]
pub(crate) struct Checker {
    /// Steps that were launched for.
    pub(super) begun: BTreeSet<StepRef>,
    /// Of those, the ones of members that were broken when they began.
    pub(super) broken: BTreeSet<StepRef>,
    /// How often a phase was told to continue in a run of its plan.
    pub(crate) continued: BTreeMap<(Number, String), usize>,
    /// Whether an operator forced or restarted something, so that an order may be left.
    pub(crate) meddled: bool,
    /// What an operator gave up: launches, and resources.
    pub(crate) given_up: GivenUp,
    pub(crate) watch: Watch,
}

/// What nobody cares for any more.
#[derive(Debug, Clone, Default)]
pub(crate) struct GivenUp {
    pub(crate) launches: BTreeSet<(Number, TaskName)>,
    pub(crate) handles: BTreeSet<Handle>,
}

impl Checker {
    /// What must hold when nothing more will happen.
    pub(crate) fn rest(&self, scene: &Scene<'_>, backend: &Backend, complete: bool) -> Verdict {
        scene.rest_is_explained(backend, complete, self.meddled)?;
        scene.held_is_named(&self.given_up)?;
        self.watch.obeyed(scene)?;
        all_that_lives_is_known(scene, &self.given_up)?;
        patience_ends(scene)?;
        scene.questions_are_true(backend)?;
        scene.complete_is_true()
    }
}
