//! What nodes have, and the places on them that are held.
//!
//! Invariant: what is held on a node is what its places say, and no more is granted than the node has. A place is held
//! from its grant until it is given back: unused ones by withdrawal or with their session, others by release alone.

mod amounts;
mod fit;
mod node;
mod place;

use std::collections::BTreeMap;
use std::sync::Arc;

use plan_core::engine::{Handle, InstallationId, Number};
use plan_core::plan::Demand;
use plan_core::spec::placement::NodeFacts;
use plan_core::spec::{InstanceName, NodeName, ServiceName};

use amounts::Amounts;
pub(crate) use fit::NoRoom;
pub(crate) use node::Health;
use node::Node;
pub(crate) use place::{Place, PlaceFile};

use crate::options::NodeSpec;
use crate::ports::PortTable;

/// An installation of a service, as a key.
pub(crate) type ServiceKey = (ServiceName, InstallationId);

/// Nodes and places.
#[derive(Debug)]
pub(crate) struct Rooms {
    nodes: Vec<Node>,
    pub(crate) ports: PortTable,
    places: BTreeMap<(ServiceKey, Handle), Place>,
}

impl Rooms {
    pub(crate) fn new(nodes: &[NodeSpec], seed: u64) -> Self {
        let nodes = nodes.iter().map(|spec| Node {
            facts: Arc::new(NodeFacts {
                name: spec.name.clone(),
                region: spec.region.clone(),
                zone: spec.zone.clone(),
                attributes: spec.attributes.clone(),
            }),
            total: spec.capacity.into(),
            health: Health::Heard,
            open: true,
        });
        Self { nodes: nodes.collect(), ports: PortTable::new(seed), places: BTreeMap::new() }
    }

    pub(crate) fn node(&self, name: &NodeName) -> Option<&Node> {
        self.nodes.iter().find(|node| node.facts.name == *name)
    }

    pub(crate) fn health(&self, name: &NodeName) -> Option<Health> {
        self.node(name).map(|node| node.health)
    }

    /// Notes how a node is; one that is not among ours is from now on, and takes nothing new.
    pub(crate) fn set_health(&mut self, name: &NodeName, health: Health) {
        if let Some(node) = self.nodes.iter_mut().find(|node| node.facts.name == *name) {
            node.health = health;
            return;
        }
        let facts = NodeFacts { name: name.clone(), region: None, zone: None, attributes: BTreeMap::new() };
        self.nodes.push(Node { facts: Arc::new(facts), total: Amounts::default(), health, open: false });
    }

    pub(crate) fn place(&self, service: &ServiceKey, handle: &Handle) -> Option<&Place> {
        self.places.get(&(service.clone(), handle.clone()))
    }

    /// What is written down of a place.
    pub(crate) fn file(&self, service: &ServiceKey, handle: &Handle) -> Option<PlaceFile> {
        let place = self.place(service, handle)?;
        Some(PlaceFile {
            handle: handle.clone(),
            instance: place.instance.clone(),
            node: (*place.node).clone(),
            sets: place.sets.iter().map(|one| (one.set.clone(), (*one.resources).clone())).collect(),
            volumes: place.volumes.to_vec(),
            ports: place.ports.clone(),
            referenced: place.referenced,
        })
    }

    /// Takes in a place that was written down.
    pub(crate) fn restore(&mut self, service: &ServiceKey, file: PlaceFile) {
        if self.node(&file.node.name).is_none() {
            let node = Node {
                facts: Arc::new(file.node.clone()),
                total: Amounts::default(),
                health: Health::Heard,
                open: false,
            };
            self.nodes.push(node);
        }
        let place = Place {
            instance: file.instance,
            node: Arc::new(file.node),
            sets: file
                .sets
                .into_iter()
                .map(|(set, resources)| Demand { set, resources: Arc::new(resources) })
                .collect(),
            volumes: file.volumes.into(),
            ports: file.ports,
            changes: Vec::new(),
            launch: 0,
            firm: Some(0),
            used: true,
            referenced: file.referenced,
        };
        self.hold(service, file.handle, place);
    }

