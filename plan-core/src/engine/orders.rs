//! Orders: one is wanted and asks for room, asks anew, or is withdrawn.
//!
//! Invariant: nothing is ended or launched here. What is withdrawn gives its room back, and its number is spent.

use std::sync::Arc;

use super::at::At;
use super::bug::Bug;
use super::effects::{Command, Event};
use super::reason::Reason;
use super::record::{Number, Order, OrderedTask, Parameters, PodRecord, Purpose, Stage};
use super::turn::Turn;

impl Turn<'_> {
    /// Of an instance that has no place, or goes elsewhere, one order asks for one.
    pub(super) fn withdraw_others(&mut self, at: At) {
        let placed = |record: &&PodRecord| record.place().is_some() && record.permission().is_none();
        if self.state.record(at).is_some_and(|record| !placed(&record)) {
            self.withdraw_where(at, |_| true);
        }
    }

    /// Withdraws orders of an instance that are not given, as far as they stand when it is their turn.
    pub(super) fn withdraw_where(&mut self, at: At, which: impl Fn(&Order) -> bool) {
        let record = self.state.record(at).into_iter();
        let standing: Vec<Number> = record.flat_map(PodRecord::standing).map(|order| order.launch).collect();
        for launch in standing {
            let order = self.state.record(at).and_then(|record| record.order(launch));
            if order.is_some_and(&which) {
                self.withdraw(at, launch, Reason::NotWanted);
            }
        }
    }

    /// Wants an order: asks for room, and changes nothing yet.
    pub(super) fn begin(
        &mut self,
        at: At,
        purpose: Purpose,
        tasks: Vec<OrderedTask>,
        parameters: Option<Arc<Parameters>>,
    ) {
        let sets = self.state.sets(&tasks);
        if sets.is_empty() {
            return;
        }
        let launch = self.writes.number();
        let at_time = self.now;
        self.event(Event::Asked {
            instance: self.name(at),
            launch,
            tasks: tasks.iter().map(|task| task.task.clone()).collect(),
            what: purpose,
        });
        let tasks = tasks.into();
        let order = Order { launch, purpose, stage: Stage::Wanted, tasks, parameters, at: at_time };
        self.record_mut(at).want(order, &sets);
        self.ask_for_room(at, launch);
        if self.bug(Bug::KillFirst) {
            self.clear_at_once(at, launch);
        }
        self.touch(at);
    }

    /// Asks, or asks again, for room for an order.
    pub(super) fn ask_for_room(&mut self, at: At, launch: Number) {
        let Some(fit) = self.state.fit(&self.session.fits, at, launch) else { return };
        self.session.fits.ask(launch, at);
        self.effects.commands.push(Command::Fit(Box::new(fit)));
    }

    /// Asks for room under another number, where the question is another now: what is answered to the old one
    /// is given back.
    pub(super) fn renumber(&mut self, at: At, old: Number) -> Number {
        let launch = self.writes.number();
        self.record_mut(at).renumber(old, launch);
        self.session.fits.close(old);
        let instance = self.name(at);
        self.effects.commands.push(Command::Withdraw { instance, launch: old });
        self.ask_for_room(at, launch);
        self.touch(at);
        launch
    }

    /// Takes an order out that was not given; its number is spent.
    pub(super) fn spend(&mut self, at: At, launch: Number) {
        self.uncount_asking(at);
        self.session.fits.close(launch);
        // Nothing is ended without a successor.
        for (victim, task) in self.record_mut(at).spend(launch) {
            self.session.kills.spare(&(at, victim, task));
        }
    }

    /// Gives a question for room, or a grant, back, and forgets its order.
    pub(super) fn withdraw(&mut self, at: At, launch: Number, why: Reason) {
        let instance = self.name(at);
        self.event(Event::Withdrawn { instance: instance.clone(), launch, why });
        self.spend(at, launch);
        let withdraw = Command::Withdraw { instance, launch };
        self.effects.commands.extend(Some(withdraw).filter(|_| !self.bug(Bug::WithdrawUnsaid)));
        self.touch(at);
    }
}
