//! What must hold of who waits for room.
//!
//! Invariant: where others are follows from the records here, and not from what the backend counts.

use plan_core::engine::{PodRecord, Record, Stage};
use plan_core::spec::placement::Census;
use plan_core::spec::{InstanceName, PlacementRule};

use crate::backend::Backend;
use crate::node::{Ports, Room};
use crate::violation::Check;

use super::scene::{Scene, Verdict};

impl Scene<'_> {
    /// When nothing more will happen: what is asked is wanted, and there is no room for it.
    pub(crate) fn questions_are_true(&self, backend: &Backend) -> Verdict {
        for fit in backend.questions() {
            let record = self.pod(&fit.instance);
            let order = record.and_then(|record| record.order(fit.launch));
            if order.is_none_or(|order| order.stage == Stage::Given) {
                return self.violation(
                    Check::Held,
                    "a question for room that is not wanted any more is withdrawn",
                    format!("{} still asks for launch {}", fit.instance, fit.launch),
                );
            }
            if fit.at.is_some() {
                continue;
            }
            let room = Room::of(&fit.demand, &fit.volumes);
            let records = self.store.records().filter_map(|record| match record {
                Record::Pod(name, record) => Some((name, &**record)),
                _ => None,
            });
            let model = self.model.pod_index(&fit.instance.pod);
            let rule = model.and_then(|at| self.model.pods()[at as usize].placement.as_deref());
            let census = rule.map(|rule| others(records, rule, &fit.instance));
            let good = self.cluster.nodes.iter().find(|node| {
                node.is_heard()
                    && node.free.holds(room)
                    && rule.zip(census.as_ref()).is_none_or(|(rule, census)| rule.allows(&node.facts, census))
                    && node.ports(&fit.demand, &Ports::new()).is_ok()
            });
            if let Some(node) = good {
                return self.violation(
                    Check::Room,
                    "who waits for room waits as there is none",
                    format!(
                        "{} waits, and {} has room and fits its placement",
                        fit.instance, node.facts.name
                    ),
                );
            }
        }
        Ok(())
    }
}

/// Where the others are, as far as a rule asks.
pub(super) fn others<'r>(
    records: impl Iterator<Item = (&'r InstanceName, &'r PodRecord)>,
    rule: &PlacementRule,
    instance: &InstanceName,
) -> Census {
    let mut census = Census::default();
    let (fields, pods) = (rule.fields(), rule.pods());
    for (name, record) in records.filter(|(name, _)| *name != instance) {
        let Some(place) = &record.place else { continue };
        if name.pod == instance.pod {
            for field in &fields {
                if let Some(value) = place.node.value(field) {
                    census.add(field, value);
                }
            }
        }
        if pods.contains(&name.pod) {
            census.add_host(&name.pod, &place.node.name);
        }
    }
    census
}
