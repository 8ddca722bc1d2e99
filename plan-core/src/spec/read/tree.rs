//! YAML as it is written: scalars as their source text, and every node with its place. Invariant: nothing of the file
//! is lost or changed here (a key that is given twice is there twice), so that all problems of a file can be reported
//! in one run. The cost of a hostile file is bounded by its size.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Error, Location, NonFiniteFloatPolicy, Spanned};

use crate::spec::diagnostic::{Code, Diagnostic, Span};

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

/// Reads a text into its tree.
pub(super) fn parse(text: &str) -> Result<Node, Box<Diagnostic>> {
    let mut options = serde_saphyr::options! {
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        // `Fields` reports each key that is given twice, with its place. The parser would stop at the first.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        with_snippet: false,
        // A specification of 10,000 pods has about a million nodes.
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            flow_nesting_limit: MAX_DEPTH,
            max_nodes: 2_000_000,
            max_events: 4_000_000,
            max_merge_keys: 20_000,
            // Ten thousand pods may share one anchor. The size of what aliases stand for is bounded below.
            enforce_alias_anchor_ratio: false,
            max_recorded_anchor_events: 500_000,
            max_total_scalar_bytes: 64 << 20,
        },
    };
    options.alias_limits.max_total_replayed_events = 500_000;
    match serde_saphyr::from_str_with_options::<Spanned<Raw>>(text, options) {
        Ok(raw) => Ok(node(raw, text)),
        Err(error) => Err(Box::new(problem(&error, text))),
    }
}

/// The greatest depth: three times what a specification needs. With twice as much, an unoptimized build overflows the
/// stack of a 2 MB thread before the parser refuses the file.
const MAX_DEPTH: usize = 32;

