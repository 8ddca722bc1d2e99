//! Where an instance is in the engine.
//!
//! Invariant: a position is valid until a new target lays the instances out anew.

/// An instance by position: the position of its pod in the specification, and its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct At {
    pub(super) pod: u32,
    pub(super) index: u32,
}
