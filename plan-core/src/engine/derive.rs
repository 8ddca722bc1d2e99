//! What follows from a changed record: statuses, and the steps and instances that may act now.
//!
//! Invariant: after this, every status and index agrees with the records, and what may act now is on the agenda.

use crate::plan::{Changed, Status};

use super::at::At;
use super::effects::Event;
use super::reason::Reason;
use super::record::{Order, OrderStage, Purpose, StepRef};
use super::rules::{Whom, awaken, keepers};
use super::state::Run;
use super::transition::Transition;
use super::waker::Waker;

impl Transition<'_> {
    /// Derives anew what follows from an instance's record: the statuses of its steps, and whether recovery has
    /// something to do.
    pub(super) fn touch(&mut self, at: At) {
        for nth in 0..self.state.active().len() {
            let run = &self.state.active()[nth];
            let (number, layout) = (run.number(), run.layout.clone());
            for &phase in layout.phases_of(at.pod) {
                for step in layout.phases[phase as usize].steps_of(at.index) {
                    self.derive_step(nth, at, StepRef { run: number, phase, step });
                }
            }
        }
        self.state.index_hurt(at);
        self.state.index_deadline(at);
        if self.state.index_member(at) {
            self.awaken(Waker::Members, Whom::WaitingFor(at.pod));
        }
        // A new deadline may be one that was looked at already.
        self.session.patience.deadline_is(self.state.deadlines.of(at));
        self.awaken(Waker::Changed, Whom::Recovery(at));
    }

    /// Derives a step's status, and updates its parents and successors.
    pub(super) fn derive_step(&mut self, nth: usize, at: At, step: StepRef) {
        let run = &self.state.active()[nth];
        let status = self.state.step_status(run, at, step);
        let urgent = self.state.is_urgent(run, at, step, status);
        let Run { layout, progress, .. } = self.state.active_mut(nth);
        let held = progress.phase(step.phase).is_held();
        let changed = progress.set_step(layout, step.phase, step.step, status, urgent);
        let released = held && !progress.phase(step.phase).is_held();
        if status == Status::Pending {
            self.awaken(Waker::Changed, Whom::Step(step));
        }
        // Whether a step or recovery owns what is broken in the instance may have changed.
        if changed.step.0 != changed.step.1 {
            self.awaken(Waker::Progress, Whom::Recovery(at));
        }
        self.follow_up(nth, step, changed, released);
    }

    /// Considers what may act because a status changed.
    fn follow_up(&mut self, nth: usize, step: StepRef, changed: Changed, released: bool) {
        let Changed { step: (old, new), phase, plan, turned } = changed;
        let ((old_phase, new_phase), (old_plan, new_plan)) = (phase, plan);
        if old != new {
            self.event(Event::Step { step, change: (old, new) });
        }
        if old_phase != new_phase {
            let change = (old_phase, new_phase);
            self.event(Event::Phase { run: step.run, phase: step.phase, change });
        }
        if old_plan != new_plan {
            self.event(Event::Plan { run: step.run, change: (old_plan, new_plan) });
            if new_plan == Status::Complete {
                self.note_complete(step.run);
            }
        }
        if old != new && new == Status::Complete {
            self.consider_after(nth, step);
            self.withdraw_done(nth, step);
            keepers().for_each(|keeper| keeper.completes(self, step));
            if self.state.is_any_obsolete() {
                let phase = self.state.active()[nth].phase(step.phase);
                let index = phase.steps[step.step as usize].instance;
                let at = At { pod: phase.pod, index };
                self.end_removed(at);
            }
        }
        let opened = (old_phase == Status::Complete) != (new_phase == Status::Complete) || released;
        if opened || turned.is_some() {
            self.consider_phases_after(nth, step.phase);
        }
        // Broken instances go first, and the turn has passed from one of them to another. An order of the first that
        // only asks for room now acts out of its turn, and gives way to other orders of its instance: these are
        // considered.
        if let Some(Some(before)) = turned {
            let phase = self.state.active()[nth].phase(step.phase);
            let at = At { pod: phase.pod, index: phase.steps[before as usize].instance };
            self.awaken(Waker::Progress, Whom::Instance(at));
        }
        // If a step becomes incomplete again, the steps after it may not act, and recovery takes over their broken
        // instances.
        if old == Status::Complete && new != old {
            self.awaken(Waker::Progress, Whom::Hurt);
        }
    }

    /// Considers the steps that may act because a step is complete.
    fn consider_after(&mut self, nth: usize, step: StepRef) {
        let run = &self.state.active()[nth];
        let (layout, progress) = (run.phase(step.phase), run.progress.phase(step.phase));
        let freed = progress.freed_by(layout, step.step);
        for freed in freed {
            let freed = Whom::Step(StepRef { step: freed, ..step });
            awaken(self.state, self.session, Waker::Progress, freed);
        }
        if progress.opens_groups(layout, step.step) {
            self.awaken(Waker::Progress, Whom::Phase(step.run, step.phase));
        }
    }

    /// Withdraws the order of a step that another launch completed.
    fn withdraw_done(&mut self, nth: usize, step: StepRef) {
        let phase = self.state.active()[nth].phase(step.phase);
        let at = At { pod: phase.pod, index: phase.steps[step.step as usize].instance };
        let asking =
            |order: &&Order| order.stage == OrderStage::Requested && order.purpose == Purpose::Step(step);
        let order = self.state.record(at).and_then(|record| record.orders().iter().find(asking));
        if let Some(launch) = order.map(|order| order.launch) {
            self.withdraw(at, launch, Reason::NotWanted);
        }
    }

    /// Considers the phases that may act because a phase is complete.
    fn consider_phases_after(&mut self, nth: usize, phase: u32) {
        let run = &self.state.active()[nth];
        let number = run.number();
        for phase in run.progress.freed_by(&run.layout, phase).chain([phase]) {
            awaken(self.state, self.session, Waker::Progress, Whom::Phase(number, phase));
        }
    }
}
