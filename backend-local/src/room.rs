//! The reservation book of this machine: what it is like, and how a place is written down.
//!
//! Invariant: nodes are made up and all are this machine, so that a port number is given once, on whatever node, and
//! only if nobody else listens there at that moment.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;

use plan_core::engine::{Handle, InstallationId};
use plan_core::plan::Demand;
use plan_core::spec::placement::{NodeFacts, PlacementRule};
use plan_core::spec::{Field, InstanceName, NodeName, ResourceSet, ResourceSetName, ServiceName, Volume};
pub(crate) use plan_room::Health;
use plan_room::{
    Amounts, Book, Judge, Kept, Numbers, Outside, Place, PortRules, Rules, Search, Spaces, Words,
};
use serde::{Deserialize, Serialize};

use crate::options::{Capacity, NodeSpec};

/// An installation of a service, as a key.
pub(crate) type ServiceKey = (ServiceName, InstallationId);

/// A book of these nodes. Two schedulers with different seeds rarely want the same ports.
pub(crate) fn book(nodes: &[NodeSpec], seed: u64) -> Book<ServiceKey> {
    let mut book = Book::new(Rules {
        ports: PortRules { spaces: Spaces::OneMachine, search: Search::Onward { seed } },
        judge: Judge::Placement,
        words: Words {
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

/// Who else listens on this machine.
pub(crate) struct Machine;

impl Outside for Machine {
    fn has(&self, _node: &NodeName, number: u16) -> bool {
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, number)).is_err()
    }
}

/// What the placement rule that chose the node speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Referenced {
    pub(crate) region: bool,
    pub(crate) zone: bool,
}

impl Referenced {
    pub(crate) fn by(rule: Option<&PlacementRule>) -> Self {
        let mentions = |field| rule.is_some_and(|rule| rule.mentions(&field));
        Self { region: mentions(Field::Region), zone: mentions(Field::Zone) }
    }
}

/// A place as it is written down: `place.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct PlaceFile {
    handle: Handle,
    instance: InstanceName,
    node: NodeFacts,
    sets: Vec<(ResourceSetName, ResourceSet)>,
    volumes: Vec<Volume>,
    ports: Numbers,
    referenced: Referenced,
}

impl PlaceFile {
    pub(crate) fn of(place: &Place, referenced: Referenced) -> Self {
        Self {
            handle: place.handle().clone(),
            instance: place.instance().clone(),
            node: (**place.node()).clone(),
            sets: place.sets().iter().map(|one| (one.set.clone(), (*one.resources).clone())).collect(),
            volumes: place.volumes().to_vec(),
            ports: place.ports().clone(),
            referenced,
        }
    }

    /// What it says of the placement rule, and what is held.
    pub(crate) fn kept(self) -> (Referenced, Kept) {
        let sets =
            self.sets.into_iter().map(|(set, resources)| Demand { set, resources: Arc::new(resources) });
        let kept = Kept {
            handle: self.handle,
            instance: self.instance,
            node: Arc::new(self.node),
            sets: sets.collect(),
            volumes: self.volumes.into(),
            ports: self.ports,
        };
        (self.referenced, kept)
    }
}
