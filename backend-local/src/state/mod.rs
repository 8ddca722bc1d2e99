//! The present state of the backend: places, runs, sessions with their questions.
//!
//! Invariant: the state is changed under one lock, without waiting. What must survive is on disk before anyone is told
//! of it. This file has what concerns several parts. No part uses another.

mod questions;
mod runs;
mod sessions;
mod snapshot;

use plan_core::engine::{End, Held, Sighting, Words};
use plan_room::Book;
use tokio::sync::mpsc;

pub(crate) use runs::{CheckKind, Phase, Run, RunKey, Runs};
pub(crate) use sessions::{Say, Sessions};

use crate::room::{ServiceKey, kept};
use crate::run::Exit;

/// The whole state.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) book: Book<ServiceKey>,
    pub(crate) runs: Runs,
    pub(crate) sessions: Sessions,
    /// Counts commands.
    pub(crate) count: u64,
    serial: u64,
}

impl State {
    pub(crate) fn new(book: Book<ServiceKey>) -> Self {
        Self { book, runs: Runs::default(), sessions: Sessions::default(), count: 0, serial: 0 }
    }

    /// Begins a session. Open questions of the session before are forgotten, and the places that records name are held.
    pub(crate) fn begin_session(
        &mut self,
        key: &ServiceKey,
        held: Vec<Held>,
        say: mpsc::UnboundedSender<Say>,
    ) -> u64 {
        let number = self.sessions.begin(key, say);
        self.book.forget_grants(key, number);
        for held in held {
            self.book.restore(key, kept(held));
        }
        self.runs.listen(key);
        let untold = self.runs.of_service(key).filter(|(_, run)| !run.lives() && !run.told);
        for run in untold.map(|(key, _)| key).collect::<Vec<_>>() {
            self.changed(&run);
        }
        self.look_again();
        number
    }

    /// Ends a session, if it is still the current one.
    pub(crate) fn end_session(&mut self, key: &ServiceKey, number: u64) {
        if self.sessions.end(key, number) {
            self.book.forget_grants(key, number + 1);
            self.look_again();
        }
    }

    /// A run has changed, or must be told again.
    pub(crate) fn changed(&mut self, key: &RunKey) {
        if self.sessions.number(&key.service).is_some() && self.runs.queue(key) {
            self.sessions.say(&key.service, Say::Observe(key.clone()));
        }
    }

    /// Takes a run forward, never back from its end, and tells that.
    pub(crate) fn set_phase(&mut self, key: &RunKey, phase: Phase) {
        if self.runs.set_phase(key, phase) {
            self.changed(key);
        }
    }

    /// A run has ended. Tells that.
    pub(crate) fn set_ended(&mut self, key: &RunKey, exit: &Exit) {
        if self.runs.end(key, exit) {
            self.changed(key);
            self.look_again();
        }
    }

    /// Notes the message of a run's check, or that the check passed.
    pub(crate) fn set_check(&mut self, key: &RunKey, kind: CheckKind, words: Option<Words>) {
        if self.runs.set_check(key, kind, words) {
            self.changed(key);
        }
    }

    /// Tells the end of an unknown run.
    pub(crate) fn observe_unknown(&self, key: &RunKey, end: End) {
        self.sessions.say(&key.service, Say::Unknown(key.clone(), end));
    }

    /// The present observation of a run whose turn it is to be told, and its number.
    pub(crate) fn take_turn(&mut self, key: &RunKey) -> Option<(Sighting, u64)> {
        let run = self.runs.take_turn(key)?;
        let seen = run.seen(&self.book);
        Some((seen, self.next_serial()))
    }

    /// A number above all earlier ones.
    pub(crate) fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// Forgets everything of a service.
    pub(crate) fn forget_service(&mut self, key: &ServiceKey) {
        self.runs.forget(key);
        self.book.forget_owner(key);
        self.sessions.close(key);
        self.look_again();
    }
}
