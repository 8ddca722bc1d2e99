//! Keepers: what a rule remembers in the session, and does so that it is cleared.
//!
//! Invariant: nothing else of the engine knows which rules remember anything. It tells all keepers what happens, and
//! asks all keepers what is due. A keeper changes its own part of the session, and answers with what may go on. Besides
//! that it only asks the cluster: it takes a number for its question, and commands it. It changes no record.

use crate::engine::ask::Answer;
use crate::engine::at::At;
use crate::engine::record::{Number, StepRef};
use crate::engine::session::Session;
use crate::engine::time::Time;
use crate::engine::transition::Transition;
use crate::engine::waker::Waker;

/// What an event may let act.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) enum Whom {
    /// All that an instance has.
    Instance(At),
    /// The pending steps of an instance.
    StepsOf(At),
    /// One step.
    Step(StepRef),
    /// The pending steps of a phase of a run.
    Phase(Number, u32),
    /// The pending steps of a run.
    Run(Number),
    /// The steps that wait for members of a pod.
    WaitingFor(u32),
    /// Recovery of an instance.
    Recovery(At),
    /// Recovery of all instances that have something broken.
    Hurt,
    /// The instances that leave, and the service that is being uninstalled.
    Leavers,
    /// The instances that are down for too long.
    Movers,
}

/// What may go on because of what a keeper was told.
pub(in crate::engine) type Woken = Vec<(Waker, Whom)>;

/// Considers a step.
pub(in crate::engine) type Consider = fn(&mut Transition<'_>, StepRef);

/// What a rule does besides judging. By default it does nothing.
pub(in crate::engine) trait Keeper: Sync {
    /// An input is about to be taken.
    fn input_comes(&self, _: &mut Transition<'_>) {}

    /// The rule alone keeps a step waiting.
    fn keeps(&self, _: &mut Transition<'_>, _: At, _: StepRef) {}

    /// A step begins to ask for room.
    fn asks(&self, _: &mut Transition<'_>, _: At, _: StepRef) {}

    /// An order of an instance asks no more: it got its room, was refused or withdrawn, or there is no room for it now.
    fn asks_no_more(&self, _: &mut Transition<'_>, _: At) -> Woken {
        Vec::new()
    }

    /// An order of an instance has its room, and begins to end what is in its way.
    fn clears(&self, _: &mut Transition<'_>, _: At) -> Woken {
        Vec::new()
    }

    /// Whether a step keeps its room while the rule objects to its act.
    fn keeps_room(&self, _: &Session, _: StepRef) -> bool {
        false
    }

    /// A step acts: it has its room, and no rule objects.
    fn acts(&self, _: &mut Transition<'_>, _: StepRef) {}

    /// A step is complete.
    fn completes(&self, _: &mut Transition<'_>, _: StepRef) {}

    /// A run ended.
    fn run_ended(&self, _: &mut Transition<'_>, _: Number) {}

    /// Another target came, and laid all instances out anew.
    fn laid_out(&self, _: &mut Transition<'_>) -> Woken {
        Vec::new()
    }

    /// An operator takes back what keeps these steps waiting.
    fn forgive(&self, _: &mut Transition<'_>, _: &dyn Fn(StepRef) -> bool) -> Woken {
        Vec::new()
    }

    /// A question was answered. Returns the step that may go on with its room, if the question was the rule's.
    fn answered(&self, _: &mut Transition<'_>, _: Number, _: &Answer) -> Option<StepRef> {
        None
    }

    /// When something of the rule is due.
    fn first_due(&self, _: &Session) -> Option<Time> {
        None
    }

    /// Takes out the first step of which something is due.
    fn next_due(&self, _: &mut Transition<'_>) -> Option<StepRef> {
        None
    }

    /// Fewer members of a pod are down. Has the first of the steps considered that wait for that, and answers with the
    /// others if they may go on too.
    fn fewer_are_down(&self, _: &mut Transition<'_>, _: u32, _: Consider) -> Woken {
        Vec::new()
    }
}
