//! The session: what is known of the present, and forgotten with the connection to the backend.
//!
//! Invariant: no decision that must survive a restart rests on the session. A fresh session learns everything again
//! from the backend.

pub(super) mod agenda;
pub(super) mod answered;
pub(super) mod budgets;
pub(super) mod fits;
pub(super) mod kills;
pub(super) mod pursuits;
pub(super) mod questions;
pub(super) mod reconciliation;
pub(super) mod timers;

use std::collections::BTreeMap;

use super::input::{Incarnation, Seen};
use super::time::Time;
use agenda::Agenda;
use budgets::Budgets;
use fits::Fits;
use kills::Kills;
use pursuits::Pursuits;
use questions::Questions;
use reconciliation::Reconciliation;

/// The session.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Session {
    /// How far the start of the session is, and which launches are asked for.
    pub(super) reconciliation: Reconciliation,
    /// The open questions for room, and the unused grants.
    pub(super) fits: Fits,
    /// What is to be considered.
    pub(super) agenda: Agenda,
    /// The steps that wait because too many members are down.
    pub(super) budgets: Budgets,
    /// The questions of gates.
    pub(super) questions: Questions,
    /// The tasks that were told to end.
    pub(super) kills: Kills,
    /// The debts that are pursued.
    pub(super) pursuits: Pursuits,
    /// The engine does not look for instances that are down for too long before this time. It is set when the last look
    /// left instances that this session had not seen yet.
    pub(super) patience: Option<Time>,
    /// When `Deregister` is commanded again.
    pub(super) farewell: Option<Time>,
    /// Launches that no record names, and how they were seen.
    pub(super) foreigners: BTreeMap<Incarnation, Seen>,
    /// Whether another scheduler has taken over. Then the engine does nothing any more.
    pub(super) superseded: bool,
}

impl Session {
    /// Whether all launches were asked for, and each was answered or had its time.
    pub(super) fn is_live(&self) -> bool {
        self.reconciliation.is_live()
    }
}
