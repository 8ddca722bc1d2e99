//! Acts that have begun: what each of them waits for.

use super::ours::is_left_paused;
use super::subject::{Question, Subject};
use crate::engine::reason::{Reason, Verdict};
use crate::engine::record::{Order, OrderStage, PodRecord, Slot, TaskState};
use crate::engine::session::Session;
use crate::engine::state::is_stale;
use crate::plan::Status;
use crate::spec::TaskName;

/// A subject that acts already does not begin again.
pub(super) fn acts_already(q: &Question<'_>, session: &Session) -> Verdict {
    let reason = match q.subject {
        Subject::Step { .. } => step_acts(q, session),
        Subject::Recovery { .. } => recovery_acts(q, session),
        Subject::Leaving | Subject::Move { .. } | Subject::Left { .. } | Subject::Farewell => None,
    };
    reason.map_or(Verdict::Allow, Verdict::Defer)
}

fn step_acts(q: &Question<'_>, session: &Session) -> Option<Reason> {
    let Subject::Step { run, step } = q.subject else { return None };
    let status = run.progress.phase(step.phase).step(step.step);
    if !matches!(status, Status::Prepared | Status::Starting | Status::Started) {
        return None;
    }
    let (state, record) = (q.state, q.record?);
    let since = run.record.wanted(Some(record), step).since;
    let tasks = run.phase(step.phase).tasks(step.step).iter();
    let mut tasks = tasks.map(|&task| state.task_model(q.at.pod, task));
    let task = tasks.find(|task| state.task_status(run, Some(record), task, step, since) == status)?;
    let named =
        |slot: &&Slot| state.main_task(record, slot.set()).is_some_and(|main| *main.name() == task.name);
    let slot = record.slot(&task.set).or_else(|| record.slots().iter().find(named))?;
    Some(slot_waits(session, record, slot, &task.name, status))
}

fn recovery_acts(q: &Question<'_>, session: &Session) -> Option<Reason> {
    let Subject::Recovery { slot, main, .. } = q.subject else { return None };
    let (state, record) = (q.state, q.record?);
    let stands = |order: &&Order| !state.gives_way(order, None);
    let act = slot.act().and_then(|act| record.order(act)).filter(stands);
    // A task has one order at a time, in whatever set it was.
    let names = |order: &&Order| order.tasks.iter().any(|ordered| ordered.task == *main.name());
    let order = act.or_else(|| record.standing().filter(stands).find(names));
    if let Some(order) = order {
        let slot = record.slots().iter().find(|other| other.act() == Some(order.launch)).unwrap_or(slot);
        return Some(slot_waits(session, record, slot, main.name(), Status::Prepared));
    }
    if is_left_paused(record, slot, main) {
        return None;
    }
    let living = slot.occupant().filter(|occupant| occupant.may_live())?;
    let otherwise = record.relocation().is_some() || living.task == *main.name() && is_stale(record, living);
    let status = match living.state {
        TaskState::Running { .. } => Status::Started,
        TaskState::Launching | TaskState::Starting | TaskState::Ended(_) => Status::Starting,
    };
    (!otherwise).then(|| slot_waits(session, record, slot, main.name(), status))
}

/// What a task that is about to take a slot waits for.
fn slot_waits(session: &Session, record: &PodRecord, slot: &Slot, task: &TaskName, status: Status) -> Reason {
    if let Some(occupant) = slot.occupant()
        && let Some(since) = occupant.silent
    {
        return Reason::Silent { task: occupant.task.clone(), since };
    }
    if let Some(order) = slot.act().and_then(|act| record.order(act)) {
        if order.stage == OrderStage::Displacing
            && let Some(victim) = slot.occupant().filter(|occupant| occupant.may_live())
        {
            return Reason::Displacing(victim.task.clone());
        }
        return session.fits.why(order.launch).cloned().map_or(Reason::AskedForRoom, Reason::NoRoom);
    }
    if let Some(known) = record.task(task) {
        if let Some(until) = known.delayed_until() {
            return Reason::Backoff { task: task.clone(), failures: known.failures(), until };
        }
        if let Some(never) = known.never() {
            return Reason::Never { task: task.clone(), why: never.why.clone() };
        }
    }
    match status {
        Status::Started => Reason::NotThereYet(task.clone()),
        _ => Reason::Launching(task.clone()),
    }
}
