//! The state that every part of a run shares: time, choices, the trace.
//!
//! Invariant: every event to come is in the queue, and nowhere else.

use plan_core::engine::{Answer, Ask, CommandOutcome, End, Incarnation, Seen, Sighting, Snapshot};

use crate::choose::Chooser;
use crate::queue::{Class, Queue};
use crate::task::Life;
use crate::trace::{Trace, What};

/// An event to come.
#[derive(Debug, Clone)]
pub(crate) enum Happening {
    /// An answer to a command arrives.
    Answer { session: u32, outcome: Box<CommandOutcome> },
    /// The answer to a question beside a task arrives.
    Gate { session: u32, ask: Box<Ask>, answer: Box<Answer> },
    /// The answer arrives that a launch is unknown.
    Unknown { session: u32, of: Box<Incarnation>, serial: u64 },
    /// A part of a snapshot arrives.
    Part { session: u32, snapshot: Box<Snapshot> },
    /// An observation arrives.
    Observe { session: u32, task: u32, serial: u64, seen: Sighting },
    /// The backend shows the present state again.
    Renew { session: u32 },
    /// A task goes into the next part of its life.
    Life { task: u32, life: Life },
    /// A task is ended, if it still lives.
    End { task: u32, end: End },
    /// Grants of earlier sessions that nobody asked for again are freed.
    Expire { session: u32 },
    /// The engine wanted to be woken.
    Wake { nth: u64 },
    /// The engine that was replaced wanted to be woken.
    OldWake { nth: u64 },
    /// The engine that was replaced stops.
    OldStops { epoch: u64 },
    /// A fault is due.
    Fault { nth: u32 },
    /// A silent node is heard again.
    Back { node: u32 },
    /// Observations of a node that were held back are told.
    Thaw { node: u32 },
    /// All observations of an instance are told again.
    Unskip { instance: u32 },
    /// An operator acts.
    Operate { nth: u32 },
    /// A task of another installation, with the name and number of this one, is seen.
    Foreign { task: u32, serial: u64, seen: Seen },
    /// The interval of an operator that is a program is over.
    Tick,
    /// An operator that is a program, and was slow, is called again.
    CatchUp,
    /// The engine is recovered.
    Recover,
    /// All faults end.
    Heal,
    /// The deadline of a stage of healing is over.
    Deadline { stage: u32 },
}

/// What every part of a run shares.
pub(crate) struct Runtime<'a> {
    pub(crate) queue: Queue<Happening>,
    pub(crate) choose: Chooser<'a>,
    pub(crate) trace: Trace,
    /// The engine's present session with the backend.
    pub(crate) session: u32,
    /// Answers of this session that are on their way.
    pub(crate) awaited: u32,
}

impl Runtime<'_> {
    pub(crate) fn now(&self) -> u64 {
        self.queue.now()
    }

    pub(crate) fn tell(&mut self, what: impl FnOnce() -> What) {
        let now = self.queue.now();
        self.trace.tell(now, what);
    }

    /// An answer of this session arrives at a time.
    pub(crate) fn answer_at(&mut self, at: u64, answer: Happening) {
        self.awaited += 1;
        self.queue.at(at, Class::Answer, answer);
    }

    /// The session is over: nothing that was told in it arrives.
    pub(crate) fn end_session(&mut self) {
        self.session += 1;
        self.awaited = 0;
    }

    /// A copy of the runtime that goes on separately.
    pub(crate) fn fork(&self) -> Self {
        Self {
            queue: self.queue.clone(),
            choose: self.choose.fork(),
            trace: Trace { kept: None },
            session: self.session,
            awaited: self.awaited,
        }
    }
}
