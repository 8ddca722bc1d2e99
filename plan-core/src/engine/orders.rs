//! Orders: how an order begins and asks for room, asks anew, or is withdrawn.
//!
//! Invariant: nothing is ended or launched here. A withdrawn order gives its room back, and its number is spent.

use std::sync::Arc;

use super::at::At;
use super::bug::Bug;
use super::effects::{Command, Event};
use super::reason::Reason;
use super::record::{Number, Order, OrderStage, OrderedTask, Parameters, PodRecord, Purpose};
use super::transition::Transition;

impl Transition<'_> {
    /// Withdraws the other orders of an instance that has no place or moves: only one order asks for a place.
    pub(super) fn withdraw_others(&mut self, at: At) {
        let placed = |record: &&PodRecord| record.place().is_some() && record.relocation().is_none();
        if self.state.record(at).is_some_and(|record| !placed(&record)) {
            self.withdraw_where(at, |_| true);
        }
    }

    /// Withdraws the orders of an instance that are not given and meet a condition. An order that an earlier withdrawal
    /// has removed is skipped.
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

    /// Begins an order: records it, and asks for room. No task is ended for it yet.
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
        let tasks = self.session.shared.tasks(at.pod, tasks);
        let order = Order { launch, purpose, stage: OrderStage::Requested, tasks, parameters, at: at_time };
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
        self.command(Command::Fit(Box::new(fit)));
    }

    /// Asks for room under a new number, as the question has changed. A grant for the old number is given back.
    pub(super) fn renumber(&mut self, at: At, old: Number) -> Number {
        let launch = self.writes.number();
        self.record_mut(at).renumber(old, launch);
        self.session.fits.close(old);
        let instance = self.name(at);
        self.command(Command::Withdraw { instance, launch: old });
        self.ask_for_room(at, launch);
        self.touch(at);
        launch
    }

    /// Removes an order that was not given. Its number is spent.
    pub(super) fn spend(&mut self, at: At, launch: Number) {
        self.tell(|keeper, transition| keeper.asks_no_more(transition, at));
        self.session.fits.close(launch);
        // No task is ended without a successor.
        for (victim, task) in self.record_mut(at).spend(launch) {
            self.session.kills.spare(&(at, victim, task));
        }
    }

    /// Withdraws an order: its question for room or its grant is given back, and the order is forgotten.
    pub(super) fn withdraw(&mut self, at: At, launch: Number, why: Reason) {
        let instance = self.name(at);
        self.event(Event::Withdrawn { instance: instance.clone(), launch, why });
        self.spend(at, launch);
        let withdraw = Command::Withdraw { instance, launch };
        if !self.bug(Bug::WithdrawUnsaid) {
            self.command(withdraw);
        }
        self.touch(at);
    }
}
