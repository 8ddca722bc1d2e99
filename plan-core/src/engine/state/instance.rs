//! An instance: its record, and what is known beside it.
//!
//! Invariant: a record that changed is marked until it is written, and is deleted if it was written before.

use std::sync::Arc;

use crate::engine::digest::Digest;
use crate::engine::record::{Number, PodRecord};
use crate::engine::session::answered::Answered;

/// An instance.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in crate::engine) struct Instance {
    /// The record; `None` until the first order.
    record: Option<Arc<PodRecord>>,
    /// The digest of the record as it was last written.
    digest: Digest,
    /// Whether the record changed since it was last written.
    changed: bool,
    /// What this session saw of the instance.
    answered: Answered,
}

impl Instance {
    /// An instance whose record is in the store.
    pub(in crate::engine) fn recovered(record: Arc<PodRecord>, digest: Digest) -> Self {
        Self { record: Some(record), digest, ..Self::default() }
    }

    /// The record; `None` until the first order.
    #[inline]
    pub(in crate::engine) fn record(&self) -> Option<&Arc<PodRecord>> {
        self.record.as_ref()
    }

    /// Whether the instance was ordered at least once, and is not gone.
    pub(in crate::engine) fn is_known(&self) -> bool {
        self.record.is_some()
    }

    /// The record, to be changed. The caller marks it as changed.
    pub(in crate::engine) fn record_mut(&mut self) -> &mut PodRecord {
        Arc::make_mut(self.record.get_or_insert_default())
    }

    /// Marks the record as changed. Returns false if it was marked already.
    #[inline]
    pub(in crate::engine) fn mark_changed(&mut self) -> bool {
        !std::mem::replace(&mut self.changed, true)
    }

    /// Has the record written by `write`, which gets the digest of what was last written, and the record; `None` if it
    /// is to be deleted. `write` returns the digest of what is written.
    pub(in crate::engine) fn write(&mut self, write: impl FnOnce(Digest, Option<&Arc<PodRecord>>) -> Digest) {
        self.changed = false;
        self.digest = write(self.digest, self.record.as_ref());
    }

    /// Takes the record out, as the instance leaves for good.
    pub(in crate::engine) fn leave(&mut self) -> Option<Arc<PodRecord>> {
        self.answered.clear();
        self.record.take()
    }

    /// Whether a launch was seen in a slot in this session.
    pub(in crate::engine) fn has_seen(&self, slot: usize, launch: Number) -> bool {
        self.answered.contains(slot, launch)
    }

    /// Notes an observation of a launch in a slot. Returns false if a newer one was noted already.
    pub(in crate::engine) fn see(&mut self, slot: usize, launch: Number, serial: u64) -> bool {
        self.answered.note(slot, launch, serial)
    }

    /// Notes that a launch is known to this session in each slot that it has, as this session commands it.
    pub(in crate::engine) fn see_launched(&mut self, launch: Number) {
        for (nth, slot) in self.record.iter().flat_map(|record| record.slots().iter().enumerate()) {
            if slot.occupant().is_some_and(|occupant| occupant.launch == launch) {
                self.answered.note(nth, launch, 0);
            }
        }
    }

    /// Forgets what was seen, as the session is over.
    pub(in crate::engine) fn forget_seen(&mut self) {
        self.answered.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_marked_until_it_is_written_and_deleted_once() {
        let mut instance = Instance::default();
        assert!(!instance.is_known());
        let _ = instance.record_mut();
        assert!(instance.mark_changed() && !instance.mark_changed());
        instance.write(|old, record| {
            assert_eq!((old, record.is_some()), (Digest::default(), true));
            Digest(7)
        });
        assert!(instance.mark_changed());
        assert!(instance.leave().is_some() && !instance.is_known());
        instance.write(|old, record| {
            assert_eq!((old, record), (Digest(7), None));
            Digest::default()
        });
        assert_eq!(instance, Instance::default());
    }

    #[test]
    fn what_was_seen_is_forgotten_with_the_session() {
        let mut instance = Instance::default();
        assert!(instance.see(1, 7, 3) && !instance.see(1, 7, 2));
        assert!(instance.has_seen(1, 7) && !instance.has_seen(0, 7));
        instance.forget_seen();
        assert!(!instance.has_seen(1, 7));
    }
}
