//! What must hold for room: for the instances that wait for it, and for the tasks that live in it.
//!
//! Invariant: the free room of a node is counted from what is held on it. The places of other instances follow from the
//! records, and the needs of a place follow from the tasks that live in it. The counts of the book are not used, so a
//! fault of the book is not in the check too.

use std::collections::{BTreeMap, BTreeSet};

use plan_core::engine::{OrderStage, PodRecord, Record};
use plan_core::plan::Demand;
use plan_core::spec::placement::Census;
use plan_core::spec::{InstanceName, NodeName, PlacementRule, PortChoice, PortName, ResourceSetName};
use plan_room::HeldPlace;

use crate::node::Node;
use crate::violation::CheckName;

use super::amounts::Room;
use super::checker::GivenUp;
use super::scene::{Scene, Verdict};

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
    fn of<'p>(node: &Node, places: impl Iterator<Item = &'p HeldPlace>) -> Self {
        let mut left = Self { room: node.total.into(), ports: BTreeSet::new() };
        for place in places {
            left.room = left.room.minus(needed(place));
            let become_ports = place.becomes().flat_map(|(_, _, ports)| ports);
            left.ports.extend(place.ports().iter().chain(become_ports).map(|(_, number)| *number));
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

/// What a place holds: for each set, the most that the set is or may become.
fn needed(place: &HeldPlace) -> Room {
    let mut sets: BTreeMap<&ResourceSetName, Room> = BTreeMap::new();
    let becomes = place.becomes().flat_map(|(_, sets, _)| sets);
    for one in place.sets().iter().chain(becomes) {
        let most = sets.entry(&one.set).or_default();
        *most = most.most(Room::of_set(&one.resources));
    }
    sets.into_values().fold(Room::of_volumes(place.volumes()), Room::plus)
}

impl Scene<'_> {
    /// Whether an instance has an open question for room.
    pub(super) fn is_asked(&self, instance: &InstanceName) -> bool {
        self.backend.questions().any(|fit| fit.instance == *instance)
    }

    /// What is left of a node.
    fn left(&self, node: &Node) -> Left {
        let places = self.backend.book().of_owner(&());
        Left::of(node, places.filter(|place| place.node().name == node.facts.name))
    }

    /// When nothing more will happen, each open question is for something wanted, and there is no room for it.
    pub(super) fn questions_are_true(&self) -> Verdict {
        for fit in self.backend.questions() {
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
        let book = self.backend.book();
        for task in self.cluster.tasks.iter().filter(|task| task.lives()) {
            let name = self.cluster.roster.name(task.instance);
            // A task that an operator gave up, or that the backend reported as lost, may have lost its place.
            if given_up.handles.contains(&task.handle) || task.lost.is_some() {
                continue;
            }
            let of = || format!("{name}-{} (launch {})", task.name, task.launch);
            let Some(place) = book.place(&(), name, &task.handle) else {
                return self.violation(CheckName::Held, expected, format!("nothing is held for {}", of()));
            };
            let wanted = &task.config.resources;
            let set = place.sets().iter().find(|one| one.set == task.config.spec.resource_set);
            let there = place.node().name == self.cluster.nodes[task.node as usize].facts.name;
            if !there || set.is_none_or(|set| set.resources != *wanted) {
                let held = set.map(|set| &set.resources);
                let found = format!("{} asks for {wanted:?} of its set, and {held:?} is held", of());
                return self.violation(CheckName::Held, expected, found);
            }
            let recorded = self.pod(name).and_then(|record| record.place());
            let Some(recorded) = recorded.filter(|recorded| recorded.handle == task.handle) else { continue };
            let mut ports = wanted.ports.iter().map(|(port, _)| port);
            let number = |ports: &[(PortName, u16)], port: &PortName| {
                ports.iter().find(|(name, _)| name == port).map(|(_, number)| *number)
            };
            let odd = ports.find(|port| {
                let held = number(place.ports(), port);
                held.is_none() || number(&recorded.ports, port) != held
            });
            if let Some(port) = odd {
                let found = format!(
                    "{port} of {}: {:?} are held, the record has {:?}",
                    of(),
                    place.ports(),
                    recorded.ports
                );
                return self.violation(CheckName::Held, "the record names the ports of what lives", found);
            }
        }
        let mut given: BTreeMap<(&NodeName, u16), &InstanceName> = BTreeMap::new();
        let mut sums: BTreeMap<&NodeName, Room> = BTreeMap::new();
        for place in book.of_owner(&()) {
            let (node, name) = (&place.node().name, place.instance());
            let sum = sums.entry(node).or_default();
            *sum = sum.plus(needed(place));
            for (port, number) in place.ports() {
                if let Some(other) = given.insert((node, *number), name) {
                    let found = format!("{port} of {name} on {node} is {number}, and so is one of {other}");
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
