//! Kills and questions for states that go to the cluster. What follows from them is decided elsewhere.
//!
//! Invariant: a kill is repeated until the task's end is seen. A question is repeated until it is answered.

use std::collections::BTreeSet;

use crate::spec::TaskName;

use super::at::At;
use super::effects::{Command, Expected};
use super::input::Incarnation;
use super::record::Number;
use super::session::reconciliation::{Asked, Whose};
use super::transition::Transition;

/// For the launches of how many instances one `Reconcile` asks at most.
pub(super) const MOST_ASKED: usize = 1000;

impl Transition<'_> {
    /// Asks for the states of an instance's launches.
    pub(super) fn ask_for_instance(&mut self, at: At) {
        self.ask(&[at]);
    }

    /// Asks for the state of a launch of an instance, unless it is asked for already.
    pub(super) fn ask_for_launch(&mut self, at: At, launch: Number, task: TaskName) {
        let key = (Whose::Instance(at), launch, task);
        let lives = self.state.record(at).is_some_and(|record| record.place().is_some());
        if lives && !self.session.reconciliation.is_asked(&key) {
            self.ask_launches([key].into());
        }
    }

    pub(super) fn ask(&mut self, instances: &[At]) -> Option<Number> {
        let open: BTreeSet<_> = instances
            .iter()
            .flat_map(|&at| {
                let living = self.state.record(at).into_iter().flat_map(|record| record.living());
                living.map(move |o| (Whose::Instance(at), o.launch, o.task.clone()))
            })
            .collect();
        self.ask_launches(open)
    }

    pub(super) fn ask_launches(&mut self, open: BTreeSet<Asked>) -> Option<Number> {
        if open.is_empty() {
            return None;
        }
        let number = self.writes.number();
        let installation = self.state.service().installation.clone();
        let expected = open
            .iter()
            .filter_map(|(whose, launch, task)| {
                let (instance, node) = match whose {
                    Whose::Instance(at) => {
                        let place = self.state.record(*at)?.place()?;
                        (self.state.name(*at), place.node.name.clone())
                    }
                    Whose::Debt(debt) => {
                        let debt = self.state.debts.get(*debt)?;
                        (debt.instance.clone(), debt.node.clone())
                    }
                };
                let (installation, task) = (installation.clone(), task.clone());
                Some(Expected { of: Incarnation { installation, instance, task, launch: *launch }, node })
            })
            .collect();
        self.session.reconciliation.ask(number, open, self.now);
        self.command(Command::Reconcile { number, expected });
        Some(number)
    }

    /// Commands a kill, which is repeated from time to time until the task's end is seen.
    pub(super) fn kill(&mut self, at: At, launch: Number, task: TaskName) {
        let record = self.state.record(at);
        let grace = record.map(|record| self.state.grace(at, record, launch, &task)).unwrap_or_default();
        self.session.kills.told((at, launch, task.clone()), self.now);
        self.command(Command::Kill { instance: self.name(at), launch, task, grace });
    }

    /// Repeats the kills that are due. The state of a task that was told often is asked for: it may have ended unheard.
    pub(super) fn kill_due(&mut self) {
        while let Some(victim) = self.session.kills.due(self.now) {
            let (at, launch, task) = victim.clone();
            self.kill(at, launch, task.clone());
            if self.session.kills.is_unheard(&victim) {
                self.ask_for_launch(at, launch, task);
            }
        }
    }
}
