//! What must hold for room: for the instances that wait for it, and for the tasks that live in it.
//!
//! Invariant: what is asked for and what is held on a node is the checks' own `tally` of commands, answers and launches.
//! The places of other instances follow from the records. Nothing of the reservation book is used, so a fault of the
//! book is not in the check too. In the end the two must agree.

use std::collections::{BTreeMap, BTreeSet};

use plan_core::engine::records::PodRecord;
use plan_core::engine::{Handle, OrderStage, Record};
use plan_core::plan::Demand;
use plan_core::spec::placement::Census;
use plan_core::spec::{InstanceName, NodeName, PlacementRule, PortChoice, PortName};

use crate::node::Node;
use crate::violation::CheckName;

use super::amounts::Room;
use super::checker::GivenUp;
use super::scene::{Scene, Verdict};
use super::tally::Counted;

/// The range of ports that name no range.
const DYNAMIC: std::ops::RangeInclusive<u16> = 31_000..=32_000;

/// What is left of a node.
struct Left {
    room: Room,
    /// The port numbers that are taken.
    ports: BTreeSet<u16>,
}

impl Left {
    /// What is left of a node with these places on it.
    fn of<'p>(node: &Node, places: impl Iterator<Item = &'p Counted>) -> Self {
        let mut left = Self { room: node.total.into(), ports: BTreeSet::new() };
        for place in places {
            left.room = left.room.minus(place.room());
            left.ports.extend(place.numbers());
        }
        left
    }

    /// Whether there are free numbers for the ports of these sets.
    fn has_ports(&self, demand: &[Demand]) -> bool {
        let mut given = self.ports.clone();
        demand.iter().flat_map(|one| one.resources.ports.iter()).all(|(_, port)| {
            let free = |number: &u16| !given.contains(number);
            let number = match &port.number {
                PortChoice::Static(number) => Some(number.get()).filter(free),
                PortChoice::Dynamic(ranges) if ranges.is_empty() => DYNAMIC.into_iter().find(free),
                PortChoice::Dynamic(ranges) => {
                    ranges.iter().flat_map(|range| range.begin.max(1)..=range.end).find(free)
                }
            };
            number.is_some_and(|number| given.insert(number))
        })
    }
}

