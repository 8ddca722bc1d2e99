//! A place: what is held on a node for an instance.
//!
//! Invariant: a place holds what its instance has and everything that it was granted, until it has become one or the
//! other.

use std::collections::BTreeMap;
use std::sync::Arc;

use plan_core::engine::{Grant, Handle, InstallationId, Number, Wall};
use plan_core::plan::Demand;
use plan_core::spec::placement::NodeFacts;
use plan_core::spec::{InstanceName, PortName, ResourceSetName, ServiceName, Volume};

use crate::amounts::Amounts;

/// Numbers that were given for ports.
pub type Numbers = Vec<(PortName, u16)>;

/// The owner of a place.
pub trait Owner: Clone + Ord {
    /// The name of one of its instances in a reason.
    fn label(&self, instance: &InstanceName) -> String;
}

/// A backend that serves one service.
impl Owner for () {
    fn label(&self, instance: &InstanceName) -> String {
        instance.to_string()
    }
}

/// A backend that serves several.
impl Owner for (ServiceName, InstallationId) {
    fn label(&self, instance: &InstanceName) -> String {
        format!("{instance} of {}", self.0)
    }
}

/// When something is asked or done, by the backend's own counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct When {
    /// How many commands were carried out.
    pub command: u64,
    /// The session of the engine.
    pub session: u64,
}

/// Room that is held for an instance.
#[derive(Debug, Clone)]
pub struct HeldPlace {
    pub(crate) handle: Handle,
    pub(crate) instance: InstanceName,
    pub(crate) node: Arc<NodeFacts>,
    /// The position of its node.
    pub(crate) at: usize,
    pub(crate) sets: Arc<[Demand]>,
    pub(crate) volumes: Arc<[Volume]>,
    pub(crate) ports: Numbers,
    /// What it becomes with launches that were granted.
    pub(crate) changes: Vec<Change>,
    pub(crate) launch: Number,
    /// The orders that it is granted to, the last one at the end; none of a place that something was launched in, or
    /// that was held before.
    pub(crate) granted: Vec<Number>,
    pub(crate) until: Option<Wall>,
    pub(crate) session: u64,
    /// When a record began to name it, by the count of commands.
    pub(crate) firm: Option<u64>,
    pub(crate) used: bool,
    /// What it holds, computed from the other fields.
    pub(crate) room: Amounts,
}

/// What a place becomes with a launch. Sets of other launches stay as they are then.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) launch: Number,
    pub(crate) session: u64,
    /// The sets that the launch is of.
    pub(crate) demand: Arc<[Demand]>,
    /// Their ports.
    pub(crate) ports: Numbers,
}

/// A place from before the backend began, according to records or files.
#[derive(Debug, Clone)]
pub struct Kept {
    /// The backend's name for it.
    pub handle: Handle,
    /// Its owner.
    pub instance: InstanceName,
    /// Where it is.
    pub node: Arc<NodeFacts>,
    /// Its resources of each resource set.
    pub sets: Arc<[Demand]>,
    /// The pod's own volumes.
    pub volumes: Arc<[Volume]>,
    /// Its ports.
    pub ports: Numbers,
}

impl HeldPlace {
    /// The backend's name for it.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Its owner.
    pub fn instance(&self) -> &InstanceName {
        &self.instance
    }

    /// Where it is.
    pub fn node(&self) -> &Arc<NodeFacts> {
        &self.node
    }

    /// Its resources of each resource set.
    pub fn sets(&self) -> &Arc<[Demand]> {
        &self.sets
    }

    /// The pod's own volumes.
    pub fn volumes(&self) -> &Arc<[Volume]> {
        &self.volumes
    }

    /// Its ports.
    pub fn ports(&self) -> &Numbers {
        &self.ports
    }

    /// The grants by launch: the sets of the launch, and their ports.
    pub fn becomes(&self) -> impl Iterator<Item = (Number, &[Demand], &Numbers)> {
        self.changes.iter().map(|change| (change.launch, &*change.demand, &change.ports))
    }

    /// The order that got the last grant.
    pub fn launch(&self) -> Number {
        self.launch
    }

    /// Until when that grant may be used; `None` is without an end.
    pub fn until(&self) -> Option<Wall> {
        self.until
    }

