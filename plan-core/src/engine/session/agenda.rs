//! What is to be considered for an act, and in which order.
//!
//! Invariant: one input considers at most [`MOST_CONSIDERED`]; what is left stays on the agenda, and a wake is wanted
//! at once. An agenda knows nothing of records: it says what comes next, and is told how far that went.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::at::At;
use crate::engine::record::{Number, StepRef};

/// So many steps and instances are considered with one input; then a wake is asked for at once.
pub(in crate::engine) const MOST_CONSIDERED: usize = 64;

/// What is to be considered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::engine) struct Agenda {
    /// Steps and instances.
    items: BTreeSet<Item>,
    /// Phases whose pending steps are gone through, each from a step on.
    sweeps: BTreeMap<(Number, u32), u32>,
    /// The instances of which something is broken are gone through, from this one on.
    hurt: Option<At>,
}

/// Something to consider. What is declared first is considered first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::engine) enum Item {
    /// Those who leave the target: the next of them goes.
    Leave,
    /// A pod's open questions for room: where the others are has changed.
    Refit(u32),
    /// An instance: what runs no more is brought back.
    Recovery(At),
    /// A pod of which fewer members are down: who waits for that goes on.
    Members(u32),
    /// A step.
    Step(StepRef),
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Next {
    /// This. It is on the agenda no more.
    Item(Item),
    /// The first hurt instance from this one on; [`Agenda::hurt_on`] is to be told which it was.
    Hurt(At),
    /// The next step of this sweep; [`Agenda::sweep_on`] is to be told where it goes on.
    Sweep(Sweep),
}

/// A phase whose pending steps are gone through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct Sweep {
    /// The run.
    pub(in crate::engine) run: Number,
    /// The phase.
    pub(in crate::engine) phase: u32,
    /// From where on.
    pub(in crate::engine) from: u32,
}

/// How much one input may still consider.
pub(in crate::engine) struct Bound(usize);

impl Default for Bound {
    fn default() -> Self {
        Self(MOST_CONSIDERED)
    }
}

impl Agenda {
    /// Considers something, once however often it is put here.
    pub(in crate::engine) fn consider(&mut self, item: Item) {
        self.items.insert(item);
    }

    /// Considers all of these.
    pub(in crate::engine) fn consider_all(&mut self, items: impl IntoIterator<Item = Item>) {
        self.items.extend(items);
    }

    /// Considers something no more.
    pub(in crate::engine) fn drop(&mut self, item: Item) {
        self.items.remove(&item);
    }

    /// Goes through phases of a run, each from its first step on.
    pub(in crate::engine) fn sweep(&mut self, run: Number, phases: impl IntoIterator<Item = u32>) {
        self.sweeps.extend(phases.into_iter().map(|phase| ((run, phase), 0)));
    }

    /// Goes through no phase of a run any more.
    pub(in crate::engine) fn forget_run(&mut self, run: Number) {
        self.sweeps.retain(|(of, _), _| *of != run);
    }

    /// Goes through the instances of which something is broken, from the first on.
    pub(in crate::engine) fn go_through_hurt(&mut self) {
        self.hurt = Some(At::default());
    }

    /// What comes next, as long as the bound allows: items, then who is hurt, then sweeps.
    pub(in crate::engine) fn next(&mut self, bound: &mut Bound) -> Option<Next> {
        bound.0 = bound.0.checked_sub(1)?;
        if let Some(item) = self.items.pop_first() {
            return Some(Next::Item(item));
        }
        if let Some(from) = self.hurt {
            return Some(Next::Hurt(from));
        }
        let (&(run, phase), &from) = self.sweeps.first_key_value()?;
        Some(Next::Sweep(Sweep { run, phase, from }))
    }

    /// The hurt instance that [`Next::Hurt`] led to: the next is one after it; without one, all were gone through.
    pub(in crate::engine) fn hurt_on(&mut self, considered: Option<At>) {
        self.hurt = considered.map(|at| At { index: at.index + 1, ..at });
    }

