//! Sessions, and what is open in them.
//!
//! Invariant: a service has one session at a time. Questions and waiting releases belong to the session, and end with
//! it.

use std::collections::BTreeMap;

use plan_core::engine::{CommandOutcome, End, Release, Snapshot};
use plan_core::spec::NodeName;
use plan_room::Questions;
use tokio::sync::mpsc;

use super::runs::RunKey;
use crate::room::ServiceKey;

/// A message for the engine.
#[derive(Debug)]
pub(crate) enum Say {
    Outcome(CommandOutcome),
    Snapshot(Snapshot),
    /// The state of this run, when its turn comes.
    Observe(RunKey),
    /// This run is unknown, so it has ended.
    Unknown(RunKey, End),
}

/// A service's session, and what is open in it.
#[derive(Debug, Default)]
pub(super) struct Service {
    session: Option<(u64, mpsc::UnboundedSender<Say>)>,
    pub(super) questions: Questions,
    /// Releases on silent nodes.
    releases: Vec<Release>,
}

/// Services that have or had a session.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    services: BTreeMap<ServiceKey, Service>,
    begun: u64,
}

impl Sessions {
    /// Begins a session. What was open in the one before is forgotten.
    pub(super) fn begin(&mut self, key: &ServiceKey, say: mpsc::UnboundedSender<Say>) -> u64 {
        self.begun += 1;
        let service = Service { session: Some((self.begun, say)), ..Service::default() };
        self.services.insert(key.clone(), service);
        self.begun
    }

    /// Ends a session, if it is still the current one.
    pub(super) fn end(&mut self, key: &ServiceKey, number: u64) -> bool {
        let is = self.is(key, number);
        if is {
            self.services.insert(key.clone(), Service::default());
        }
        is
    }

    pub(crate) fn is(&self, key: &ServiceKey, number: u64) -> bool {
        self.number(key) == Some(number)
    }

    /// The number of a service's session.
    pub(crate) fn number(&self, key: &ServiceKey) -> Option<u64> {
        self.services.get(key)?.session.as_ref().map(|(number, _)| *number)
    }

    /// Sends a message to the engine of a service, if it has a session. Otherwise the engine asks again in its next
    /// session.
    pub(crate) fn say(&self, key: &ServiceKey, say: Say) {
        if let Some((_, session)) = self.services.get(key).and_then(|service| service.session.as_ref()) {
            // A session that has just ended gets nothing.
            let _ = session.send(say);
        }
    }

    pub(super) fn service(&mut self, key: &ServiceKey) -> &mut Service {
        self.services.entry(key.clone()).or_default()
    }

    pub(super) fn services(&self) -> impl Iterator<Item = (&ServiceKey, &Service)> {
        self.services.iter()
    }

    /// Closes all that is open for a service.
    pub(super) fn close(&mut self, key: &ServiceKey) {
        let service = self.service(key);
        service.questions.clear();
        service.releases.clear();
    }

    /// A release waits for its node.
    pub(crate) fn hold(&mut self, key: &ServiceKey, release: Release) {
        self.service(key).releases.push(release);
    }

    /// Takes the releases that waited for a node.
    pub(crate) fn take_releases(&mut self, node: &NodeName) -> Vec<(ServiceKey, Release)> {
        let mut taken = Vec::new();
        for (key, service) in &mut self.services {
            let here = service.releases.extract_if(.., |release| release.node == *node);
            taken.extend(here.map(|release| (key.clone(), release)));
        }
        taken
    }
}
