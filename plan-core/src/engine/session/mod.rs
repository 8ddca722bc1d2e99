//! The session: what is known of the present, and forgotten with the connection to the backend.
//!
//! Invariant: no decision that must survive a restart rests on the session. A fresh session learns everything again
//! from the backend.

pub(super) mod agenda;
pub(super) mod answered;
pub(super) mod budgets;
pub(super) mod farewell;
pub(super) mod fits;
pub(super) mod foreigners;
pub(super) mod kills;
pub(super) mod patience;
pub(super) mod pursuits;
pub(super) mod questions;
pub(super) mod reconciliation;
pub(super) mod shared;
pub(super) mod timers;

use agenda::Agenda;
use budgets::Budgets;
use farewell::Farewell;
use fits::Fits;
use foreigners::Foreigners;
use kills::Kills;
use patience::Patience;
use pursuits::Pursuits;
use questions::Questions;
use reconciliation::Reconciliation;
use shared::Shared;

/// The session. Each open field is a leaf, which owns its state.
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
    /// Which of the instances that are down for too long were looked at.
    pub(super) patience: Patience,
    /// The command to forget the service.
    pub(super) farewell: Farewell,
    /// Launches that no record names, and how they were seen.
    pub(super) foreigners: Foreigners,
    /// The tasks of the latest orders.
    pub(super) shared: Shared,
    /// Whether another scheduler has taken over.
    superseded: bool,
}

impl Session {
    /// Whether all launches were asked for, and each was answered or had its time.
    pub(super) fn is_live(&self) -> bool {
        self.reconciliation.is_live()
    }

    /// Notes that another scheduler has taken over. The engine does nothing any more in this session.
    pub(super) fn supersede(&mut self) {
        self.superseded = true;
    }

    /// Whether another scheduler has taken over.
    pub(super) fn is_superseded(&self) -> bool {
        self.superseded
    }
}
