//! Patience: from when on the engine looks again for instances that are down for too long.
//!
//! Invariant: the engine looks at once, unless the last look left instances that this session had not seen yet.

use std::time::Duration;

use crate::engine::time::Time;

/// How long the engine waits before it looks again at instances that are down for too long but were not seen in this
/// session.
const UNSEEN_AGAIN: Duration = Duration::from_secs(5);

/// From when on the engine looks again. `None` is at once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::engine) struct Patience(Option<Time>);

impl Patience {
    /// Whether the engine may look now.
    pub(in crate::engine) fn is_over(&self, now: Time) -> bool {
        self.0.is_none_or(|until| until <= now)
    }

    /// Notes that the engine looked, and whether it left instances that this session had not seen yet.
    pub(in crate::engine) fn looked(&mut self, left_unseen: bool, now: Time) {
        self.0 = left_unseen.then(|| now.after(UNSEEN_AGAIN));
    }

    /// From when on the engine may look.
    pub(in crate::engine) fn until(&self) -> Time {
        self.0.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_waits_only_for_instances_that_were_not_seen() {
        let (second, mut patience) = (1_000_000, Patience::default());
        assert!(patience.is_over(Time::default()));
        patience.looked(true, Time::from_micros(second));
        assert_eq!(patience.until(), Time::from_micros(6 * second));
        assert!(!patience.is_over(Time::from_micros(6 * second - 1)));
        assert!(patience.is_over(Time::from_micros(6 * second)));
        patience.looked(false, Time::from_micros(6 * second));
        assert_eq!(patience, Patience::default());
    }
}
