//! Snapshots, for an engine that asks what runs.
//!
//! Invariant: the answer has every launch that was asked for, and every other living launch of its instance.

use std::collections::BTreeSet;

use plan_core::engine::{End, Expected, Found, Incarnation, Number, Seen, Snapshot};

use super::State;
use super::runs::RunKey;
use super::sessions::Say;
use crate::room::{Health, ServiceKey};

/// The most launches in one part of a snapshot.
const PART: usize = 1000;

impl State {
    /// Answers with the state of these launches, and with the other launches of their instances.
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
                // Whatever ran there is gone.
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
            // Commands are carried out in order, so all earlier ones show.
            let snapshot = Snapshot::new(number, number, found).with_last(nth == last);
            self.sessions.say(service, Say::Snapshot(snapshot));
        }
    }
}
