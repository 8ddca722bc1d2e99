//! A node as a backend knows it.
//!
//! Invariant: what is held on it is the sum of what its places hold. It may be more than the node has only where places
//! were taken up again, as on a node that became smaller; then nothing is free.

use std::sync::Arc;

use plan_core::spec::placement::NodeFacts;

use crate::amounts::{Amounts, Sum};
use crate::place::Place;

/// How a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It is there.
    Heard,
    /// Nothing is heard of it.
    Silent,
    /// It is gone for good.
    Gone,
}

/// A node.
#[derive(Debug, Clone)]
pub struct Node {
    facts: Arc<NodeFacts>,
    total: Amounts,
    held: Sum,
    /// What of `held` the cluster counts as used already.
    used: Sum,
    places: usize,
    pub(crate) health: Health,
    open: bool,
}

impl Node {
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

    /// A node that is known by what was there before: it has nothing to give, and keeps what it has.
    pub(crate) fn closed(facts: Arc<NodeFacts>) -> Self {
        Self { open: false, ..Self::open(facts, Amounts::default()) }
    }

    pub(crate) fn become_open(&mut self, facts: Arc<NodeFacts>, total: Amounts) {
        (self.facts, self.total, self.open) = (facts, total, true);
    }

    pub(crate) fn offered(&mut self, amounts: Amounts) {
        self.total = self.used.amounts().plus(amounts);
    }

    pub(crate) fn add(&mut self, place: &Place) {
        self.held.add(place.room());
        self.used.add(place.in_use());
        self.places += 1;
    }

    pub(crate) fn take(&mut self, place: &Place) {
        self.held.take(place.room());
        self.used.take(place.in_use());
        self.places = self.places.saturating_sub(1);
    }

    /// What is known of it.
    pub fn facts(&self) -> &Arc<NodeFacts> {
        &self.facts
    }

    /// What it has.
    pub fn total(&self) -> Amounts {
        self.total
    }

    /// What is held on it.
    pub fn held(&self) -> Amounts {
        self.held.amounts()
    }

    /// What of it is free.
    pub fn free(&self) -> Amounts {
        self.total.minus(self.held())
    }

    /// How many places are held on it.
    pub fn places(&self) -> usize {
        self.places
    }

    /// How it is.
    pub fn health(&self) -> Health {
        self.health
    }

    /// Whether anything can be done there.
    pub fn is_heard(&self) -> bool {
        self.health == Health::Heard
    }

    /// Whether instances may come to it.
    pub fn is_open(&self) -> bool {
        self.open
    }
}
