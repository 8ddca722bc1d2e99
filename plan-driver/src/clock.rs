//! The clock whose time the engine is told.
//!
//! Invariant: a clock may be set back, and nothing here corrects that. Engine time never goes back.

use std::time::{SystemTime, UNIX_EPOCH};

use plan_core::engine::Wall;

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// The time now, in microseconds since any fixed moment.
    fn now(&self) -> Wall;
}

/// The machine's clock, since 1970.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Wall {
        // A clock before 1970 was never set, so 0 is as good.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Wall(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }
}

/// Tokio's clock since this was made: in a test whose clock is paused, virtual time.
#[derive(Debug, Clone, Copy)]
pub struct TokioClock {
    start: tokio::time::Instant,
}

impl TokioClock {
    /// A clock that shows 0 now.
    pub fn new() -> Self {
        Self { start: tokio::time::Instant::now() }
    }
}

impl Default for TokioClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Wall {
        Wall(u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX))
    }
}
