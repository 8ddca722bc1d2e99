//! The farewell: the command to forget the service, and when it is given again.
//!
//! Invariant: the backend's answer counts only if this session gave the command.

use std::time::Duration;

use crate::engine::time::Time;

/// How long the engine waits before it commands `Deregister` again.
const AGAIN: Duration = Duration::from_secs(30);

/// Whether `Deregister` was commanded in this session, and until when an answer is awaited.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::engine) struct Farewell {
    said: bool,
    again: Option<Time>,
}

impl Farewell {
    /// Notes that `Deregister` is commanded now.
    pub(in crate::engine) fn said(&mut self, now: Time) {
        *self = Self { said: true, again: Some(now.after(AGAIN)) };
    }

    /// Whether `Deregister` was commanded.
    pub(in crate::engine) fn is_said(&self) -> bool {
        self.said
    }

    /// Whether an answer to `Deregister` is awaited.
    pub(in crate::engine) fn is_awaited(&self) -> bool {
        self.again.is_some()
    }

    /// Ends the wait for an answer that is overdue. Returns whether it is: then `Deregister` is to be commanded again.
    pub(in crate::engine) fn overdue(&mut self, now: Time) -> bool {
        self.again.take_if(|again| *again <= now).is_some()
    }

    /// When `Deregister` is commanded again.
    pub(in crate::engine) fn again(&self) -> Option<Time> {
        self.again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_once_in_a_while_until_it_is_answered() {
        let (second, mut farewell) = (1_000_000, Farewell::default());
        assert!(!farewell.is_awaited() && !farewell.is_said());
        assert!(!farewell.overdue(Time::default()), "what was never said is not said again");
        farewell.said(Time::default());
        assert_eq!(farewell.again(), Some(Time::from_micros(30 * second)));
        assert!(!farewell.overdue(Time::from_micros(29 * second)) && farewell.is_awaited());
        assert!(farewell.overdue(Time::from_micros(30 * second)));
        assert!(farewell.is_said() && !farewell.is_awaited(), "a late answer counts");
    }
}
