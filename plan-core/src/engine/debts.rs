//! Debts: what was left behind, to be ended and then released (engine.md §2).
//!
//! Invariant: a debt stands until the backend says that all of it has ended and is released, or an operator
//! gives it up. Nothing that a debt releases is in use by a record.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::spec::TaskName;

use super::digest::Digest;
use super::effects::{Command, Event, Release, Write};
use super::input::ReleaseAnswer;
use super::record::{DebtCause, DebtRecord, Handle, Key, Number, Occupant, Owed, PodRecord, Record};
use super::session::{Asked, Item, Stage, Whose};
use super::state::At;
use super::turn::Turn;
use super::zoo::Bug;

/// A debt is pursued again after so long, each time twice as long.
const PURSUE_AGAIN: Duration = Duration::from_secs(5);
/// No debt is left alone for longer.
const LONGEST: Duration = Duration::from_secs(300);

impl Turn<'_> {
    /// Owes the end of these tasks of an instance, and the release of a handle.
    pub(super) fn owe(
        &mut self,
        at: At,
        record: &PodRecord,
        cause: DebtCause,
        living: Vec<Occupant>,
        release: Option<Handle>,
    ) {
        let Some(place) = &record.place else { return };
        if living.is_empty() && release.is_none() || self.owes_nothing(cause) {
            return;
        }
        let kill = living.into_iter().map(|occupant| {
            let Occupant { launch, task, .. } = occupant;
            let grace = self.grace(at, record, launch, &task);
            // It is ended as what is owed, not as what is in the way.
            self.session.kills.remove(&(at, launch, task.clone()));
            Owed { launch, task, grace }
        });
        let kill = kill.collect();
        let debt = Arc::new(DebtRecord {
            number: self.number(),
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
        self.put(None, Record::Debt(debt.clone()), Digest::of(&*debt));
        self.state.index_debt(&debt);
        self.pursue(debt.number);
    }

    /// Asks for what a debt still needs, and again from time to time.
    pub(super) fn pursue(&mut self, number: Number) {
        let Some(debt) = self.state.debts.get(&number).cloned() else { return };
        if self.session.stage == Stage::Fresh {
            return;
        }
        if debt.kill.is_empty() && (debt.release.is_none() || self.bug(Bug::SettleEarly)) {
            return self.settle(number, false);
        }
        let tries = self.session.pursued.entry(number).or_default();
        let again = PURSUE_AGAIN.saturating_mul(1 << (*tries).min(10)).min(LONGEST);
        *tries += 1;
        let first = *tries == 1;
        self.session.pursuits.set(number, self.now.after(again));
        for Owed { launch, task, grace } in debt.kill.iter().cloned() {
            let instance = debt.instance.clone();
            self.effects.commands.push(Command::Kill { instance, launch, task, grace });
        }
        let ended = debt.kill.is_empty() || self.bug(Bug::ReleaseAlive);
        if let (true, Some(handle)) = (ended, debt.release.clone()) {
            let (instance, node) = (debt.instance.clone(), debt.node.clone());
            let release = Release { debt: number, instance, node, handle };
            self.effects.commands.push(Command::Release(Box::new(release)));
        }
        // What was told to end long ago may have ended unheard.
        if !first && !debt.kill.is_empty() {
            self.ask_debt(number);
        }
    }

    /// Asks how the launches of a debt are.
    pub(super) fn ask_debt(&mut self, number: Number) {
        let Some(debt) = self.state.debts.get(&number) else { return };
        let of_debt = |open: &BTreeSet<Asked>| open.iter().any(|(whose, _, _)| *whose == Whose::Debt(number));
        if self.session.asked.values().any(of_debt) {
            return;
        }
        let open = debt.kill.iter().map(|owed| (Whose::Debt(number), owed.launch, owed.task.clone()));
        let open = open.collect();
        self.ask_launches(open);
    }

    /// A launch that is owed has ended.
    pub(super) fn owed_ended(&mut self, number: Number, launch: Number, task: &TaskName) {
        let Some(debt) = self.state.debts.get_mut(&number) else { return };
        let old = Digest::of(&**debt);
        Arc::make_mut(debt).kill.retain(|owed| owed.launch != launch || owed.task != *task);
        let (debt, new) = (debt.clone(), Digest::of(&**debt));
        let new = if self.bug(Bug::StaleDigest) { old } else { new };
        self.state.owed.remove(&(launch, task.clone()));
        for open in self.session.asked.values_mut() {
            open.remove(&(Whose::Debt(number), launch, task.clone()));
        }
        self.put(Some(old), Record::Debt(debt.clone()), new);
        if debt.kill.is_empty() {
            self.session.pursued.remove(&number);
            self.pursue(number);
        }
    }

    /// What an instance is granted is in use: no debt of it releases that any more.
    pub(super) fn keep(&mut self, at: At, handle: &Handle) {
        if self.state.debts.is_empty() {
            return;
        }
        let name = self.name(at);
        let debts = self.state.debts_of(&name).filter(|debt| debt.release.as_ref() == Some(handle));
        let debts: Vec<Number> = debts.map(|debt| debt.number).collect();
        for number in debts {
            let Some(debt) = self.state.debts.get_mut(&number) else { continue };
            let old = Digest::of(&**debt);
            Arc::make_mut(debt).release = None;
            let (debt, new) = (debt.clone(), Digest::of(&**debt));
            self.put(Some(old), Record::Debt(debt.clone()), new);
            if debt.kill.is_empty() {
                self.settle(number, false);
            }
        }
    }

    /// Takes the backend's answer to a release.
    pub(super) fn released(&mut self, number: Number, answer: &ReleaseAnswer) {
        let ended = self.state.debts.get(&number).is_some_and(|debt| debt.kill.is_empty());
        if ended && *answer == ReleaseAnswer::Done {
            self.settle(number, false);
        }
    }

    /// A debt is paid, or given up.
    pub(super) fn settle(&mut self, number: Number, given_up: bool) {
        let Some(debt) = self.state.remove_debt(number) else { return };
        for open in self.session.asked.values_mut() {
            open.retain(|(whose, _, _)| *whose != Whose::Debt(number));
        }
        self.session.pursuits.remove(&number);
        self.session.pursued.remove(&number);
        self.digest.replace(Digest::of(&*debt), Digest::default());
        // What was put in this turn is not put after it is deleted.
        let put = |write: &Write| matches!(write, Write::Put(Record::Debt(put)) if put.number == number);
        self.effects.writes.retain(|write| !put(write));
        self.effects.writes.push(Write::Delete(Key::Debt(number)));
        self.event(Event::Settled { debt: number, instance: debt.instance.clone(), given_up });
        if let Some(at) = self.state.at(&debt.instance) {
            self.consider_steps_of(at);
        }
        self.session.agenda.items.insert(Item::Leave);
    }

    /// Pursues again what is due.
    pub(super) fn pursue_due(&mut self) {
        while let Some(number) = self.session.pursuits.pop_due(self.now) {
            self.pursue(number);
        }
    }
}
