//! What is asked for and what is held, counted from commands, answers and launches alone.
//!
//! Invariant: nothing of the reservation book is used here, not even its arithmetic. A place follows from the question
//! that asked for it and the answer that granted it, and changes with launches, withdrawals and releases. So a fault of
//! the book is not in this count too, and a difference between the two is found.

use std::collections::BTreeMap;

use plan_core::engine::{
    Command, CommandOutcome, Fit, FitAnswer, Grant, Handle, Number, ReleaseAnswer, Wall,
};
use plan_core::plan::Demand;
use plan_core::spec::{InstanceName, NodeName, PortName, ResourceSet, ResourceSetName};
use std::sync::Arc;

use crate::cluster::Cluster;

use super::amounts::Room;

/// A place, as commands and answers have made it.
#[derive(Debug, Clone)]
pub(crate) struct Counted {
    pub(crate) instance: InstanceName,
    pub(crate) node: NodeName,
    /// Whether a record names it, since a launch in it was commanded. It stays then until it is released.
    pub(crate) named: bool,
    /// Whether a launch in it was carried out.
    used: bool,
    /// Whether its release was commanded, so that nobody knows whether it is still held before the answer comes.
    pub(crate) leaves: bool,
    volumes: Room,
    sets: BTreeMap<ResourceSetName, Arc<ResourceSet>>,
    ports: Vec<(PortName, u16)>,
    grants: BTreeMap<Number, Granted>,
}

/// What an order was granted in a place, and has not used yet.
#[derive(Debug, Clone)]
struct Granted {
    demand: Arc<[Demand]>,
    ports: Vec<(PortName, u16)>,
    until: Option<Wall>,
    session: u32,
    /// Whether the place came with this grant.
    first: bool,
}

/// The open questions, and the places.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    questions: BTreeMap<Number, Box<Fit>>,
    places: BTreeMap<Handle, Counted>,
    /// The releases that were commanded, by debt.
    releases: BTreeMap<Number, Handle>,
}

impl Counted {
    /// What it takes of its node: for each set, the most that the set is or may become.
    pub(super) fn room(&self) -> Room {
        let mut sets: BTreeMap<&ResourceSetName, Room> = BTreeMap::new();
        let granted = self.grants.values().flat_map(|grant| &*grant.demand);
        let granted = granted.map(|one| (&one.set, &one.resources));
        for (name, set) in self.sets.iter().chain(granted) {
            let most = sets.entry(name).or_default();
            *most = most.most(Room::of_set(set));
        }
        sets.into_values().fold(self.volumes, Room::plus)
    }

    /// The resources of a set, as the last launch of the set has them.
    pub(super) fn set(&self, name: &ResourceSetName) -> Option<&ResourceSet> {
        self.sets.get(name).map(|set| &**set)
    }

    /// The number of a port, as the last launch has it.
    pub(super) fn port(&self, name: &PortName) -> Option<u16> {
        self.ports.iter().find(|(port, _)| port == name).map(|(_, number)| *number)
    }

    /// Every port number that it has or may get.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u16> {
        let granted = self.grants.values().flat_map(|grant| &grant.ports);
        self.ports.iter().chain(granted).map(|(_, number)| *number)
    }

    /// The orders that have a grant of it.
    pub(super) fn orders(&self) -> impl Iterator<Item = Number> {
        self.grants.keys().copied()
    }

    /// The sets of a launch become what was granted for it.
    fn become_granted(&mut self, launch: Number) {
        let Some(grant) = self.grants.remove(&launch) else { return };
        if !self.used {
            self.grants.retain(|_, other| !other.first);
        }
        self.used = true;
        self.sets.extend(grant.demand.iter().map(|one| (one.set.clone(), one.resources.clone())));
        let keeps = |name: &PortName| {
            self.sets.values().any(|set| set.ports.iter().any(|(port, _)| port == name))
                && grant.ports.iter().all(|(port, _)| port != name)
        };
        self.ports.retain(|(name, _)| keeps(name));
        self.ports.extend(grant.ports);
    }

    /// Gives grants back. Returns whether anything is left of the place.
    fn give_back(&mut self, which: impl Fn(Number, &Granted) -> bool) -> bool {
        self.grants.retain(|&order, grant| !which(order, grant));
        self.named || !self.grants.is_empty()
    }
}

