//! What is known of the present, and forgotten with the session (engine.md §1, law 1).
//!
//! Invariant: no decision that must survive a restart rests on anything here; a fresh session learns it
//! again from the backend.

use std::collections::{BTreeMap, BTreeSet};

use crate::spec::TaskName;

use super::at::At;
use super::input::{Grant, Incarnation, Seen};
use super::record::{Number, StepRef};
use super::time::Time;
use super::words::Words;

/// The session.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Session {
    /// How far the start is.
    pub(super) stage: Stage,
    /// Of open `Reconcile`s, by number: the launches that no answer spoke of yet.
    pub(super) asked: BTreeMap<Number, BTreeSet<Asked>>,
    /// In which of them the launches of a debt were asked for last.
    pub(super) asking: BTreeMap<Number, Number>,
    /// The question that the start of the session waits for.
    pub(super) start_asked: Option<Number>,
    /// When the unanswered rest of a `Reconcile` is asked again.
    pub(super) reconciles: Timers<Number>,
    /// Open questions for room, and unused grants, by order.
    pub(super) fits: BTreeMap<Number, Fitting>,
    /// What is to be considered.
    pub(super) agenda: Agenda,
    /// Kills that were commanded in this session, and when they are again.
    pub(super) kills: Timers<(At, Number, TaskName)>,
    /// Debts that are pursued, and when they are again.
    pub(super) pursuits: Timers<Number>,
    /// How often each debt was pursued.
    pub(super) pursued: BTreeMap<Number, u32>,
    /// Before this time nobody is looked at who is down for too long: who is was not seen yet.
    pub(super) patience: Option<Time>,
    /// When the service is taken leave of again.
    pub(super) farewell: Option<Time>,
    /// Launches that no record speaks of, and how they were seen.
    pub(super) foreigners: BTreeMap<Incarnation, Seen>,
    /// Another scheduler has taken over: nothing is done any more.
    pub(super) superseded: bool,
}

/// A launch that is asked for: whose, its number, its task.
pub(super) type Asked = (Whose, Number, TaskName);

/// Whose a launch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Whose {
    /// An instance's.
    Instance(At),
    /// What a debt is to end.
    Debt(Number),
}

/// How far the start of a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Stage {
    /// Nothing was done yet; a wake is wanted at once.
    #[default]
    Fresh,
    /// Instances before this one are asked for, or taken up.
    Starting(At),
    /// All are.
    Live,
}

/// Times at which something is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Timers<K> {
    /// When, and how often it was set again since it was not there.
    at: BTreeMap<K, (Time, u32)>,
    due: BTreeSet<(Time, K)>,
}

impl<K> Default for Timers<K> {
    fn default() -> Self {
        Self { at: BTreeMap::new(), due: BTreeSet::new() }
    }
}

impl<K: Ord + Clone> FromIterator<(K, Time)> for Timers<K> {
    fn from_iter<I: IntoIterator<Item = (K, Time)>>(timers: I) -> Self {
        let mut all = Self::default();
        timers.into_iter().for_each(|(key, time)| all.set(key, time));
        all
    }
}

impl<K: Ord + Clone> Timers<K> {
    /// Sets a timer, in place of the one that it had.
    pub(super) fn set(&mut self, key: K, time: Time) {
        let again = self.at.get(&key).map_or(0, |(_, again)| again.saturating_add(1));
        self.remove(&key);
        self.at.insert(key.clone(), (time, again));
        self.due.insert((time, key));
    }

    /// How often a timer was set again, since it was not there.
    pub(super) fn again(&self, key: &K) -> u32 {
        self.at.get(key).map_or(0, |(_, again)| *again)
    }

    /// Takes a timer out.
    pub(super) fn remove(&mut self, key: &K) {
        if let Some((time, _)) = self.at.remove(key) {
            self.due.remove(&(time, key.clone()));
        }
    }

    /// Gives each timer another key, or takes it out.
    pub(super) fn rename(&mut self, name: impl Fn(K) -> Option<K>) {
        let old = std::mem::take(&mut self.at).into_iter();
        *self = old.filter_map(|(key, (time, _))| Some((name(key)?, time))).collect();
    }

    /// Keeps the timers that are wanted.
    pub(super) fn retain(&mut self, mut wanted: impl FnMut(&K) -> bool) {
        self.at.retain(|key, _| wanted(key));
        self.due.retain(|(_, key)| self.at.contains_key(key));
    }

    /// Whether there is such a timer.
    pub(super) fn contains(&self, key: &K) -> bool {
        self.at.contains_key(key)
    }

    /// When the first is due.
    pub(super) fn first(&self) -> Option<Time> {
        self.due.first().map(|(time, _)| *time)
    }

    /// The first, if it is due.
    pub(super) fn first_due(&self, now: Time) -> Option<K> {
        self.due.first().filter(|(time, _)| *time <= now).map(|(_, key)| key.clone())
    }

    /// Takes the first out, if it is due.
    pub(super) fn pop_due(&mut self, now: Time) -> Option<K> {
        let (time, _) = self.due.first()?;
        if *time > now {
            return None;
        }
        let (_, key) = self.due.pop_first()?;
        self.at.remove(&key);
        Some(key)
    }
}

/// A question for room.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fitting {
    /// For this instance.
    pub(super) at: At,
    /// Why there is none, if the backend said so.
    pub(super) why: Option<Words>,
    /// The room, once it was granted.
    pub(super) grant: Option<Grant>,
}

/// What is to be considered for an act: at most a bounded part of it with one input (engine.md §1, law 4).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Agenda {
    /// Steps and instances.
    pub(super) items: BTreeSet<Item>,
    /// Phases whose pending steps are gone through, each from a step on.
    pub(super) sweeps: BTreeMap<(Number, u32), u32>,
    /// The instances of which something is broken are gone through, from this one on.
    pub(super) hurt: Option<At>,
}

/// Something to consider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Item {
    /// Those who leave the target: the next of them goes.
    Leave,
    /// A pod's open questions for room: where the others are has changed.
    Refit(u32),
    /// An instance: what runs no more is brought back.
    Recovery(At),
    /// A step.
    Step(StepRef),
}

impl Session {
    /// Whether all were asked for, and have answered or had their time.
    pub(super) fn is_live(&self) -> bool {
        self.stage == Stage::Live && self.start_asked.is_none()
    }
}

impl Agenda {
    /// Whether there is nothing to consider.
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty() && self.sweeps.is_empty() && self.hurt.is_none()
    }
}