/// A node whose plain scalars still have to be looked up in the text.
enum Raw {
    Null,
    Text(String),
    /// A scalar that YAML takes for a number or a boolean. Its text is looked up at its place.
    Typed(String),
    List(Vec<Spanned<Self>>),
    /// A mapping. A key is null if a template left nothing there.
    Map(Vec<(Spanned<Option<String>>, Spanned<Self>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

macro_rules! typed {
    ($($method:ident($kind:ty)),*) => {
        $(fn $method<E>(self, value: $kind) -> Result<Raw, E> { Ok(Raw::Typed(value.to_string())) })*
    };
}

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, a list or a mapping")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Raw, E> {
        Ok(Raw::Text(text))
    }

    typed! { visit_bool(bool), visit_i64(i64), visit_i128(i128), visit_u64(u64), visit_u128(u128), visit_f64(f64) }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = access.next_element()? {
            nodes.push(node);
        }
        Ok(Raw::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

// The depth is bounded by `MAX_DEPTH`.
fn node(raw: Spanned<Raw>, text: &str) -> Node {
    let span = span(raw.defined, text);
    let value = match raw.value {
        Raw::Null => Value::Null,
        Raw::Text(text) => Value::Scalar(text),
        Raw::Typed(value) => Value::Scalar(source(text.get(span.range()), value)),
        Raw::List(nodes) => Value::List(nodes.into_iter().map(|raw| node(raw, text)).collect()),
        Raw::Map(entries) => {
            let entry = |(key, value): (Spanned<Option<String>>, Spanned<Raw>)| {
                (
                    Key { span: self::span(key.defined, text), text: key.value.unwrap_or_default() },
                    node(value, text),
                )
            };
            Value::Map(entries.into_iter().map(entry).collect())
        }
    };
    Node { value, span }
}

/// The text of a scalar, as it was written. With an explicit tag, it is the value under the tag.
fn source(written: Option<&str>, value: String) -> String {
    match written.map(str::trim) {
        Some(written)
            if !written.is_empty() && !written.starts_with(['"', '\'', '!', '&', '*', '|', '>']) =>
        {
            written.to_owned()
        }
        _ => value,
    }
}

fn span(location: Location, text: &str) -> Span {
    let span = location.span();
    let Some(start) = span.byte_offset().and_then(|at| usize::try_from(at).ok()) else {
        // For its own errors, the parser knows only the line and the column.
        let start = byte(text, location.line(), location.column());
        return Span { start, end: start };
    };
    let start = start.min(text.len());
    let len = span.byte_len().and_then(|len| usize::try_from(len).ok()).unwrap_or(0);
    Span { start, end: start.saturating_add(len).min(text.len()) }
}

/// The byte at a line and a column, both counted from 1. The column is in characters.
fn byte(text: &str, line: u64, column: u64) -> usize {
    let number = |count: u64| usize::try_from(count.saturating_sub(1)).unwrap_or(usize::MAX);
    let start = match number(line) {
        0 => 0,
        before => text.match_indices('\n').nth(before - 1).map_or(text.len(), |(at, _)| at + 1),
    };
    text[start..].char_indices().nth(number(column)).map_or(text.len(), |(at, _)| start + at)
}

/// The diagnostic for an error of the parser: the text is not YAML, or is too large for it.
fn problem(error: &Error, text: &str) -> Diagnostic {
    let place: Range<usize> = match error.location() {
        Some(location) => {
            let span = span(location, text);
            span.start..span.end.max(span.start)
        }
        None => 0..0,
    };
    let inner = error.without_snippet();
    let found = match inner {
        Error::Eof { .. } => Diagnostic::error(Code::Empty, "", "the file is empty")
            .help("a specification has at least `name` and `pods`"),
        Error::MultipleDocuments { .. } => {
            Diagnostic::error(Code::Yaml, "", "the file holds several YAML documents")
                .help("write one service in one file")
        }
        Error::UnknownAnchor { .. } => Diagnostic::error(Code::Yaml, "", "the alias has no anchor before it")
            .help(
                "put `&name` on the value that `*name` stands for; a text that begins with `*` needs quotes",
            ),
        Error::Budget { breach, .. } => Diagnostic::error(Code::Limits, "", limit(breach))
            .help("write the specification without such nesting or aliases"),
        Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::AliasReplayCounterOverflow { .. } => {
            Diagnostic::error(Code::Limits, "", "the aliases stand for more than a file may hold")
                .help("write out what the aliases stand for")
        }
        other if other.to_string().contains("budget breached") => {
            Diagnostic::error(Code::Limits, "", "the file holds too many aliases, or is too large")
                .help("write the specification without such nesting or aliases")
        }
        other if other.to_string().contains("recursion limit") => {
            Diagnostic::error(Code::Limits, "", too_deep())
                .help("write the specification without such nesting")
        }
        other => {
            let message = other.to_string();
            let message =
                message.split(" at line ").next().unwrap_or(&message).trim_end_matches('.').to_owned();
            let at_tab =
                text.get(place.start..).is_some_and(|rest| rest.trim_start_matches(' ').starts_with('\t'))
                    || message.contains("tab");
            let help = if at_tab {
                "YAML is indented with spaces, not with tabs"
            } else {
                "check the indentation here and above, and put quotes around text with `: `, ` #`, `{` or `[`"
            };
            Diagnostic::error(Code::Yaml, "", format!("not valid YAML: {message}")).help(help)
        }
    };
    found.span(Span::from(place))
}

fn limit(breach: &serde_saphyr::budget::BudgetBreach) -> String {
    use serde_saphyr::budget::BudgetBreach;
    match breach {
        BudgetBreach::Depth { .. } => too_deep(),
        BudgetBreach::Aliases { .. }
        | BudgetBreach::Anchors { .. }
        | BudgetBreach::AliasAnchorRatio { .. }
        | BudgetBreach::RecordedAnchorEvents { .. }
        | BudgetBreach::RecordedAnchorBytes { .. } => "the file holds too many aliases".to_owned(),
        _ => "the file is too large".to_owned(),
    }
}

fn too_deep() -> String {
    format!("the file is nested more than {MAX_DEPTH} deep")
}
