//! A rule: an entry of the table.
//!
//! Invariant: a judgement changes nothing and looks at no clock.

use crate::engine::reason::Verdict;
use crate::engine::session::Session;
use crate::engine::waker::Waker;

use super::keeper::Keeper;
#[cfg(feature = "zoo")]
use super::subject::{FAREWELL, LEAVING, MOVE, RECOVERY, STEP};
use super::subject::{Kinds, Question};

/// The function of a rule, by what it reads.
#[derive(Clone, Copy)]
pub(super) enum Judge {
    /// The rule reads records, and indices over them, alone.
    Records(fn(&Question<'_>) -> Verdict),
    /// The rule reads the session too, so its verdict may differ after a restart.
    Session(fn(&Question<'_>, &Session) -> Verdict),
}

/// One rule, with all that the engine has to know about it.
pub(in crate::engine) struct Rule {
    /// Names the rule in the table and in tests.
    pub(in crate::engine) name: &'static str,
    /// The kinds of subjects that the rule is about.
    pub(super) of: Kinds,
    pub(super) judge: Judge,
    /// The events that let a waiting subject be considered again. The rule about another scheduler has none.
    pub(in crate::engine) wakes: &'static [Waker],
    /// Whether a step that the rule keeps waiting leaves what ended in its slots to recovery: the step waits for
    /// others, maybe for ever.
    pub(super) lets_recover: bool,
    /// Whether a subject that the rule keeps waiting keeps all later ones of its kind waiting too.
    pub(in crate::engine) holds_all: bool,
    /// Whether the rule is asked again when a step has room and is about to end or launch a task.
    pub(super) asked_again: bool,
    /// What the rule remembers in the session, and does so that it is cleared.
    pub(super) keeper: Option<&'static dyn Keeper>,
}

impl Rule {
    pub(super) const fn new(name: &'static str, of: Kinds, judge: Judge, wakes: &'static [Waker]) -> Self {
        let (lets_recover, holds_all, asked_again, keeper) = (false, false, false, None);
        Self { name, of, judge, wakes, lets_recover, holds_all, asked_again, keeper }
    }

    pub(super) const fn lets_recover(self) -> Self {
        Self { lets_recover: true, ..self }
    }

    pub(super) const fn holds_all(self) -> Self {
        Self { holds_all: true, ..self }
    }

    pub(super) const fn asked_again(self) -> Self {
        Self { asked_again: true, ..self }
    }

    pub(super) const fn with(self, keeper: &'static dyn Keeper) -> Self {
        Self { keeper: Some(keeper), ..self }
    }

    /// The kinds of subjects that may act and that the rule is about, in words.
    #[cfg(feature = "zoo")]
    pub(in crate::engine) fn kinds(&self) -> impl Iterator<Item = &'static str> {
        let all = [
            (STEP, "step"),
            (RECOVERY, "recovery"),
            (LEAVING, "leaving"),
            (MOVE, "move"),
            (FAREWELL, "farewell"),
        ];
        all.into_iter().filter(|(kind, _)| self.of.has(*kind)).map(|(_, name)| name)
    }

    pub(super) fn ask(&self, question: &Question<'_>, session: &Session) -> Verdict {
        match self.judge {
            Judge::Records(judge) => judge(question),
            Judge::Session(judge) => judge(question, session),
        }
    }
}
