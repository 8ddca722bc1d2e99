//! A plan's graph in the DOT language.

use std::fmt;

use petgraph::graph::NodeIndex;

use super::{GraphOrder, Node, PlanGraph};

pub(super) struct Dot<'a>(pub(super) &'a PlanGraph);

impl fmt::Display for Dot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = self.0;
        writeln!(f, "digraph {} {{", Quoted(&plan.name))?;
        writeln!(f, "  label={};", Quoted(&plan.title()))?;
        writeln!(f, "  labelloc=t;\n  compound=true;\n  rankdir=LR;\n  node [shape=box];")?;
        for (at, &phase) in plan.phases.iter().enumerate() {
            let Node::Phase { name, strategy, .. } = &plan.graph[phase] else { continue };
            writeln!(f, "  subgraph cluster_{at} {{")?;
            writeln!(f, "    label={};", Quoted(&format!("{name} ({strategy} strategy)")))?;
            for node in plan.steps(at) {
                self.step(f, node)?;
            }
            // DOT does not draw a cluster without nodes, and no edge could lead to it.
            if plan.steps(at).next().is_none() {
                writeln!(f, "    n{} [label=\"no steps\", shape=plaintext];", phase.index())?;
            }
            for edge in plan.steps(at).flat_map(|node| plan.after(node)) {
                let style = if edge.2 == GraphOrder::Canary { " [style=dashed]" } else { "" };
                writeln!(f, "    n{} -> n{}{style};", edge.0.index(), edge.1.index())?;
            }
            writeln!(f, "  }}")?;
        }
        for (before, after, _) in plan.phases.iter().flat_map(|&phase| plan.after(phase)) {
            let (from, to) = (plan.graph[before].phase(), plan.graph[after].phase());
            let tail = plan.steps(from as usize).next_back().unwrap_or(before);
            let head = plan.steps(to as usize).next().unwrap_or(after);
            writeln!(
                f,
                "  n{} -> n{} [ltail=cluster_{from}, lhead=cluster_{to}];",
                tail.index(),
                head.index()
            )?;
        }
        f.write_str("}")
    }
}

impl Dot<'_> {
    fn step(&self, f: &mut fmt::Formatter<'_>, node: NodeIndex) -> fmt::Result {
        let Node::Step { name, canary, .. } = &self.0.graph[node] else { return Ok(()) };
        if *canary {
            let label = format!("{name}\ncanary");
            writeln!(f, "    n{} [label={}, style=dashed];", node.index(), Quoted(&label))
        } else {
            writeln!(f, "    n{} [label={}];", node.index(), Quoted(name))
        }
    }
}

/// A text as a quoted DOT string. Between quotes only the quote and, for labels, the backslash have a meaning.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                c => write!(f, "{c}")?,
            }
        }
        f.write_str("\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_dot_is_escaped() {
        assert_eq!(Quoted("a\"b\\c\nd").to_string(), r#""a\"b\\c\nd""#);
    }
}
