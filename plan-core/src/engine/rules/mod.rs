//! Whether something may act now: one list of rules over all that acts.
//!
//! A question is about a subject: a step, a task that recovery brings back, an instance that leaves, one that goes
//! elsewhere. Each rule says of which subjects it speaks, what it says, and what re-awakens those whom it keeps
//! waiting. Who acts asks [`eligible`], and so does who tells why nothing acts.
//!
//! Invariant: a rule changes nothing and looks at no clock, so its word can be asked for at any time. A new rule is one
//! entry in [`RULES`] (`docs/decisions/0018-one-list-of-rules.md`).

mod acts;
mod budget;
mod gate;
mod ours;
mod subject;
mod turns;

use super::at::At;
use super::reason::{Reason, Verdict};
use super::record::StepRef;
use super::session::Session;
use super::session::agenda::Item;
use super::state::{Run, State};
use super::turn::Turn;

use subject::{Kinds, LEAVING, MOVE, RECOVERY, STEP};
pub(super) use subject::{Question, Subject};

/// What a rule looks at.
#[derive(Clone, Copy)]
enum Judge {
    /// Records alone, and indices over them.
    Records(fn(&Question<'_>) -> Verdict),
    /// The session too: its word may be another after a restart.
    Session(fn(&Question<'_>, &Session) -> Verdict),
}

use Judge::{Records, Session as OfSession};

/// What can clear a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waker {
    /// The records of the instance changed ([`Turn::touch`]).
    Changed,
    /// Other steps of the run came further, or an operator said something of a plan ([`Turn::derive_step`]).
    Turn,
    /// A run ended ([`Turn::end_run`]).
    RunEnded,
    /// The instance was seen in this session ([`Turn::take_up`]).
    Seen,
    /// A wait of a task of the instance is over ([`Turn::end_waits`]).
    WaitOver,
    /// A debt was settled ([`Turn::settle`]).
    Settled,
    /// An operator, or a lost node, wants something else of the instance.
    Wanted,
    /// The time has come ([`Turn::end_patience`]).
    Time,
    /// A question was answered, or is due to be asked again ([`Turn::ask_answered`], [`Turn::ask_gates_again`]).
    Answered,
    /// Fewer members of the pod are down, or about to be ([`Turn::members_are_back`]).
    Members,
}

/// One rule, and all that the engine has to know of it.
struct Rule {
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "a name for whoever reads the table, and for its test")
    )]
    name: &'static str,
    /// Of which subjects it speaks.
    of: Kinds,
    judge: Judge,
    /// What re-awakens whom it keeps waiting. Nothing takes back that another scheduler has taken over.
    wakes: &'static [Waker],
    /// Whether a step that it keeps waiting waits for somebody else, maybe for ever: what runs no more in its slots is
    /// then recovery's.
    for_others: bool,
    /// Whether it is asked again when the step has room, and is about to end or launch something.
    asked_again: bool,
    /// What is done, so that it is cleared or found again, when it alone keeps a step waiting.
    keeps: Option<fn(&mut Turn<'_>, At, StepRef)>,
}

impl Rule {
    const fn new(name: &'static str, of: Kinds, judge: Judge, wakes: &'static [Waker]) -> Self {
        Self { name, of, judge, wakes, for_others: false, asked_again: false, keeps: None }
    }

    const fn for_others(self) -> Self {
        Self { for_others: true, ..self }
    }

    const fn asked_again(self) -> Self {
        Self { asked_again: true, ..self }
    }

