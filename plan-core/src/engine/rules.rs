//! Whether a step may act: one function over an ordered list of rules (engine.md §4).
//!
//! Invariant: every rule looks at the state alone, so the reason for a wait can be asked for at any time. A
//! new rule is one entry in [`RULES`].

use crate::plan::Blocked;

use super::at::At;
use super::reason::{Reason, Verdict};
use super::record::{Occupant, Purpose, Slot, StepRef};
use super::state::{Run, State};

/// What a rule is asked about.
pub(super) struct Question<'a> {
    pub(super) state: &'a State,
    pub(super) run: &'a Run,
    pub(super) at: At,
    pub(super) step: StepRef,
}

type Rule = fn(&Question<'_>) -> Verdict;

/// The rules, in the order in which their reasons are given.
const RULES: &[Rule] = &[
    plan_interrupted,
    plan_order,
    phase_interrupted,
    phase_order,
    paused,
    refused,
    owed,
    seen,
    slots,
    backoff,
];

/// The rules by which a step waits for somebody else.
const OF_OTHERS: &[Rule] = &[paused, slot_taken, owed];

/// Whether a step may act: the word of the first rule that does not allow it.
pub(super) fn may_act(state: &State, run: &Run, at: At, step: StepRef) -> Verdict {
    let question = Question { state, run, at, step };
    let objection = RULES.iter().map(|rule| rule(&question)).find(|verdict| *verdict != Verdict::Allow);
    objection.unwrap_or(Verdict::Allow)
}

/// Whether only time, room or its turn keeps a step that is allowed from acting: what runs no more in its slots
/// is then its own to bring back. What somebody else has to do first may take for ever.
pub(super) fn acts_in_time(state: &State, run: &Run, at: At, step: StepRef) -> bool {
    let question = Question { state, run, at, step };
    OF_OTHERS.iter().all(|rule| rule(&question) == Verdict::Allow)
}

fn plan_interrupted(q: &Question<'_>) -> Verdict {
    if q.run.progress.is_interrupted() { Verdict::Deny(Reason::PlanInterrupted) } else { Verdict::Allow }
}

fn plan_order(q: &Question<'_>) -> Verdict {
    match q.run.progress.blocked(&q.run.layout, q.step.phase) {
        Some(first) => Verdict::Defer(Reason::PhaseFirst(q.run.phase(first).name.clone())),
        None => Verdict::Allow,
    }
}

fn phase_interrupted(q: &Question<'_>) -> Verdict {
    if q.run.progress.phase(q.step.phase).is_interrupted() {
        Verdict::Deny(Reason::PhaseInterrupted)
    } else {
        Verdict::Allow
    }
}

fn phase_order(q: &Question<'_>) -> Verdict {
    let layout = q.run.phase(q.step.phase);
    let progress = q.run.progress.phase(q.step.phase);
    if progress.allows(layout, q.step.step) {
        return Verdict::Allow;
    }
    match (progress.blocked(layout, q.step.step), progress.canary()) {
        (Some(Blocked::Canary), Some(canary)) => Verdict::Deny(Reason::Canary(canary.clone())),
        (Some(Blocked::Behind(first)), _) => {
            Verdict::Defer(Reason::StepFirst(q.state.step_name(layout, first)))
        }
        _ => Verdict::Allow,
    }
}

fn paused(q: &Question<'_>) -> Verdict {
    let paused = q.state.paused_task(q.run, q.at, q.step);
    paused.map_or(Verdict::Allow, |task| Verdict::Deny(Reason::Paused(task.name().clone())))
}

/// What an instance left behind when it left the target ends before it comes back.
fn owed(q: &Question<'_>) -> Verdict {
    let debt = q.state.unsettled(q.at);
    debt.map_or(Verdict::Allow, |debt| {
        Verdict::Defer(Reason::Owes { debt: debt.number, node: debt.node.clone() })
    })
}

fn refused(q: &Question<'_>) -> Verdict {
    let Some(record) = q.state.record(q.at) else { return Verdict::Allow };
    let mut tasks = q.run.phase(q.step.phase).tasks(q.step.step).iter();
    let never = tasks.find_map(|&task| {
        let model = q.state.task_model(q.at.pod, task);
        let conf = q.state.wanted_conf(q.run, Some(record), model);
        let never = record.task(&model.name)?.never().filter(|never| never.conf == conf)?;
        Some(Reason::Never { task: model.name.clone(), why: never.why.clone() })
    });
    never.map_or(Verdict::Allow, Verdict::Deny)
}

fn seen(q: &Question<'_>) -> Verdict {
    if q.state.is_seen(q.at) { Verdict::Allow } else { Verdict::Defer(Reason::NotSeen) }
}

/// A slot is not shared in time: what serves an incomplete step is not displaced by another, and nothing is
/// waited for while another act of the slot stands.
fn slots(q: &Question<'_>) -> Verdict {
    let Some(record) = q.state.record(q.at) else { return Verdict::Allow };
    if q.state.is_place_asked(record, Purpose::Step(q.step)) {
        return Verdict::Defer(Reason::PlaceAsked);
    }
    slot_taken(q)
}

fn slot_taken(q: &Question<'_>) -> Verdict {
    let Some(record) = q.state.record(q.at) else { return Verdict::Allow };
    for &task in q.run.phase(q.step.phase).tasks(q.step.step).iter() {
        let model = q.state.task_model(q.at.pod, task);
        if q.state.is_asked(record, &model.name, Some(q.step)) {
            return Verdict::Defer(Reason::SlotBusy { task: model.name.clone() });
        }
        // What was reached in a set that is another task's by now is not launched there again.
        let conf = q.state.wanted_conf(q.run, Some(record), model);
        if conf != model.conf
            && let set = q.state.set_of(&conf, model)
            && *set != model.set
            && let Some(other) = q.state.successor_in(record, set, &model.name)
        {
            return Verdict::Defer(Reason::SlotBusy { task: other.name().clone() });
        }
        // Its own, and another where it lives still.
        let takes = |slot: &&Slot| {
            let lives = |o: &Occupant| o.task == model.name && o.may_live();
            *slot.set() == model.set || slot.occupant().is_some_and(lives)
        };
        for slot in record.slots().iter().filter(takes) {
            if let Some(order) = slot.act().and_then(|act| record.order(act))
                && !q.state.gives_way(order, Some(q.step))
            {
                let task = order.tasks.first().map_or_else(|| model.name.clone(), |o| o.task.clone());
                return Verdict::Defer(Reason::SlotBusy { task });
            }
            let Some(occupant) = slot.occupant().filter(|occupant| occupant.may_live()) else {
                continue;
            };
            let Some(Purpose::Step(by)) = record.order(occupant.launch).map(|order| order.purpose) else {
                continue;
            };
            // Within a run an earlier step displaces what serves a later one of the instance, which waits for it.
            let later = by.run == q.step.run && (by.phase, by.step) >= (q.step.phase, q.step.step);
            if !later && q.state.is_served(by, record, occupant.launch) {
                return Verdict::Defer(Reason::SlotBusy { task: occupant.task.clone() });
            }
        }
    }
    Verdict::Allow
}

fn backoff(q: &Question<'_>) -> Verdict {
    let Some(record) = q.state.record(q.at) else { return Verdict::Allow };
    let mut tasks = q.run.phase(q.step.phase).tasks(q.step.step).iter();
    let delayed = tasks.find_map(|&task| {
        let task = record.task(&q.state.task_model(q.at.pod, task).name)?;
        let until = task.delayed_until()?;
        Some(Reason::Backoff { task: task.name().clone(), failures: task.failures(), until })
    });
    delayed.map_or(Verdict::Allow, Verdict::Defer)
}
