//! Waits between attempts.
//!
//! Invariant: the wait before the nth attempt is between half and all of `first * 2^n`, and never longer than
//! `longest`. An injected source chooses the wait in that range, so that a test can choose it.

use std::sync::Arc;
use std::time::Duration;

/// A number between 0 and 1,000,000, chosen anew with each call.
pub type Jitter = Arc<dyn Fn() -> u32 + Send + Sync>;

/// How long to wait before something is tried again.
#[derive(Clone)]
#[non_exhaustive]
pub struct Retries {
    /// The wait before the second attempt.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
    /// Spreads the attempts of several schedulers.
    pub jitter: Jitter,
}

impl std::fmt::Debug for Retries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Retries").field("first", &self.first).field("longest", &self.longest).finish()
    }
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(100),
            longest: Duration::from_secs(15),
            jitter: Arc::new(|| (uuid::Uuid::new_v4().as_u128() % 1_000_001) as u32),
        }
    }
}

impl Retries {
    /// The wait after so many failures in a row, counted from 1.
    pub fn after(&self, failures: u32) -> Duration {
        let doubled =
            self.first.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
        let whole = doubled.min(self.longest);
        let half = whole / 2;
        half + half.saturating_mul((self.jitter)().min(1_000_000)) / 1_000_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_spread_over_their_upper_half() {
        let at = |jitter: u32, failures| {
            let retries = Retries {
                first: Duration::from_millis(100),
                longest: Duration::from_secs(1),
                jitter: Arc::new(move || jitter),
            };
            retries.after(failures).as_millis()
        };
        assert_eq!([at(0, 1), at(0, 2), at(0, 4), at(0, 5), at(0, 40)], [50, 100, 400, 500, 500]);
        assert_eq!([at(1_000_000, 1), at(1_000_000, 2), at(500_000, 40)], [100, 200, 750]);
    }
}
