//! The end of a transition: complete runs end, and changed records are written.
//!
//! Invariant: every record that changed is written in the same transition, the record of an instance once.

use crate::plan::Status;

use super::at::At;
use super::bug::Bug;
use super::digest::Digest;
use super::effects::Effects;
use super::record::{Key, Number, Record, RunOutcome};
use super::rules::keepers;
use super::session::Session;
use super::time::Wall;
use super::transition::Transition;
use super::writes::Writes;

impl Transition<'_> {
    /// Ends the transition: ends the runs that became complete, and writes the changed records.
    pub(super) fn finish(mut self) -> Effects {
        while let Some(number) = self.next_complete() {
            if self.state.run(number).is_some_and(|run| run.progress.status() == Status::Complete) {
                self.end_run(number, RunOutcome::Complete);
            }
        }
        if self.is_dissolved() {
            return self.into_effects(None, Writes::without_clock);
        }
        for at in self.take_changed() {
            self.write_instance(at);
        }
        self.trim();
        let (wake_at, superseded) = (self.wake_at(), self.session.is_superseded());
        let (now, wall) = (self.now, self.wall);
        self.into_effects(wake_at, |writes| writes.finish(now, wall, || !superseded))
    }

    /// Drops the positions of instances that left for good.
    fn trim(&mut self) {
        let left = self.take_left();
        if left.is_empty() {
            return;
        }
        for pod in left {
            self.state.trim(pod);
        }
        while self.state.drop_empty_pod() {
            self.change_service(|service| drop(service.leaving.pop()));
        }
    }

    fn write_instance(&mut self, at: At) {
        let marks = self.state.record(at).map(|record| record.steps()).unwrap_or_default();
        // Marks of forgotten runs are dropped with the next write.
        let stale = marks.iter().map(|mark| mark.step.run).filter(|&run| !self.state.remembers(run));
        let stale: Vec<Number> = stale.collect();
        let name = self.name(at);
        let (instance, writes) = (self.state.instance_mut(at), &mut self.writes);
        if !stale.is_empty() {
            instance.record_mut().forget_marks(&stale);
        }
        instance.write(|old, record| match record {
            Some(record) => writes.put(old, Record::Pod(name, record.clone())),
            None if old == Digest::default() => old,
            None => {
                writes.delete(Key::Pod(name), old);
                Digest::default()
            }
        });
    }

    /// When the engine wants to be woken.
    fn wake_at(&self) -> Option<Wall> {
        if self.session.is_superseded() {
            return None;
        }
        let more = !self.session.agenda.is_empty() && !self.bug(Bug::BoundDropsWake);
        // The start of a session goes on without an answer of the backend.
        let is_starting = self.session.reconciliation.starts_from().is_some();
        if self.session.reconciliation.is_fresh() || more || is_starting {
            return Some(self.wall);
        }
        let delays = self.state.delays.first().filter(|_| !self.bug(Bug::NoWake)).map(|(until, _)| until);
        let Session { kills, reconciliation, pursuits, farewell, .. } = &*self.session;
        let waits = [
            delays,
            self.state.next_move(self.session),
            kills.first(),
            reconciliation.first(),
            pursuits.first(),
            keepers().filter_map(|keeper| keeper.first_due(self.session)).min(),
            farewell.again(),
        ];
        let next = waits.into_iter().flatten().min()?;
        Some(self.wall.after(next.since(self.now)))
    }
}
