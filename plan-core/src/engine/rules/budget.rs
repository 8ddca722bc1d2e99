//! The rule `max-unavailable`: how many members may be down when a step is about to take down one more.
//!
//! Invariant: a step that repairs a member never waits because of that member. The rule binds only steps that end a
//! running task, and no step of a member that is down already.

use crate::engine::at::At;
use crate::engine::bug::Bug;
use crate::engine::reason::{Reason, Verdict};
use crate::engine::record::{Number, StepRef};
use crate::engine::session::Session;
use crate::engine::session::budgets::Bound;
use crate::engine::state::Run;
use crate::engine::transition::Transition;
use crate::engine::waker::Waker;
use crate::plan::{Status, TaskModel};
use crate::spec::Goal;

use super::keeper::{Consider, Keeper, Whom, Woken};
use super::subject::{Question, Subject};

/// The largest number of members that a reason names.
const NAMED: usize = 3;

pub(super) fn max_unavailable(q: &Question<'_>, session: &Session) -> Verdict {
    match reached(q, session) {
        Some((_, reason)) => Verdict::Defer(reason),
        None => Verdict::Allow,
    }
}

/// The first bound over a step that is reached, with the reason.
fn reached(q: &Question<'_>, session: &Session) -> Option<(Bound, Reason)> {
    let Subject::Step { run, step } = q.subject else { return None };
    let phase = run.phase(step.phase);
    let (of_phase, of_plan) = (phase.most_down(), run.layout.most_down());
    if q.state.bug(Bug::BudgetIgnored) {
        return None;
    }
    if of_phase.is_none() && of_plan.is_none() || q.state.members.is_down(q.at) || !takes_down(q, run, step) {
        return None;
    }
    // A step that asks for room already was counted when it began to ask.
    let counted = session.budgets.is_asking(q.at);
    let asking = |pod: u32| if counted { 0 } else { session.budgets.asking_of(pod) };
    let full = |most: Option<u32>, pods: &[u32]| {
        let most = most?;
        let down = pods.iter().map(|&pod| q.state.members.down_of(pod) + asking(pod)).sum::<usize>();
        if down < most as usize {
            return None;
        }
        let down = pods.iter().flat_map(|&pod| q.state.members.of(pod));
        let asking = pods.iter().filter(|_| !counted).flat_map(|&pod| session.budgets.asking(pod));
        let members = down.chain(asking).take(NAMED).map(|at| q.state.name(at)).collect();
        Some(Reason::Budget { most, members })
    };
    let phase_bound = Bound { run: step.run, phase: Some(step.phase) };
    let plan_bound = Bound { run: step.run, phase: None };
    let of_phase = full(of_phase, &[phase.pod]).map(|reason| (phase_bound, reason));
    let of_plan = || full(of_plan, &run.layout.pods().collect::<Vec<_>>()).map(|reason| (plan_bound, reason));
    of_phase.or_else(of_plan)
}

/// Whether a step ends an essential task that runs.
fn takes_down(q: &Question<'_>, run: &Run, step: StepRef) -> bool {
    let (state, Some(record)) = (q.state, q.record) else { return false };
    let since = run.record.wanted(Some(record), step).since;
    let tasks = run.phase(step.phase).tasks(step.step).iter();
    let tasks = tasks.map(|&task| state.task_model(q.at.pod, task));
    let due =
        tasks.filter(|task| state.task_status(run, Some(record), task, step, since) != Status::Complete);
    let ends = |model: &TaskModel| {
        let wanted = state.wanted_conf(run, Some(record), model);
        let set = state.set_of(&wanted, model);
        record.slots().iter().any(|slot| {
            let living = slot.occupant().filter(|occupant| occupant.may_live());
            living.is_some_and(|occupant| {
                let last = record.task(&occupant.task).and_then(|task| task.last());
                let config = last.and_then(|last| state.confs().get(&last.conf));
                (slot.set() == set || occupant.task == model.name)
                    && config.is_some_and(|config| config.spec.goal == Goal::Running && config.spec.essential)
            })
        })
    };
    due.into_iter().any(ends)
}

/// Remembers who waits for a bound, and counts a member as down as soon as a step that will take it down asks for room.
pub(super) struct Budget;

impl Keeper for Budget {
    /// Lists the step, so that it is considered when a member is up again.
    fn keeps(&self, transition: &mut Transition<'_>, at: At, step: StepRef) {
        let Some(run) = transition.state.run(step.run) else { return };
        let question = Question::of_step(transition.state, run, at, step);
        if let Some((bound, _)) = reached(&question, transition.session) {
            transition.session.budgets.wait(bound, step);
        }
    }

    fn asks(&self, transition: &mut Transition<'_>, at: At, step: StepRef) {
        let Some(run) = transition.state.run(step.run) else { return };
        let bound = run.layout.has_bounds() && !transition.state.members.is_down(at);
        if bound && takes_down(&Question::of_step(transition.state, run, at, step), run, step) {
            transition.session.budgets.asks(at);
        }
    }

    fn asks_no_more(&self, transition: &mut Transition<'_>, at: At) -> Woken {
        let asked = transition.session.budgets.asks_no_more(at);
        Vec::from_iter(asked.then_some((Waker::Members, Whom::WaitingFor(at.pod))))
    }

    /// From now on the instance counts as a member that is down. An instance that was never up does not count, so
    /// others may go on.
    fn clears(&self, transition: &mut Transition<'_>, at: At) -> Woken {
        let woken = self.asks_no_more(transition, at);
        if transition.state.members.is_down(at) { Vec::new() } else { woken }
    }

    fn run_ended(&self, transition: &mut Transition<'_>, run: Number) {
        transition.session.budgets.forget_run(run);
    }

    /// Steps that waited in an active run are considered anew.
    fn laid_out(&self, transition: &mut Transition<'_>) -> Woken {
        let waited = !transition.session.budgets.is_empty();
        transition.session.budgets = Default::default();
        let active = transition.state.active().iter().filter(|_| waited);
        active.map(|run| (Waker::Members, Whom::Run(run.number()))).collect()
    }

    /// Considers the first step that waits, for each bound that counts the members of the pod. If that step does not
    /// wait for the bound any more, the next one may go on too.
    fn fewer_are_down(&self, transition: &mut Transition<'_>, pod: u32, consider: Consider) -> Woken {
        let bounds = transition.state.active().iter().flat_map(|run| {
            let phases = run.layout.phases_of(pod);
            let of_plan = phases.first().map(|_| None);
            let all = phases.iter().map(|&phase| Some(phase)).chain(of_plan);
            all.map(|phase| Bound { run: run.number(), phase })
        });
        let budgets = &mut transition.session.budgets;
        let first: Vec<_> = bounds.filter_map(|bound| Some((bound, budgets.next(bound)?))).collect();
        let mut more = false;
        for (bound, step) in first {
            consider(transition, step);
            more |= !transition.session.budgets.waits(bound, step);
        }
        Vec::from_iter(more.then_some((Waker::Members, Whom::WaitingFor(pod))))
    }
}
