//! Rules about the instance itself: whether it was seen, what it has, and what is in its slots.

use super::subject::{Question, Subject};
use crate::engine::reason::{Reason, Verdict};
use crate::engine::record::{Occupant, PodRecord, Purpose, Slot, TaskRecord, TaskState};
use crate::engine::session::Session;
use crate::engine::state::is_paused;

/// No instance leaves or moves before the session has asked for all launches.
pub(super) fn all_asked(_: &Question<'_>, session: &Session) -> Verdict {
    if session.is_live() { Verdict::Allow } else { Verdict::Defer(Reason::NotSeen) }
}

/// No instance is acted on before this session has seen it.
pub(super) fn seen(q: &Question<'_>) -> Verdict {
    if q.state.is_seen(q.at) { Verdict::Allow } else { Verdict::Defer(Reason::NotSeen) }
}

/// A step does not act on a paused task. Recovery launches the task paused, and then leaves it alone.
pub(super) fn paused(q: &Question<'_>) -> Verdict {
    let paused = match q.subject {
        Subject::Step { run, step } => q.state.paused_task(run, q.at, step),
        Subject::Recovery { slot, main, .. } if q.record.is_some_and(|r| is_left_paused(r, slot, main)) => {
            Some(main)
        }
        _ => None,
    };
    paused.map_or(Verdict::Allow, |task| Verdict::Deny(Reason::Paused(task.name().clone())))
}

/// Whether a task runs paused, as an operator wants it.
pub(super) fn is_left_paused(record: &PodRecord, slot: &Slot, main: &TaskRecord) -> bool {
    main.paused()
        && record.relocation().is_none()
        && slot.occupant().is_some_and(|occupant| {
            let runs = matches!(occupant.state, TaskState::Running { .. }) && occupant.silent.is_none();
            runs && occupant.task == *main.name() && is_paused(record, occupant)
        })
}

/// An instance that left the target once does not come back before its debts from then are settled. Until then it is
/// not gone either.
pub(super) fn owed(q: &Question<'_>) -> Verdict {
    let debt = match q.subject {
        Subject::Left { debt } => Some(debt),
        _ => q.state.unsettled(q.at),
    };
    debt.map_or(Verdict::Allow, |debt| {
        Verdict::Defer(Reason::Owes { debt: debt.number, node: debt.node.clone() })
    })
}

pub(super) fn refused(q: &Question<'_>) -> Verdict {
    let Some(record) = q.record else { return Verdict::Allow };
    let never = match q.subject {
        Subject::Step { run, step } => {
            let mut tasks = run.phase(step.phase).tasks(step.step).iter();
            tasks.find_map(|&task| {
                let model = q.state.task_model(q.at.pod, task);
                let conf = q.state.wanted_conf(run, Some(record), model);
                let known = record.task(&model.name)?;
                Some((known, known.never().filter(|never| never.conf == conf)?))
            })
        }
        Subject::Recovery { main, conf, .. } => {
            main.never().filter(|never| Some(never.conf) == conf).map(|never| (main, never))
        }
        Subject::Leaving | Subject::Move { .. } | Subject::Left { .. } | Subject::Farewell => None,
    };
    never.map_or(Verdict::Allow, |(task, never)| {
        Verdict::Deny(Reason::Never { task: task.name().clone(), why: never.why.clone() })
    })
}

/// Only one order of an instance without a place asks for a place.
pub(super) fn place_asked(q: &Question<'_>) -> Verdict {
    let Some(record) = q.record else { return Verdict::Allow };
    let by = match q.subject {
        Subject::Step { step, .. } => Purpose::Step(step),
        _ => Purpose::Recovery,
    };
    if q.state.is_place_asked(record, by) { Verdict::Defer(Reason::PlaceAsked) } else { Verdict::Allow }
}

/// A slot serves one act at a time: no step displaces a task that serves another incomplete step, and no step begins
/// while another order stands in the slot.
pub(super) fn slot_taken(q: &Question<'_>) -> Verdict {
    let Subject::Step { run, step } = q.subject else { return Verdict::Allow };
    let Some(record) = q.record else { return Verdict::Allow };
    for &task in run.phase(step.phase).tasks(step.step).iter() {
        let model = q.state.task_model(q.at.pod, task);
        if q.state.is_asked(record, &model.name, Some(step)) {
            return Verdict::Defer(Reason::SlotBusy { task: model.name.clone() });
        }
        // A configuration is not launched again in its old set if the set belongs to another task by now.
        let conf = q.state.wanted_conf(run, Some(record), model);
        if conf != model.conf
            && let set = q.state.set_of(&conf, model)
            && *set != model.set
            && let Some(other) = q.state.successor_in(record, set, &model.name)
        {
            return Verdict::Defer(Reason::SlotBusy { task: other.name().clone() });
        }
        // The slots that the task takes: its own, and another one in which it still lives.
        let takes = |slot: &&Slot| {
            let lives = |o: &Occupant| o.task == model.name && o.may_live();
            *slot.set() == model.set || slot.occupant().is_some_and(lives)
        };
        for slot in record.slots().iter().filter(takes) {
            if let Some(order) = slot.act().and_then(|act| record.order(act))
                && !q.state.gives_way(order, Some(step))
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
            // Within a run, an earlier step may displace a task of a later step of the instance, as the later step
            // waits for the earlier one.
            let later = by.run == step.run && (by.phase, by.step) >= (step.phase, step.step);
            if !later && q.state.is_served(by, record, occupant.launch) {
                return Verdict::Defer(Reason::SlotBusy { task: occupant.task.clone() });
            }
        }
    }
    Verdict::Allow
}

/// Recovery displaces no task of another set.
pub(super) fn in_the_way(q: &Question<'_>) -> Verdict {
    let (Some(record), Subject::Recovery { slot, conf: Some(conf), .. }) = (q.record, q.subject) else {
        return Verdict::Allow;
    };
    let other = q.state.in_the_way(record, slot, conf);
    other.map_or(Verdict::Allow, |task| Verdict::Defer(Reason::SlotBusy { task: task.clone() }))
}

pub(super) fn backoff(q: &Question<'_>) -> Verdict {
    let Some(record) = q.record else { return Verdict::Allow };
    let delayed = match q.subject {
        Subject::Step { run, step } => {
            let mut tasks = run.phase(step.phase).tasks(step.step).iter();
            tasks.find_map(|&task| {
                let task = record.task(&q.state.task_model(q.at.pod, task).name)?;
                Some((task, task.delayed_until()?))
            })
        }
        // A sidecar in backoff does not keep the other tasks from coming back.
        Subject::Recovery { main, .. } => main.delayed_until().map(|until| (main, until)),
        Subject::Leaving | Subject::Move { .. } | Subject::Left { .. } | Subject::Farewell => None,
    };
    delayed.map_or(Verdict::Allow, |(task, until)| {
        Verdict::Defer(Reason::Backoff { task: task.name().clone(), failures: task.failures(), until })
    })
}
