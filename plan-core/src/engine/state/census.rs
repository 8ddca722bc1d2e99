//! Census: where instances are, as far as placement rules ask.
//!
//! Invariant: an instance is counted at the place in its record, and nowhere else.

use std::sync::Arc;

use crate::engine::at::At;
use crate::plan::PodModel;
use crate::spec::placement::{Census, NodeFacts};
use crate::spec::{Field, NodeName, PodName};

use super::State;

impl State {
    /// Counts an instance at its place, for the pods whose placement rules ask.
    pub(in crate::engine) fn count_place(&mut self, at: At, node: &NodeFacts) {
        self.count(at, node, Census::add, Census::add_host);
    }

    /// Takes an instance out of the counts.
    pub(in crate::engine) fn uncount_place(&mut self, at: At, node: &NodeFacts) {
        let value = |census: &mut Census, field: &Field, value: &str| {
            census.remove(field, value);
        };
        self.count(at, node, value, |census, pod, node| {
            census.remove_host(pod, node);
        });
    }

    fn count(
        &mut self,
        at: At,
        node: &NodeFacts,
        of_value: impl Fn(&mut Census, &Field, &str),
        of_host: impl Fn(&mut Census, &PodName, &NodeName),
    ) {
        let model = self.model.clone();
        let Some(PodModel { name, .. }) = model.pods().get(at.pod as usize) else { return };
        for (pod, census) in model.pods().iter().zip(&mut self.census) {
            let Some(rule) = &pod.placement else { continue };
            if pod.name == *name {
                for field in rule.fields() {
                    if let Some(value) = node.value(&field) {
                        of_value(Arc::make_mut(census), &field, value);
                    }
                }
            }
            if rule.pods().contains(name) {
                of_host(Arc::make_mut(census), name, &node.name);
            }
        }
    }
}
