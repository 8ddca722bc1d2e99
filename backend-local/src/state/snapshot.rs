//! What there is, for an engine that asks.
//!
//! Invariant: every launch that was asked for is in the answer, and so is every other living one of its instance.

use std::collections::BTreeSet;

use plan_core::engine::{End, Expected, Found, Incarnation, Number, Seen, Snapshot};

use super::State;
use super::runs::RunKey;
use super::sessions::Say;
use crate::room::{Health, ServiceKey};

/// A part of a snapshot speaks of at most so many launches.
const PART: usize = 1000;

impl State {
    /// Answers how these launches are, and what else there is of their instances.
    pub(crate) fn reconcile(&mut self, service: &ServiceKey, number: Number, expected: &[Expected]) {
        let mut found: Vec<(Incarnation, Found)> = Vec::with_capacity(expected.len());
        let mut asked = BTreeSet::new();
        for Expected { of, node } in expected {
            let run = RunKey {
                service: (service.0.clone(), of.installation.clone()),
                instance: of.instance.clone(),
                launch: of.launch,
                task: of.task.clone(),
            };
            let gone = self.book.health(node) == Some(Health::Gone);
            let is = match self.runs.get(&run) {
                Some(run) => Found::Seen(run.seen(&self.book)),
                // Whatever was there, it is there no more.
                None if gone => Found::Seen(Seen::Ended(End::Gone).into()),
                None => Found::Absent,
            };
            found.push((of.clone(), is));
            asked.insert(&of.instance);
        }
        let others = self.runs.all().filter(|(key, run)| {
            run.lives()
                && key.service.0 == service.0
                && (key.service.1 != service.1 || asked.contains(&key.instance))
        });
        let others: Vec<_> = others
            .map(|(key, run)| (key.incarnation(), Found::Seen(run.seen(&self.book))))
            .filter(|(of, _)| !expected.iter().any(|one| one.of == *of))
            .collect();
        found.extend(others);
        let mut parts = found.chunks(PART).map(<[_]>::to_vec).collect::<Vec<_>>();
        if parts.is_empty() {
            parts.push(Vec::new());
        }
        let last = parts.len() - 1;
        for (nth, found) in parts.into_iter().enumerate() {
            // Commands are carried out in order, so that all before this one show.
            let snapshot = Snapshot { of: number, as_of: number, found, last: nth == last };
            self.sessions.say(service, Say::Snapshot(snapshot));
        }
    }
}
