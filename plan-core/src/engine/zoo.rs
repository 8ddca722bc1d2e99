//! The faults of the bug zoo that need more code than a condition (`backend-sim/tests/zoo.rs` says which check finds
//! which).
//!
//! Invariant: without a fault, each of these does what the engine does anyway.

#[cfg(feature = "zoo")]
use super::Engine;
use super::at::At;
use super::bug::Bug;
#[cfg(feature = "zoo")]
use super::bug::Switch;
use super::effects::Command;
use super::input::Incarnation;
#[cfg(feature = "zoo")]
use super::record::Record;
use super::record::{DebtCause, Number, TaskRecord};
#[cfg(feature = "zoo")]
use super::recover::RecoverError;
use super::state::State;
use super::transition::Transition;
use super::waker::Waker;
use crate::plan::ContentHash;

impl State {
    /// The configuration that a task reached. With [`Bug::RecoverTarget`], the one that the target wants.
    #[inline(always)]
    pub(super) fn known_good(&self, at: At, task: &TaskRecord, reached: ContentHash) -> ContentHash {
        let pod = self.pod_model(at.pod).filter(|_| self.bug(Bug::RecoverTarget));
        let model = pod.and_then(|pod| Some(&pod.tasks[pod.task_index(task.name())?]));
        model.map_or(reached, |model| model.conf)
    }

    /// Whether this event wakes nobody. With [`Bug::BudgetNeverWakes`], that is the one about members that are down.
    #[inline(always)]
    pub(super) fn is_deaf_to(&self, waker: Waker) -> bool {
        self.bugs().is_deaf_to(waker) || self.bug(Bug::BudgetNeverWakes) && waker == Waker::Members
    }

    /// The launch that a gate's answer is kept for. With [`Bug::GateOtherLaunch`], the same for all launches.
    #[inline(always)]
    pub(super) fn launch_asked(&self, launch: Number) -> Number {
        if self.bug(Bug::GateOtherLaunch) { 0 } else { launch }
    }
}

impl Transition<'_> {
    /// Whether no debt arises for what is left behind.
    #[inline(always)]
    pub(super) fn owes_nothing(&self, cause: DebtCause) -> bool {
        match cause {
            DebtCause::Moved => self.bug(Bug::NoDebtAtMove),
            DebtCause::Decommission | DebtCause::Uninstall => self.bug(Bug::LeaverForgotten),
            DebtCause::NeverLaunched => self.bug(Bug::RefusedKept),
            DebtCause::TaskRemoved => false,
        }
    }

    /// Whether the rule with this name is not asked again. With [`Bug::BudgetNotAskedAgain`], that is the rule about
    /// members that are down.
    #[inline(always)]
    pub(super) fn forgets_to_ask(&self, rule: &str) -> bool {
        self.bug(Bug::BudgetNotAskedAgain) && rule == "max-unavailable"
    }

    /// With [`Bug::KillFirst`]: tells the tasks in the way of an order to end.
    pub(super) fn clear_at_once(&mut self, at: At, launch: Number) {
        let Some(record) = self.state.record(at) else { return };
        let victims: Vec<_> = self.state.victims(at, record, launch).cloned().collect();
        victims.into_iter().for_each(|victim| self.kill(at, victim.launch, victim.task));
    }

    /// With [`Bug::KillForeigner`]: kills a launch that no record names.
    pub(super) fn kill_foreigner(&mut self, of: &Incarnation) {
        let (instance, task) = (of.instance.clone(), of.task.clone());
        self.command(Command::Kill { instance, launch: of.launch, task, grace: Default::default() });
    }
}

#[cfg(feature = "zoo")]
impl Engine {
    /// The engine with a fault. An engine that is recovered from its records has no fault.
    #[must_use]
    pub fn with_bug(mut self, bug: Bug) -> Self {
        self.zoo = Switch::on(bug);
        if let Some(state) = &mut self.state {
            state.set_bugs(self.zoo);
        }
        self
    }

    /// Recovers an engine with a fault, as [`Engine::recover`] does.
    ///
    /// # Errors
    /// As [`Engine::recover`].
    pub fn recover_with_bug(
        records: impl IntoIterator<Item = Record>,
        bug: Bug,
    ) -> Result<Self, RecoverError> {
        Self::recover_as(records, Switch::on(bug))
    }
}
