//! A plan's graph: which phases and steps come before which, for checks from outside and for pictures.
//!
//! Invariant: a graph follows from a model alone, and is built when it is asked for. It contains nothing of a run, and
//! no state holds a graph. It has no cycle, since a layout has none.

mod data;
mod dot;
mod mermaid;
mod picture;
mod svg;

use std::fmt;

use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use crate::spec::Sequence;

use super::layout::{PhaseLayout, PlanLayout};
use super::model::Model;

/// A plan as a graph over its phases and steps.
///
/// An edge between two phases holds for all their steps. If the strategy implies more edges (each step of a serial
/// phase comes after all earlier ones), the graph has only those from which the others follow.
#[derive(Debug, Clone)]
pub struct PlanGraph {
    name: String,
    strategy: &'static str,
    graph: DiGraph<Node, GraphOrder>,
    /// The node of each phase. The nodes of the phase's steps follow it.
    phases: Vec<NodeIndex>,
}

/// A phase or a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A phase.
    Phase {
        /// The position of the phase in the plan.
        phase: u32,
        /// The name.
        name: String,
        /// The name of the phase's strategy.
        strategy: &'static str,
    },
    /// A step.
    Step {
        /// The position of the step's phase in the plan.
        phase: u32,
        /// The position of the step in the phase.
        step: u32,
        /// The name of the step, as `kafka-0:[broker]`.
        name: String,
        /// Whether the step is a canary, which waits for an operator.
        canary: bool,
    },
}

impl Node {
    /// The name.
    pub fn name(&self) -> &str {
        match self {
            Self::Phase { name, .. } | Self::Step { name, .. } => name,
        }
    }

    /// The position of the phase, or of the step's phase, in the plan.
    pub fn phase(&self) -> u32 {
        match self {
            Self::Phase { phase, .. } | Self::Step { phase, .. } => *phase,
        }
    }
}

/// Why one node comes before another. Both are phases, or both are steps of one phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GraphOrder {
    /// The strategy takes one node after the other: the first must be complete.
    Strategy,
    /// The second node depends on the first by `depends-on`: the first must be complete.
    Dependency,
    /// Both are steps of one instance, which keep their order: the first must be complete.
    Instance,
    /// The first node is a canary, which an operator releases before the second.
    Canary,
}

impl GraphOrder {
    /// The name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Strategy => "strategy",
            Self::Dependency => "dependency",
            Self::Instance => "instance",
            Self::Canary => "canary",
        }
    }
}

