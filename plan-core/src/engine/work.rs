//! How the agenda is worked off, up to a bound.
//!
//! Invariant: an item that this input does not consider stays on the agenda.

use super::record::{Number, StepRef};
use super::session::agenda::{Bound, Item, Next, Sweep};
use super::state::State;
use super::transition::Transition;

impl Transition<'_> {
    /// Considers the items of the agenda, up to a bound.
    pub(super) fn work_off_agenda(&mut self) {
        if self.session.reconciliation.is_fresh() || self.session.is_superseded() {
            return;
        }
        let mut bound = Bound::default();
        while let Some(next) = self.session.agenda.next(&mut bound) {
            match next {
                Next::Item(Item::Leave) => self.consider_leavers(),
                Next::Item(Item::Refit(pod)) => self.ask_anew(pod),
                Next::Item(Item::Move) => self.consider_moves(),
                Next::Item(Item::Recovery(at)) => self.consider_recovery(at),
                Next::Item(Item::Members(pod)) => self.consider_waiting(pod),
                Next::Item(Item::Step(step)) => self.consider_step(step),
                Next::Hurt(from) => {
                    let at = self.state.next_hurt(from);
                    self.session.agenda.hurt_on(at);
                    if let Some(at) = at {
                        self.consider_recovery(at);
                    }
                }
                Next::Sweep(sweep) => {
                    let Sweep { run, phase, from } = sweep;
                    let next = self.state.next_in_sweep(run, phase, from);
                    self.session.agenda.sweep_on(sweep, next.and_then(|(_, from)| from));
                    if let Some((step, _)) = next {
                        self.consider_step(StepRef { run, phase, step });
                    }
                }
            }
        }
    }

    /// Has the keepers consider the steps that wait until fewer members of a pod are down.
    fn consider_waiting(&mut self, pod: u32) {
        self.tell(|keeper, transition| {
            keeper.fewer_are_down(transition, pod, |transition, step| transition.consider_step(step))
        });
    }
}

impl State {
    /// The next step of a sweep, and where the sweep goes on.
    fn next_in_sweep(&self, number: Number, phase: u32, from: u32) -> Option<(u32, Option<u32>)> {
        let run = self.run(number)?;
        if run.progress.blocked(&run.layout, phase).is_some() {
            return None;
        }
        run.progress.phase(phase).next_due(run.phase(phase), from)
    }
}