    /// A question or a grant is given back; whether room became free.
    pub(crate) fn withdraw(&mut self, service: &ServiceKey, instance: &InstanceName, launch: Number) -> bool {
        let mut freed = self.free(|of, _, place| {
            of == service && place.instance == *instance && place.launch == launch && !place.used
        });
        let of_instance = |(key, place): (&(ServiceKey, Handle), &Place)| {
            (key.0 == *service && place.instance == *instance).then(|| key.clone())
        };
        for key in self.places.iter().filter_map(of_instance).collect::<Vec<_>>() {
            freed |= self.forget_change(&key, launch);
        }
        freed
    }

    /// A launch is commanded: a record names the handle. The place is what was granted from now on, if it is held
    /// on this node.
    pub(crate) fn launch(
        &mut self,
        service: &ServiceKey,
        handle: &Handle,
        node: &NodeName,
        launch: Number,
        count: u64,
    ) -> Option<&Place> {
        let key = (service.clone(), handle.clone());
        let mut place = self.places.get(&key).filter(|place| place.node.name == *node)?.clone();
        place.firm.get_or_insert(count);
        place.launch = launch;
        place.used = true;
        if let Some(nth) = place.changes.iter().position(|change| change.launch == launch) {
            let change = place.changes.remove(nth);
            (place.sets, place.ports) = (change.sets, change.ports);
        }
        self.put(key.clone(), place);
        self.places.get(&key)
    }

    /// A session is over: what it was granted and did not use is given back.
    pub(crate) fn forget_grants(&mut self, service: &ServiceKey) {
        self.free(|of, _, place| of == service && !place.used);
        let of_service = |(key, place): (&(ServiceKey, Handle), &Place)| {
            (key.0 == *service && !place.changes.is_empty()).then(|| key.clone())
        };
        for key in self.places.iter().filter_map(of_service).collect::<Vec<_>>() {
            let Some(mut place) = self.places.get(&key).cloned() else { continue };
            place.changes.clear();
            self.put(key, place);
        }
    }

    /// Gives a place back.
    pub(crate) fn release(&mut self, service: &ServiceKey, handle: &Handle) {
        self.free(|of, held, _| of == service && held == handle);
    }

    /// Gives all that a service has back.
    pub(crate) fn forget_service(&mut self, service: &ServiceKey) {
        self.free(|of, _, _| of == service);
    }

    fn free_on(&self, name: &NodeName) -> Amounts {
        let total = self.node(name).map(|node| node.total).unwrap_or_default();
        let here = self.places.values().filter(|place| place.node.name == *name);
        here.fold(total, |free, place| free.minus(place.room()))
    }

    fn hold(&mut self, service: &ServiceKey, handle: Handle, place: Place) {
        self.put((service.clone(), handle), place);
    }

    fn put(&mut self, key: (ServiceKey, Handle), place: Place) {
        if let Some(old) = self.places.get(&key) {
            self.ports.take_back(old.numbers());
        }
        self.ports.give(place.numbers(), &format!("{} of {}", place.instance, key.0.0));
        self.places.insert(key, place);
    }

    fn forget_change(&mut self, key: &(ServiceKey, Handle), launch: Number) -> bool {
        let Some(place) = self.places.get(key) else { return false };
        if !place.changes.iter().any(|change| change.launch == launch) {
            return false;
        }
        let mut place = place.clone();
        place.changes.retain(|change| change.launch != launch);
        self.put(key.clone(), place);
        true
    }

    fn free(&mut self, which: impl Fn(&ServiceKey, &Handle, &Place) -> bool) -> bool {
        let ports = &mut self.ports;
        let before = self.places.len();
        self.places.retain(|(service, handle), place| {
            let goes = which(service, handle, place);
            if goes {
                ports.take_back(place.numbers());
            }
            !goes
        });
        self.places.len() < before
    }
}
