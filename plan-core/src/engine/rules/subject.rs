//! Subjects and questions: what rules are asked about.
//!
//! Invariant: a question holds all that its rules read, except the session.

use crate::engine::at::At;
use crate::engine::record::{DebtRecord, PodRecord, Slot, StepRef, TaskRecord};
use crate::engine::session::farewell::Farewell;
use crate::engine::state::{Run, State};
use crate::engine::time::Time;
use crate::plan::ContentHash;

/// Something that may act or not.
#[derive(Clone, Copy)]
pub(in crate::engine) enum Subject<'a> {
    /// A step of an active run.
    Step { run: &'a Run, step: StepRef },
    /// The RUNNING task of a slot. Recovery brings it back with the configuration `conf`, which is `None` if the task's
    /// step brings it back.
    Recovery { slot: &'a Slot, main: &'a TaskRecord, conf: Option<ContentHash> },
    /// An instance that leaves for good.
    Leaving,
    /// An instance that is down for too long at this time, and is to move.
    Move { by: Time },
    /// The service that is being uninstalled: the backend is to forget it.
    Farewell,
    /// An instance that has left, and owes this. It does not act any more.
    Left { debt: &'a DebtRecord },
}

/// Kinds of subjects, as a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kinds(u8);

pub(super) const STEP: Kinds = Kinds(1);
pub(super) const RECOVERY: Kinds = Kinds(2);
pub(super) const LEAVING: Kinds = Kinds(4);
pub(super) const MOVE: Kinds = Kinds(8);
pub(super) const LEFT: Kinds = Kinds(16);
pub(super) const FAREWELL: Kinds = Kinds(32);

impl Kinds {
    pub(super) const NONE: Self = Self(0);

    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[inline]
    pub(super) const fn has(self, one: Self) -> bool {
        self.0 & one.0 != 0
    }
}

impl Subject<'_> {
    pub(super) fn kind(&self) -> Kinds {
        match self {
            Self::Step { .. } => STEP,
            Self::Recovery { .. } => RECOVERY,
            Self::Leaving => LEAVING,
            Self::Move { .. } => MOVE,
            Self::Left { .. } => LEFT,
            Self::Farewell => FAREWELL,
        }
    }
}

/// What a rule is asked about.
#[derive(Clone, Copy)]
pub(in crate::engine) struct Question<'a> {
    pub(in crate::engine) state: &'a State,
    /// The instance.
    pub(in crate::engine) at: At,
    pub(in crate::engine) record: Option<&'a PodRecord>,
    pub(in crate::engine) subject: Subject<'a>,
}

impl<'a> Question<'a> {
    pub(in crate::engine) fn of_step(state: &'a State, run: &'a Run, at: At, step: StepRef) -> Self {
        Self { state, at, record: state.record(at), subject: Subject::Step { run, step } }
    }

    pub(in crate::engine) fn of_leaver(state: &'a State, at: At) -> Self {
        Self { state, at, record: state.record(at), subject: Subject::Leaving }
    }

    /// The question about an instance that is to move. `None` if it is not down for too long at this time.
    pub(in crate::engine) fn of_move(state: &'a State, at: At, by: Time) -> Option<Self> {
        state.deadlines.of(at).filter(|&due| due <= by)?;
        Some(Self { state, at, record: state.record(at), subject: Subject::Move { by } })
    }

    /// The question about the farewell. `None` if the service stays, or the farewell was said and may still be answered.
    pub(in crate::engine) fn of_farewell(state: &'a State, said: &Farewell) -> Option<Self> {
        let due = state.service().uninstalling && !said.is_awaited();
        // The service has no position, and no rule about it asks for one.
        due.then(|| Self { state, at: At::default(), record: None, subject: Subject::Farewell })
    }

    /// The question about what an instance that left has left behind.
    pub(in crate::engine) fn of_debt(state: &'a State, debt: &'a DebtRecord) -> Self {
        // The instance may have no position any more, and no rule about it asks for one.
        Self { state, at: At::default(), record: None, subject: Subject::Left { debt } }
    }
}
