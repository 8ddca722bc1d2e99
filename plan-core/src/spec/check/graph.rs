//! Dependencies between named phases or steps. Invariant: names without a cycle can be ordered so that each comes after
//! all that it depends on.

use std::collections::BTreeMap;

/// The cycles among `names`, each with its members in declared order. Dependencies on unknown names are ignored.
pub(super) fn cycles<'a>(names: &[&'a str], depends_on: &[Vec<&'a str>]) -> Vec<Vec<&'a str>> {
    let places: BTreeMap<&str, usize> = names.iter().zip(0..).map(|(name, at)| (*name, at)).collect();
    let edges: Vec<Vec<usize>> = depends_on
        .iter()
        .take(names.len())
        .map(|others| others.iter().filter_map(|other| places.get(other).copied()).collect())
        .collect();
    let found = crate::spec::cycles::cycles(&edges);
    found.into_iter().map(|members| members.into_iter().map(|member| names[member]).collect()).collect()
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
