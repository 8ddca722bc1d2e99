//! A plan's graph as data: nodes, and edges that name nodes by their positions in the list.

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::{Node, PlanGraph};

#[derive(serde::Serialize)]
struct NodeData<'a> {
    kind: &'static str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    strategy: Option<&'static str>,
    /// The node of the step's phase.
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<usize>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    canary: bool,
}

#[derive(serde::Serialize)]
struct EdgeData {
    from: usize,
    to: usize,
    because: &'static str,
}

/// An object with `plan`, `strategy`, `nodes` and `edges`.
impl Serialize for PlanGraph {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let nodes = self.graph.node_weights().map(|node| match node {
            Node::Phase { name, strategy, .. } => {
                NodeData { kind: "phase", name, strategy: Some(strategy), phase: None, canary: false }
            }
            Node::Step { name, canary, phase, .. } => {
                let phase = self.phases.get(*phase as usize).map(|phase| phase.index());
                NodeData { kind: "step", name, strategy: None, phase, canary: *canary }
            }
        });
        let edges = self.edges().map(|(from, to, order)| EdgeData { from, to, because: order.as_str() });
        let mut data = serializer.serialize_struct("PlanGraph", 4)?;
        data.serialize_field("plan", &self.name)?;
        data.serialize_field("strategy", &self.strategy)?;
        data.serialize_field("nodes", &nodes.collect::<Vec<_>>())?;
        data.serialize_field("edges", &edges.collect::<Vec<_>>())?;
        data.end()
    }
}
