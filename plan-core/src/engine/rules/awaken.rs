//! What an event lets be considered again, and what keepers are told.
//!
//! Invariant: whatever a rule keeps waiting comes on the agenda by a waker that the rule names. Only what is new is put
//! there without one: a run that begins, a target, the start of a session, a farewell that nobody answered.

use crate::engine::at::At;
use crate::engine::record::StepRef;
use crate::engine::session::Session;
use crate::engine::session::agenda::Item;
use crate::engine::state::State;
use crate::engine::transition::Transition;
use crate::engine::waker::Waker;
use crate::plan::Status;

use super::keeper::{Keeper, Whom, Woken};
use super::list::{KEEPERS, awakened_by};
use super::subject::{FAREWELL, LEAVING, MOVE, RECOVERY, STEP};

/// Puts on the agenda what an event may let act, as far as a rule about it names the event.
#[inline]
pub(in crate::engine) fn awaken(state: &State, session: &mut Session, cause: Waker, whom: Whom) {
    let kinds = awakened_by(cause);
    if state.is_deaf_to(cause) {
        return;
    }
    let agenda = &mut session.agenda;
    match whom {
        Whom::Instance(at) => {
            if kinds.has(STEP) {
                agenda.consider_all(pending_steps(state, at));
            }
            if kinds.has(RECOVERY) && state.is_hurt(at) {
                agenda.consider(Item::Recovery(at));
            }
            if kinds.has(LEAVING) && state.is_leaver(at) {
                agenda.consider(Item::Leave);
            }
            if kinds.has(MOVE) && state.deadlines.of(at).is_some() {
                agenda.consider(Item::Move);
            }
        }
        Whom::StepsOf(at) if kinds.has(STEP) => agenda.consider_all(pending_steps(state, at)),
        Whom::Step(step) if kinds.has(STEP) => agenda.consider(Item::Step(step)),
        Whom::Phase(run, phase) if kinds.has(STEP) => agenda.sweep(run, [phase]),
        Whom::Run(run) if kinds.has(STEP) => {
            let phases = state.run(run).map_or(0, |run| run.layout.phases.len() as u32);
            agenda.sweep(run, 0..phases);
        }
        Whom::WaitingFor(pod) if kinds.has(STEP) => agenda.consider(Item::Members(pod)),
        Whom::Recovery(at) if kinds.has(RECOVERY) && state.is_hurt(at) => {
            agenda.consider(Item::Recovery(at));
        }
        Whom::Hurt if kinds.has(RECOVERY) => agenda.go_through_hurt(),
        Whom::Leavers if kinds.has(LEAVING.and(FAREWELL)) => agenda.consider(Item::Leave),
        Whom::Movers if kinds.has(MOVE) => agenda.consider(Item::Move),
        _ => {}
    }
}

/// The pending steps of an instance, in all active runs. A step of another status has an objection that follows from its
/// record: once that is cleared the status changes, and the step is considered.
fn pending_steps(state: &State, at: At) -> impl Iterator<Item = Item> {
    state.active().iter().flat_map(move |run| {
        run.layout.phases_of(at.pod).iter().flat_map(move |&phase| {
            let pending = run
                .phase(phase)
                .steps_of(at.index)
                .filter(move |&step| run.progress.phase(phase).step(step) == Status::Pending);
            pending.map(move |step| Item::Step(StepRef { run: run.number(), phase, step }))
        })
    })
}

impl Transition<'_> {
    /// Considers what an event may let act.
    #[inline]
    pub(in crate::engine) fn awaken(&mut self, cause: Waker, whom: Whom) {
        awaken(self.state, self.session, cause, whom);
    }

    /// Tells the keepers of all rules what happens, and considers what follows. Returns whether anything does.
    #[inline]
    pub(in crate::engine) fn tell(&mut self, what: impl Fn(&'static dyn Keeper, &mut Self) -> Woken) -> bool {
        let mut any = false;
        for keeper in KEEPERS {
            for (cause, whom) in what(keeper, self) {
                self.awaken(cause, whom);
                any = true;
            }
        }
        any
    }
}

/// The keepers of all rules.
#[inline]
pub(in crate::engine) fn keepers() -> impl Iterator<Item = &'static dyn Keeper> {
    KEEPERS.iter().copied()
}
