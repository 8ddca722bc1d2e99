//! Time as the engine knows it.
//!
//! Invariant: the engine time of successive batches never goes back. It grows by the positive difference between their
//! wall times. A wall clock that is set back adds nothing, and the new wall time is written at once, so that engine
//! time goes on from there (`docs/decisions/0003-engine-time-from-the-last-batch.md`).

use std::fmt;
use std::hash::{Hash, Hasher};
use std::num::NonZeroU64;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A time of the machine's clock, in microseconds since any fixed moment. The clock may be set back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Wall(pub u64);

/// Engine time, in microseconds since the service was installed.
///
/// A time takes one word of memory, and so does an optional time, because the record of an instance has many.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "u64", into = "u64")]
pub struct Time(
    /// One more than the microseconds, so that no time is 0.
    NonZeroU64,
);

/// A duration in microseconds; centuries are enough.
fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl Wall {
    /// The time that is this much later.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros(duration)))
    }

    /// The time from `earlier` until this; none if the clock was set back.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Time {
    /// The time that is this many microseconds after the installation. The largest time stands for all later ones.
    pub const fn from_micros(micros: u64) -> Self {
        Self(NonZeroU64::MIN.saturating_add(micros))
    }

    /// Microseconds since the installation.
    pub const fn as_micros(self) -> u64 {
        self.0.get() - 1
    }

    /// The time that is this much later.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros(duration)))
    }

    /// The time from `earlier` until this.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.as_micros().saturating_sub(earlier.as_micros()))
    }
}

impl Default for Time {
    fn default() -> Self {
        Self::from_micros(0)
    }
}

impl From<u64> for Time {
    fn from(micros: u64) -> Self {
        Self::from_micros(micros)
    }
}

impl From<Time> for u64 {
    fn from(time: Time) -> Self {
        time.as_micros()
    }
}

/// Hashes the number that is shown and stored, so that a digest of records does not depend on how a time lies in
/// memory.
impl Hash for Time {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_micros().hash(state);
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Time({})", self.as_micros())
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.as_micros();
        let (seconds, millis) = (micros / 1_000_000, micros / 1000 % 1000);
        write!(f, "{:02}:{:02}:{:02}.{millis:03}", seconds / 3600, seconds / 60 % 60, seconds % 60)
    }
}
