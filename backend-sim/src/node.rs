//! Nodes: what they are, have, and gave away.
//!
//! Invariant: what is given away never exceeds what a node has, and no port is given twice.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use plan_core::plan::Demand;
use plan_core::spec::placement::NodeFacts;
use plan_core::spec::{PortChoice, PortName, PortRange, ResourceSet, Volume};

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

/// What of `wanted` is more than `free`, in words.
pub(crate) struct Lacks {
    pub(crate) wanted: Room,
    pub(crate) free: Room,
}

impl fmt::Display for Lacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wanted, free } = self;
        let thousandths = |of: u64| format!("{}.{:03}", of / 1000, of % 1000);
        let lines = [
            (wanted.cpus, free.cpus, "cpus", true),
            (wanted.gpus, free.gpus, "gpus", true),
            (wanted.memory, free.memory, "MB of memory", false),
            (wanted.disk, free.disk, "MB of disk", false),
        ];
        let mut first = true;
        for (wanted, free, what, fine) in lines.into_iter().filter(|(wanted, free, ..)| wanted > free) {
            let text = |of: u64| if fine { thousandths(of) } else { of.to_string() };
            let and = if first { "" } else { ", " };
            write!(f, "{and}needs {} {what}, {} are free", text(wanted), text(free))?;
            first = false;
        }
        Ok(())
    }
}

/// A machine of the cluster.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// What is known of it.
    pub(crate) facts: Arc<NodeFacts>,
    /// What of it is free.
    pub(crate) free: Room,
    /// How many places are held on it.
    pub(crate) instances: u32,
    /// Whether nothing is heard of it.
    pub(crate) silent: bool,
    /// Whether it is gone for good, with all that was there.
    pub(crate) gone: bool,
    /// What is seen of it is held back: since when, until when.
    pub(crate) frozen: Option<(u64, u64)>,
    ports: BTreeSet<u16>,
}

impl Node {
    /// A node all of which is free.
    pub(crate) fn new(facts: Arc<NodeFacts>, total: Room) -> Self {
        Self {
            facts,
            free: total,
            instances: 0,
            silent: false,
            gone: false,
            frozen: None,
            ports: BTreeSet::new(),
        }
    }

    /// Whether anything can be done there.
    pub(crate) fn is_heard(&self) -> bool {
        !self.silent && !self.gone
    }

    /// Numbers for the ports of these sets; the first port that cannot have one, if there is one. What is had
    /// already is kept where it will do.
    pub(crate) fn ports(&self, demand: &[Demand], had: &Ports) -> Result<Ports, PortName> {
        let mut given: Ports = Vec::new();
        for (name, port) in demand.iter().flat_map(|one| one.resources.ports.iter()) {
            let will_do = |number: u16| match &port.number {
                PortChoice::Static(wanted) => wanted.get() == number,
                PortChoice::Dynamic(ranges) => {
                    ranges.is_empty()
                        || ranges.iter().any(|range| (range.begin..=range.end).contains(&number))
                }
            };
            if let Some(&(_, number)) = had.iter().find(|(other, number)| other == name && will_do(*number)) {
                given.push((name.clone(), number));
                continue;
            }
            let free =
                |number: &u16| !self.ports.contains(number) && given.iter().all(|(_, other)| other != number);
            let number = match &port.number {
                PortChoice::Static(number) => Some(number.get()).filter(free),
                PortChoice::Dynamic(ranges) if ranges.is_empty() => (DYNAMIC.begin..=DYNAMIC.end).find(free),
                PortChoice::Dynamic(ranges) => {
                    ranges.iter().flat_map(|range| range.begin..=range.end).find(free)
                }
            };
            given.push((name.clone(), number.ok_or_else(|| name.clone())?));
        }
        Ok(given)
    }

    /// Gives room and ports away, for a place or for more of one.
    pub(crate) fn give(&mut self, room: Room, ports: impl IntoIterator<Item = u16>) {
        self.free = self.free.minus(room);
        self.ports.extend(ports);
    }

    /// Takes room and ports back.
    pub(crate) fn take_back(&mut self, room: Room, ports: impl IntoIterator<Item = u16>) {
        self.free = self.free.plus(room);
        for number in ports {
            self.ports.remove(&number);
        }
    }
}

/// Numbers that were given for ports.
pub(crate) type Ports = Vec<(PortName, u16)>;

/// Where ports come from that name no range, as on a Mesos agent.
const DYNAMIC: PortRange = PortRange { begin: 31_000, end: 32_000 };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_holds_what_is_not_more_of_anything() {
        let room = Room { cpus: 1000, gpus: 0, memory: 512, disk: 100 };
        assert!(room.holds(room));
        assert!(room.holds(Room { disk: 0, ..room }));
        assert!(!room.holds(Room { memory: 513, ..room }));
        let lacks = Lacks { wanted: Room { memory: 513, cpus: 1500, ..room }, free: room };
        assert_eq!(
            lacks.to_string(),
            "needs 1.500 cpus, 1.000 are free, needs 513 MB of memory, 512 are free"
        );
    }
}