    /// Where a sweep goes on; without that it is over.
    pub(in crate::engine) fn sweep_on(&mut self, sweep: Sweep, from: Option<u32>) {
        let Sweep { run, phase, .. } = sweep;
        match from {
            Some(from) => self.sweeps.insert((run, phase), from),
            None => self.sweeps.remove(&(run, phase)),
        };
    }

    /// Whether there is nothing to consider.
    pub(in crate::engine) fn is_empty(&self) -> bool {
        self.items.is_empty() && self.sweeps.is_empty() && self.hurt.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(index: u32) -> At {
        At { pod: 0, index }
    }

    fn step(run: Number, step: u32) -> Item {
        Item::Step(StepRef { run, phase: 0, step })
    }

    fn sweep(run: Number, phase: u32, from: u32) -> Next {
        Next::Sweep(Sweep { run, phase, from })
    }

    #[test]
    fn items_come_first_then_the_hurt_then_sweeps() {
        let (mut agenda, mut bound) = (Agenda::default(), Bound::default());
        agenda.sweep(7, [1, 0]);
        agenda.go_through_hurt();
        let all = [step(7, 2), Item::Recovery(at(3)), Item::Refit(0), step(7, 1), Item::Leave];
        agenda.consider_all(all);
        agenda.consider(Item::Leave);
        let mut next = || agenda.next(&mut bound);
        for item in [Item::Leave, Item::Refit(0), Item::Recovery(at(3)), step(7, 1), step(7, 2)] {
            assert_eq!(next(), Some(Next::Item(item)));
        }
        assert_eq!(next(), Some(Next::Hurt(at(0))));
        agenda.hurt_on(Some(at(4)));
        assert_eq!(agenda.next(&mut bound), Some(Next::Hurt(at(5))));
        agenda.hurt_on(None);
        assert_eq!(agenda.next(&mut bound), Some(sweep(7, 0, 0)));
    }

    #[test]
    fn a_sweep_goes_on_where_it_was_told_until_it_is_over() {
        let (mut agenda, mut bound) = (Agenda::default(), Bound::default());
        agenda.sweep(7, 0..2);
        agenda.sweep_on(Sweep { run: 7, phase: 0, from: 0 }, Some(3));
        assert_eq!(agenda.next(&mut bound), Some(sweep(7, 0, 3)));
        // What lets it begin anew while it goes on counts.
        agenda.sweep(7, [0]);
        assert_eq!(agenda.next(&mut bound), Some(sweep(7, 0, 0)));
        agenda.sweep_on(Sweep { run: 7, phase: 0, from: 0 }, None);
        assert_eq!(agenda.next(&mut bound), Some(sweep(7, 1, 0)));
        agenda.sweep(8, [0]);
        agenda.forget_run(7);
        assert_eq!(agenda.next(&mut bound), Some(sweep(8, 0, 0)));
    }

    #[test]
    fn one_input_considers_a_bounded_part_and_the_rest_stays() {
        let mut agenda = Agenda::default();
        agenda.consider_all((0..MOST_CONSIDERED as u32 + 1).map(|nth| step(7, nth)));
        let mut bound = Bound::default();
        assert_eq!(std::iter::from_fn(|| agenda.next(&mut bound)).count(), MOST_CONSIDERED);
        assert!(!agenda.is_empty());
        assert_eq!(agenda.next(&mut Bound::default()), Some(Next::Item(step(7, MOST_CONSIDERED as u32))));
        assert!(agenda.is_empty());
    }

    #[test]
    fn what_is_dropped_does_not_come() {
        let mut agenda = Agenda::default();
        agenda.consider_all([Item::Recovery(at(1)), Item::Recovery(at(2))]);
        agenda.drop(Item::Recovery(at(1)));
        assert_eq!(agenda.next(&mut Bound::default()), Some(Next::Item(Item::Recovery(at(2)))));
        assert!(agenda.is_empty());
    }
}
