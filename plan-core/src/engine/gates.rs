//! Answers to questions of rules, and questions that were not answered in time.
//!
//! Invariant: an answer counts only for an open question. The step of the question is considered, and goes on with the
//! room that it has.

use super::ask::Answer;
use super::at::At;
use super::record::{Number, OrderStage, Purpose, StepRef};
use super::rules::{Whom, keepers};
use super::session::agenda::MOST_CONSIDERED;
use super::transition::Transition;
use super::waker::Waker;

impl Transition<'_> {
    /// Takes the answer to a question. An answer to a question that is not open is ignored.
    pub(super) fn ask_answered(&mut self, id: Number, answer: &Answer) {
        if let Some(step) = keepers().find_map(|keeper| keeper.answered(self, id, answer)) {
            self.go_on_as_answered(step);
        }
    }

    /// Considers the steps of which something is due, as a question that was not answered in time.
    pub(super) fn consider_due(&mut self) {
        for _ in 0..MOST_CONSIDERED {
            let Some(step) = keepers().find_map(|keeper| keeper.next_due(self)) else { return };
            self.go_on_as_answered(step);
        }
    }

    /// Considers a step. If it has room already, it goes on with that room.
    fn go_on_as_answered(&mut self, step: StepRef) {
        self.awaken(Waker::Answered, Whom::Step(step));
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
