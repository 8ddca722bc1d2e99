//! Delays: which instances have a task that waits, and until when.
//!
//! Invariant: an instance is listed with each time at which a wait of its tasks ends.

use std::collections::BTreeSet;

use crate::engine::at::At;
use crate::engine::time::Time;

/// The instances with a task that waits, each with the end of the wait.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::engine) struct Delays(BTreeSet<(Time, At)>);

impl Delays {
    /// Lists the end of a wait.
    pub(in crate::engine) fn add(&mut self, at: At, until: Time) {
        self.0.insert((until, at));
    }

    /// Removes the end of a wait.
    pub(in crate::engine) fn remove(&mut self, at: At, until: Time) {
        self.0.remove(&(until, at));
    }

    /// The wait that ends first.
    pub(in crate::engine) fn first(&self) -> Option<(Time, At)> {
        self.0.first().copied()
    }

    /// The wait that ends last.
    pub(in crate::engine) fn last(&self) -> Option<(Time, At)> {
        self.0.last().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_in_the_order_of_their_ends() {
        let (at, time) = (|index| At { pod: 0, index }, Time::from_micros);
        let mut delays = Delays::default();
        for (index, until) in [(1, 5), (2, 3), (3, 9)] {
            delays.add(at(index), time(until));
        }
        assert_eq!((delays.first(), delays.last()), (Some((time(3), at(2))), Some((time(9), at(3)))));
        delays.remove(at(2), time(3));
        delays.remove(at(3), time(8));
        assert_eq!((delays.first(), delays.last()), (Some((time(5), at(1))), Some((time(9), at(3)))));
    }
}
