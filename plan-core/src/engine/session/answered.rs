//! What a session saw of one instance.
//!
//! Invariant: an older observation of a launch never replaces a newer one.

use crate::engine::record::Number;

/// For each slot of an instance, the launch that was seen in it, with the serial number of its newest observation.
/// Serial numbers of different tasks of a launch are unrelated.
///
/// Most instances have one slot. Its pair is stored inline, without an allocation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::engine) struct Answered {
    first: Seen,
    others: Vec<Seen>,
}

/// A launch, and the serial number of its newest observation. No launch has the number 0.
type Seen = (Number, u64);

impl Answered {
    /// Whether the launch was seen in its slot in this session.
    pub(in crate::engine) fn contains(&self, slot: usize, launch: Number) -> bool {
        let seen = if slot == 0 { Some(&self.first) } else { self.others.get(slot - 1) };
        seen.is_some_and(|(known, _)| *known == launch)
    }

    /// Notes an observation of the launch in a slot. Returns false if a newer one was noted already.
    pub(in crate::engine) fn note(&mut self, slot: usize, launch: Number, serial: u64) -> bool {
        let (known, newest) = self.seen_mut(slot);
        if *known == launch && *newest > serial {
            return false;
        }
        (*known, *newest) = (launch, serial);
        true
    }

    /// Forgets all observations.
    pub(in crate::engine) fn clear(&mut self) {
        *self = Self::default();
    }

    fn seen_mut(&mut self, slot: usize) -> &mut Seen {
        let Some(nth) = slot.checked_sub(1) else { return &mut self.first };
        if self.others.len() <= nth {
            self.others.reserve_exact(slot - self.others.len());
            self.others.resize(slot, Seen::default());
        }
        &mut self.others[nth]
    }
}
