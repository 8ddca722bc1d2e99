//! Nodes: what they are and have.
//!
//! Invariant: what is held on a node is not here: the backend counts it in its book, and the checks count it themselves.

use std::net::IpAddr;
use std::sync::Arc;

use plan_core::engine::Address;
use plan_core::spec::placement::NodeFacts;
use plan_room::Amounts;

/// A machine of the cluster.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// What is known of it.
    pub(crate) facts: Arc<NodeFacts>,
    /// What it has.
    pub(crate) total: Amounts,
    /// Whether nothing is heard of it.
    pub(crate) silent: bool,
    /// Whether it is gone for good, with all that was there.
    pub(crate) gone: bool,
    /// What is seen of it is held back: since when, until when.
    pub(crate) frozen: Option<(u64, u64)>,
    /// Where what runs there is reached.
    pub(crate) address: Arc<Address>,
}

impl Node {
    /// The `nth` node, heard of.
    pub(crate) fn new(nth: u32, facts: Arc<NodeFacts>, total: Amounts) -> Self {
        let [_, a, b, c] = (nth + 1).to_be_bytes();
        let ip = Some(IpAddr::from([10, a, b, c]));
        let address = Address { ip, host: Some(facts.name.as_str().into()), ..Address::default() };
        Self { facts, total, silent: false, gone: false, frozen: None, address: Arc::new(address) }
    }

    /// Whether anything can be done there.
    pub(crate) fn is_heard(&self) -> bool {
        !self.silent && !self.gone
    }
}
