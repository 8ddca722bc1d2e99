//! What a session saw of one instance.
//!
//! Invariant: of a launch no older observation takes the place of a newer one.

use crate::engine::record::Number;

/// What the session knows of an instance: for each slot the launch that was seen in it, with the number of
/// the newest observation. Numbers of different tasks of a launch say nothing of each other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::engine) struct Answered(Vec<(Number, u64)>);

impl Answered {
    /// Whether the launch was seen in its slot in this session.
    pub(in crate::engine) fn contains(&self, slot: usize, launch: Number) -> bool {
        self.0.get(slot).is_some_and(|(known, _)| *known == launch)
    }

    /// Notes an observation of the launch in a slot; false if it is older than one that was noted.
    pub(in crate::engine) fn note(&mut self, slot: usize, launch: Number, serial: u64) -> bool {
        if self.0.len() <= slot {
            self.0.reserve_exact(slot + 1 - self.0.len());
            // No launch has the number 0.
            self.0.resize(slot + 1, (0, 0));
        }
        let (known, newest) = &mut self.0[slot];
        if *known == launch && *newest > serial {
            return false;
        }
        (*known, *newest) = (launch, serial);
        true
    }

    /// Forgets all.
    pub(in crate::engine) fn clear(&mut self) {
        self.0.clear();
    }
}
