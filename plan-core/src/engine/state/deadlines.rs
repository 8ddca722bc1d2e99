//! Deadlines: which instances are down, and until when they may be.
//!
//! Invariant: an instance has at most one deadline.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use crate::engine::at::At;
use crate::engine::time::Time;

/// Deadlines: which instances are down, and until when they may be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::engine) struct Deadlines {
    /// Until when each instance may be down. Most are not, and are not in it.
    of: BTreeMap<At, Time>,
    /// The same, by time.
    due: BTreeSet<(Time, At)>,
    /// The instances that were down for longer, and have not moved yet.
    over: BTreeSet<At>,
}

impl Deadlines {
    /// Changes the deadline of an instance.
    pub(in crate::engine) fn set(&mut self, at: At, deadline: Option<Time>) {
        let old = match deadline {
            Some(deadline) => self.of.insert(at, deadline),
            None => self.of.remove(&at),
        };
        if old == deadline {
            return;
        }
        if let Some(old) = old {
            self.due.remove(&(old, at));
        }
        self.due.extend(deadline.map(|deadline| (deadline, at)));
    }

    /// Until when an instance may be down, if it is.
    pub(in crate::engine) fn of(&self, at: At) -> Option<Time> {
        self.of.get(&at).copied()
    }

    /// Notes that an instance was down for too long, and is to move.
    pub(in crate::engine) fn goes(&mut self, at: At) {
        self.over.insert(at);
    }

    /// Notes that an instance is not to move for being down any more.
    pub(in crate::engine) fn stays(&mut self, at: At) {
        self.over.remove(&at);
    }

    /// Whether an instance that was down for too long has not moved yet.
    pub(in crate::engine) fn is_anyone_going(&self) -> bool {
        !self.over.is_empty()
    }

    /// The first deadline that is later than this time, or the first of all.
    pub(in crate::engine) fn first_after(&self, time: Option<Time>) -> Option<(Time, At)> {
        let last = At { pod: u32::MAX, index: u32::MAX };
        let from = time.map_or(Bound::Unbounded, |time| Bound::Excluded((time, last)));
        self.due.range((from, Bound::Unbounded)).next().copied()
    }

    /// The next deadline after this one, or the first of all, if it has come.
    pub(in crate::engine) fn next_due(&self, after: Option<(Time, At)>, now: Time) -> Option<(Time, At)> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.due.range((from, Bound::Unbounded)).next().filter(|(due, _)| *due <= now).copied()
    }

    /// The instances that are down for too long, the longest first.
    pub(in crate::engine) fn due(&self, now: Time) -> impl Iterator<Item = At> {
        self.due.iter().take_while(move |(due, _)| *due <= now).map(|(_, at)| *at)
    }

    /// The instances that have a deadline.
    pub(in crate::engine) fn all(&self) -> impl Iterator<Item = At> {
        self.due.iter().map(|(_, at)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(index: u32) -> At {
        At { pod: 0, index }
    }

    #[test]
    fn the_first_due_comes_first_and_each_has_one_deadline() {
        let mut deadlines = Deadlines::default();
        deadlines.set(at(1), Some(Time::from_micros(5)));
        deadlines.set(at(2), Some(Time::from_micros(3)));
        deadlines.set(at(3), Some(Time::from_micros(9)));
        deadlines.set(at(1), Some(Time::from_micros(2)));
        assert_eq!((deadlines.of(at(1)), deadlines.of(at(4))), (Some(Time::from_micros(2)), None));
        let all =
            [(Time::from_micros(2), at(1)), (Time::from_micros(3), at(2)), (Time::from_micros(9), at(3))];
        assert_eq!(deadlines.first_after(None), Some(all[0]));
        assert_eq!(deadlines.first_after(Some(Time::from_micros(2))), Some(all[1]));
        let next = |after| deadlines.next_due(after, Time::from_micros(3));
        assert_eq!((next(None), next(Some(all[0])), next(Some(all[1]))), (Some(all[0]), Some(all[1]), None));
        assert_eq!(deadlines.due(Time::from_micros(3)).collect::<Vec<_>>(), [at(1), at(2)]);
        deadlines.set(at(1), None);
        assert_eq!(deadlines.all().collect::<Vec<_>>(), [at(2), at(3)]);
    }

    #[test]
    fn who_goes_is_going_until_it_stays_or_went() {
        let mut deadlines = Deadlines::default();
        deadlines.goes(at(1));
        deadlines.stays(at(2));
        assert!(deadlines.is_anyone_going());
        deadlines.stays(at(1));
        assert!(!deadlines.is_anyone_going());
    }
}