    const fn keeps(self, keeps: fn(&mut Turn<'_>, At, StepRef)) -> Self {
        Self { keeps: Some(keeps), ..self }
    }

    fn ask(&self, question: &Question<'_>, session: &Session) -> Verdict {
        match self.judge {
            Records(judge) => judge(question),
            OfSession(judge) => judge(question, session),
        }
    }
}

/// The rules, in the order in which their reasons are given.
const RULES: &[Rule] = &[
    Rule::new("superseded", STEP.and(RECOVERY).and(LEAVING).and(MOVE), OfSession(turns::superseded), &[]),
    Rule::new("acts already", STEP.and(RECOVERY), OfSession(acts::acts_already), &[Waker::Changed]),
    Rule::new(
        "all are asked for first",
        LEAVING.and(MOVE),
        OfSession(ours::all_asked),
        &[Waker::Seen, Waker::Time],
    ),
    Rule::new("leavers in turn", LEAVING, Records(turns::leaver_turn), &[Waker::Settled]),
    Rule::new("plan interrupted", STEP, Records(turns::plan_interrupted), &[Waker::Turn]),
    Rule::new("plan order", STEP, Records(turns::plan_order), &[Waker::Turn]),
    Rule::new("phase interrupted", STEP, Records(turns::phase_interrupted), &[Waker::Turn]),
    Rule::new("phase order", STEP, Records(turns::phase_order), &[Waker::Turn]),
    Rule::new("leaves", RECOVERY, Records(turns::leaves), &[Waker::Wanted]),
    Rule::new("replaced lately", MOVE, Records(turns::replaced_lately), &[Waker::Time]),
    Rule::new("paused", STEP, Records(ours::paused), &[Waker::Wanted]).for_others(),
    Rule::new("refused", STEP.and(RECOVERY), Records(ours::refused), &[Waker::Changed]),
    Rule::new("owed", STEP.and(RECOVERY), Records(ours::owed), &[Waker::Settled]).for_others(),
    Rule::new(
        "its step's",
        RECOVERY,
        Records(turns::its_steps),
        &[Waker::Changed, Waker::Turn, Waker::RunEnded],
    ),
    Rule::new("seen", STEP.and(RECOVERY).and(LEAVING).and(MOVE), Records(ours::seen), &[Waker::Seen]),
    Rule::new("place asked", STEP.and(RECOVERY), Records(ours::place_asked), &[Waker::Changed]),
    Rule::new("slot taken", STEP, Records(ours::slot_taken), &[Waker::Changed, Waker::RunEnded]).for_others(),
    Rule::new("in the way", RECOVERY, Records(ours::in_the_way), &[Waker::Changed]),
    Rule::new("backoff", STEP.and(RECOVERY), Records(ours::backoff), &[Waker::WaitOver, Waker::Wanted]),
    Rule::new("max-unavailable", STEP, OfSession(budget::max_unavailable), &[Waker::Changed, Waker::Members])
        .asked_again()
        .keeps(budget::wait_for_members),
    Rule::new("gate", STEP, OfSession(gate::gates_before), &[Waker::Changed, Waker::Answered])
        .asked_again()
        .keeps(gate::ask),
];

/// Whether the subject of a question may act: the word of the first rule that does not allow it.
pub(super) fn eligible(question: &Question<'_>, session: &Session) -> Verdict {
    objection(question, session, |_| true).map_or(Verdict::Allow, |(_, verdict)| verdict)
}

/// The first rule that does not allow it, and its word.
fn objection(
    question: &Question<'_>,
    session: &Session,
    counts: impl Fn(&Rule) -> bool,
) -> Option<(&'static Rule, Verdict)> {
    let kind = question.subject.kind();
    let rules = RULES.iter().filter(|rule| rule.of.has(kind) && counts(rule));
    let mut words = rules.map(|rule| (rule, rule.ask(question, session)));
    words.find(|(_, verdict)| *verdict != Verdict::Allow)
}

/// Whether only time, room or its turn keeps a step that is allowed from acting: what runs no more in its slots
/// is then its own to bring back. What somebody else has to do first may take for ever.
pub(super) fn acts_in_time(state: &State, run: &Run, at: At, step: StepRef) -> bool {
    let question = Question::of_step(state, run, at, step);
    let mut of_others = RULES.iter().filter(|rule| rule.for_others);
    of_others.all(|rule| match rule.judge {
        Records(judge) => judge(&question) == Verdict::Allow,
        // Whose a slot is follows from records.
        OfSession(_) => true,
    })
}

/// The kinds of subjects that a cause re-awakens.
const fn awakened_by(cause: Waker) -> Kinds {
    let (mut kinds, mut nth) = (Kinds::NONE, 0);
    while nth < RULES.len() {
        let rule = &RULES[nth];
        let mut of = 0;
        while of < rule.wakes.len() {
            if rule.wakes[of] as u8 == cause as u8 {
                kinds = kinds.and(rule.of);
            }
            of += 1;
        }
        nth += 1;
    }
    kinds
}

impl Turn<'_> {
    /// Whether a step may act now. Where a rule that is asked last keeps it waiting, what that rule does for it is done.
    pub(super) fn may_act(&mut self, at: At, step: StepRef) -> bool {
        let Some(run) = self.state.run(step.run) else { return false };
        let Some((rule, _)) =
            objection(&Question::of_step(self.state, run, at, step), self.session, |_| true)
        else {
            return true;
        };
        if let Some(keeps) = rule.keeps {
            keeps(self, at, step);
        }
        false
    }

    /// Why a step may not act after all, now that it has room and is about to.
    pub(super) fn objects_at_last(&mut self, at: At, step: StepRef) -> Option<Reason> {
        let run = self.state.run(step.run)?;
        let question = Question::of_step(self.state, run, at, step);
        let (rule, verdict) =
            objection(&question, self.session, |rule| rule.asked_again && !self.forgets_to_ask(rule.wakes))?;
        if let Some(keeps) = rule.keeps {
            keeps(self, at, step);
        }
        verdict.reason()
    }

    /// Something happened to an instance that can clear a rule: whom of it the rules of that cause speak of is
    /// considered again.
    pub(super) fn awaken(&mut self, cause: Waker, at: At) {
        let kinds = awakened_by(cause);
        if kinds.has(STEP) {
            self.consider_steps_of(at);
        }
        if kinds.has(RECOVERY) {
            self.session.agenda.consider(Item::Recovery(at));
        }
        if kinds.has(LEAVING) && self.state.is_leaver(at) {
            self.session.agenda.consider(Item::Leave);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_says_what_re_awakens_whom_it_keeps_waiting() {
        for rule in RULES {
            assert_eq!(rule.wakes.is_empty(), rule.name == "superseded", "{}", rule.name);
            assert!(
                !rule.for_others || rule.of.has(STEP),
                "{}: whose a slot is, is asked of steps",
                rule.name
            );
        }
        assert_eq!(awakened_by(Waker::Settled), STEP.and(RECOVERY).and(LEAVING));
        assert_eq!(awakened_by(Waker::RunEnded), STEP.and(RECOVERY));
    }
}
