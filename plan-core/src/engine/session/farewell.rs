//! The farewell: the command to forget the service, and when it is given again.
//!
//! Invariant: the backend's answer counts only if this session gave the command.

use std::time::Duration;

use crate::engine::time::Time;

/// How long the engine waits before it commands `Deregister` again.
const AGAIN: Duration = Duration::from_secs(30);

/// When `Deregister` is commanded again; `None` if it was not commanded in this session.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::engine) struct Farewell(Option<Time>);

impl Farewell {
    /// Notes that `Deregister` is commanded now.
    pub(in crate::engine) fn said(&mut self, now: Time) {
        self.0 = Some(now.after(AGAIN));
    }

    /// Whether `Deregister` was commanded.
    pub(in crate::engine) fn is_said(&self) -> bool {
        self.0.is_some()
    }

    /// Whether `Deregister` may be commanded now: for the first time, or again.
    pub(in crate::engine) fn is_allowed(&self, now: Time) -> bool {
        self.0.is_none_or(|again| again <= now)
    }

    /// Whether `Deregister` is due to be commanded again.
    pub(in crate::engine) fn is_due(&self, now: Time) -> bool {
        self.is_said() && self.is_allowed(now)
    }

    /// When `Deregister` is commanded again.
    pub(in crate::engine) fn again(&self) -> Option<Time> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_once_in_a_while_until_it_is_answered() {
        let (second, mut farewell) = (1_000_000, Farewell::default());
        assert!(farewell.is_allowed(Time::default()) && !farewell.is_said());
        assert!(!farewell.is_due(Time::default()), "what was never said is not said again");
        farewell.said(Time::default());
        assert_eq!(farewell.again(), Some(Time::from_micros(30 * second)));
        assert!(farewell.is_said() && !farewell.is_allowed(Time::from_micros(29 * second)));
        assert!(farewell.is_due(Time::from_micros(30 * second)));
    }
}
