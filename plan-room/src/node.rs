//! A node as a backend knows it.
//!
//! Invariant: what is held on a node is the sum of its places. It may be more than the node has only if places were
//! taken over, as on a node that became smaller. Then nothing is free.

use std::sync::Arc;

use plan_core::spec::placement::NodeFacts;

use crate::amounts::{Amounts, Sum};
use crate::place::HeldPlace;

/// The state of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// The node is there.
    Heard,
    /// The node is silent.
    Silent,
    /// The node is gone for good.
    Gone,
}

/// A node.
#[derive(Debug, Clone)]
pub struct BookNode {
    facts: Arc<NodeFacts>,
    total: Amounts,
    held: Sum,
    /// The part of `held` that the cluster already counts as used.
    used: Sum,
    places: usize,
    pub(crate) health: Health,
    open: bool,
}

impl BookNode {
    /// A node that instances may come to.
    pub(crate) fn open(facts: Arc<NodeFacts>, total: Amounts) -> Self {
        Self {
            facts,
            total,
            held: Sum::default(),
            used: Sum::default(),
            places: 0,
            health: Health::Heard,
            open: true,
        }
    }

    /// A node that is known only by its old places. It has nothing to give, and keeps its places.
    pub(crate) fn closed(facts: Arc<NodeFacts>) -> Self {
        Self { open: false, ..Self::open(facts, Amounts::default()) }
    }

    pub(crate) fn become_open(&mut self, facts: Arc<NodeFacts>, total: Amounts) {
        (self.facts, self.total, self.open) = (facts, total, true);
    }

    pub(crate) fn offered(&mut self, amounts: Amounts) {
        self.total = self.used.amounts().plus(amounts);
    }

    pub(crate) fn add(&mut self, place: &HeldPlace) {
        self.held.add(place.room());
        self.used.add(place.in_use());
        self.places += 1;
    }

    pub(crate) fn take(&mut self, place: &HeldPlace) {
        self.held.take(place.room());
        self.used.take(place.in_use());
        self.places = self.places.saturating_sub(1);
    }

    /// Its facts.
    pub fn facts(&self) -> &Arc<NodeFacts> {
        &self.facts
    }

    /// Its resources.
    pub fn total(&self) -> Amounts {
        self.total
    }

    /// What is held on it.
    pub fn held(&self) -> Amounts {
        self.held.amounts()
    }

    /// What is free on it.
    pub fn free(&self) -> Amounts {
        self.total.minus(self.held())
    }

    /// How many places are held on it.
    pub fn places(&self) -> usize {
        self.places
    }

    /// Its state.
    pub fn health(&self) -> Health {
        self.health
    }

    /// Whether commands on it can be carried out.
    pub fn is_heard(&self) -> bool {
        self.health == Health::Heard
    }

    /// Whether new instances may come to it.
    pub fn is_open(&self) -> bool {
        self.open
    }
}