    /// Whether anything was ever launched in it, or a record named it before the backend held it.
    pub fn is_used(&self) -> bool {
        self.used
    }

    /// What it holds: for each set, the most that the set is or may become.
    pub fn room(&self) -> Amounts {
        self.room
    }

    /// It is granted to an order too, or again.
    pub(crate) fn grant_to(&mut self, launch: Number) {
        self.launch = launch;
        if !self.granted.is_empty() {
            self.granted.retain(|&other| other != launch);
            self.granted.push(launch);
        }
    }

    /// An order that it is granted to is given back.
    pub(crate) fn take_back(&mut self, launch: Number) {
        self.granted.retain(|&other| other != launch);
        if let Some(&last) = self.granted.last() {
            self.launch = last;
        }
    }

    /// What it holds, without grants that are not carried out yet.
    pub(crate) fn in_use(&self) -> Amounts {
        if self.used { Amounts::of(&self.sets, &self.volumes) } else { Amounts::default() }
    }

    /// What it must hold.
    pub(crate) fn needed(&self) -> Amounts {
        let mut sets: BTreeMap<&ResourceSetName, Amounts> = BTreeMap::new();
        for one in self.sets.iter().chain(self.changes.iter().flat_map(|change| change.demand.iter())) {
            let room = sets.entry(&one.set).or_default();
            *room = room.most(Amounts::of_set(&one.resources));
        }
        sets.into_values().fold(Amounts::of_volumes(&self.volumes), Amounts::plus)
    }

    /// Every port number that it holds.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u16> {
        let changed = self.changes.iter().flat_map(|change| &change.ports);
        self.ports.iter().chain(changed).map(|(_, number)| *number)
    }

    /// The port numbers that only these sets have, now or by an earlier grant of this launch.
    pub(crate) fn numbers_of(&self, launch: Number, demand: &[Demand]) -> Vec<u16> {
        let others = self.sets.iter().filter(|old| demand.iter().all(|one| one.set != old.set));
        let others: Vec<&Demand> = others.collect();
        let stays = |name: &PortName| {
            others.iter().any(|one| one.resources.ports.iter().any(|(other, _)| other == name))
        };
        let (mine, changes): (Vec<&Change>, Vec<&Change>) =
            self.changes.iter().partition(|change| change.launch == launch);
        let (kept, own): (Numbers, Numbers) = self.ports.iter().cloned().partition(|(name, _)| stays(name));
        let kept = kept.iter().chain(changes.into_iter().flat_map(|change| &change.ports));
        let kept: Vec<u16> = kept.map(|(_, number)| *number).collect();
        let own = own.iter().chain(mine.into_iter().flat_map(|change| &change.ports));
        own.map(|(_, number)| *number).filter(|number| !kept.contains(number)).collect()
    }

    /// Whether it already has these.
    pub(crate) fn has(&self, demand: &[Demand]) -> bool {
        demand.iter().all(|one| {
            self.sets.iter().any(|old| {
                old.set == one.set
                    && (Arc::ptr_eq(&old.resources, &one.resources) || old.resources == one.resources)
            })
        })
    }

    /// A launch with a grant is carried out. The sets of the launch become what was granted.
    pub(crate) fn take_change(&mut self, launch: Number) {
        let Some(nth) = self.changes.iter().position(|change| change.launch == launch) else { return };
        let change = self.changes.remove(nth);
        self.become_this(&change);
    }

    fn become_this(&mut self, change: &Change) {
        let stays = |old: &&Demand| change.demand.iter().all(|one| one.set != old.set);
        let others: Vec<Demand> = self.sets.iter().filter(stays).cloned().collect();
        let of_others = |name: &PortName| {
            others.iter().any(|one| one.resources.ports.iter().any(|(other, _)| other == name))
        };
        self.ports.retain(|(name, _)| of_others(name));
        self.ports.extend(change.ports.iter().cloned());
        self.sets = others.into_iter().chain(change.demand.iter().cloned()).collect();
    }

    /// The grant for the engine, with the ports that the place has once all grants are carried out.
    pub(crate) fn grant(&self) -> Grant {
        let mut whole = self.clone();
        self.changes.iter().for_each(|change| whole.become_this(change));
        Grant::new(whole.node, whole.handle).with_ports(whole.ports).with_until(self.until)
    }
}
