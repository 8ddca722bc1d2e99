//! Amounts of resources, as the checks count them.
//!
//! Invariant: the checks do not use the arithmetic of the reservation book, so a fault of the book is not in the checks
//! too.

use plan_core::spec::{ResourceSet, Volume};
use plan_room::Amounts;

/// Amounts of resources: thousandths of processors, and megabytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Room {
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

    /// The sum.
    pub(super) fn plus(self, other: Self) -> Self {
        self.map(other, u64::saturating_add)
    }

    /// The difference, but not below zero.
    pub(super) fn minus(self, other: Self) -> Self {
        self.map(other, u64::saturating_sub)
    }

    /// The larger amount of each.
    pub(super) fn most(self, other: Self) -> Self {
        self.map(other, u64::max)
    }

    /// Whether the other amounts fit in these.
    pub(super) fn holds(self, other: Self) -> bool {
        other.minus(self) == Self::default()
    }

    /// What a resource set asks for.
    pub(super) fn of_set(set: &ResourceSet) -> Self {
        Self {
            cpus: set.cpus.map_or(0, |cpus| cpus.thousandths()),
            gpus: set.gpus.map_or(0, |gpus| gpus.thousandths()),
            memory: set.memory.map_or(0, |memory| memory.get()),
            ..Self::of_volumes(&set.volumes)
        }
    }

    /// What volumes ask for.
    pub(super) fn of_volumes(volumes: &[Volume]) -> Self {
        Self { disk: volumes.iter().map(|volume| volume.size.get()).sum(), ..Self::default() }
    }
}

impl From<Amounts> for Room {
    fn from(amounts: Amounts) -> Self {
        let Amounts { cpus, gpus, memory, disk } = amounts;
        Self { cpus, gpus, memory, disk }
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
