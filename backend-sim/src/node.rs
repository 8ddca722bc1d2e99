//! Nodes: what they are and have.
//!
//! Invariant: what is held on a node is the backend's to count, in its book; what is counted here is for checks, and
//! shares nothing with the book.

use std::net::IpAddr;
use std::sync::Arc;

use plan_core::engine::Address;
use plan_core::plan::Demand;
use plan_core::spec::placement::NodeFacts;
use plan_core::spec::{ResourceSet, Volume};
use plan_room::Amounts;

/// Amounts of what can be divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Room {
    /// Processors, in thousandths.
    pub cpus: u64,
    /// Graphics processors, in thousandths.
    pub gpus: u64,
    /// Memory, in MB.
    pub memory: u64,
    /// Disk, in MB.
    pub disk: u64,
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

    /// Both.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        self.map(other, u64::saturating_add)
    }

    /// What is left of it without the other.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        self.map(other, u64::saturating_sub)
    }

    /// The larger amount of each.
    #[must_use]
    pub fn most(self, other: Self) -> Self {
        self.map(other, u64::max)
    }

    /// So many times.
    #[must_use]
    pub fn times(self, count: u64) -> Self {
        self.map(self, |amount, _| amount.saturating_mul(count))
    }

    /// Whether the other is in it.
    pub fn holds(self, other: Self) -> bool {
        self.cpus >= other.cpus
            && self.gpus >= other.gpus
            && self.memory >= other.memory
            && self.disk >= other.disk
    }

    /// What a resource set asks for.
    pub fn of_set(set: &ResourceSet) -> Self {
        Self {
            cpus: set.cpus.map_or(0, |cpus| cpus.thousandths()),
            gpus: set.gpus.map_or(0, |gpus| gpus.thousandths()),
            memory: set.memory.map_or(0, |memory| memory.get()),
            disk: set.volumes.iter().map(|volume| volume.size.get()).sum(),
        }
    }

    /// What a demand, and the pod's own volumes, ask for.
    pub fn of(demand: &[Demand], volumes: &[Volume]) -> Self {
        let disk = volumes.iter().map(|volume| volume.size.get()).sum();
        demand
            .iter()
            .fold(Self { disk, ..Self::default() }, |sum, one| sum.plus(Self::of_set(&one.resources)))
    }
}

impl From<Room> for Amounts {
    fn from(room: Room) -> Self {
        let Room { cpus, gpus, memory, disk } = room;
        Self { cpus, gpus, memory, disk }
    }
}

/// A machine of the cluster.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// What is known of it.
    pub(crate) facts: Arc<NodeFacts>,
    /// What it has.
    pub(crate) total: Room,
    /// Whether nothing is heard of it.
    pub(crate) silent: bool,
    /// Whether it is gone for good, with all that was there.
    pub(crate) gone: bool,
    /// What is seen of it is held back: since when, until when.
    pub(crate) frozen: Option<(u64, u64)>,
    /// Where what runs there is reached.
    pub(crate) address: Arc<Address>,
}

impl Node {
    /// The `nth` node, heard of.
    pub(crate) fn new(nth: u32, facts: Arc<NodeFacts>, total: Room) -> Self {
        let [_, a, b, c] = (nth + 1).to_be_bytes();
        let ip = Some(IpAddr::from([10, a, b, c]));
        let address = Address { ip, host: Some(facts.name.as_str().into()), ..Address::default() };
        Self { facts, total, silent: false, gone: false, frozen: None, address: Arc::new(address) }
    }

    /// Whether anything can be done there.
    pub(crate) fn is_heard(&self) -> bool {
        !self.silent && !self.gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_holds_what_is_not_more_of_anything() {
        let room = Room { cpus: 1000, gpus: 0, memory: 512, disk: 100 };
        assert!(room.holds(room));
        assert!(room.holds(Room { disk: 0, ..room }));
        assert!(!room.holds(Room { memory: 513, ..room }));
    }
}
