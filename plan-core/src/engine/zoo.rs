//! The faults of the bug zoo that do something, and need more code than a condition
//! (`backend-sim/tests/zoo.rs` says which check finds which).
//!
//! Invariant: without a fault, none of these is called.

use super::at::At;
use super::effects::Command;
use super::input::Incarnation;
use super::record::Number;
use super::transition::Transition;

impl Transition<'_> {
    /// With `Bug::KillFirst`: tells the tasks in the way of an order to end.
    pub(super) fn clear_at_once(&mut self, at: At, launch: Number) {
        let Some(record) = self.state.record(at) else { return };
        let victims: Vec<_> = self.state.victims(at, record, launch).cloned().collect();
        victims.into_iter().for_each(|victim| self.kill(at, victim.launch, victim.task));
    }

    /// With `Bug::KillForeigner`: kills a launch that no record names.
    pub(super) fn kill_foreigner(&mut self, of: &Incarnation) {
        let (instance, task) = (of.instance.clone(), of.task.clone());
        self.command(Command::Kill { instance, launch: of.launch, task, grace: Default::default() });
    }
}
