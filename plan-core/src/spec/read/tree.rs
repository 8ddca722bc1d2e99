//! YAML as it is written: scalars as their source text, and every node with its place. Invariant: nothing of the file
//! is lost or changed here (a key that is given twice is there twice), so that all problems of a file can be reported
//! in one run. The cost of a hostile file is bounded by its size.

use std::collections::BTreeMap;

use crate::spec::diagnostic::Span;

/// A node of a YAML document.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) span: Span,
}

/// The value of a node.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Null,
    /// Any scalar, as its text: `1.10` stays `1.10`.
    Scalar(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) text: String,
    pub(super) span: Span,
}

impl Node {
    /// The kind of the value, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Scalar(_) => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    fn entry<'a, 'p>(&'a self, index: usize, after: &'p str) -> Option<(Option<&'a Key>, &'a Self, &'p str)> {
        match &self.value {
            Value::List(nodes) => nodes.get(index).map(|node| (None, node, after)),
            // In a specification, named volumes are a list.
            Value::Map(entries) => entries.get(index).map(|(key, node)| (Some(key), node, after)),
            _ => None,
        }
    }
}

/// Finds the places of paths in a tree. A mapping is sorted once, when a path first leads through it, so that many
/// problems of a large file take linear time.
pub(super) struct Places<'a> {
    root: &'a Node,
    /// By the address of a mapping: the mapping's entries by key, with the first entry of each key.
    sorted: BTreeMap<usize, BTreeMap<&'a str, &'a (Key, Node)>>,
}

impl<'a> Places<'a> {
    pub(super) fn new(root: &'a Node) -> Self {
        Self { root, sorted: BTreeMap::new() }
    }

    /// The place of a path, or of its longest beginning that the tree has. The place of a scalar is the scalar, that of
    /// any other value is its key.
    pub(super) fn place(&mut self, path: &str) -> Span {
        let (mut node, mut place, mut rest) = (self.root, self.root.span, path);
        loop {
            let step = match rest.strip_prefix('[') {
                Some(indexed) => {
                    indexed.split_once(']').and_then(|(index, after)| node.entry(index.parse().ok()?, after))
                }
                None => self.child(node, rest.strip_prefix('.').unwrap_or(rest)),
            };
            let Some((key, child, after)) = step else { return place };
            place = match (&child.value, key) {
                (Value::Scalar(_), _) | (_, None) => child.span,
                (_, Some(key)) => key.span,
            };
            (node, rest) = (child, after);
        }
    }

    /// A name may have a dot or a bracket in it, so the longest key that fits is taken.
    fn child<'p>(&mut self, node: &'a Node, path: &'p str) -> Option<(Option<&'a Key>, &'a Node, &'p str)> {
        let Value::Map(entries) = &node.value else { return None };
        let sorted = self.sorted.entry(std::ptr::from_ref(node).addr()).or_insert_with(|| {
            // Of a key that is given twice, the first counts.
            entries.iter().rev().map(|entry| (entry.0.text.as_str(), entry)).collect()
        });
        let ends = path.match_indices(['.', '[']).map(|(at, _)| at);
        let ends: Vec<usize> = ends.chain([path.len()]).collect();
        let found = ends.iter().rev().find_map(|end| {
            let (key, node) = sorted.get(&path[..*end])?;
            Some((Some(key), node, &path[*end..]))
        });
        // The volume of the key `volume` is the first of `volumes`.
        found.or_else(|| {
            let after = path.strip_prefix("volumes[0]")?;
            let (key, node) = sorted.get("volume")?;
            Some((Some(key), node, after))
        })
    }
}
