//! Dependencies between named things. Invariant: what passes has an order in which each comes after all
//! that it depends on.

use std::collections::BTreeMap;

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

/// The cycles among `names`, each with its members as declared. A name that is not there is no edge.
pub(super) fn cycles<'a>(names: &[&'a str], depends_on: &[Vec<&'a str>]) -> Vec<Vec<&'a str>> {
    let mut graph = DiGraph::<&str, ()>::with_capacity(names.len(), names.len());
    let nodes: BTreeMap<&str, NodeIndex> = names.iter().map(|name| (*name, graph.add_node(name))).collect();
    for (name, others) in names.iter().zip(depends_on) {
        for other in others.iter().filter_map(|other| nodes.get(other)) {
            graph.update_edge(nodes[name], *other, ());
        }
    }
    let mut found: Vec<Vec<NodeIndex>> = tarjan_scc(&graph)
        .into_iter()
        .filter(|members| members.len() > 1 || graph.contains_edge(members[0], members[0]))
        .collect();
    for members in &mut found {
        members.sort_unstable();
    }
    found.sort_unstable();
    found.into_iter().map(|members| members.into_iter().map(|member| graph[member]).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cycles_are_found_with_their_members() {
        let names = ["a", "b", "c", "d", "e"];
        let edges = [vec!["b"], vec!["c"], vec!["a", "d"], vec![], vec!["e", "unknown"]];
        assert_eq!(cycles(&names, &edges), [vec!["a", "b", "c"], vec!["e"]]);
        assert!(cycles(&names, &[vec![], vec!["a"], vec!["a", "b"], vec!["c"], vec!["a"]]).is_empty());
    }
}
