//! The list of rules.
//!
//! Invariant: a new rule is one entry here (`docs/decisions/0018-one-list-of-rules.md`).

use crate::engine::waker::Waker;
use crate::engine::waker::Waker::{
    AllAsked, Answered, Changed, Left, Members, Progress, RunEnded, Seen, Settled, Time,
};

use super::keeper::Keeper;
use super::rule::Judge::{Records, Session as OfSession};
use super::rule::Rule;
use super::subject::{FAREWELL, Kinds, LEAVING, LEFT, MOVE, RECOVERY, STEP};
use super::{acts, budget, gate, ours, turns};

/// What an instance may do.
const OF_INSTANCE: Kinds = STEP.and(RECOVERY).and(LEAVING).and(MOVE);

/// All that may act.
const ALL: Kinds = OF_INSTANCE.and(FAREWELL);

/// The rules, in the order in which their reasons are given.
pub(in crate::engine) const RULES: &[Rule] = &[
    Rule::new("superseded", ALL, OfSession(turns::superseded), &[]).holds_all(),
    Rule::new("acts already", STEP.and(RECOVERY), OfSession(acts::acts_already), &[Changed]),
    Rule::new("all are asked for first", LEAVING.and(FAREWELL), OfSession(ours::all_asked), &[AllAsked])
        .holds_all(),
    // A move whose deadline came before that is due at once (`State::next_move`).
    Rule::new("all are asked for first", MOVE, OfSession(ours::all_asked), &[Time]).holds_all(),
    Rule::new("leavers in turn", LEAVING, Records(turns::leaver_turn), &[Settled, Left]),
    Rule::new("nothing is left", FAREWELL, Records(turns::nothing_left), &[Settled, Left]),
    Rule::new("plan interrupted", STEP, Records(turns::plan_interrupted), &[Progress]).lets_recover(),
    Rule::new("plan order", STEP, Records(turns::plan_order), &[Progress]).lets_recover(),
    Rule::new("phase interrupted", STEP, Records(turns::phase_interrupted), &[Progress]).lets_recover(),
    Rule::new("phase order", STEP, Records(turns::phase_order), &[Progress]).lets_recover(),
    Rule::new("leaves", RECOVERY, Records(turns::leaves), &[Changed]),
    Rule::new("replaced lately", MOVE, Records(turns::replaced_lately), &[Time]).holds_all(),
    Rule::new("paused", STEP.and(RECOVERY), Records(ours::paused), &[Changed]).lets_recover(),
    Rule::new("refused", STEP.and(RECOVERY), Records(ours::refused), &[Changed]).lets_recover(),
    Rule::new("owed", STEP.and(RECOVERY).and(LEFT), Records(ours::owed), &[Settled]).lets_recover(),
    Rule::new("its step's", RECOVERY, Records(turns::its_steps), &[Progress, RunEnded]),
    Rule::new("seen", OF_INSTANCE, Records(ours::seen), &[Seen]),
    Rule::new("place asked", STEP.and(RECOVERY), Records(ours::place_asked), &[Changed]),
    Rule::new("slot taken", STEP, Records(ours::slot_taken), &[Changed, RunEnded]).lets_recover(),
    Rule::new("in the way", RECOVERY, Records(ours::in_the_way), &[Changed]),
    Rule::new("backoff", STEP.and(RECOVERY), Records(ours::backoff), &[Changed]),
    Rule::new("max-unavailable", STEP, OfSession(budget::max_unavailable), &[Changed, Members])
        .asked_again()
        .with(&budget::Budget),
    Rule::new("gate", STEP, OfSession(gate::gates_before), &[Changed, Answered])
        .asked_again()
        .with(&gate::Gate),
];

/// How many rules have a keeper.
const COUNT: usize = {
    let (mut count, mut nth) = (0, 0);
    while nth < RULES.len() {
        if RULES[nth].keeper.is_some() {
            count += 1;
        }
        nth += 1;
    }
    count
};

/// Does nothing.
struct Idle;

impl Keeper for Idle {}

/// The keepers of all rules, in the order of the rules.
pub(super) static KEEPERS: [&dyn Keeper; COUNT] = {
    let mut all: [&dyn Keeper; COUNT] = [&Idle; COUNT];
    let (mut count, mut nth) = (0, 0);
    while nth < RULES.len() {
        if let Some(keeper) = RULES[nth].keeper {
            all[count] = keeper;
            count += 1;
        }
        nth += 1;
    }
    all
};

/// The kinds of subjects that each waker may let act, by its position.
static AWAKENED: [Kinds; Waker::COUNT] = {
    let mut all = [Kinds::NONE; Waker::COUNT];
    let mut nth = 0;
    while nth < RULES.len() {
        let rule = &RULES[nth];
        let mut of = 0;
        while of < rule.wakes.len() {
            let cause = rule.wakes[of] as usize;
            all[cause] = all[cause].and(rule.of);
            of += 1;
        }
        nth += 1;
    }
    all
};

/// The kinds of subjects that an event may let act.
#[inline]
pub(super) fn awakened_by(cause: Waker) -> Kinds {
    AWAKENED[cause as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_says_what_re_awakens_whom_it_keeps_waiting() {
        for rule in RULES {
            assert_eq!(rule.wakes.is_empty(), rule.name == "superseded", "{}", rule.name);
            let of_records = rule.of.has(STEP) && matches!(rule.judge, Records(_));
            assert!(
                !rule.lets_recover || of_records,
                "{}: whose a slot is follows from steps and records alone",
                rule.name
            );
            // Nobody but steps asks for room, and only steps tell a keeper that its rule keeps them waiting.
            let for_steps_alone = rule.asked_again || rule.keeper.is_some();
            assert!(
                !for_steps_alone || rule.of == STEP,
                "{}: what it asks for works for steps only",
                rule.name
            );
        }
        assert_eq!(awakened_by(Settled), STEP.and(RECOVERY).and(LEAVING).and(LEFT).and(FAREWELL));
        assert_eq!((awakened_by(AllAsked), awakened_by(Time)), (LEAVING.and(FAREWELL), MOVE));
    }
}
