//! How much of what can be divided: processors, memory, disk.
//!
//! Invariant: integers, in thousandths and megabytes; a sum that is too large stays the largest, and nothing goes below
//! zero.

use std::fmt;

use plan_core::plan::Demand;
use plan_core::spec::{ResourceSet, Volume};

use crate::options::Capacity;

/// Amounts of what can be divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Amounts {
    cpus: u64,
    gpus: u64,
    memory: u64,
    disk: u64,
}

impl Amounts {
    pub(super) fn map(self, other: Self, f: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            cpus: f(self.cpus, other.cpus),
            gpus: f(self.gpus, other.gpus),
            memory: f(self.memory, other.memory),
            disk: f(self.disk, other.disk),
        }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        self.map(other, u64::saturating_add)
    }

    pub(super) fn minus(self, other: Self) -> Self {
        self.map(other, u64::saturating_sub)
    }

    pub(super) fn holds(self, other: Self) -> bool {
        self.minus(other).plus(other) == self
    }

    pub(super) fn of_volumes(volumes: &[Volume]) -> Self {
        let disk = volumes.iter().map(|volume| volume.size.get()).fold(0, u64::saturating_add);
        Self { disk, ..Self::default() }
    }

    pub(super) fn of_set(set: &ResourceSet) -> Self {
        Self {
            cpus: set.cpus.map_or(0, |cpus| cpus.thousandths()),
            gpus: set.gpus.map_or(0, |gpus| gpus.thousandths()),
            memory: set.memory.map_or(0, |memory| memory.get()),
            ..Self::of_volumes(&set.volumes)
        }
    }

    pub(super) fn of(demand: &[Demand], volumes: &[Volume]) -> Self {
        demand.iter().fold(Self::of_volumes(volumes), |sum, one| sum.plus(Self::of_set(&one.resources)))
    }
}

impl From<Capacity> for Amounts {
    fn from(capacity: Capacity) -> Self {
        Self { cpus: capacity.cpus, gpus: 0, memory: capacity.memory, disk: capacity.disk }
    }
}

/// What of `wanted` is more than `free`, in words.
pub(super) struct Lacks {
    pub(super) wanted: Amounts,
    pub(super) free: Amounts,
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
