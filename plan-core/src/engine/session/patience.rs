//! Patience: which of the instances that are down for too long were looked at.
//!
//! Invariant: an instance that was looked at and left had not been seen by this session. It is looked at again when it
//! is seen.

use crate::engine::time::Time;

/// Up to which deadline all instances were looked at; `None` if they are to be looked at from the first on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::engine) struct Patience(Option<Time>);

impl Patience {
    /// Notes that all instances were looked at whose deadline has come by now.
    pub(in crate::engine) fn looked(&mut self, now: Time) {
        self.0 = Some(now);
    }

    /// Up to which deadline all instances were looked at.
    pub(in crate::engine) fn looked_at(&self) -> Option<Time> {
        self.0
    }

    /// Notes the deadline of an instance whose record changed. If it counts as looked at, all are looked at again.
    #[inline]
    pub(in crate::engine) fn deadline_is(&mut self, deadline: Option<Time>) {
        if deadline.is_some() && deadline <= self.0 {
            self.0 = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_that_counts_as_looked_at_has_all_looked_at_again() {
        let time = |micros| Some(Time::from_micros(micros));
        let mut patience = Patience::default();
        patience.deadline_is(time(1));
        assert_eq!(patience.looked_at(), None);
        patience.looked(Time::from_micros(5));
        patience.deadline_is(None);
        patience.deadline_is(time(6));
        assert_eq!(patience.looked_at(), time(5));
        patience.deadline_is(time(5));
        assert_eq!(patience, Patience::default());
    }
}