impl Tally {
    /// A command leaves.
    pub(crate) fn command(&mut self, command: &Command) {
        match command {
            Command::Fit(fit) => {
                // An instance asks for one new place at a time.
                self.questions.retain(|_, other| fit.at.is_some() || other.instance != fit.instance);
                self.questions.insert(fit.launch, fit.clone());
            }
            Command::Withdraw { instance, launch } => {
                self.questions.remove(launch);
                self.places.retain(|_, place| {
                    place.instance != *instance || place.give_back(|order, _| order == *launch)
                });
            }
            Command::Launch(launch) => {
                if let Some(place) = self.places.get_mut(&launch.handle) {
                    place.named = true;
                }
            }
            Command::Release(release) => {
                self.releases.insert(release.debt, release.handle.clone());
                if let Some(place) = self.places.get_mut(&release.handle) {
                    place.leaves = true;
                }
            }
            Command::Deregister => self.places.retain(|_, place| place.named),
            _ => {}
        }
    }

    /// A launch was carried out in its place.
    pub(crate) fn launched(&mut self, launch: Number, handle: &Handle) {
        if let Some(place) = self.places.get_mut(handle) {
            place.become_granted(launch);
        }
    }

    /// An answer of this session arrives.
    pub(crate) fn answered(&mut self, session: u32, outcome: &CommandOutcome) {
        match outcome {
            CommandOutcome::Fit { launch, answer: FitAnswer::Fitted(grant), .. } => {
                if let Some(fit) = self.questions.remove(launch) {
                    self.granted(session, &fit, grant);
                }
            }
            // A release that is answered "not yet" is commanded again.
            CommandOutcome::Release { debt, answer: ReleaseAnswer::Done } => {
                if let Some(handle) = self.releases.remove(debt) {
                    self.places.remove(&handle);
                }
            }
            _ => {}
        }
    }

    fn granted(&mut self, session: u32, fit: &Fit, grant: &Grant) {
        if fit.at.is_none() {
            // The place of an earlier grant, unless the instance has moved in, or is to leave it.
            let from = fit.from.as_ref().map(|(_, handle)| handle);
            self.places.retain(|handle, place| {
                place.instance != fit.instance
                    || place.named
                    || Some(handle) == from
                    || *handle == grant.handle
            });
        }
        let asked = |name: &PortName| {
            fit.demand.iter().any(|one| one.resources.ports.iter().any(|(port, _)| port == name))
        };
        let ports: Vec<_> = grant.ports.iter().filter(|(name, _)| asked(name)).cloned().collect();
        let known = self.places.contains_key(&grant.handle);
        let place = self.places.entry(grant.handle.clone()).or_insert_with(|| Counted {
            instance: fit.instance.clone(),
            node: grant.node.name.clone(),
            // A record names a place that the question names.
            named: fit.at.is_some(),
            used: fit.at.is_some(),
            leaves: false,
            volumes: Room::of_volumes(&fit.volumes),
            sets: fit.demand.iter().map(|one| (one.set.clone(), one.resources.clone())).collect(),
            ports: ports.clone(),
            grants: BTreeMap::new(),
        });
        let first = !known || place.grants.get(&fit.launch).is_some_and(|grant| grant.first);
        let granted = Granted { demand: fit.demand.clone(), ports, until: grant.until, session, first };
        place.grants.insert(fit.launch, granted);
    }

    /// The session is over, and its questions are.
    pub(crate) fn session_over(&mut self) {
        self.questions.clear();
    }

    /// The grants of sessions before this one end, unless they were used.
    pub(crate) fn grants_end(&mut self, session: u32) {
        self.places.retain(|_, place| place.give_back(|_, grant| grant.session < session));
    }

    /// The open questions, the oldest order first.
    pub(super) fn questions(&self) -> impl Iterator<Item = &Fit> {
        self.questions.values().map(|fit| &**fit)
    }

    /// The places on nodes that still exist.
    pub(crate) fn places<'t>(
        &'t self,
        cluster: &'t Cluster,
    ) -> impl Iterator<Item = (&'t Handle, &'t Counted)> {
        self.places.iter().filter(|(_, place)| {
            let node = cluster.node_id(place.node.as_str());
            node.is_none_or(|id| !cluster.nodes[id as usize].gone)
        })
    }

    /// A place, if its node still exists.
    pub(super) fn place<'t>(&'t self, cluster: &'t Cluster, handle: &Handle) -> Option<&'t Counted> {
        let gone = |place: &&Counted| {
            cluster.node_id(place.node.as_str()).is_some_and(|id| cluster.nodes[id as usize].gone)
        };
        self.places.get(handle).filter(|place| !gone(place))
    }

    /// Until when an order may use what it was granted in a place; `None` is without an end.
    pub(super) fn until(&self, handle: &Handle, order: Number) -> Option<Wall> {
        self.places.get(handle)?.grants.get(&order)?.until
    }
}
