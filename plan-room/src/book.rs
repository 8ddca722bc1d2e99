//! The book: nodes, places, ports.
//!
//! Invariant: only `put` and `free` add, change and remove places, and they update nodes and ports at the same time.

use std::collections::BTreeMap;
use std::sync::Arc;

use plan_core::engine::{Handle, Number};
use plan_core::spec::placement::NodeFacts;
use plan_core::spec::{InstanceName, NodeName};

use crate::amounts::Amounts;
use crate::fit::Judge;
use crate::node::{BookNode, Health};
use crate::place::{HeldPlace, Kept, Owner, When};
use crate::ports::{Holder, PortRules, PortTable};
use crate::words::ReasonWords;

/// The parameters of a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BookRules {
    /// How port numbers are given.
    pub ports: PortRules,
    /// Whether placement is judged.
    pub judge: Judge,
    /// The words of reasons.
    pub words: ReasonWords,
}

/// Nodes, and the places that are held on them.
///
/// A place is held from its grant until it is given back. A place that was never used is given back by a withdrawal or
/// at the end of its session. Any other place is given back by its release, or with its owner or node.
#[derive(Debug, Clone)]
pub struct Book<O> {
    pub(crate) rules: BookRules,
    nodes: Vec<BookNode>,
    by_name: BTreeMap<NodeName, usize>,
    places: BTreeMap<O, BTreeMap<InstanceName, Vec<HeldPlace>>>,
    pub(crate) ports: PortTable<O>,
    freed: bool,
}

impl<O: Owner> Book<O> {
    /// A book without nodes.
    pub fn new(rules: BookRules) -> Self {
        Self {
            rules,
            nodes: Vec::new(),
            by_name: BTreeMap::new(),
            places: BTreeMap::new(),
            ports: PortTable::new(rules.ports),
            freed: false,
        }
    }

    // ---- nodes

    /// Adds a node that instances may come to. A known node gets these facts and amounts, and keeps its places.
    pub fn add_node(&mut self, facts: Arc<NodeFacts>, total: Amounts) {
        match self.by_name.get(&facts.name) {
            Some(&at) => self.nodes[at].become_open(facts, total),
            None => self.push(BookNode::open(facts, total)),
        }
        self.freed = true;
    }

    /// Sets what the cluster offers of a node now. The offer does not contain what is used there. It still contains
    /// what was granted and is not used yet.
    pub fn offered(&mut self, name: &NodeName, amounts: Amounts) {
        if let Some(&at) = self.by_name.get(name) {
            self.nodes[at].offered(amounts);
            self.freed = true;
        }
    }

    /// The nodes, in the order in which they came.
    pub fn nodes(&self) -> &[BookNode] {
        &self.nodes
    }

    /// A node.
    pub fn node(&self, name: &NodeName) -> Option<&BookNode> {
        self.position(name).map(|at| &self.nodes[at])
    }

    /// The position of a node in [`nodes`](Self::nodes).
    pub fn position(&self, name: &NodeName) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The state of a node.
    pub fn health(&self, name: &NodeName) -> Option<Health> {
        self.node(name).map(BookNode::health)
    }

    /// Sets the state of a node. An unknown node is added, and takes no new instances.
    pub fn set_health(&mut self, name: &NodeName, health: Health) {
        let at = self.position(name).unwrap_or_else(|| {
            let (name, attributes) = (name.clone(), BTreeMap::new());
            self.push(BookNode::closed(Arc::new(NodeFacts { name, region: None, zone: None, attributes })));
            self.nodes.len() - 1
        });
        self.freed |= health == Health::Heard && self.nodes[at].health != Health::Heard;
        self.nodes[at].health = health;
    }

    /// Removes all places of a node that is gone.
    pub fn clear_node(&mut self, name: &NodeName) {
        let Some(at) = self.position(name) else { return };
        let owners: Vec<O> = self.places.keys().cloned().collect();
        owners.iter().for_each(|owner| self.free(owner, |place| place.at == at));
    }

    fn push(&mut self, node: BookNode) {
        self.by_name.insert(node.facts().name.clone(), self.nodes.len());
        self.nodes.push(node);
    }

