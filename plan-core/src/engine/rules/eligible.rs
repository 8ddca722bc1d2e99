//! Whether something may act now.
//!
//! Invariant: the rules are asked in the order of the list, and the first that objects gives the reason.

use crate::engine::at::At;
use crate::engine::reason::{Reason, Verdict};
use crate::engine::record::StepRef;
use crate::engine::session::Session;
use crate::engine::transition::Transition;

use super::list::RULES;
use super::rule::Rule;
use super::subject::Question;

/// Whether the subject of a question may act: the verdict of the first rule that does not allow it.
pub(in crate::engine) fn eligible(question: &Question<'_>, session: &Session) -> Verdict {
    objection(question, session).map_or(Verdict::Allow, |(_, verdict)| verdict)
}

/// The first rule that does not allow the subject to act, and its verdict.
pub(in crate::engine) fn objection(
    question: &Question<'_>,
    session: &Session,
) -> Option<(&'static Rule, Verdict)> {
    objection_of(question, session, |_| true)
}

fn objection_of(
    question: &Question<'_>,
    session: &Session,
    counts: impl Fn(&Rule) -> bool,
) -> Option<(&'static Rule, Verdict)> {
    let kind = question.subject.kind();
    let rules = RULES.iter().filter(|rule| rule.of.has(kind) && counts(rule));
    let mut words = rules.map(|rule| (rule, rule.ask(question, session)));
    words.find(|(_, verdict)| *verdict != Verdict::Allow)
}

impl Transition<'_> {
    /// Whether a step may act now. The keeper of the rule that objects is told.
    pub(in crate::engine) fn may_act(&mut self, at: At, step: StepRef) -> bool {
        let Some(run) = self.state.run(step.run) else { return false };
        let Some((rule, _)) = objection(&Question::of_step(self.state, run, at, step), self.session) else {
            return true;
        };
        if let Some(keeper) = rule.keeper {
            keeper.keeps(self, at, step);
        }
        false
    }

    /// Why a step that has room and is about to act may not act after all.
    pub(in crate::engine) fn objects_at_last(&mut self, at: At, step: StepRef) -> Option<Reason> {
        let run = self.state.run(step.run)?;
        let question = Question::of_step(self.state, run, at, step);
        let counts = |rule: &Rule| rule.asked_again && !self.state.forgets_to_ask(rule.name);
        let (rule, verdict) = objection_of(&question, self.session, counts)?;
        if let Some(keeper) = rule.keeper {
            keeper.keeps(self, at, step);
        }
        verdict.reason()
    }
}
