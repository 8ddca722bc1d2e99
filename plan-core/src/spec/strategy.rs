//! The strategies: which there are, and what each means.
//!
//! Invariant: a strategy is a name, a sequence and a number of canaries, and this file alone says which. Nothing
//! else asks which strategy it is. A strategy more is a variant and a line here, a line in the table of keys, and
//! a line in the book.

use serde::{Deserialize, Serialize};

/// In which order the phases of a plan go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlanStrategy {
    /// One after the other, as declared.
    #[default]
    Serial,
    /// All at once.
    Parallel,
    /// Each after those that it depends on.
    Dependency,
}

impl PlanStrategy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Serial, Self::Parallel, Self::Dependency];

    const fn meaning(self) -> (&'static str, Sequence) {
        match self {
            Self::Serial => ("serial", Sequence::OneByOne),
            Self::Parallel => ("parallel", Sequence::AtOnce),
            Self::Dependency => ("dependency", Sequence::ByDependency),
        }
    }

    /// The name as files give it and trees show it.
    pub const fn as_str(self) -> &'static str {
        self.meaning().0
    }

    /// Which phases go on together.
    pub const fn sequence(self) -> Sequence {
        self.meaning().1
    }
}

/// In which order the steps of a phase go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PhaseStrategy {
    /// One after the other, as declared.
    #[default]
    Serial,
    /// All at once; the steps of one instance still keep their order.
    Parallel,
    /// The first two each wait for an operator, the rest is serial.
    SerialCanary,
    /// The first two each wait for an operator, the rest is parallel.
    ParallelCanary,
    /// Each after those that it depends on; steps have names.
    Dependency,
}

impl PhaseStrategy {
    /// All of them.
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

    /// The name as files give it and trees show it.
    pub const fn as_str(self) -> &'static str {
        self.meaning().0
    }

    /// Which steps go on together.
    pub const fn sequence(self) -> Sequence {
        self.meaning().1
    }

    /// How many of the first steps that there are to do each wait for an operator.
    pub const fn canaries(self) -> u32 {
        self.meaning().2
    }
}

/// Which children of a plan or a phase go on together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sequence {
    /// One after the other, as declared.
    OneByOne,
    /// All of them; steps of one instance go one after the other.
    AtOnce,
    /// Those whose `depends-on` is met. Steps have names for it.
    ByDependency,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the SDK calls them, and what was written down before, is read for ever.
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
