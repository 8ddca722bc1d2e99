//! Budgets: which steps wait because too many members are down, and which members are about to be taken down.
//!
//! Invariant: nothing is decided here. How many members are down follows from records, and this is forgotten with the
//! session. The steps that wait for a bound are found by it, in the order of the plan.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::at::At;
use crate::engine::record::{Number, StepRef};

/// A bound on the members that are down: that of a phase, or of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::engine) struct Bound {
    /// The run.
    pub(in crate::engine) run: Number,
    /// The phase; `None` for the bound of the plan.
    pub(in crate::engine) phase: Option<u32>,
}

/// The waiting steps, and the members that steps ask room for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::engine) struct Budgets {
    waiting: BTreeMap<Bound, BTreeSet<StepRef>>,
    /// The members, by pod, that a step will take down and asks room for. The step may get room at any moment.
    asking: BTreeMap<u32, BTreeSet<u32>>,
}

impl Budgets {
    /// Whether no step waits.
    pub(in crate::engine) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Notes that a step waits for a bound.
    pub(in crate::engine) fn wait(&mut self, bound: Bound, step: StepRef) {
        self.waiting.entry(bound).or_default().insert(step);
    }

    /// Whether a step waits for a bound.
    pub(in crate::engine) fn waits(&self, bound: Bound, step: StepRef) -> bool {
        self.waiting.get(&bound).is_some_and(|steps| steps.contains(&step))
    }

    /// Takes out the first step that waits for a bound.
    pub(in crate::engine) fn next(&mut self, bound: Bound) -> Option<StepRef> {
        let steps = self.waiting.get_mut(&bound)?;
        let first = steps.pop_first();
        if steps.is_empty() {
            self.waiting.remove(&bound);
        }
        first
    }

    /// Forgets the steps that wait for bounds of a run.
    pub(in crate::engine) fn forget_run(&mut self, run: Number) {
        self.waiting.retain(|bound, _| bound.run != run);
    }

    /// Notes that a step asks for room, and will then take this member down.
    pub(in crate::engine) fn asks(&mut self, at: At) {
        self.asking.entry(at.pod).or_default().insert(at.index);
    }

    /// Notes that no step asks room for this member any more: it was granted, refused or withdrawn. Returns whether one
    /// asked.
    pub(in crate::engine) fn asks_no_more(&mut self, at: At) -> bool {
        let Some(of) = self.asking.get_mut(&at.pod) else { return false };
        let asked = of.remove(&at.index);
        if of.is_empty() {
            self.asking.remove(&at.pod);
        }
        asked
    }

    /// Whether a step asks room for a member.
    pub(in crate::engine) fn is_asking(&self, at: At) -> bool {
        self.asking.get(&at.pod).is_some_and(|of| of.contains(&at.index))
    }

    /// How many members of a pod steps ask room for.
    pub(in crate::engine) fn asking_of(&self, pod: u32) -> usize {
        self.asking.get(&pod).map_or(0, BTreeSet::len)
    }

    /// The members of a pod that steps ask room for.
    pub(in crate::engine) fn asking(&self, pod: u32) -> impl Iterator<Item = At> {
        let of = self.asking.get(&pod).into_iter().flatten();
        of.map(move |&index| At { pod, index })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(step: u32) -> StepRef {
        StepRef { run: 7, phase: 1, step }
    }

    #[test]
    fn those_who_wait_come_in_the_order_of_the_plan() {
        let (mut budgets, bound) = (Budgets::default(), Bound { run: 7, phase: None });
        budgets.wait(bound, step(2));
        budgets.wait(bound, step(1));
        budgets.wait(bound, step(2));
        budgets.wait(Bound { run: 8, phase: None }, step(0));
        assert!(budgets.waits(bound, step(1)));
        assert_eq!(
            [budgets.next(bound), budgets.next(bound), budgets.next(bound)],
            [Some(step(1)), Some(step(2)), None]
        );
        budgets.forget_run(8);
        assert_eq!(budgets, Budgets::default());
    }

    #[test]
    fn who_asks_is_counted_once() {
        let (mut budgets, at) = (Budgets::default(), At { pod: 3, index: 1 });
        budgets.asks(at);
        budgets.asks(at);
        assert_eq!(
            (budgets.asking_of(3), budgets.asking(3).next(), budgets.is_asking(at)),
            (1, Some(at), true)
        );
        assert!(budgets.asks_no_more(at) && !budgets.asks_no_more(at));
        assert_eq!(budgets, Budgets::default());
    }
}
