//! The words in reasons that differ between backends.

/// The words about nodes and ports, which depend on the backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReasonWords {
    /// Follows the name of a node that is gone, or `it`.
    pub gone: &'static str,
    /// Describes a node that takes no new instances.
    pub closed: &'static str,
    /// Follows `there is no node NAME`.
    pub unknown: &'static str,
    /// Names a program that has a port and that the book does not know.
    pub others: &'static str,
}

impl Default for ReasonWords {
    fn default() -> Self {
        Self {
            gone: "is gone for good",
            closed: "it takes no new instances",
            unknown: "",
            others: "another program",
        }
    }
}