impl PlanGraph {
    /// The graph of one of the model's plans.
    ///
    /// ```
    /// use plan_core::plan::{Model, PlanGraph};
    /// use plan_core::spec::{Goal, PodSpec, ResourceSet, ServiceSpec, TaskSpec};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let cores = ResourceSet { cpus: Some("0.1".parse()?), ..ResourceSet::default() };
    /// let pod = PodSpec::new(3)
    ///     .resource_set("cores".parse()?, cores)
    ///     .task("server".parse()?, TaskSpec::new(Goal::Running, "./serve", "cores".parse()?));
    /// let service = ServiceSpec::builder("web".parse()?).pod("web".parse()?, pod).build();
    /// let model = Model::new(service.map_err(|found| found[0].to_string())?)?;
    /// let graph = PlanGraph::new(&model, &model.plans()["deploy"]);
    /// assert_eq!(graph.graph().node_count(), 4, "a phase and its three steps");
    /// assert_eq!(graph.graph().edge_count(), 2, "each step after the one before it");
    /// assert!(graph.dot().to_string().starts_with("digraph \"deploy\" {"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(model: &Model, plan: &PlanLayout) -> Self {
        let mut graph = DiGraph::with_capacity(plan.phases.len() + plan.len(), plan.len());
        let mut phases = Vec::with_capacity(plan.phases.len());
        for (at, phase) in (0..).zip(&plan.phases) {
            let name = phase.name.to_string();
            let strategy = phase.strategy.as_str();
            phases.push(graph.add_node(Node::Phase { phase: at, name, strategy }));
            let steps: Vec<_> = (0..)
                .zip(&phase.steps)
                .map(|(step, _)| {
                    let canary = step < phase.strategy.canaries();
                    let name = phase.step_name(model, step);
                    graph.add_node(Node::Step { phase: at, step, name, canary })
                })
                .collect();
            add_steps(&mut graph, phase, &steps);
        }
        if plan.is_serial() {
            // A phase without steps is complete from the start, so edges skip it.
            let busy: Vec<_> =
                plan.phases.iter().zip(&phases).filter(|(phase, _)| !phase.steps.is_empty()).collect();
            for pair in busy.windows(2) {
                graph.add_edge(*pair[0].1, *pair[1].1, GraphOrder::Strategy);
            }
        } else {
            for (needs, &after) in plan.needs.iter().zip(&phases) {
                for &before in needs {
                    graph.add_edge(phases[before as usize], after, GraphOrder::Dependency);
                }
            }
        }
        Self { name: plan.name.to_string(), strategy: plan.strategy.as_str(), graph, phases }
    }

    /// The plan's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of the plan's strategy.
    pub fn strategy(&self) -> &'static str {
        self.strategy
    }

    /// The graph. Nodes stand in declared order, each phase before its steps.
    pub fn graph(&self) -> &DiGraph<Node, GraphOrder> {
        &self.graph
    }

    /// The edges as positions of nodes, in the order of the nodes.
    pub fn edges(&self) -> impl Iterator<Item = (usize, usize, GraphOrder)> {
        let edges = self.graph.edge_references();
        let mut edges: Vec<_> =
            edges.map(|edge| (edge.source().index(), edge.target().index(), *edge.weight())).collect();
        edges.sort();
        edges.into_iter()
    }

    /// The graph in the DOT language, with a cluster for each phase. The same plan gives the same text.
    pub fn dot(&self) -> impl fmt::Display + '_ {
        dot::Dot(self)
    }

    /// The graph in the language of Mermaid, with a subgraph for each phase. The same plan gives the same
    /// text.
    pub fn mermaid(&self) -> impl fmt::Display + '_ {
        mermaid::Mermaid(self)
    }

    /// The graph as an SVG document: boxes of steps in boxes of phases, and arrows. The same plan gives the same text.
    pub fn svg(&self) -> impl fmt::Display + '_ {
        svg::Svg(self)
    }

    /// The title of a plan.
    fn title(&self) -> String {
        format!("{} ({} strategy)", self.name, self.strategy)
    }

    /// The edges that leave a node, ordered by the nodes that they lead to.
    fn after(&self, node: NodeIndex) -> Vec<(NodeIndex, NodeIndex, GraphOrder)> {
        let edges = self.graph.edges_directed(node, Direction::Outgoing);
        let mut edges: Vec<_> = edges.map(|edge| (edge.source(), edge.target(), *edge.weight())).collect();
        edges.sort();
        edges
    }

    /// The nodes of a phase's steps.
    fn steps(&self, phase: usize) -> impl DoubleEndedIterator<Item = NodeIndex> + use<> {
        let first = self.phases[phase].index() + 1;
        let end = self.phases.get(phase + 1).map_or(self.graph.node_count(), |next| next.index());
        (first..end).map(NodeIndex::new)
    }
}

