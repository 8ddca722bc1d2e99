//! The strategies, and what each means.
//!
//! Invariant: a strategy is a name, a sequence and a number of canaries, which are given only here. No other code asks
//! which strategy it is. A new strategy is a variant and a line here, a line in the table of keys, and a line in the
//! book.

use serde::{Deserialize, Serialize};

/// The order of the phases of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PlanStrategy {
    /// One after the other, as declared.
    #[default]
    Serial,
    /// All at once.
    Parallel,
    /// Each phase after those that it depends on.
    Dependency,
}

impl PlanStrategy {
    /// All strategies.
    pub const ALL: [Self; 3] = [Self::Serial, Self::Parallel, Self::Dependency];

    const fn meaning(self) -> (&'static str, Sequence) {
        match self {
            Self::Serial => ("serial", Sequence::OneByOne),
            Self::Parallel => ("parallel", Sequence::AtOnce),
            Self::Dependency => ("dependency", Sequence::ByDependency),
        }
    }

    /// The name in files and trees.
    pub const fn as_str(self) -> &'static str {
        self.meaning().0
    }

    /// Which phases go on at the same time.
    pub const fn sequence(self) -> Sequence {
        self.meaning().1
    }
}

/// The order of the steps of a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PhaseStrategy {
    /// One after the other, as declared.
    #[default]
    Serial,
    /// All at once; the steps of one instance still keep their order.
    Parallel,
    /// The first two steps each wait for an operator. The rest is serial.
    SerialCanary,
    /// The first two steps each wait for an operator. The rest is parallel.
    ParallelCanary,
    /// Each step after those that it depends on. Steps have names.
    Dependency,
}

impl PhaseStrategy {
    /// All strategies.
    pub const ALL: [Self; 5] =
        [Self::Serial, Self::Parallel, Self::SerialCanary, Self::ParallelCanary, Self::Dependency];

    const fn meaning(self) -> (&'static str, Sequence, u32) {
        match self {
            Self::Serial => ("serial", Sequence::OneByOne, 0),
            Self::Parallel => ("parallel", Sequence::AtOnce, 0),
            // SDK rule R56.
            Self::SerialCanary => ("serial-canary", Sequence::OneByOne, 2),
            Self::ParallelCanary => ("parallel-canary", Sequence::AtOnce, 2),
            Self::Dependency => ("dependency", Sequence::ByDependency, 0),
        }
    }

    /// The name in files and trees.
    pub const fn as_str(self) -> &'static str {
        self.meaning().0
    }

    /// Which steps go on at the same time.
    pub const fn sequence(self) -> Sequence {
        self.meaning().1
    }

    /// How many steps wait for an operator: the first ones that are to be done.
    pub const fn canaries(self) -> u32 {
        self.meaning().2
    }
}

/// Which children of a plan or a phase go on at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sequence {
    /// One after the other, as declared.
    OneByOne,
    /// All children at once, but steps of one instance one after the other.
    AtOnce,
    /// All children whose `depends-on` is met. Steps have names for this.
    ByDependency,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The SDK's names, and all names that were written before, are read for ever.
    #[test]
    fn a_strategy_has_one_name() {
        for strategy in PlanStrategy::ALL {
            assert_eq!(serde_json::to_string(&strategy).unwrap(), format!("\"{}\"", strategy.as_str()));
        }
        for strategy in PhaseStrategy::ALL {
            assert_eq!(serde_json::to_string(&strategy).unwrap(), format!("\"{}\"", strategy.as_str()));
        }
    }
}
