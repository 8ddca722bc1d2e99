//! Cycles of a graph of dependencies. Invariant: the nodes of a graph without a cycle can be ordered so that each comes
//! after all that it depends on. No depth of the graph overflows the stack.

/// The cycles of a graph, ordered by their first members, each with its members in order. Node `n` has edges to
/// `edges[n]`; numbers that are not nodes are ignored.
pub(crate) fn cycles(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    // Tarjan's strongly connected components, with a stack of its own.
    const NEW: usize = usize::MAX;
    let count = edges.len();
    let (mut number, mut low, mut is_open) = (vec![NEW; count], vec![0; count], vec![false; count]);
    let (mut open, mut found, mut next) = (Vec::new(), Vec::new(), 0);
    // The nodes on the current path, each with the index of its next edge.
    let mut way: Vec<(usize, usize)> = Vec::new();
    for start in 0..count {
        if number[start] == NEW {
            way.push((start, 0));
        }
        while let Some((node, edge)) = way.last_mut() {
            let node = *node;
            if *edge == 0 && number[node] == NEW {
                (number[node], low[node], is_open[node]) = (next, next, true);
                next += 1;
                open.push(node);
            }
            if let Some(&to) = edges[node].get(*edge) {
                *edge += 1;
                if to >= count {
                    continue;
                }
                if number[to] == NEW {
                    way.push((to, 0));
                } else if is_open[to] {
                    low[node] = low[node].min(number[to]);
                }
                continue;
            }
            way.pop();
            if let Some(&(before, _)) = way.last() {
                low[before] = low[before].min(low[node]);
            }
            if low[node] == number[node] {
                let first = open.iter().rposition(|&member| member == node).unwrap_or(0);
                let mut members = open.split_off(first);
                members.iter().for_each(|&member| is_open[member] = false);
                if members.len() > 1 || edges[node].contains(&node) {
                    members.sort_unstable();
                    found.push(members);
                }
            }
        }
    }
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_long_chain_has_no_cycle_until_its_end_leads_back() {
        let mut edges: Vec<Vec<usize>> = (1..=100_000).map(|next| vec![next]).collect();
        assert_eq!(cycles(&edges), Vec::<Vec<usize>>::new(), "the last edge leads nowhere");
        edges[99_999] = vec![0];
        assert_eq!(cycles(&edges), [(0..100_000).collect::<Vec<_>>()]);
    }

    proptest! {
        #[test]
        fn they_are_those_that_petgraph_finds(
            edges in proptest::collection::vec(proptest::collection::vec(0..9_usize, 0..3), 0..9),
        ) {
            let mut graph = petgraph::graph::DiGraph::<(), ()>::new();
            let nodes: Vec<_> = edges.iter().map(|_| graph.add_node(())).collect();
            for (from, to) in edges.iter().enumerate() {
                to.iter().filter(|to| **to < nodes.len()).for_each(|to| {
                    graph.update_edge(nodes[from], nodes[*to], ());
                });
            }
            let mut expected: Vec<Vec<usize>> = petgraph::algo::tarjan_scc(&graph)
                .into_iter()
                .filter(|members| members.len() > 1 || graph.contains_edge(members[0], members[0]))
                .map(|members| members.into_iter().map(|node| node.index()).collect())
                .collect();
            expected.iter_mut().for_each(|members: &mut Vec<usize>| members.sort_unstable());
            expected.sort_unstable();
            prop_assert_eq!(cycles(&edges), expected);
        }
    }
}
