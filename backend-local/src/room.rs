//! What nodes have, and the places on them that are held.
//!
//! Invariant: what is held on a node is what its places say, and no more is granted than the node has. A place is held
//! from its grant until it is given back: unused ones by withdrawal or with their session, others by release alone.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use plan_core::engine::{Fit, Grant, Handle, InstallationId, Number};
use plan_core::plan::Demand;
use plan_core::spec::placement::{Census, NodeFacts};
use plan_core::spec::{Field, InstanceName, NodeName, ResourceSet, ResourceSetName, ServiceName, Volume};
use serde::{Deserialize, Serialize};
use smol_str::format_smolstr;

use crate::options::{Capacity, NodeSpec};
use crate::ports::{Numbers, PortTable};

/// An installation of a service, as a key.
pub(crate) type ServiceKey = (ServiceName, InstallationId);

/// So many nodes are named in a reason.
const NAMED: usize = 4;

/// Amounts of what can be divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Room {
    cpus: u64,
    gpus: u64,
    memory: u64,
    disk: u64,
}

impl Room {
    fn map(self, other: Self, f: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            cpus: f(self.cpus, other.cpus),
            gpus: f(self.gpus, other.gpus),
            memory: f(self.memory, other.memory),
            disk: f(self.disk, other.disk),
        }
    }

    fn plus(self, other: Self) -> Self {
        self.map(other, u64::saturating_add)
    }

    fn minus(self, other: Self) -> Self {
        self.map(other, u64::saturating_sub)
    }

    fn holds(self, other: Self) -> bool {
        self.minus(other).plus(other) == self
    }

    fn of_volumes(volumes: &[Volume]) -> Self {
        let disk = volumes.iter().map(|volume| volume.size.get()).fold(0, u64::saturating_add);
        Self { disk, ..Self::default() }
    }

    fn of_set(set: &ResourceSet) -> Self {
        Self {
            cpus: set.cpus.map_or(0, |cpus| cpus.thousandths()),
            gpus: set.gpus.map_or(0, |gpus| gpus.thousandths()),
            memory: set.memory.map_or(0, |memory| memory.get()),
            ..Self::of_volumes(&set.volumes)
        }
    }

    fn of(demand: &[Demand], volumes: &[Volume]) -> Self {
        demand.iter().fold(Self::of_volumes(volumes), |sum, one| sum.plus(Self::of_set(&one.resources)))
    }
}

impl From<Capacity> for Room {
    fn from(capacity: Capacity) -> Self {
        Self { cpus: capacity.cpus, gpus: 0, memory: capacity.memory, disk: capacity.disk }
    }
}

/// What of `wanted` is more than `free`, in words.
struct Lacks {
    wanted: Room,
    free: Room,
}

impl fmt::Display for Lacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wanted, free } = self;
        let fine = |of: u64| format!("{}.{:03}", of / 1000, of % 1000);
        let lines = [
            (wanted.cpus > free.cpus, fine(wanted.cpus), fine(free.cpus), "cpus"),
            (wanted.gpus > free.gpus, fine(wanted.gpus), fine(free.gpus), "gpus"),
            (wanted.memory > free.memory, wanted.memory.to_string(), free.memory.to_string(), "MB of memory"),
            (wanted.disk > free.disk, wanted.disk.to_string(), free.disk.to_string(), "MB of disk"),
        ];
        let mut and = "";
        for (_, wanted, free, what) in lines.into_iter().filter(|(lacks, ..)| *lacks) {
            write!(f, "{and}needs {wanted} {what}, {free} are free")?;
            and = ", ";
        }
        Ok(())
    }
}

/// How a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    /// It is there.
    Heard,
    /// Nothing is heard of it.
    Silent,
    /// It is gone for good.
    Gone,
}

/// A node.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) facts: Arc<NodeFacts>,
    total: Room,
    pub(crate) health: Health,
    /// Whether instances may come to it: one that only an older scheduler had keeps what it has.
    open: bool,
}

/// Room that is held for an instance.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) instance: InstanceName,
    pub(crate) node: Arc<NodeFacts>,
    sets: Arc<[Demand]>,
    volumes: Arc<[Volume]>,
    pub(crate) ports: Numbers,
    /// What it becomes with launches that were granted it.
    changes: Vec<Change>,
    /// The order that it was granted to last.
    launch: Number,
    /// When a record began to name it, by the count of commands.
    firm: Option<u64>,
    /// Whether anything was ever launched in it, or a record named it before it was held.
    pub(crate) used: bool,
    pub(crate) referenced: Referenced,
}