    // ---- places

    /// The place of an instance under a handle.
    pub fn place(&self, owner: &O, instance: &InstanceName, handle: &Handle) -> Option<&HeldPlace> {
        self.of_instance(owner, instance).iter().find(|place| place.handle == *handle)
    }

    /// The places of an instance: its own, one that it goes to, and those that it left.
    pub fn of_instance(&self, owner: &O, instance: &InstanceName) -> &[HeldPlace] {
        self.places.get(owner).and_then(|all| all.get(instance)).map_or(&[], Vec::as_slice)
    }

    /// The places of an owner.
    pub fn of_owner(&self, owner: &O) -> impl Iterator<Item = &HeldPlace> {
        self.places.get(owner).into_iter().flat_map(BTreeMap::values).flatten()
    }

    /// All places.
    pub fn places(&self) -> impl Iterator<Item = (&O, &HeldPlace)> {
        self.places.iter().flat_map(|(owner, all)| all.values().flatten().map(move |place| (owner, place)))
    }

    /// The owner of a port number on any node, as reasons name it.
    pub fn port_holder(&self, number: u16) -> Option<String> {
        self.ports.holders(number).next().map(|holder| holder.owner.label(&holder.instance))
    }

    /// Whether room became free, or may be judged otherwise, since the last call. If so, look at the open questions
    /// again.
    pub fn take_freed(&mut self) -> bool {
        std::mem::take(&mut self.freed)
    }

    // ---- what becomes of places

    /// Takes over a place that was held before. Records name it, so it is not judged. An unknown node is added, and
    /// takes no new instances.
    pub fn restore(&mut self, owner: &O, kept: Kept) {
        let at = self.position(&kept.node.name).unwrap_or_else(|| {
            self.push(BookNode::closed(kept.node.clone()));
            self.nodes.len() - 1
        });
        let place = HeldPlace {
            handle: kept.handle,
            instance: kept.instance,
            node: kept.node,
            at,
            sets: kept.sets,
            volumes: kept.volumes,
            ports: kept.ports,
            changes: Vec::new(),
            launch: 0,
            granted: Vec::new(),
            until: None,
            session: 0,
            firm: Some(0),
            used: true,
            room: Amounts::default(),
        };
        self.put(owner, place);
    }

    /// A question or a grant is given back. A place in which nothing was launched stays as long as it is granted to
    /// another order, and goes with the last.
    pub fn withdraw(&mut self, owner: &O, instance: &InstanceName, launch: Number) {
        self.free_of(owner, instance, |place| place.granted == [launch]);
        let all = self.places.get_mut(owner).and_then(|all| all.get_mut(instance));
        all.into_iter().flatten().for_each(|place| place.take_back(launch));
        self.forget_changes(owner, instance, |place, at| place.changes[at].launch == launch);
    }

    /// A launch is commanded. A record now names its handle, whatever comes of the launch.
    pub fn name(&mut self, owner: &O, instance: &InstanceName, handle: &Handle, now: When) {
        let Some(place) = self.place_mut(owner, instance, handle) else { return };
        // A place of an earlier session was in the records when this session's questions were asked.
        let known_before = place.session < now.session;
        place.session = now.session;
        if place.firm.is_none() {
            place.firm = Some(if known_before { 0 } else { now.command });
            self.freed |= known_before;
        }
    }

    /// A launch is carried out. A record names its handle, and the place becomes what was granted, if it is held on
    /// this node.
    pub fn launch(
        &mut self,
        owner: &O,
        instance: &InstanceName,
        (node, handle): (&NodeName, &Handle),
        launch: Number,
        now: When,
    ) -> Option<&HeldPlace> {
        self.name(owner, instance, handle, now);
        let held = self.place(owner, instance, handle).filter(|place| place.node.name == *node)?;
        let mut place = held.clone();
        place.launch = launch;
        place.granted.clear();
        place.used = true;
        place.take_change(launch);
        self.put(owner, place);
        self.place(owner, instance, handle)
    }

