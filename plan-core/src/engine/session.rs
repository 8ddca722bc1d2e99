//! What is known of the present, and forgotten with the session (engine.md §1, law 1).
//!
//! Invariant: no decision that must survive a restart rests on anything here; a fresh session learns it
//! again from the backend.

use std::collections::{BTreeMap, BTreeSet};

use crate::spec::TaskName;

use super::agenda::Agenda;
use super::at::At;
use super::input::{Grant, Incarnation, Seen};
use super::record::Number;
use super::time::Time;
use super::timers::Timers;
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

impl Session {
    /// Whether all were asked for, and have answered or had their time.
    pub(super) fn is_live(&self) -> bool {
        self.stage == Stage::Live && self.start_asked.is_none()
    }
}
