//! The faults of the bug zoo that change what is found, and need more code than a condition.
//!
//! Invariant: without a fault, each of these says what the engine finds anyway.

use crate::engine::at::At;
use crate::engine::bug::Bug;
use crate::engine::record::{DebtCause, Number, TaskRecord};
use crate::engine::waker::Waker;
use crate::plan::ContentHash;

use super::State;

impl State {
    /// The configuration that a task reached. With [`Bug::RecoverTarget`], the one that the target wants.
    #[inline(always)]
    pub(in crate::engine) fn known_good(
        &self,
        at: At,
        task: &TaskRecord,
        reached: ContentHash,
    ) -> ContentHash {
        let pod = self.pod_model(at.pod).filter(|_| self.bug(Bug::RecoverTarget));
        let model = pod.and_then(|pod| Some(&pod.tasks[pod.task_index(task.name())?]));
        model.map_or(reached, |model| model.conf)
    }

    /// Whether this event wakes nobody. With [`Bug::BudgetNeverWakes`], that is the one about members that are down.
    #[inline(always)]
    pub(in crate::engine) fn is_deaf_to(&self, waker: Waker) -> bool {
        self.bugs().is_deaf_to(waker) || self.bug(Bug::BudgetNeverWakes) && waker == Waker::Members
    }

    /// The launch that a gate's answer is kept for. With [`Bug::GateOtherLaunch`], the same for all launches.
    #[inline(always)]
    pub(in crate::engine) fn launch_asked(&self, launch: Number) -> Number {
        if self.bug(Bug::GateOtherLaunch) { 0 } else { launch }
    }

    /// Whether no debt arises for what is left behind.
    #[inline(always)]
    pub(in crate::engine) fn owes_nothing(&self, cause: DebtCause) -> bool {
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
    pub(in crate::engine) fn forgets_to_ask(&self, rule: &str) -> bool {
        self.bug(Bug::BudgetNotAskedAgain) && rule == "max-unavailable"
    }
}
