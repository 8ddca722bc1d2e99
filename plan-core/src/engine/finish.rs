//! The end of a transition: complete runs end, and changed records are written.
//!
//! Invariant: every record that changed is written in the same transition, the record of an instance once.

use std::sync::Arc;

use crate::plan::Status;

use super::at::At;
use super::bug::Bug;
use super::digest::Digest;
use super::effects::Effects;
use super::record::{Key, Number, Record, RunOutcome};
use super::session::Session;
use super::state::State;
use super::time::Wall;
use super::transition::Transition;

impl Transition<'_> {
    /// Ends the transition: ends the runs that became complete, and writes the changed records.
    pub(super) fn finish(mut self) -> Effects {
        while let Some(number) = self.completed.pop() {
            if self.state.run(number).is_some_and(|run| run.progress.status() == Status::Complete) {
                self.end_run(number, RunOutcome::Complete);
            }
        }
        if self.dissolved {
            self.effects.writes = self.writes.without_clock();
            return self.effects;
        }
        let mut changed = std::mem::take(&mut self.changed);
        if changed.len() > 1 {
            changed.sort_unstable();
        }
        for at in changed {
            self.write_instance(at);
        }
        if !self.left.is_empty() {
            self.trim();
        }
        self.effects.wake_at = self.wake_at();
        let superseded = self.session.superseded;
        self.effects.writes = self.writes.finish(self.now, self.wall, || !superseded);
        self.effects
    }

    /// Drops the positions of instances that left for good.
    fn trim(&mut self) {
        for pod in std::mem::take(&mut self.left) {
            self.state.trim(pod);
        }
        let declared = self.state.model.pods().len();
        let empty = |state: &State| {
            state.pods.len() > declared && state.pods.last().is_some_and(|instances| instances.is_empty())
        };
        while empty(self.state) {
            self.state.pods.pop();
            self.change_service(|service| drop(service.leaving.pop()));
        }
    }

    fn write_instance(&mut self, at: At) {
        let marks = self.state.record(at).map(|record| record.steps()).unwrap_or_default();
        // Marks of forgotten runs are dropped with the next write.
        let stale = marks.iter().map(|mark| mark.step.run).filter(|&run| !self.state.remembers(run));
        let stale: Vec<Number> = stale.collect();
        let name = self.name(at);
        let instance = &mut self.state.pods[at.pod as usize][at.index as usize];
        instance.dirty = false;
        let Some(record) = &mut instance.record else {
            let old = std::mem::take(&mut instance.digest);
            if old != Digest::default() {
                self.writes.delete(Key::Pod(name), old);
            }
            return;
        };
        if !stale.is_empty() {
            Arc::make_mut(record).forget_marks(&stale);
        }
        instance.digest = self.writes.put(instance.digest, Record::Pod(name, record.clone()));
    }

    /// When the engine wants to be woken.
    fn wake_at(&self) -> Option<Wall> {
        if self.session.superseded {
            return None;
        }
        let more = !self.session.agenda.is_empty() && !self.bug(Bug::BoundDropsWake);
        // The start of a session goes on without an answer of the backend.
        let is_starting = self.session.reconciliation.starts_from().is_some();
        if self.session.reconciliation.is_fresh() || more || is_starting {
            return Some(self.wall);
        }
        let delays = self.state.delays.first().filter(|_| !self.bug(Bug::NoWake)).map(|(until, _)| *until);
        let Session { kills, reconciliation, pursuits, farewell, questions, .. } = &*self.session;
        let waits = [
            delays,
            self.next_patience(),
            kills.first(),
            reconciliation.first(),
            pursuits.first(),
            questions.first_due(),
            *farewell,
        ];
        let next = waits.into_iter().flatten().min()?;
        Some(self.wall.after(next.since(self.now)))
    }
}
