//! Debts: launches that are to end, and resources that are to be released after that.
//!
//! Invariant: a debt stands until the backend says that all of it has ended and is released, or until an operator gives
//! it up. No record uses what a debt releases.

use std::sync::Arc;

use crate::spec::TaskName;

use super::at::At;
use super::bug::Bug;
use super::effects::{Command, Event, Release};
use super::input::ReleaseAnswer;
use super::record::{DebtCause, DebtRecord, Handle, Key, Number, Occupant, Owed, PodRecord, Record};
use super::rules::Whom;
use super::session::agenda::MOST_CONSIDERED;
use super::session::reconciliation::{Asked, Whose};
use super::tell::MOST_ASKED;
use super::transition::Transition;
use super::waker::Waker;

impl Transition<'_> {
    /// Adds a debt: the end of these tasks of an instance, and the release of a handle.
    pub(super) fn owe(
        &mut self,
        at: At,
        record: &PodRecord,
        cause: DebtCause,
        living: Vec<Occupant>,
        release: Option<Handle>,
    ) {
        let Some(place) = &record.place() else { return };
        if living.is_empty() && release.is_none() || self.state.owes_nothing(cause) {
            return;
        }
        let kill = living.into_iter().map(|occupant| {
            let Occupant { launch, task, .. } = occupant;
            let grace = self.state.grace(at, record, launch, &task);
            // From now on the debt ends the task, not the order that it was in the way of.
            self.session.kills.spare(&(at, launch, task.clone()));
            Owed { launch, task, grace }
        });
        let kill = kill.collect();
        let debt = Arc::new(DebtRecord {
            number: self.writes.number(),
            instance: self.name(at),
            cause,
            since: self.now,
            node: place.node.name.clone(),
            kill,
            release,
        });
        self.event(Event::Owes {
            debt: debt.number,
            instance: debt.instance.clone(),
            node: debt.node.clone(),
            cause,
        });
        self.writes.put_new(Record::Debt(debt.clone()));
        let number = debt.number;
        self.state.debts.insert(debt);
        self.pursue(number);
    }

    /// Commands what a debt still needs, and sets the time to command it again. It does so only once the session has
    /// asked for all launches, as another scheduler may have taken over. Returns whether the states of the debt's
    /// launches are to be asked for: a task that was told to end long ago may have ended unheard.
    pub(super) fn pursue(&mut self, number: Number) -> bool {
        let Some(debt) = self.state.debts.get(number).cloned() else { return false };
        if !self.session.is_live() {
            return false;
        }
        if debt.kill.is_empty() && (debt.release.is_none() || self.bug(Bug::SettleEarly)) {
            self.settle(number, false);
            return false;
        }
        let vain = self.session.pursuits.pursued(number, self.now);
        for Owed { launch, task, grace } in debt.kill.iter().cloned() {
            let instance = debt.instance.clone();
            self.command(Command::Kill { instance, launch, task, grace });
        }
        let ended = debt.kill.is_empty() || self.bug(Bug::ReleaseAlive);
        if let (true, Some(handle)) = (ended, debt.release.clone()) {
            let (instance, node) = (debt.instance.clone(), debt.node.clone());
            let release = Release { debt: number, instance, node, handle };
            self.command(Command::Release(Box::new(release)));
        }
        vain && !debt.kill.is_empty()
    }

    /// Asks for the states of all launches of debts.
    pub(super) fn ask_owed(&mut self) {
        let owed = self.state.debts.owed();
        let owed = owed.map(|(launch, task, debt)| (Whose::Debt(debt), launch, task.clone()));
        let owed: Vec<Asked> = owed.collect();
        for part in owed.chunks(MOST_ASKED) {
            self.ask_launches(part.iter().cloned().collect());
        }
    }

    /// Asks for the states of the launches of these debts, unless they are asked for already.
    fn ask_debts(&mut self, debts: &[Number]) {
        let debts = debts.iter().filter_map(|&number| self.state.debts.get(number));
        let asked =
            |debt: &DebtRecord| self.session.reconciliation.is_debt_asked(debt.number, asked_of(debt));
        let debts = debts.filter(|debt| !asked(debt));
        let open = debts.flat_map(|debt| asked_of(debt)).collect();
        self.ask_launches(open);
    }

    /// Notes that a launch of a debt has ended.
    pub(super) fn owed_ended(&mut self, number: Number, launch: Number, task: &TaskName) {
        let Some(changed) = self.state.debts.ended(number, launch, task) else { return };
        let ended = std::iter::once((Whose::Debt(number), launch, task.clone()));
        self.session.reconciliation.forget_owed(number, ended);
        let is_ended = changed.new.kill.is_empty();
        let old = if self.bug(Bug::StaleDigest) { changed.new.clone() } else { changed.old };
        self.writes.put(Record::Debt(old).digest(), Record::Debt(changed.new));
        if is_ended {
            self.session.pursuits.begin_anew(number);
            self.pursue(number);
        }
    }

    /// Takes a handle out of the instance's debts, as the instance was granted it again.
    pub(super) fn keep(&mut self, at: At, handle: &Handle) {
        if self.state.debts.is_empty() {
            return;
        }
        let name = self.name(at);
        for number in self.state.debts.that_release(&name, handle) {
            let Some(changed) = self.state.debts.keep(number) else { continue };
            let is_ended = changed.new.kill.is_empty();
            self.writes.put(Record::Debt(changed.old).digest(), Record::Debt(changed.new));
            if is_ended {
                self.settle(number, false);
            }
        }
    }

    /// Takes the backend's answer to a release.
    pub(super) fn released(&mut self, number: Number, answer: &ReleaseAnswer) {
        let ended = self.state.debts.get(number).is_some_and(|debt| debt.kill.is_empty());
        if ended && *answer == ReleaseAnswer::Done {
            self.settle(number, false);
        }
    }

    /// Removes a debt that is settled or given up.
    pub(super) fn settle(&mut self, number: Number, given_up: bool) {
        let Some(debt) = self.state.debts.remove(number) else { return };
        self.session.reconciliation.settled(number, asked_of(&debt));
        self.session.pursuits.settled(number);
        self.writes.delete(Key::Debt(number), Record::Debt(debt.clone()).digest());
        self.event(Event::Settled { debt: number, instance: debt.instance.clone(), given_up });
        if let Some(at) = self.state.at(&debt.instance) {
            self.awaken(Waker::Settled, Whom::Instance(at));
        }
        if self.state.service().uninstalling || debt.cause == DebtCause::Decommission {
            self.awaken(Waker::Settled, Whom::Leavers);
        }
    }

    /// Pursues the debts that are due again; only some of them, if there are many.
    pub(super) fn pursue_due(&mut self) {
        let mut unheard = Vec::new();
        for _ in 0..MOST_CONSIDERED {
            let Some(number) = self.session.pursuits.pop_due(self.now) else { break };
            if self.pursue(number) {
                unheard.push(number);
            }
        }
        self.ask_debts(&unheard);
    }
}

/// The launches of a debt.
fn asked_of(debt: &DebtRecord) -> impl Iterator<Item = Asked> {
    debt.kill.iter().map(|owed| (Whose::Debt(debt.number), owed.launch, owed.task.clone()))
}
