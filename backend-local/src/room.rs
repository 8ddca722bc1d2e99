//! The reservation book of this machine: its parameters, and how it is rebuilt.
//!
//! Invariant: all simulated nodes are this machine, so a port number is given to one place of all nodes, and only if no
//! other program listens on it at that moment.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;

use plan_core::engine::{Held, InstallationId};
use plan_core::plan::Demand;
use plan_core::spec::placement::NodeFacts;
use plan_core::spec::{NodeName, ResourceSet, ResourceSetName, ServiceName};
pub(crate) use plan_room::Health;
use plan_room::{
    Amounts, Book, BookRules, Judge, Kept, Numbers, Outside, PortRules, ReasonWords, Search, Spaces,
};

use crate::options::{Capacity, NodeSpec};
use crate::run::Order;

/// An installation of a service, as a key.
pub(crate) type ServiceKey = (ServiceName, InstallationId);

/// A book of these nodes. Two schedulers with different seeds rarely want the same ports.
pub(crate) fn book(nodes: &[NodeSpec], seed: u64) -> Book<ServiceKey> {
    let mut book = Book::new(BookRules {
        ports: PortRules { spaces: Spaces::OneMachine, search: Search::Onward { seed } },
        judge: Judge::Placement,
        words: ReasonWords {
            gone: "was lost, and is gone for good",
            closed: "it takes no new instances: this scheduler was started without it",
            unknown: ": start the scheduler with the nodes that it had",
            others: "another program of this machine",
        },
    });
    for spec in nodes {
        let facts = NodeFacts {
            name: spec.name.clone(),
            region: spec.region.clone(),
            zone: spec.zone.clone(),
            attributes: spec.attributes.clone(),
        };
        book.add_node(Arc::new(facts), spec.capacity.into());
    }
    book
}

impl From<Capacity> for Amounts {
    fn from(capacity: Capacity) -> Self {
        Self { cpus: capacity.cpus, gpus: 0, memory: capacity.memory, disk: capacity.disk }
    }
}

/// The other programs that listen on this machine.
pub(crate) struct Machine;

impl Outside for Machine {
    fn has(&self, _node: &NodeName, number: u16) -> bool {
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, number)).is_err()
    }
}

/// The places that records name.
pub(crate) fn kept(held: Held) -> Kept {
    let Held { instance, place, demand, volumes, .. } = held;
    let (handle, node, ports) = (place.handle.clone(), place.node.clone(), place.ports.clone());
    Kept { handle, instance, node, sets: demand, volumes, ports }
}

/// A place from before, as far as its orders tell, the oldest first. They only have the name of its node, and the
/// volumes of its resource sets. The records of its service tell the rest.
pub(crate) fn kept_of_orders(orders: &[&Order]) -> Option<Kept> {
    let last = orders.last()?;
    let (sets, ports) = had(Vec::new(), Vec::new(), orders);
    let node = NodeFacts { name: last.node.clone(), region: None, zone: None, attributes: BTreeMap::new() };
    Some(Kept {
        handle: last.handle.clone(),
        instance: last.instance.clone(),
        node: Arc::new(node),
        sets,
        volumes: Arc::new([]),
        ports,
    })
}

/// Sets and ports, changed by those of orders. The last order counts.
pub(crate) fn had(
    mut sets: Vec<(ResourceSetName, ResourceSet)>,
    mut ports: Numbers,
    orders: &[&Order],
) -> (Arc<[Demand]>, Numbers) {
    for order in orders {
        order.resources.iter().for_each(|(set, resources)| put(&mut sets, set, resources.clone()));
        order.ports.iter().for_each(|port| put(&mut ports, &port.name, port.number));
    }
    let sets = sets.into_iter().map(|(set, resources)| Demand { set, resources: Arc::new(resources) });
    (sets.collect(), ports)
}

/// Sets the value of a name.
fn put<K: PartialEq + Clone, V>(of: &mut Vec<(K, V)>, name: &K, value: V) {
    match of.iter_mut().find(|(other, _)| other == name) {
        Some((_, old)) => *old = value,
        None => of.push((name.clone(), value)),
    }
}