    /// Gives back the grants of earlier sessions that were not used and not asked for again.
    pub fn forget_grants(&mut self, owner: &O, session: u64) {
        self.free(owner, |place| !place.used && place.session < session);
        let changed: Vec<InstanceName> = self
            .of_owner(owner)
            .filter(|place| !place.changes.is_empty())
            .map(|place| place.instance.clone())
            .collect();
        for instance in changed {
            self.forget_changes(owner, &instance, |place, at| place.changes[at].session < session);
        }
    }

    /// Gives a place back.
    pub fn release(&mut self, owner: &O, instance: &InstanceName, handle: &Handle) {
        self.free_of(owner, instance, |place| place.handle == *handle);
    }

    /// Gives all places of an owner back.
    pub fn forget_owner(&mut self, owner: &O) {
        self.free(owner, |_| true);
    }

    // ---- the two ways in

    pub(crate) fn place_mut(
        &mut self,
        owner: &O,
        instance: &InstanceName,
        handle: &Handle,
    ) -> Option<&mut HeldPlace> {
        let all = self.places.get_mut(owner)?.get_mut(instance)?;
        all.iter_mut().find(|place| place.handle == *handle)
    }

    /// Holds a place. It replaces the one under the same handle, if there is one.
    pub(crate) fn put(&mut self, owner: &O, mut place: HeldPlace) {
        place.room = place.needed();
        let holder =
            Holder { owner: owner.clone(), instance: place.instance.clone(), handle: place.handle.clone() };
        let all = self.places.entry(owner.clone()).or_default().entry(place.instance.clone()).or_default();
        let nth = all.iter().position(|old| old.handle == place.handle);
        if let Some(old) = nth.map(|nth| &all[nth]) {
            let goes = |number: &u16| old.at != place.at || place.numbers().all(|new| new != *number);
            self.nodes[old.at].take(old);
            self.ports.take_back(old.at, old.numbers().filter(goes), &holder);
            self.freed |=
                old.at != place.at || !place.room.holds(old.room) || old.numbers().any(|n| goes(&n));
        }
        self.nodes[place.at].add(&place);
        self.ports.give(place.at, place.numbers(), &holder);
        match nth {
            Some(nth) => all[nth] = place,
            None => all.push(place),
        }
    }

    pub(crate) fn free_of(&mut self, owner: &O, instance: &InstanceName, which: impl Fn(&HeldPlace) -> bool) {
        let Some(of_owner) = self.places.get_mut(owner) else { return };
        let Some(all) = of_owner.get_mut(instance) else { return };
        let (nodes, ports) = (&mut self.nodes, &mut self.ports);
        let before = all.len();
        all.retain(|place| {
            let goes = which(place);
            if goes {
                let (owner, instance, handle) = (owner.clone(), instance.clone(), place.handle.clone());
                nodes[place.at].take(place);
                ports.take_back(place.at, place.numbers(), &Holder { owner, instance, handle });
            }
            !goes
        });
        self.freed |= all.len() < before;
        if all.is_empty() {
            of_owner.remove(instance);
        }
    }

    fn free(&mut self, owner: &O, which: impl Fn(&HeldPlace) -> bool) {
        let goes: Vec<InstanceName> =
            self.of_owner(owner).filter(|place| which(place)).map(|place| place.instance.clone()).collect();
        goes.iter().for_each(|instance| self.free_of(owner, instance, &which));
    }

    /// Forgets the grants of an instance's places.
    pub(crate) fn forget_changes(
        &mut self,
        owner: &O,
        instance: &InstanceName,
        which: impl Fn(&HeldPlace, usize) -> bool,
    ) {
        for nth in 0..self.of_instance(owner, instance).len() {
            let place = &self.of_instance(owner, instance)[nth];
            let keeps = |at: &usize| !which(place, *at);
            let kept: Vec<usize> = (0..place.changes.len()).filter(keeps).collect();
            if kept.len() < place.changes.len() {
                let mut becomes = place.clone();
                becomes.changes = kept.into_iter().map(|at| place.changes[at].clone()).collect();
                self.put(owner, becomes);
                self.freed = true;
            }
        }
    }
}
