//! Nodes: their facts and their resources.
//!
//! Invariant: a node does not say what is held on it. The backend counts that in its book, and the checks count it
//! themselves.

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
    /// Whether the node is silent.
    pub(crate) silent: bool,
    /// Whether the node is gone for good, with everything on it.
    pub(crate) gone: bool,
    /// From when until when its observations are held back.
    pub(crate) frozen: Option<(u64, u64)>,
    /// The address of the tasks on it.
    pub(crate) address: Arc<Address>,
}

impl Node {
    /// The `nth` node, which is heard of.
    pub(crate) fn new(nth: u32, facts: Arc<NodeFacts>, total: Amounts) -> Self {
        let [_, a, b, c] = (nth + 1).to_be_bytes();
        let ip = Some(IpAddr::from([10, a, b, c]));
        let address = Address { ip, host: Some(facts.name.as_str().into()), ..Address::default() };
        Self { facts, total, silent: false, gone: false, frozen: None, address: Arc::new(address) }
    }

    /// Whether commands on it can be carried out.
    pub(crate) fn is_heard(&self) -> bool {
        !self.silent && !self.gone
    }
}
