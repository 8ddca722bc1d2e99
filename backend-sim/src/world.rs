//! What every part of a run shares: time, choices, the trace.
//!
//! Invariant: what is to happen is in the queue, and nowhere else.

use plan_core::engine::{End, Outcome, Seen, Snapshot};

use crate::choose::Choose;
use crate::queue::Queue;
use crate::task::Life;
use crate::trace::{Trace, What};

/// Something that is to happen.
#[derive(Debug)]
pub(crate) enum Happening {
    /// An answer to a command arrives.
    Answer { session: u32, outcome: Box<Outcome> },
    /// A part of a snapshot arrives.
    Part { session: u32, snapshot: Box<Snapshot> },
    /// An observation arrives.
    Observe { session: u32, task: u32, serial: u64, seen: Seen },
    /// A task goes on.
    Life { task: u32, life: Life },
    /// A task is ended, if it still lives.
    End { task: u32, end: End },
    /// Grants of sessions before this one that nobody asked for again are freed.
    Expire { session: u32 },
    /// The engine wanted to be woken.
    Wake { nth: u64 },
    /// A fault is due.
    Fault { nth: u32 },
    /// A silent node is heard again.
    Back { node: u32 },
    /// An operator acts.
    Operate { nth: u32 },
    /// The engine is recovered.
    Recover,
}

/// What every part of a run shares.
pub(crate) struct World<'a> {
    pub(crate) queue: Queue<Happening>,
    pub(crate) choose: &'a mut dyn Choose,
    pub(crate) trace: Trace,
    /// The engine's present session with the backend.
    pub(crate) session: u32,
}

impl World<'_> {
    pub(crate) fn now(&self) -> u64 {
        self.queue.now()
    }

    pub(crate) fn tell(&mut self, what: impl FnOnce() -> What) {
        let now = self.queue.now();
        self.trace.tell(now, what);
    }
}
