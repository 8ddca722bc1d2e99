//! Answers to the questions of gates, and questions that were not answered in time.
//!
//! Invariant: an answer counts only for an open question. The step of the question is considered, and goes on with the
//! room that it has.

use std::time::Duration;

use super::ask::Answer;
use super::at::At;
use super::bug::Bug;
use super::record::{Number, OrderStage, Purpose, StepRef};
use super::session::agenda::{Item, MOST_CONSIDERED};
use super::transition::Transition;

impl Transition<'_> {
    /// Takes the answer to a question. An answer to a question that is not open is ignored.
    pub(super) fn ask_answered(&mut self, id: Number, answer: Answer) {
        let Some(gate) = self.session.questions.gate_of(id) else { return };
        let Answer { ruling, words, at } = answer;
        let layout = self
            .state
            .run(gate.step.run)
            .and_then(|run| run.phase(gate.step.phase).gates_before(gate.step.step).get(gate.nth as usize));
        let age = Duration::from_micros(self.wall.0.saturating_sub(at.0));
        let left =
            layout.and_then(|layout| Duration::from_secs(u64::from(layout.max_age.0)).checked_sub(age));
        let fresh = left.map(|left| self.now.after(left));
        self.session.questions.answered(id, (ruling, words), fresh, self.now);
        self.go_on_at_gate(gate.step);
    }

    /// Asks the questions again that are due or were not answered in time.
    pub(super) fn ask_gates_again(&mut self) {
        for _ in 0..MOST_CONSIDERED {
            let Some(gate) = self.session.questions.next_due(self.now) else { return };
            if !self.bug(Bug::GateOverdueForgotten) {
                self.go_on_at_gate(gate.step);
            }
        }
    }

    /// Considers a step. If it has room already, it goes on with that room.
    fn go_on_at_gate(&mut self, step: StepRef) {
        self.session.agenda.consider(Item::Step(step));
        let Some(run) = self.state.run(step.run) else { return };
        let phase = run.phase(step.phase);
        let at = At { pod: phase.pod, index: phase.steps[step.step as usize].instance };
        let orders = self.state.record(at).into_iter().flat_map(|record| record.orders().iter());
        let wanted = orders
            .into_iter()
            .find(|order| order.stage == OrderStage::Requested && order.purpose == Purpose::Step(step))
            .map(|order| order.launch);
        if let Some(launch) = wanted {
            self.advance(at, launch);
        }
    }
}
