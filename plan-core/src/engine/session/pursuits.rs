//! Debts that are pursued, and when each is pursued again.
//!
//! Invariant: after each vain pursuit the wait of a debt grows, up to a bound. A debt is never forgotten before it is
//! settled.

use std::collections::BTreeMap;
use std::time::Duration;

use super::timers::Timers;
use crate::engine::record::Number;
use crate::engine::time::Time;

/// The wait after the first vain pursuit of a debt. Each further wait is twice as long.
const PURSUE_AGAIN: Duration = Duration::from_secs(5);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(300);

/// The debts that are pursued.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::engine) struct Pursuits {
    due: Timers<Number>,
    /// How often each debt was pursued in vain.
    tries: BTreeMap<Number, u32>,
}

impl Pursuits {
    /// Makes these debts due now.
    pub(in crate::engine) fn begin(&mut self, debts: impl IntoIterator<Item = Number>, now: Time) {
        self.due = debts.into_iter().map(|debt| (debt, now)).collect();
    }

    /// Notes that a debt is pursued now, and sets the time to pursue it again. Returns whether an earlier pursuit was
    /// in vain.
    pub(in crate::engine) fn pursued(&mut self, debt: Number, now: Time) -> bool {
        let tries = self.tries.entry(debt).or_default();
        let again = PURSUE_AGAIN.saturating_mul(1 << (*tries).min(10)).min(LONGEST);
        *tries += 1;
        let vain = *tries > 1;
        self.due.set(debt, now.after(again));
        vain
    }

    /// Whether a debt was pursued in vain, and waits.
    pub(in crate::engine) fn is_in_vain(&self, debt: Number) -> bool {
        self.tries.get(&debt).is_some_and(|&tries| tries > 1)
    }

    /// Forgets a debt's vain pursuits, as what it waited for has changed.
    pub(in crate::engine) fn begin_anew(&mut self, debt: Number) {
        self.tries.remove(&debt);
    }

    /// Forgets a debt, as it is settled.
    pub(in crate::engine) fn settled(&mut self, debt: Number) {
        self.due.remove(&debt);
        self.tries.remove(&debt);
    }

    /// Takes out the first debt that is due.
    pub(in crate::engine) fn pop_due(&mut self, now: Time) -> Option<Number> {
        self.due.pop_due(now)
    }

    /// When the first debt is due.
    pub(in crate::engine) fn first(&self) -> Option<Time> {
        self.due.first()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_debt_is_left_alone_for_longer_each_time() {
        let mut pursuits = Pursuits::default();
        let waits = (0..9).map(|nth| {
            assert_eq!(pursuits.pursued(7, Time::from_micros(0)), nth > 0);
            pursuits.first().unwrap().as_micros() / 1_000_000
        });
        assert_eq!(waits.collect::<Vec<_>>(), [5, 10, 20, 40, 80, 160, 300, 300, 300]);
        assert!(pursuits.is_in_vain(7) && !pursuits.is_in_vain(8));
        pursuits.begin_anew(7);
        assert!(!pursuits.is_in_vain(7));
        assert!(!pursuits.pursued(7, Time::from_micros(0)));
        assert_eq!(pursuits.first(), Some(Time::from_micros(5_000_000)));
    }

    #[test]
    fn all_are_due_at_first_and_none_when_settled() {
        let mut pursuits = Pursuits::default();
        pursuits.begin([7, 8], Time::from_micros(3));
        assert_eq!(pursuits.pop_due(Time::from_micros(2)), None);
        assert_eq!(pursuits.pop_due(Time::from_micros(3)), Some(7));
        pursuits.settled(8);
        assert_eq!((pursuits.pop_due(Time::from_micros(9)), pursuits.first()), (None, None));
    }
}
