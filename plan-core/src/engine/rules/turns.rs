//! Rules about turns: a subject waits until others have acted, or until an operator lets it go on.

use super::subject::{Question, Subject};
use crate::engine::bug::Bug;
use crate::engine::reason::{Reason, Verdict};
use crate::engine::session::Session;
use crate::plan::Blocked;

pub(super) fn superseded(_: &Question<'_>, session: &Session) -> Verdict {
    if session.is_superseded() { Verdict::Deny(Reason::Superseded) } else { Verdict::Allow }
}

pub(super) fn plan_interrupted(q: &Question<'_>) -> Verdict {
    match q.subject {
        Subject::Step { run, .. } if run.progress.is_interrupted() => Verdict::Deny(Reason::PlanInterrupted),
        _ => Verdict::Allow,
    }
}

pub(super) fn plan_order(q: &Question<'_>) -> Verdict {
    let Subject::Step { run, step } = q.subject else { return Verdict::Allow };
    match run.progress.blocked(&run.layout, step.phase) {
        Some(first) => Verdict::Defer(Reason::PhaseFirst(run.phase(first).name.clone())),
        None => Verdict::Allow,
    }
}

pub(super) fn phase_interrupted(q: &Question<'_>) -> Verdict {
    match q.subject {
        Subject::Step { run, step } if run.progress.phase(step.phase).is_interrupted() => {
            Verdict::Deny(Reason::PhaseInterrupted)
        }
        _ => Verdict::Allow,
    }
}

pub(super) fn phase_order(q: &Question<'_>) -> Verdict {
    let Subject::Step { run, step } = q.subject else { return Verdict::Allow };
    let (layout, progress) = (run.phase(step.phase), run.progress.phase(step.phase));
    if progress.allows(layout, step.step) {
        return Verdict::Allow;
    }
    match (progress.blocked(layout, step.step), progress.canary()) {
        (Some(Blocked::Canary), Some(canary)) => Verdict::Deny(Reason::Canary(canary.clone())),
        (Some(Blocked::Behind(first)), _) => {
            Verdict::Defer(Reason::StepFirst(q.state.step_name(layout, first)))
        }
        _ => Verdict::Allow,
    }
}

/// Instances leave one after the other, each once the debts of the one before are settled. In an uninstall all leave at
/// once.
pub(super) fn leaver_turn(q: &Question<'_>) -> Verdict {
    let in_turn = !q.state.service().uninstalling && !q.state.bug(Bug::AllLeaveAtOnce);
    let others = || q.state.debts.has_leaver() || q.state.next_leaver() != Some(q.at);
    if in_turn && others() { Verdict::Defer(Reason::Leaves) } else { Verdict::Allow }
}

/// The service is forgotten when nothing of it is left.
pub(super) fn nothing_left(q: &Question<'_>) -> Verdict {
    let owes = !q.state.debts.is_empty() && !q.state.bug(Bug::EarlyFarewell);
    if owes || q.state.next_leaver().is_some() { Verdict::Defer(Reason::Leaves) } else { Verdict::Allow }
}

/// An instance that leaves is not brought back.
pub(super) fn leaves(q: &Question<'_>) -> Verdict {
    let moves = q.record.is_some_and(|record| record.relocation().is_some());
    let leaves = q.state.service().uninstalling || moves && q.state.is_leaver(q.at);
    if leaves { Verdict::Deny(Reason::Leaves) } else { Verdict::Allow }
}

/// Instances that are down for too long move one after the other, as the replacement failure policy says.
pub(super) fn replaced_lately(q: &Question<'_>) -> Verdict {
    let Subject::Move { by } = q.subject else { return Verdict::Allow };
    match q.state.next_replacement() {
        Some(next) if next <= by => Verdict::Allow,
        until => Verdict::Defer(Reason::ReplacedLately { until }),
    }
}

/// Recovery does not bring back what a step brings back. If that step may not act, there is no known good configuration
/// either.
pub(super) fn its_steps(q: &Question<'_>) -> Verdict {
    match q.subject {
        Subject::Recovery { main, conf: None, .. } => {
            Verdict::Defer(Reason::WaitsForItsStep(main.name().clone()))
        }
        _ => Verdict::Allow,
    }
}
