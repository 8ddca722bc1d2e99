//! Whether something may act now: one list of rules for all subjects.
//!
//! A question is about a subject: a step, a task that recovery brings back, an instance that leaves, or an instance
//! that moves. Each rule says which kinds of subjects it is about, what its verdict is, and which events let a waiting
//! subject be considered again. Both the acts and the views of reasons ask [`eligible`].
//!
//! Invariant: a rule changes nothing and looks at no clock, so it can be asked at any time. A new rule is one entry in
//! [`RULES`] (`docs/decisions/0018-one-list-of-rules.md`).

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
use super::transition::Transition;

use subject::{Kinds, LEAVING, MOVE, RECOVERY, STEP};
pub(super) use subject::{Question, Subject};

/// The function of a rule, by what it reads.
#[derive(Clone, Copy)]
enum Judge {
    /// The rule reads records, and indices over them, alone.
    Records(fn(&Question<'_>) -> Verdict),
    /// The rule reads the session too, so its verdict may differ after a restart.
    Session(fn(&Question<'_>, &Session) -> Verdict),
}

use Judge::{Records, Session as OfSession};

/// An event that can clear a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waker {
    /// The records of the instance changed ([`Transition::touch`]).
    Changed,
    /// Other steps of the run changed, or an operator gave a verb on a plan ([`Transition::derive_step`]).
    Turn,
    /// A run ended ([`Transition::end_run`]).
    RunEnded,
    /// The instance was seen in this session ([`Transition::take_up`]).
    Seen,
    /// The backoff of a task of the instance is over ([`Transition::end_waits`]).
    WaitOver,
    /// A debt was settled ([`Transition::settle`]).
    Settled,
    /// An operator wants something else of the instance, or its node is lost.
    Wanted,
    /// The time has come ([`Transition::end_patience`]).
    Time,
    /// A question was answered, or is due to be asked again ([`Transition::ask_answered`], [`Transition::ask_gates_again`]).
    Answered,
    /// Fewer members of the pod are down, or about to be ([`Transition::members_are_back`]).
    Members,
}

/// One rule, with all that the engine has to know about it.
struct Rule {
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "a name for whoever reads the table, and for its test")
    )]
    name: &'static str,
    /// The kinds of subjects that the rule is about.
    of: Kinds,
    judge: Judge,
    /// The events that let a waiting subject be considered again. The rule about another scheduler has none.
    wakes: &'static [Waker],
    /// Whether a step that the rule keeps waiting waits for others, maybe for ever. Then recovery brings back what
    /// ended in the step's slots.
    for_others: bool,
    /// Whether the rule is asked again when a step has room and is about to end or launch a task.
    asked_again: bool,
    /// What the engine does when this rule alone keeps a step waiting, so that the rule clears or the step is found
    /// again.
    keeps: Option<fn(&mut Transition<'_>, At, StepRef)>,
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

    const fn keeps(self, keeps: fn(&mut Transition<'_>, At, StepRef)) -> Self {
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

/// Whether the subject of a question may act: the verdict of the first rule that does not allow it.
pub(super) fn eligible(question: &Question<'_>, session: &Session) -> Verdict {
    objection(question, session, |_| true).map_or(Verdict::Allow, |(_, verdict)| verdict)
}

/// The first rule that does not allow the subject to act, and its verdict.
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

/// Whether only time, room or its turn keeps an allowed step from acting. Then the step itself brings back what ended
/// in its slots. If others have to act first, that may take for ever, so recovery does it.
pub(super) fn acts_in_time(state: &State, run: &Run, at: At, step: StepRef) -> bool {
    let question = Question::of_step(state, run, at, step);
    let mut of_others = RULES.iter().filter(|rule| rule.for_others);
    of_others.all(|rule| match rule.judge {
        Records(judge) => judge(&question) == Verdict::Allow,
        // Which step or recovery owns a slot follows from records alone, so rules of the session are left out.
        OfSession(_) => true,
    })
}

/// The kinds of subjects that an event lets be considered again.
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

impl Transition<'_> {
    /// Whether a step may act now. If a rule that is asked last is the only one against it, the rule's `keeps` is
    /// called.
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

    /// Why a step that has room and is about to act may not act after all.
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

    /// Considers the subjects of an instance again that an event may have cleared.
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