impl Scene<'_> {
    /// Whether an instance has an open question for room.
    pub(super) fn is_asked(&self, instance: &InstanceName) -> bool {
        self.tally.questions().any(|fit| fit.instance == *instance)
    }

    /// What is left of a node.
    fn left(&self, node: &Node) -> Left {
        let places = self.tally.places(self.cluster).map(|(_, place)| place);
        Left::of(node, places.filter(|place| place.node == node.facts.name))
    }

    /// When nothing more will happen, each open question is for something wanted, and there is no room for it.
    pub(super) fn questions_are_true(&self) -> Verdict {
        for fit in self.tally.questions() {
            let record = self.pod(&fit.instance);
            let order = record.and_then(|record| record.order(fit.launch));
            if order.is_none_or(|order| order.stage == OrderStage::Launched) {
                return self.violation(
                    CheckName::Held,
                    "a question for room that is not wanted any more is withdrawn",
                    format!("{} still asks for launch {}", fit.instance, fit.launch),
                );
            }
            if fit.at.is_some() {
                continue;
            }
            let sets = fit.demand.iter().map(|one| Room::of_set(&one.resources));
            let room = sets.fold(Room::of_volumes(&fit.volumes), Room::plus);
            let records = self.store.records().filter_map(|record| match record {
                Record::Pod(name, record) => Some((name, &**record)),
                _ => None,
            });
            let model = self.model.pod_index(&fit.instance.pod);
            let rule = model.and_then(|at| self.model.pods()[at as usize].placement.as_deref());
            let census = rule.map(|rule| others(records, rule, &fit.instance));
            let good = self.cluster.nodes.iter().filter(|node| node.is_heard()).find(|node| {
                let left = self.left(node);
                left.room.holds(room)
                    && left.has_ports(&fit.demand)
                    && rule.zip(census.as_ref()).is_none_or(|(rule, census)| rule.allows(&node.facts, census))
            });
            if let Some(node) = good {
                return self.violation(
                    CheckName::Room,
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

    /// Each living task has a place that holds what its configuration asks for. The places of a node are together no
    /// more than the node has, and each has its own port numbers.
    pub(super) fn what_lives_has_room(&self, given_up: &GivenUp) -> Verdict {
        let expected = "what lives has all that it asks for where it lives";
        for task in self.cluster.tasks.iter().filter(|task| task.lives()) {
            let name = self.cluster.roster.name(task.instance);
            // A task that an operator gave up, or that the backend reported as lost, may have lost its place.
            if given_up.handles.contains(&task.handle) || task.lost.is_some() {
                continue;
            }
            let of = || format!("{name}-{} (launch {})", task.name, task.launch);
            let Some(place) = self.tally.place(self.cluster, &task.handle) else {
                return self.violation(CheckName::Held, expected, format!("nothing is held for {}", of()));
            };
            let wanted = &task.config.resources;
            let held = place.set(&task.config.spec.resource_set);
            let there = place.node == self.cluster.nodes[task.node as usize].facts.name;
            if !there || held != Some(&**wanted) {
                let found = format!("{} asks for {wanted:?} of its set, and {held:?} is held", of());
                return self.violation(CheckName::Held, expected, found);
            }
            let recorded = self.pod(name).and_then(|record| record.place());
            let Some(recorded) = recorded.filter(|recorded| recorded.handle == task.handle) else { continue };
            let mut ports = wanted.ports.iter().map(|(port, _)| port);
            let recorded_number = |port: &PortName| {
                recorded.ports.iter().find(|(name, _)| name == port).map(|(_, number)| *number)
            };
            let odd = ports.find(|port| {
                let held = place.port(port);
                held.is_none() || recorded_number(port) != held
            });
            if let Some(port) = odd {
                let (held, recorded) = (place.port(port), &recorded.ports);
                let found = format!("{port} of {}: {held:?} is held, the record has {recorded:?}", of());
                return self.violation(CheckName::Held, "the record names the ports of what lives", found);
            }
        }
        let mut given: BTreeMap<(&NodeName, u16), &InstanceName> = BTreeMap::new();
        let mut sums: BTreeMap<&NodeName, Room> = BTreeMap::new();
        // Nobody knows whether a place that leaves is still held.
        for (_, place) in self.tally.places(self.cluster).filter(|(_, place)| !place.leaves) {
            let (node, name) = (&place.node, &place.instance);
            let sum = sums.entry(node).or_default();
            *sum = sum.plus(place.room());
            let numbers: BTreeSet<u16> = place.numbers().collect();
            for number in numbers {
                if let Some(other) = given.insert((node, number), name) {
                    let found = format!("{number} on {node} is a port of {name}, and one of {other}");
                    return self.violation(CheckName::Held, "a port number is given once on a node", found);
                }
            }
        }
        for node in &self.cluster.nodes {
            let sum = sums.get(&node.facts.name).copied().unwrap_or_default();
            if !Room::from(node.total).holds(sum) {
                let found = format!("{} has {:?}, and {sum:?} is held", node.facts.name, node.total);
                return self.violation(CheckName::Held, "no more is held on a node than it has", found);
            }
        }
        Ok(())
    }
}

impl Scene<'_> {
    /// When nothing more will happen, the backend holds what commands and answers say, and no more.
    pub(super) fn held_is_what_was_said(&self, given_up: &GivenUp) -> Verdict {
        let expected = "the backend holds what commands and answers say";
        let book = self.backend.book();
        let certain = |handle: &Handle| !given_up.handles.contains(handle);
        for (handle, place) in self.tally.places(self.cluster).filter(|(handle, _)| certain(handle)) {
            let held = book.place(&(), &place.instance, handle);
            let Some(held) = held.filter(|held| held.node().name == place.node) else {
                if place.leaves {
                    continue;
                }
                let found = format!("{} of {} is not held on {}", handle.0, place.instance, place.node);
                return self.violation(CheckName::Held, expected, found);
            };
            if Room::from(held.room()) != place.room() {
                let found = format!("{} holds {:?} in place of {:?}", handle.0, held.room(), place.room());
                return self.violation(CheckName::Held, expected, found);
            }
        }
        let more = book
            .of_owner(&())
            .find(|held| certain(held.handle()) && self.tally.place(self.cluster, held.handle()).is_none());
        match more {
            None => Ok(()),
            Some(held) => {
                let found = format!("{} of {} is held too", held.handle().0, held.instance());
                self.violation(CheckName::Held, expected, found)
            }
        }
    }
}

/// The places of other instances, as far as a rule asks for them.
pub(super) fn others<'r>(
    records: impl Iterator<Item = (&'r InstanceName, &'r PodRecord)>,
    rule: &PlacementRule,
    instance: &InstanceName,
) -> Census {
    let mut census = Census::default();
    let (fields, pods) = (rule.fields(), rule.pods());
    for (name, record) in records.filter(|(name, _)| *name != instance) {
        let Some(place) = &record.place() else { continue };
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use plan_core::plan::Model;
    use plan_core::spec::{Files, ReadOptions, Source, read};
    use plan_room::Amounts;

    use super::*;
    use crate::backend::BookFault;
    use crate::choose::{Benign, Chooser};
    use crate::report::SimulationOutcome;
    use crate::scenario::Scenario;
    use crate::sim::Sim;

    /// A service of one pod with a port.
    fn model(count: u32) -> Arc<Model> {
        let text = format!(
            "name: a\npods:\n  web:\n    count: {count}\n    allow-decommission: true\n    tasks:\n      \
             server:\n        goal: RUNNING\n        cmd: ./serve\n        cpus: 0.1\n        memory: 256\n        \
             ports: {{http: {{port: 0}}}}\nplans:\n  deploy:\n    phases:\n      web: {{pod: web}}\n"
        );
        let env = BTreeMap::new();
        let options = ReadOptions { env: &env, strict_variables: true, files: Files::Skip };
        let spec = read(Source { file: "svc.yml", text: &text }, &options).spec.unwrap();
        Arc::new(Model::new(spec).unwrap())
    }

    /// How a run ends, of instances with 256 MB each on nodes with 300.
    fn end(scenario: &mut Scenario, nodes: u32, fault: Option<BookFault>) -> SimulationOutcome {
        scenario.shape.nodes = Some(nodes);
        let mut sim = Sim::new(scenario, Chooser::Benign(Benign), None).unwrap();
        if let Some(fault) = fault {
            sim.backend.falsify(&sim.cluster, fault);
        }
        sim.run().unwrap().outcome
    }

    #[test]
    fn a_fault_of_the_book_is_found() {
        let of = |count: u32, memory: u64| {
            let mut scenario = Scenario::new(model(count));
            scenario.shape.capacity = Some(Amounts { cpus: 1000, memory, ..Amounts::default() });
            scenario
        };
        let mut scaled_in = of(2, 300);
        scaled_in.then = vec![model(1)];
        let cases = [
            (of(2, 300), 1, BookFault::HasMore, CheckName::Held),
            (of(2, 300), 2, BookFault::HasLess, CheckName::Room),
            (scaled_in, 2, BookFault::KeepsReleased, CheckName::Held),
            (of(2, 600), 1, BookFault::SamePorts, CheckName::Held),
        ];
        for (mut scenario, nodes, fault, check) in cases {
            let good = end(&mut scenario, nodes, None);
            assert!(good.violation().is_none(), "{fault:?}: {good:?}");
            let found = end(&mut scenario, nodes, Some(fault));
            assert_eq!(found.violation().map(|found| found.check), Some(check), "{fault:?}: {found:?}");
        }
    }
}
