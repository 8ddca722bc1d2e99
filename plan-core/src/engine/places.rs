//! Leaving a place: what the instance has there becomes a debt.
//!
//! Invariant: an instance is counted where it lives. When it leaves, the questions for room that its count may have
//! blocked are asked again.

use std::sync::Arc;

use crate::spec::PlacementRule;
use crate::spec::placement::NodeFacts;

use super::at::At;
use super::bug::Bug;
use super::record::{Cause, DebtCause, Handle, Occupant, Relocation};
use super::session::agenda::Item;
use super::transition::Transition;

impl Transition<'_> {
    /// Gives up an instance's place: what it has there becomes a debt.
    pub(super) fn abandon_place(&mut self, at: At, cause: DebtCause, kept: Option<&Handle>) {
        let Some(record) = self.state.instance(at).record().cloned() else { return };
        let Some(place) = record.place().cloned() else { return };
        let living: Vec<Occupant> = record.living().cloned().collect();
        let release = Some(place.handle.clone()).filter(|handle| Some(handle) != kept);
        self.owe(at, &record, cause, living, release);
        self.uncount(at, &place.node);
        let timeout = record.relocation().is_some_and(|relocation| relocation.cause == Cause::Timeout);
        if cause == DebtCause::Moved && timeout {
            let now = self.now;
            self.change_service(|service| service.replaced = Some(now));
        }
        let kept = record.relocation().filter(|_| self.bug(Bug::RelocationKept));
        let record = self.record_mut(at);
        record.abandon_place();
        if let Some(Relocation { cause, at: since }) = kept {
            record.allow_relocation(cause, since);
        }
    }

    /// Takes an instance out of the counts of a node, and asks the questions for room again that its count may have
    /// blocked.
    pub(super) fn uncount(&mut self, at: At, node: &NodeFacts) {
        self.state.uncount_place(at, node);
        let model = self.state.model().clone();
        let Some(name) = model.pods().get(at.pod as usize).map(|pod| &pod.name) else { return };
        for (pod, other) in (0..).zip(model.pods()) {
            let asks = |rule: &Arc<PlacementRule>| pod == at.pod || rule.pods().contains(name);
            if other.placement.as_ref().is_some_and(asks) {
                self.session.agenda.consider(Item::Refit(pod));
            }
        }
    }
}
