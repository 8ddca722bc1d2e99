//! A plan's graph in the language of Mermaid.

use std::fmt;

use super::{GraphOrder, Node, PlanGraph};

pub(super) struct Mermaid<'a>(pub(super) &'a PlanGraph);

impl fmt::Display for Mermaid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = self.0;
        writeln!(f, "flowchart TB")?;
        writeln!(f, "  subgraph plan[{}]", Quoted(&plan.title()))?;
        for (at, &phase) in plan.phases.iter().enumerate() {
            let Node::Phase { name, strategy, .. } = &plan.graph[phase] else { continue };
            let title = format!("{name} ({strategy} strategy)");
            // Mermaid has no subgraph without nodes.
            if plan.steps(at).next().is_none() {
                writeln!(f, "    p{at}[{}]", Quoted(&format!("{title}: no steps")))?;
                continue;
            }
            writeln!(f, "    subgraph p{at}[{}]\n      direction LR", Quoted(&title))?;
            let mut canaries = Vec::new();
            for node in plan.steps(at) {
                let Node::Step { name, canary, .. } = &plan.graph[node] else { continue };
                if *canary {
                    canaries.push(format!("n{}", node.index()));
                    writeln!(f, "      n{}[{}]", node.index(), Quoted(&format!("{name} (canary)")))?;
                } else {
                    writeln!(f, "      n{}[{}]", node.index(), Quoted(name))?;
                }
            }
            for (before, after, order) in plan.steps(at).flat_map(|node| plan.after(node)) {
                let arrow = if order == GraphOrder::Canary { "-.->" } else { "-->" };
                writeln!(f, "      n{} {arrow} n{}", before.index(), after.index())?;
            }
            writeln!(f, "    end")?;
            if !canaries.is_empty() {
                writeln!(f, "    style {} stroke-dasharray:4 3", canaries.join(","))?;
            }
        }
        for (before, after, _) in plan.phases.iter().flat_map(|&phase| plan.after(phase)) {
            writeln!(f, "    p{} --> p{}", plan.graph[before].phase(), plan.graph[after].phase())?;
        }
        f.write_str("  end")
    }
}

/// A text as a quoted label. Mermaid has no backslash escapes: a character with a meaning in Mermaid or HTML is written
/// as one of Mermaid's entities, `#quot;` or `#35;`.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("#quot;")?,
                '#' | '&' | '<' | '>' | '`' | '*' | '_' | '\\' | ';' => write!(f, "#{};", u32::from(c))?,
                c if c.is_control() => f.write_str(" ")?,
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
    fn what_means_something_in_mermaid_is_escaped() {
        let text = Quoted("a\"b\\c\nd<e>&`#;").to_string();
        assert_eq!(text, "\"a#quot;b#92;c d#60;e#62;#38;#96;#35;#59;\"");
    }
}
