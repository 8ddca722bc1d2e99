//! Amounts of resources: processors, memory, disk.
//!
//! Invariant: amounts are integers, in thousandths and megabytes. A sum that is too large becomes the largest number,
//! and no amount goes below zero.

use std::fmt;

use plan_core::plan::Demand;
use plan_core::spec::{ResourceSet, Volume};

/// Amounts of resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amounts {
    /// Processors, in thousandths.
    pub cpus: u64,
    /// Graphics processors, in thousandths.
    pub gpus: u64,
    /// Memory, in MB.
    pub memory: u64,
    /// Disk, in MB.
    pub disk: u64,
}

impl Amounts {
    fn map(self, other: Self, f: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            cpus: f(self.cpus, other.cpus),
            gpus: f(self.gpus, other.gpus),
            memory: f(self.memory, other.memory),
            disk: f(self.disk, other.disk),
        }
    }

    /// The sum.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        self.map(other, u64::saturating_add)
    }

    /// The difference, but not below zero.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        self.map(other, u64::saturating_sub)
    }

    /// The larger amount of each.
    #[must_use]
    pub fn most(self, other: Self) -> Self {
        self.map(other, u64::max)
    }

    /// The amounts times a number.
    #[must_use]
    pub fn times(self, count: u64) -> Self {
        self.map(self, |amount, _| amount.saturating_mul(count))
    }

    /// Whether the other amounts fit in these.
    pub fn holds(self, other: Self) -> bool {
        self.cpus >= other.cpus
            && self.gpus >= other.gpus
            && self.memory >= other.memory
            && self.disk >= other.disk
    }

    /// The amounts that volumes ask for.
    pub fn of_volumes(volumes: &[Volume]) -> Self {
        let disk = volumes.iter().map(|volume| volume.size.get()).fold(0, u64::saturating_add);
        Self { disk, ..Self::default() }
    }

    /// The amounts that a resource set asks for.
    pub fn of_set(set: &ResourceSet) -> Self {
        Self {
            cpus: set.cpus.map_or(0, |cpus| cpus.thousandths()),
            gpus: set.gpus.map_or(0, |gpus| gpus.thousandths()),
            memory: set.memory.map_or(0, |memory| memory.get()),
            ..Self::of_volumes(&set.volumes)
        }
    }

    /// The amounts that a demand, and the pod's own volumes, ask for.
    pub fn of(demand: &[Demand], volumes: &[Volume]) -> Self {
        demand.iter().fold(Self::of_volumes(volumes), |sum, one| sum.plus(Self::of_set(&one.resources)))
    }
}

/// A sum of amounts that can be taken apart again: it never overflows, however large its parts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Sum {
    cpus: u128,
    gpus: u128,
    memory: u128,
    disk: u128,
}

impl Sum {
    fn map(&mut self, other: Amounts, f: impl Fn(u128, u128) -> u128) {
        self.cpus = f(self.cpus, other.cpus.into());
        self.gpus = f(self.gpus, other.gpus.into());
        self.memory = f(self.memory, other.memory.into());
        self.disk = f(self.disk, other.disk.into());
    }

    pub(crate) fn add(&mut self, other: Amounts) {
        self.map(other, u128::saturating_add);
    }

    pub(crate) fn take(&mut self, other: Amounts) {
        self.map(other, u128::saturating_sub);
    }

    /// The sum as amounts. A number that is too large becomes the largest.
    pub(crate) fn amounts(self) -> Amounts {
        let fits = |of: u128| u64::try_from(of).unwrap_or(u64::MAX);
        Amounts {
            cpus: fits(self.cpus),
            gpus: fits(self.gpus),
            memory: fits(self.memory),
            disk: fits(self.disk),
        }
    }
}

/// The resources of which `wanted` is more than `free`, in words.
#[derive(Debug, Clone, Copy)]
pub struct Lacks {
    /// The amount that is asked for.
    pub wanted: Amounts,
    /// The amount that is free.
    pub free: Amounts,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_hold_what_is_not_more_of_anything() {
        let room = Amounts { cpus: 1000, gpus: 0, memory: 512, disk: 100 };
        assert!(room.holds(room));
        assert!(room.holds(Amounts { disk: 0, ..room }));
        assert!(!room.holds(Amounts { memory: 513, ..room }));
        let lacks = Lacks { wanted: Amounts { memory: 513, cpus: 1500, ..room }, free: room };
        assert_eq!(
            lacks.to_string(),
            "needs 1.500 cpus, 1.000 are free, needs 513 MB of memory, 512 are free"
        );
    }

    #[test]
    fn a_sum_is_taken_apart_again_however_large_it_was() {
        let large = Amounts { cpus: u64::MAX, gpus: 1, memory: u64::MAX, disk: 0 };
        let small = Amounts { cpus: 1, gpus: 2, memory: 3, disk: 4 };
        let mut sum = Sum::default();
        [large, small, large].into_iter().for_each(|one| sum.add(one));
        assert_eq!(sum.amounts(), Amounts { cpus: u64::MAX, gpus: 4, memory: u64::MAX, disk: 4 });
        [large, large].into_iter().for_each(|one| sum.take(one));
        assert_eq!(sum.amounts(), small);
        assert_eq!(large.plus(large).minus(small), large.minus(small));
    }
}
