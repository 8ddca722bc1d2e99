//! The words of reasons in which backends differ.

/// What is said of nodes and ports, where that depends on what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words {
    /// Behind the name of a node that is gone, or `it`.
    pub gone: &'static str,
    /// Of a node that takes no new instances.
    pub closed: &'static str,
    /// Behind `there is no node NAME`.
    pub unknown: &'static str,
    /// Whoever has a port that the book does not know of.
    pub others: &'static str,
}

impl Default for Words {
    fn default() -> Self {
        Self {
            gone: "is gone for good",
            closed: "it takes no new instances",
            unknown: "",
            others: "another program",
        }
    }
}
