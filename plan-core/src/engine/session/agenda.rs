//! The agenda: what is to be considered for an act, and in which order.
//!
//! Invariant: one input considers at most [`MOST_CONSIDERED`] items. The rest stays on the agenda, and the engine asks
//! for a wake at once. An agenda does not know records: it says what comes next, and is told how far the caller got.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::at::At;
use crate::engine::record::{Number, StepRef};

/// How many steps and instances one input considers at most. If more are left, the engine asks for a wake at once.
pub(in crate::engine) const MOST_CONSIDERED: usize = 64;

/// The agenda.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::engine) struct Agenda {
    /// The items.
    items: BTreeSet<Item>,
    /// Phases whose pending steps are still to be considered, each from a step on.
    sweeps: BTreeMap<(Number, u32), u32>,
    /// If instances with something broken are still to be considered: from which one on.
    hurt: Option<At>,
}

/// An item to consider. Variants that are declared first come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::engine) enum Item {
    /// The instances that leave: the next of them is removed.
    Leave,
    /// A pod's open questions for room: other instances have new places.
    Refit(u32),
    /// The instances that are down for too long: those that may are permitted to move.
    Move,
    /// Recovery of an instance.
    Recovery(At),
    /// The steps that wait for members of this pod, as fewer members are down.
    Members(u32),
    /// A step.
    Step(StepRef),
}

/// The next thing to consider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Next {
    /// This item. It is not on the agenda any more.
    Item(Item),
    /// The first instance with something broken, from this one on. [`Agenda::hurt_on`] must be told which one it was.
    Hurt(At),
    /// The next step of this sweep. [`Agenda::sweep_on`] must be told where the sweep goes on.
    Sweep(Sweep),
}

/// A sweep: a phase whose pending steps are considered one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct Sweep {
    /// The run.
    pub(in crate::engine) run: Number,
    /// The phase.
    pub(in crate::engine) phase: u32,
    /// The step that the sweep goes on from.
    pub(in crate::engine) from: u32,
}

/// How many items one input may still consider.
pub(in crate::engine) struct Bound(usize);

impl Default for Bound {
    fn default() -> Self {
        Self(MOST_CONSIDERED)
    }
}

impl Agenda {
    /// Puts an item on the agenda. An item that is on it already is considered once.
    pub(in crate::engine) fn consider(&mut self, item: Item) {
        self.items.insert(item);
    }

    /// Puts these items on the agenda.
    pub(in crate::engine) fn consider_all(&mut self, items: impl IntoIterator<Item = Item>) {
        self.items.extend(items);
    }

    /// Takes an item from the agenda. Returns whether it was on it.
    pub(in crate::engine) fn take(&mut self, item: Item) -> bool {
        self.items.remove(&item)
    }

    /// Adds sweeps of these phases of a run, each from its first step on.
    pub(in crate::engine) fn sweep(&mut self, run: Number, phases: impl IntoIterator<Item = u32>) {
        self.sweeps.extend(phases.into_iter().map(|phase| ((run, phase), 0)));
    }

    /// Removes all sweeps of a run.
    pub(in crate::engine) fn forget_run(&mut self, run: Number) {
        self.sweeps.retain(|(of, _), _| *of != run);
    }

    /// Considers all instances with something broken, from the first on.
    pub(in crate::engine) fn go_through_hurt(&mut self) {
        self.hurt = Some(At::default());
    }

    /// What comes next, as long as the bound allows: items, then instances with something broken, then sweeps.
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

    /// Says which instance [`Next::Hurt`] led to: the next one comes after it. `None`: all were considered.
    pub(in crate::engine) fn hurt_on(&mut self, considered: Option<At>) {
        self.hurt = considered.map(|at| At { index: at.index + 1, ..at });
    }

    /// Says where a sweep goes on. `None`: the sweep is over.
    pub(in crate::engine) fn sweep_on(&mut self, sweep: Sweep, from: Option<u32>) {
        let Sweep { run, phase, .. } = sweep;
        match from {
            Some(from) => self.sweeps.insert((run, phase), from),
            None => self.sweeps.remove(&(run, phase)),
        };
    }

    /// Whether the agenda is empty.
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
        // A sweep that is added while it goes on begins anew.
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
    fn what_is_taken_out_does_not_come() {
        let mut agenda = Agenda::default();
        agenda.consider_all([Item::Recovery(at(1)), Item::Recovery(at(2))]);
        assert!(agenda.take(Item::Recovery(at(1))) && !agenda.take(Item::Recovery(at(1))));
        assert_eq!(agenda.next(&mut Bound::default()), Some(Next::Item(Item::Recovery(at(2)))));
        assert!(agenda.is_empty());
    }
}
