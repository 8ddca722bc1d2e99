//! A node as the backend knows it.
//!
//! Invariant: a node that is gone stays gone, and one that this scheduler was started without takes nothing new.

use std::sync::Arc;

use plan_core::spec::placement::NodeFacts;

use super::amounts::Amounts;

/// How a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    /// It is there.
    Heard,
    /// Nothing is heard of it.
    Silent,
    /// It is gone for good.
    Gone,
}

/// A node.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) facts: Arc<NodeFacts>,
    pub(super) total: Amounts,
    pub(crate) health: Health,
    /// Whether instances may come to it: one that only an older scheduler had keeps what it has.
    pub(super) open: bool,
}
