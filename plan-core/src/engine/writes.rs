//! The writes of a transition, with the digest of all records, and the numbers that the transition gives out.
//!
//! Invariant: the digest is that of the records once these writes are durable. A record that is deleted in a transition is
//! not put after that. A number is durable before anyone outside sees it.

use super::bug::{Bug, Switch};
use super::digest::Digest;
use super::effects::Write;
use super::record::{ClockRecord, Key, Number, Record};
use super::time::{Time, Wall};

/// The writes of a transition.
pub(super) struct Writes<'a> {
    clock: &'a mut ClockRecord,
    digest: &'a mut Digest,
    faults: Switch,
    /// The last number that was given out before this transition.
    first: Number,
    writes: Vec<Write>,
}

impl<'a> Writes<'a> {
    /// No writes yet.
    pub(super) fn new(clock: &'a mut ClockRecord, digest: &'a mut Digest, faults: Switch) -> Self {
        let first = clock.seq;
        Self { clock, digest, faults, first, writes: Vec::new() }
    }

    /// The next number.
    pub(super) fn number(&mut self) -> Number {
        self.clock.seq += 1;
        self.clock.seq
    }

    /// The last number that was given out.
    pub(super) fn last_number(&self) -> Number {
        self.clock.seq
    }

    /// Puts a record under a new key.
    pub(super) fn put_new(&mut self, record: Record) {
        self.put(Digest::default(), record);
    }

    /// Puts a record in place of one with the digest `old`. Returns the new record's digest.
    pub(super) fn put(&mut self, old: Digest, record: Record) -> Digest {
        let new = record.digest();
        self.digest.replace(old, new);
        self.write(record);
        new
    }

    /// Deletes a record that has this digest.
    pub(super) fn delete(&mut self, key: Key, old: Digest) {
        self.digest.replace(old, Digest::default());
        let put = |write: &Write| matches!(write, Write::Put(record) if record.key() == key);
        self.writes.retain(|write| !put(write));
        self.writes.push(Write::Delete(key));
    }

    /// Deletes all records, and drops the writes of this transition.
    pub(super) fn delete_all(&mut self, keys: impl IntoIterator<Item = Key>) {
        *self.digest = Digest::default();
        self.writes = keys.into_iter().map(Write::Delete).collect();
    }

    /// The writes as they are, without the clocks.
    pub(super) fn without_clock(self) -> Vec<Write> {
        self.writes
    }

    /// The writes, with the clock record if anything is written or a number was given out. A wall clock that was set
    /// back is written too, if that is to be noted, so that time goes on from there.
    pub(super) fn finish(
        mut self,
        now: Time,
        wall: Wall,
        note_set_back: impl FnOnce() -> bool,
    ) -> Vec<Write> {
        let set_back = wall < self.clock.wall && note_set_back();
        if !self.writes.is_empty() || self.clock.seq != self.first || set_back {
            self.clock.time = now;
            self.clock.wall = wall;
            self.write(Record::Clock(*self.clock));
        }
        self.writes
    }

    fn write(&mut self, record: Record) {
        if !self.forgets(&record) {
            self.writes.push(Write::Put(record));
        }
    }

    /// Whether a fault keeps a record from being written.
    #[inline(always)]
    fn forgets(&self, record: &Record) -> bool {
        match record {
            Record::Clock(_) => self.faults.has(Bug::ForgetClock),
            Record::Service(_) => self.faults.has(Bug::ForgetService),
            Record::Pod(..) => self.faults.has(Bug::ForgetPod),
            Record::Run(_) => self.faults.has(Bug::ForgetRun),
            Record::Debt(_) => self.faults.has(Bug::ForgetDebt),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::record::PlanRecord;
    use super::*;

    fn plan(name: &str, latest: Number) -> Record {
        Record::Plan(name.parse().unwrap(), Arc::new(PlanRecord { latest, ended: Vec::new() }))
    }

    /// The writes of a transition, with the clock and the digest after it.
    fn transition(
        clock: ClockRecord,
        act: impl FnOnce(&mut Writes<'_>),
    ) -> (Vec<Write>, ClockRecord, Digest) {
        let (mut clock, mut digest) = (clock, Digest::default());
        let mut writes = Writes::new(&mut clock, &mut digest, Switch::default());
        act(&mut writes);
        let writes = writes.finish(Time::from_micros(30), Wall(20), || true);
        (writes, clock, digest)
    }

    fn at(seq: Number, time: u64, wall: u64) -> ClockRecord {
        ClockRecord { seq, time: Time::from_micros(time), wall: Wall(wall) }
    }

    fn clock(seq: Number, time: u64, wall: u64) -> Write {
        Write::Put(Record::Clock(at(seq, time, wall)))
    }

    #[test]
    fn the_digest_is_of_what_is_kept() {
        let (writes, _, digest) = transition(at(0, 0, 0), |writes| {
            writes.put_new(plan("a", 1));
            let old = writes.put(Digest::default(), plan("b", 1));
            writes.put(old, plan("b", 2));
            writes.delete(plan("a", 1).key(), plan("a", 1).digest());
        });
        assert_eq!(digest, plan("b", 2).digest());
        let kept = [Write::Put(plan("b", 1)), Write::Put(plan("b", 2)), Write::Delete(plan("a", 1).key())];
        assert_eq!(writes[..3], kept);
        assert_eq!(writes[3..], [clock(0, 30, 20)]);
    }

    #[test]
    fn what_was_put_is_not_put_after_it_is_deleted() {
        let (writes, _, digest) = transition(at(0, 0, 0), |writes| {
            let old = writes.put(Digest::default(), plan("a", 1));
            writes.delete(plan("a", 1).key(), old);
        });
        assert_eq!(writes, [Write::Delete(plan("a", 1).key()), clock(0, 30, 20)]);
        assert_eq!(digest, Digest::default());
    }

    #[test]
    fn a_number_is_durable_and_nothing_else_needs_a_clock() {
        let (writes, after, _) = transition(at(7, 5, 5), |writes| assert_eq!(writes.number(), 8));
        assert_eq!((writes, after), (vec![clock(8, 30, 20)], at(8, 30, 20)));
        let (writes, after, _) = transition(at(7, 5, 5), |writes| assert_eq!(writes.last_number(), 7));
        assert_eq!((writes, after), (vec![], at(7, 5, 5)));
    }

    #[test]
    fn a_clock_that_was_set_back_is_noted_if_asked() {
        let (writes, ..) = transition(at(7, 5, 99), |_| {});
        assert_eq!(writes, [clock(7, 30, 20)]);
        let (mut clock, mut digest) = (at(7, 5, 99), Digest::default());
        let writes = Writes::new(&mut clock, &mut digest, Switch::default());
        assert_eq!(writes.finish(Time::from_micros(30), Wall(20), || false), []);
    }

    #[test]
    fn when_all_goes_nothing_is_put() {
        let (mut clock, mut digest) = (at(7, 5, 5), Digest::default());
        let mut writes = Writes::new(&mut clock, &mut digest, Switch::default());
        writes.put_new(plan("a", 1));
        writes.delete_all([Key::Clock, Key::Service]);
        assert_eq!(writes.without_clock(), [Write::Delete(Key::Clock), Write::Delete(Key::Service)]);
        assert_eq!(digest, Digest::default());
    }
}