fn add_steps(graph: &mut DiGraph<Node, GraphOrder>, phase: &PhaseLayout, steps: &[NodeIndex]) {
    if phase.is_serial() {
        for pair in steps.windows(2) {
            graph.add_edge(pair[0], pair[1], GraphOrder::Strategy);
        }
        return;
    }
    let reason = match phase.strategy.sequence() {
        Sequence::ByDependency => GraphOrder::Dependency,
        Sequence::OneByOne | Sequence::AtOnce => GraphOrder::Instance,
    };
    let mut members = vec![Vec::new(); phase.groups.len()];
    for (at, &node) in phase.steps.iter().zip(steps) {
        members[at.group as usize].push(node);
    }
    for (at, &after) in phase.steps.iter().zip(steps) {
        let group = &phase.groups[at.group as usize];
        for &need in &group.own_needs {
            if let Some(before) = phase.step_in_group(at.instance, need) {
                graph.add_edge(steps[before as usize], after, reason);
            }
        }
        for &need in &group.whole_needs {
            for &before in &members[need as usize] {
                graph.add_edge(before, after, reason);
            }
        }
    }
    // Each canary is released before the next one, and the last before all others.
    let (canaries, rest) = steps.split_at(steps.len().min(phase.strategy.canaries() as usize));
    let pairs = canaries.windows(2).map(|pair| (pair[0], pair[1]));
    let last = canaries.last().into_iter().flat_map(|&last| rest.iter().map(move |&after| (last, after)));
    for (before, after) in pairs.chain(last) {
        // An edge that is there already asks for a complete step, which is more than a released one.
        if graph.find_edge(before, after).is_none() {
            graph.add_edge(before, after, GraphOrder::Canary);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::spec::{Files, ReadOptions, Source, read};

    fn graph(plans: &str) -> PlanGraph {
        let text = format!(
            "name: x\npods:\n  web:\n    count: 3\n    resource-sets: {{ r: {{ cpus: 1 }} }}\n    tasks:\n      \
             a: {{ goal: ONCE, cmd: a, resource-set: r }}\n      b: {{ goal: RUNNING, cmd: b, resource-set: r }}\n  \
             none: {{ count: 0, tasks: {{ t: {{ goal: RUNNING, cmd: t, cpus: 1 }} }} }}\n\
             plans:\n  deploy:\n{plans}"
        );
        let env = BTreeMap::new();
        let options = ReadOptions { env: &env, strict_variables: true, files: Files::Skip };
        let reading = read(Source { file: "svc.yml", text: &text }, &options);
        let spec = reading.spec.unwrap_or_else(|| panic!("{:#?}", reading.diagnostics));
        let model = Model::new(spec).unwrap();
        PlanGraph::new(&model, &model.plans()["deploy"])
    }

    fn edges(plan: &PlanGraph) -> Vec<String> {
        assert!(petgraph::algo::toposort(plan.graph(), None).is_ok());
        let name =
            |node| plan.graph[NodeIndex::new(node)].name().replace("web-", "").replace(['[', ']', ':'], "");
        plan.edges().map(|(a, b, why)| format!("{} {} {}", name(a), name(b), why.as_str())).collect()
    }

    #[test]
    fn each_strategy_has_its_edges() {
        let lists = "steps: [{ default: [[a], [b]] }]";
        for (strategy, steps, expected) in [
            (
                "serial",
                lists,
                vec![
                    "0a 0b strategy",
                    "0b 1a strategy",
                    "1a 1b strategy",
                    "1b 2a strategy",
                    "2a 2b strategy",
                ],
            ),
            ("parallel", lists, vec!["0a 0b instance", "1a 1b instance", "2a 2b instance"]),
            ("parallel-canary", "steps: [{ default: [[b]] }]", vec!["0b 1b canary", "1b 2b canary"]),
            (
                "dependency",
                "steps: [{ name: x, instance: 0, tasks: [a] }, { name: y, instance: default, tasks: [b], depends-on: [x] }]",
                vec!["0a 0b dependency", "0a 1b dependency", "0a 2b dependency"],
            ),
        ] {
            let plan =
                graph(&format!("    phases: {{ p: {{ pod: web, strategy: {strategy}, {steps} }} }}\n"));
            assert_eq!(edges(&plan), expected, "{strategy}");
        }
    }

    #[test]
    fn serial_phases_go_past_an_empty_one() {
        let steps = "steps: [{ default: [[b]] }]";
        let phases = format!(
            "      p: {{ pod: web, {steps}, strategy: parallel }}\n      q: {{ pod: none }}\n      r: {{ pod: web, {steps}, strategy: parallel }}\n"
        );
        assert_eq!(edges(&graph(&format!("    phases:\n{phases}"))), ["p r strategy"]);
        assert!(edges(&graph(&format!("    strategy: parallel\n    phases:\n{phases}"))).is_empty());
    }
}
