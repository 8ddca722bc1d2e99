//! The places of other instances, as a rule asks for them.
//!
//! Invariant: no instance is counted twice. A place that a record named when the question was asked is in the engine's
//! census. Any other place is added.

use std::sync::Arc;

use plan_core::engine::Fit;
use plan_core::spec::placement::Census;

use crate::book::Book;
use crate::place::{HeldPlace, Owner};

impl<O: Owner> Book<O> {
    /// The engine's census, and the grants that the engine did not know. `asked` is when the question came, by the
    /// count of commands.
    pub(crate) fn census(&self, owner: &O, fit: &Fit, asked: u64) -> Arc<Census> {
        let mut census = fit.census.clone();
        let Some(rule) = fit.placement.as_deref() else { return census };
        let (fields, pods) = (rule.fields(), rule.pods());
        let unknown = |place: &&HeldPlace| place.firm.is_none_or(|firm| firm > asked);
        for place in self.of_owner(owner).filter(|place| place.instance != fit.instance).filter(unknown) {
            let name = &place.instance.pod;
            if *name == fit.instance.pod {
                for field in &fields {
                    if let Some(value) = place.node.value(field) {
                        Arc::make_mut(&mut census).add(field, value);
                    }
                }
            }
            if pods.contains(name) {
                Arc::make_mut(&mut census).add_host(name, &place.node.name);
            }
        }
        census
    }
}
