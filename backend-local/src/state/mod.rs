//! What the backend knows now: places, runs, questions, sessions.
//!
//! Invariant: all of it is changed under one lock, without waiting; what must survive is on disk before anybody is told
//! of it. Questions and unused grants are the session's, and go with it.

mod questions;
mod runs;
mod snapshot;

use std::collections::BTreeMap;

use plan_core::engine::{End, Handle, Number, Outcome, Release, Seen, Snapshot};
use plan_core::spec::{InstanceName, NodeName, TaskName};
use plan_room::{Book, Questions};
use tokio::sync::mpsc;

pub(crate) use runs::{Phase, Run, RunKey};

use crate::room::{Health, Referenced, ServiceKey};

/// Something to say to the engine.
#[derive(Debug)]
pub(crate) enum Say {
    Outcome(Outcome),
    Snapshot(Snapshot),
    /// How this run is when it is its turn.
    Observe(RunKey),
    /// Nothing is known of this one: it has ended.
    Unknown(RunKey, End),
}

/// A service's session, and what is open in it.
#[derive(Debug, Default)]
pub(crate) struct Service {
    session: Option<(u64, mpsc::UnboundedSender<Say>)>,
    questions: Questions,
    /// Releases on nodes of which nothing is heard.
    pub(crate) releases: Vec<Release>,
}

/// All of it.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) book: Book<ServiceKey>,
    /// Of each place, what the rule that chose it speaks of.
    pub(crate) referenced: BTreeMap<(ServiceKey, Handle), Referenced>,
    runs: BTreeMap<ServiceKey, BTreeMap<(InstanceName, Number, TaskName), Run>>,
    services: BTreeMap<ServiceKey, Service>,
    /// Counts commands.
    pub(crate) count: u64,
    serial: u64,
    sessions: u64,
}

impl State {
    pub(crate) fn new(book: Book<ServiceKey>) -> Self {
        Self {
            book,
            referenced: BTreeMap::new(),
            runs: BTreeMap::new(),
            services: BTreeMap::new(),
            count: 0,
            serial: 0,
            sessions: 0,
        }
    }

    pub(crate) fn service(&mut self, key: &ServiceKey) -> &mut Service {
        self.services.entry(key.clone()).or_default()
    }

    /// Begins a session; what was open in the one before is forgotten.
    pub(crate) fn begin_session(&mut self, key: &ServiceKey, say: mpsc::UnboundedSender<Say>) -> u64 {
        self.sessions += 1;
        let number = self.sessions;
        *self.service(key) = Service { session: Some((number, say)), ..Service::default() };
        self.book.forget_grants(key, number);
        for run in self.runs.get_mut(key).into_iter().flat_map(|runs| runs.values_mut()) {
            run.queued = false;
        }
        let untold: Vec<RunKey> =
            self.runs_of(key).filter(|(_, run)| !run.lives() && !run.told).map(|(key, _)| key).collect();
        for run in untold {
            self.changed(&run);
        }
        self.look_again();
        number
    }

    /// Ends a session, if it is still the one.
    pub(crate) fn end_session(&mut self, key: &ServiceKey, number: u64) {
        if self.is_session(key, number) {
            *self.service(key) = Service::default();
            self.book.forget_grants(key, number + 1);
            self.look_again();
        }
    }

    pub(crate) fn is_session(&self, key: &ServiceKey, number: u64) -> bool {
        let session = self.services.get(key).and_then(|service| service.session.as_ref());
        session.is_some_and(|(current, _)| *current == number)
    }

    /// Says something to the engine of a service, if it listens. It asks again in its next session.
    pub(crate) fn say(&self, key: &ServiceKey, say: Say) {
        if let Some((_, session)) = self.services.get(key).and_then(|service| service.session.as_ref()) {
            // A session that just ended is not told.
            let _ = session.send(say);
        }
    }

    /// A run is another than before, or is to be told again.
    pub(crate) fn changed(&mut self, key: &RunKey) {
        let listens = self.services.get(&key.service).is_some_and(|service| service.session.is_some());
        if let Some(run) = self.run_mut(key).filter(|_| listens)
            && !std::mem::replace(&mut run.queued, true)
        {
            self.say(&key.service, Say::Observe(key.clone()));
        }
    }

    /// Tells the end of a run that nothing is known of.
    pub(crate) fn observe_unknown(&self, key: &RunKey, end: End) {
        self.say(&key.service, Say::Unknown(key.clone(), end));
    }

    /// Takes a run forward, and tells of it; never back from its end.
    pub(crate) fn set_phase(&mut self, key: &RunKey, phase: Phase) {
        let Some(run) = self.run_mut(key).filter(|run| run.lives() && run.phase != phase) else { return };
        run.phase = phase;
        self.changed(key);
        if matches!(phase, Phase::Ended(_)) {
            self.look_again();
        }
    }

    /// Its turn to be told: how it is, and the number of this observation.
    pub(crate) fn take_turn(&mut self, key: &RunKey) -> Option<(Seen, u64)> {
        let run = self.run_mut(key)?;
        run.queued = false;
        let run = self.run(key)?;
        let seen = self.view(run);
        Some((seen, self.next_serial()))
    }

    /// A number above all before it.
    pub(crate) fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// How a run is seen: where nothing is heard of its node, only what was known before.
    pub(crate) fn view(&self, run: &Run) -> Seen {
        let health = self.book.health(&run.node).unwrap_or(Health::Heard);
        match (run.phase, health) {
            // Its node took it along.
            (Phase::Ended(End::Gone), Health::Silent) => Seen::Unreachable,
            (Phase::Ended(end), _) => Seen::Ended(end),
            (_, Health::Gone) => Seen::Ended(End::Gone),
            (_, Health::Silent) => Seen::Unreachable,
            (Phase::Preparing | Phase::Starting, Health::Heard) => Seen::Starting,
            (Phase::Running { ready }, Health::Heard) => Seen::Running { ready },
        }
    }

    /// Forgets all that a service has.
    pub(crate) fn forget_service(&mut self, key: &ServiceKey) {
        self.runs.remove(key);
        self.book.forget_owner(key);
        self.referenced.retain(|(of, _), _| of != key);
        let service = self.service(key);
        service.questions.clear();
        service.releases.clear();
        self.look_again();
    }

    /// Takes the releases that waited for a node.
    pub(crate) fn take_releases(&mut self, node: &NodeName) -> Vec<(ServiceKey, Release)> {
        let mut taken = Vec::new();
        for (key, service) in &mut self.services {
            let (here, others): (Vec<_>, Vec<_>) =
                std::mem::take(&mut service.releases).into_iter().partition(|release| release.node == *node);
            service.releases = others;
            taken.extend(here.into_iter().map(|release| (key.clone(), release)));
        }
        taken
    }
}
