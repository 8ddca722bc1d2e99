//! Checks of what must hold between two inputs, for tests, fuzzing and the simulator. A correct engine has no broken
//! invariant.
//!
//! Invariant: these checks follow from the rules, and ask the rules again. Nothing is decided here.

use crate::plan::Status;

use super::Engine;
use super::at::At;
use super::reason::Verdict;
use super::record::{OrderStage, StepRef};
use super::rules::{Question, eligible};
use super::session::Session;
use super::state::State;

impl Engine {
    /// The broken invariants, in words; empty for a correct engine. This goes through all instances and steps.
    ///
    /// - Exactly the slots of its tasks wait for an order that is not given.
    /// - An order whose way is being cleared, and that has room, waits for a task that may live.
    /// - When the agenda is empty, no step, recovery, instance that leaves, instance that is to move or service that is to be
    ///   forgotten may act: nothing waits for a wake that will not come.
    pub fn broken_invariants(&self) -> Vec<String> {
        let mut broken = Vec::new();
        if let Some(state) = &self.state {
            for (pod, instances) in (0..).zip(state.pods()) {
                for index in 0..instances.len() as u32 {
                    orders(state, &self.session, At { pod, index }, &mut broken);
                }
            }
            if self.session.reconciliation.all_asked()
                && self.session.agenda.is_empty()
                && !self.session.is_superseded()
            {
                lost_wakes(state, &self.session, &mut broken);
            }
        }
        broken
    }
}

fn orders(state: &State, session: &Session, at: At, broken: &mut Vec<String>) {
    let Some(record) = state.record(at) else { return };
    for order in record.orders().iter().filter(|order| order.stage != OrderStage::Launched) {
        let launch = order.launch;
        let named = record.slots().iter().filter(|slot| slot.act() == Some(launch)).count();
        if named < order.tasks.len() {
            broken.push(format!(
                "{}: order {launch} of {} tasks is named by {named} slots",
                state.name(at),
                order.tasks.len()
            ));
        }
        let lives = state.victims(at, record, launch).next().is_some();
        let granted = session.fits.grant(launch).is_some();
        if order.stage == OrderStage::Displacing && granted && !lives && state.is_seen(at) {
            broken.push(format!(
                "{}: order {launch} has room and a clear way, and is not given",
                state.name(at)
            ));
        }
    }
    for slot in record.slots() {
        if let Some(act) =
            slot.act().filter(|&act| record.order(act).is_none_or(|o| o.stage == OrderStage::Launched))
        {
            broken.push(format!(
                "{}: slot `{}` names order {act}, which does not stand",
                state.name(at),
                slot.set()
            ));
        }
    }
}

/// Subjects of all kinds that may act though nothing is left to consider.
fn lost_wakes(state: &State, session: &Session, broken: &mut Vec<String>) {
    let mut lost = |what: String| broken.push(format!("{what}, no rule objects, and nobody considers it"));
    for run in state.active() {
        for (phase, layout) in (0..).zip(&run.layout.phases) {
            for (step, of) in (0..).zip(&layout.steps) {
                if run.progress.phase(phase).step(step) == Status::Complete {
                    continue;
                }
                let at = At { pod: layout.pod, index: of.instance };
                let question = Question::of_step(state, run, at, StepRef { run: run.number(), phase, step });
                if eligible(&question, session) == Verdict::Allow {
                    lost(format!("step {} may act", state.step_name(layout, step)));
                }
            }
        }
    }
    for at in state.hurt() {
        if state.recovery_tasks(session, at).is_some() {
            lost(format!("{} may be recovered", state.name(at)));
        }
    }
    if let Some(at) = state.next_leaver()
        && eligible(&Question::of_leaver(state, at), session) == Verdict::Allow
    {
        lost(format!("{} may leave", state.name(at)));
    }
    if Question::of_farewell(state, &session.farewell)
        .is_some_and(|question| eligible(&question, session) == Verdict::Allow)
    {
        lost("the service may be forgotten".to_owned());
    }
    // What is looked at when its time has come is not lost.
    let looked_at = session.patience.looked_at().unwrap_or_default();
    for at in state.deadlines.due(looked_at) {
        let question = Question::of_move(state, at, looked_at);
        if question.is_some_and(|question| eligible(&question, session) == Verdict::Allow) {
            lost(format!("{} may move", state.name(at)));
        }
    }
}
