//! What is known of the present, and forgotten with the session.
//!
//! Invariant: no decision that must survive a restart rests on anything here; a fresh session learns it
//! again from the backend.

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
    /// How far the start is, and what is asked and answered of the cluster.
    pub(super) reconciliation: Reconciliation,
    /// Open questions for room, and unused grants.
    pub(super) fits: Fits,
    /// What is to be considered.
    pub(super) agenda: Agenda,
    /// Who waits because too many members are down.
    pub(super) budgets: Budgets,
    /// What is asked before steps act.
    pub(super) questions: Questions,
    /// Who was told to end.
    pub(super) kills: Kills,
    /// Debts that are pursued.
    pub(super) pursuits: Pursuits,
    /// Before this time nobody is looked at who is down for too long: who is was not seen yet.
    pub(super) patience: Option<Time>,
    /// When the service is taken leave of again.
    pub(super) farewell: Option<Time>,
    /// Launches that no record speaks of, and how they were seen.
    pub(super) foreigners: BTreeMap<Incarnation, Seen>,
    /// Another scheduler has taken over: nothing is done any more.
    pub(super) superseded: bool,
}

impl Session {
    /// Whether all were asked for, and have answered or had their time.
    pub(super) fn is_live(&self) -> bool {
        self.reconciliation.is_live()
    }
}