/// What the placement rule that chose the node speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Referenced {
    pub(crate) region: bool,
    pub(crate) zone: bool,
}

/// What a place becomes with a launch.
#[derive(Debug, Clone)]
struct Change {
    launch: Number,
    sets: Arc<[Demand]>,
    ports: Numbers,
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

impl Place {
    /// What it has to hold: of each set the most that it is or may become.
    fn room(&self) -> Room {
        let mut sets: BTreeMap<&ResourceSetName, Room> = BTreeMap::new();
        for one in self.sets.iter().chain(self.changes.iter().flat_map(|change| change.sets.iter())) {
            let room = sets.entry(&one.set).or_default();
            *room = room.map(Room::of_set(&one.resources), u64::max);
        }
        sets.into_values().fold(Room::of_volumes(&self.volumes), Room::plus)
    }

    fn numbers(&self) -> impl Iterator<Item = u16> {
        let changed = self.changes.iter().flat_map(|change| &change.ports);
        self.ports.iter().chain(changed).map(|(_, number)| *number)
    }
}

/// Why there is no room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoRoom {
    /// Not now.
    Retry(String),
    /// The node is gone for good.
    Gone(String),
}

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
        self.nodes.push(Node { facts: Arc::new(facts), total: Room::default(), health, open: false });
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
                total: Room::default(),
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

    /// Room for a question, or why there is none. `count` numbers the commands, `asked` is when the question came.
    pub(crate) fn fit(
        &mut self,
        service: &ServiceKey,
        fit: &Fit,
        asked: u64,
        count: u64,
    ) -> Result<Grant, NoRoom> {
        match &fit.at {
            None => self.fit_anywhere(service, fit, asked).map_err(NoRoom::Retry),
            Some((node, handle)) => self.fit_there(service, fit, node, handle, count),
        }
    }

    /// Room on any node, under a handle of its own.
    fn fit_anywhere(&mut self, service: &ServiceKey, fit: &Fit, asked: u64) -> Result<Grant, String> {
        let from = fit.from.as_ref().map(|(_, handle)| handle);
        let granted = self.places.iter().find(|((of, handle), place)| {
            of == service
                && !place.used
                && place.instance == fit.instance
                && place.launch == fit.launch
                && Some(handle) != from
                && self.health(&place.node.name) == Some(Health::Heard)
        });
        if let Some(((_, handle), place)) = granted {
            return Ok(grant(place, handle));
        }
        // What was held for an order that is over.
        self.free(|of, handle, place| {
            of == service && !place.used && place.instance == fit.instance && Some(handle) != from
        });
        let node = self.choose_node(service, fit, asked)?;
        // A launch number is given to one order, and an order has one place.
        let handle = Handle(format_smolstr!("{}@{}", fit.instance, fit.launch));
        self.reserve(service, fit, &node, handle, None)
    }

    /// Room where an instance lives.
    fn fit_there(
        &mut self,
        service: &ServiceKey,
        fit: &Fit,
        name: &NodeName,
        handle: &Handle,
        count: u64,
    ) -> Result<Grant, NoRoom> {
        let Some(node) = self.node(name) else {
            return Err(NoRoom::Retry(format!(
                "there is no node {name}: start the scheduler with the nodes that it had"
            )));
        };
        match node.health {
            Health::Gone => return Err(NoRoom::Gone(format!("{name} was lost, and is gone for good"))),
            Health::Silent => {
                return Err(NoRoom::Retry(format!("nothing is heard of {name}, where it lives")));
            }
            Health::Heard => {}
        }
        let facts = node.facts.clone();
        let key = (service.clone(), handle.clone());
        let Some(place) = self.places.get_mut(&key) else {
            return self.reserve(service, fit, &facts, handle.clone(), Some(count)).map_err(NoRoom::Retry);
        };
        // A record names it from now on at the latest.
        place.firm.get_or_insert(count);
        place.launch = fit.launch;
        let place = place.clone();
        let changed =
            |one: &Demand| place.sets.iter().all(|old| old.set != one.set || old.resources != one.resources);
        if !fit.demand.iter().any(changed) {
            self.forget_change(&key, fit.launch);
            return Ok(grant(&place, handle));
        }
        let others = place.sets.iter().filter(|old| fit.demand.iter().all(|one| one.set != old.set));
        let sets: Arc<[Demand]> = others.chain(fit.demand.iter()).cloned().collect();
        let had =
            place.changes.iter().flat_map(|change| &change.ports).chain(&place.ports).cloned().collect();
        let ports = self.ports.find(&sets, &had).map_err(NoRoom::Retry)?;
        let mut becomes = place.clone();
        becomes.changes.retain(|change| change.launch != fit.launch);
        becomes.changes.push(Change { launch: fit.launch, sets, ports: ports.clone() });
        let (more, free) = (becomes.room().minus(place.room()), self.free_on(name));
        if !free.holds(more) {
            return Err(NoRoom::Retry(format!("{name}: {}", Lacks { wanted: more, free })));
        }
        self.put(key, becomes);
        Ok(Grant { node: facts, ports, handle: handle.clone(), until: None })
    }

    fn reserve(
        &mut self,
        service: &ServiceKey,
        fit: &Fit,
        node: &Arc<NodeFacts>,
        handle: Handle,
        firm: Option<u64>,
    ) -> Result<Grant, String> {
        let (wanted, free) = (Room::of(&fit.demand, &fit.volumes), self.free_on(&node.name));
        if !free.holds(wanted) {
            return Err(format!("{}: {}", node.name, Lacks { wanted, free }));
        }
        let ports = self.ports.find(&fit.demand, &Numbers::new())?;
        let mentions = |field| fit.placement.as_ref().is_some_and(|rule| rule.mentions(&field));
        let place = Place {
            instance: fit.instance.clone(),
            node: node.clone(),
            sets: fit.demand.clone(),
            volumes: fit.volumes.clone(),
            ports,
            changes: Vec::new(),
            launch: fit.launch,
            firm,
            used: firm.is_some(),
            referenced: Referenced { region: mentions(Field::Region), zone: mentions(Field::Zone) },
        };
        let grant = grant(&place, &handle);
        self.hold(service, handle, place);
        Ok(grant)
    }

    /// The node with room that fits the placement and has the fewest instances.
    fn choose_node(&mut self, service: &ServiceKey, fit: &Fit, asked: u64) -> Result<Arc<NodeFacts>, String> {
        let wanted = Room::of(&fit.demand, &fit.volumes);
        let census = self.census(service, fit, asked);
        // All nodes are this machine: what is free here is free on each.
        let ports = self.ports.find(&fit.demand, &Numbers::new());
        let mut best: Option<(usize, Arc<NodeFacts>)> = None;
        let mut why = String::new();
        let mut unfit = 0;
        for node in &self.nodes {
            let (facts, free) = (&node.facts, self.free_on(&node.facts.name));
            let rule = fit.placement.as_deref().filter(|rule| !rule.allows(facts, &census));
            let reason = match (node.health, rule) {
                (Health::Gone, _) => "it was lost, and is gone for good".to_owned(),
                (Health::Silent, _) => "nothing is heard of it".to_owned(),
                _ if !node.open => {
                    "it takes no new instances: this scheduler was started without it".to_owned()
                }
                (_, Some(rule)) => rule.judge(facts, &census).to_string(),
                _ if !free.holds(wanted) => Lacks { wanted, free }.to_string(),
                _ => match &ports {
                    Err(port) => port.clone(),
                    Ok(_) => {
                        let here = self.places.values().filter(|place| place.node.name == facts.name).count();
                        if best.as_ref().is_none_or(|(fewest, _)| here < *fewest) {
                            best = Some((here, facts.clone()));
                        }
                        continue;
                    }
                },
            };
            unfit += 1;
            if unfit <= NAMED {
                // Writing to a string cannot fail.
                let _ = write!(why, "{}{}: {reason}", if unfit == 1 { "" } else { "; " }, facts.name);
            }
        }
        if unfit > NAMED {
            let _ = write!(why, "; and {} more nodes", unfit - NAMED);
        }
        best.map(|(_, facts)| facts).ok_or(why)
    }

    /// Where the others are: what the engine said, and what was granted that it did not know of.
    fn census(&self, service: &ServiceKey, fit: &Fit, asked: u64) -> Arc<Census> {
        let mut census = fit.census.clone();
        let Some(rule) = fit.placement.as_deref() else { return census };
        let (fields, pods) = (rule.fields(), rule.pods());
        let unknown = |place: &Place| place.firm.is_none_or(|firm| firm > asked);
        for ((of, _), place) in &self.places {
            if of != service || place.instance == fit.instance || !unknown(place) {
                continue;
            }
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

    fn free_on(&self, name: &NodeName) -> Room {
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

fn grant(place: &Place, handle: &Handle) -> Grant {
    Grant { node: place.node.clone(), ports: place.ports.clone(), handle: handle.clone(), until: None }
}
