//! The rule `max-unavailable`: how many members may be down when a step is about to take down one more.
//!
//! Invariant: a step that repairs a member never waits because of that member. The rule binds only steps that end a
//! running task, and no step of a member that is down already.

use crate::engine::at::At;
use crate::engine::bug::Bug;
use crate::engine::reason::{Reason, Verdict};
use crate::engine::record::StepRef;
use crate::engine::rules::{Question, Subject};
use crate::engine::session::Session;
use crate::engine::session::agenda::Item;
use crate::engine::session::budgets::Bound;
use crate::engine::state::Run;
use crate::engine::transition::Transition;
use crate::plan::{Status, TaskModel};
use crate::spec::Goal;

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

/// Lists a step that the rule keeps waiting, so that it is considered when a member is up again.
pub(super) fn wait_for_members(transition: &mut Transition<'_>, at: At, step: StepRef) {
    let Some(run) = transition.state.run(step.run) else { return };
    let question = Question::of_step(transition.state, run, at, step);
    if let Some((bound, _)) = reached(&question, transition.session) {
        transition.session.budgets.wait(bound, step);
    }
}

impl Transition<'_> {
    /// Counts a member as down as soon as a step that will take it down asks for room.
    pub(in crate::engine) fn count_asking(&mut self, at: At, step: StepRef) {
        let Some(run) = self.state.run(step.run) else { return };
        let bound = run.layout.has_bounds() && !self.state.members.is_down(at);
        if bound && takes_down(&Question::of_step(self.state, run, at, step), run, step) {
            self.session.budgets.asks(at);
        }
    }

    /// Takes back the count of a member, as the step no longer asks for room.
    pub(in crate::engine) fn uncount_asking(&mut self, at: At) {
        if self.session.budgets.asks_no_more(at) {
            self.members_are_back(at.pod);
        }
    }

    /// Considers the steps that wait for members of a pod, as fewer members are down or about to be: as many steps as
    /// may go on.
    pub(in crate::engine) fn members_are_back(&mut self, pod: u32) {
        if !self.bug(Bug::BudgetNeverWakes) {
            self.session.agenda.consider(Item::Members(pod));
        }
    }
}
