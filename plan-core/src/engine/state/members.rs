//! Members that are down, for `max-unavailable`.
//!
//! Invariant: a member is listed if and only if its record says that it is down. If no plan has `max-unavailable`,
//! nothing is listed.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::at::At;
use crate::plan::Model;

/// The members that are down.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::engine) struct Members {
    /// Whether a plan has `max-unavailable`.
    counts: bool,
    /// The members that are down, by pod.
    down: BTreeMap<u32, BTreeSet<u32>>,
}

impl Members {
    /// No member down, under the plans of this specification.
    pub(in crate::engine) fn new(model: &Model) -> Self {
        Self { counts: model.plans().values().any(|plan| plan.has_bounds()), down: BTreeMap::new() }
    }

    /// Whether a plan has `max-unavailable`.
    #[inline]
    pub(in crate::engine) fn counts(&self) -> bool {
        self.counts
    }

    /// Lists a member or removes it. Returns whether it was removed.
    pub(in crate::engine) fn set(&mut self, at: At, down: bool) -> bool {
        if down {
            self.down.entry(at.pod).or_default().insert(at.index);
            return false;
        }
        let Some(of) = self.down.get_mut(&at.pod) else { return false };
        let was = of.remove(&at.index);
        if of.is_empty() {
            self.down.remove(&at.pod);
        }
        was
    }

    /// Removes all members.
    pub(in crate::engine) fn clear(&mut self) {
        self.down.clear();
    }

    /// Whether a member is down.
    pub(in crate::engine) fn is_down(&self, at: At) -> bool {
        self.down.get(&at.pod).is_some_and(|of| of.contains(&at.index))
    }

    /// How many members of a pod are down.
    pub(in crate::engine) fn down_of(&self, pod: u32) -> usize {
        self.down.get(&pod).map_or(0, BTreeSet::len)
    }

    /// The members of a pod that are down.
    pub(in crate::engine) fn of(&self, pod: u32) -> impl Iterator<Item = At> {
        let of = self.down.get(&pod).into_iter().flatten();
        of.map(move |&index| At { pod, index })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_listed_once_and_it_is_said_when_it_is_back() {
        let mut members = Members::default();
        let at = |pod, index| At { pod, index };
        assert!(!members.set(at(0, 1), true) && !members.set(at(0, 1), true) && !members.set(at(1, 0), true));
        assert_eq!((members.down_of(0), members.down_of(1), members.down_of(2)), (1, 1, 0));
        assert_eq!(members.of(0).collect::<Vec<_>>(), [at(0, 1)]);
        assert!(members.set(at(0, 1), false) && !members.set(at(0, 1), false));
        assert!(!members.is_down(at(0, 1)) && members.is_down(at(1, 0)));
    }
}
