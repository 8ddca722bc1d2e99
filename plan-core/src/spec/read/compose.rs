//! From a text to its tree, by the parser's events. Invariant: that of [`super::tree`]. The node that an alias stands
//! for is copied, and all copies together are bounded.

use std::collections::{BTreeMap, BTreeSet};

use granit_parser::{ErrorKind, Event, Marker, Parser, ScalarStyle, ScanError, Tag};

use super::tree::{Key, Node, Value};
use crate::spec::diagnostic::{Code, Diagnostic, Span};

/// The deepest nesting of lists and mappings: three times what a specification needs. A recursive walk through such a
/// tree stays within the stack of a small thread.
const MAX_DEPTH: usize = 32;

/// How many nodes, and how many bytes of texts, all anchors and aliases together may copy. Ten thousand pods that share
/// one anchor stay within these bounds.
const MOST_COPIED: Size = Size { nodes: 500_000, bytes: 64 << 20 };

/// How often a file may merge a mapping into another.
const MOST_MERGES: usize = 20_000;

/// Reads a text into its tree.
pub(super) fn parse(text: &str) -> Result<Node, Box<Diagnostic>> {
    let composer =
        Composer { text, open: Vec::new(), anchors: BTreeMap::new(), copied: Size::default(), merges: 0 };
    composer.document()
}

/// The size of a node, with all nodes below it.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    nodes: usize,
    bytes: usize,
}

/// A copy of an anchored node, for its aliases.
struct Anchored {
    node: Node,
    size: Size,
    /// The nesting of lists and mappings in the node.
    depth: usize,
}

/// A list or a mapping whose end is not read yet.
struct Open {
    span: Span,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map {
        entries: Vec<(Key, Node)>,
        key: Option<Name>,
        /// The nodes that are merged into the mapping, in the order of its `<<` keys.
        merged: Vec<Node>,
    },
}

/// The key of the value that comes next.
enum Name {
    Key(Key),
    /// `<<`: the value is merged into the mapping.
    Merge,
}

struct Composer<'a> {
    text: &'a str,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Anchored>,
    copied: Size,
    merges: usize,
}

impl<'a> Composer<'a> {
    /// The one document of the text.
    fn document(mut self) -> Result<Node, Box<Diagnostic>> {
        let mut root = None;
        // Comments are not part of the tree.
        let options = granit_parser::options! { emit_comments: false };
        for next in Parser::new_from_str_with_options(self.text, options) {
            let (event, place) = next.map_err(|error| self.broken(&error))?;
            let span = place.byte_range().map_or_else(|| self.at(&place.start), Span::from);
            let done = match event {
                Event::DocumentStart(..) if root.is_some() => {
                    let found = Diagnostic::error(Code::Yaml, "", "the file holds several YAML documents");
                    return Err(found.help("write one service in one file").span(span).into());
                }
                Event::Scalar(text, style, anchor, tag) => {
                    let tag = tag.as_deref();
                    if is_merge(&text, style, tag) && self.merge(span)? {
                        continue;
                    }
                    if let Some(tag) = tag.filter(|tag| !fits(&text, tag)) {
                        let message = format!("not valid YAML: `{text}` is no `{}`", tag.original());
                        let help = "leave the tag out: what a value is follows from its key";
                        return Err(Diagnostic::error(Code::Yaml, "", message).help(help).span(span).into());
                    }
                    let value = match is_null(&text, style, tag) {
                        true => Value::Null,
                        false => Value::Scalar(text.into_owned()),
                    };
                    let node = Node { value, span };
                    self.remember(anchor, &node, span)?;
                    Some(node)
                }
                Event::SequenceStart(_, anchor, _) => {
                    self.begin(span, anchor, Content::List(Vec::new()))?;
                    None
                }
                Event::MappingStart(_, anchor, _) => {
                    self.begin(
                        span,
                        anchor,
                        Content::Map { entries: Vec::new(), key: None, merged: Vec::new() },
                    )?;
                    None
                }
                Event::SequenceEnd | Event::MappingEnd => self.end()?,
                Event::Alias(anchor) => Some(self.copy(anchor, span)?),
                _ => None,
            };
            if let Some(node) = done {
                self.place(node, &mut root)?;
            }
        }
        root.ok_or_else(|| {
            Diagnostic::error(Code::Empty, "", "the file is empty")
                .help("a specification has at least `name` and `pods`")
                .span(Span { start: 0, end: 0 })
                .into()
        })
    }
}

impl Composer<'_> {
    /// Begins a list or a mapping.
    fn begin(&mut self, span: Span, anchor: usize, content: Content) -> Result<(), Box<Diagnostic>> {
        if self.open.len() == MAX_DEPTH {
            return Err(too_deep().span(span).into());
        }
        self.open.push(Open { span, anchor, content });
        Ok(())
    }

    /// Ends a list or a mapping.
    fn end(&mut self) -> Result<Option<Node>, Box<Diagnostic>> {
        let Some(Open { span, anchor, content }) = self.open.pop() else { return Ok(None) };
        let value = match content {
            Content::List(nodes) => Value::List(nodes),
            Content::Map { entries, merged, .. } => Value::Map(merge(entries, merged)?),
        };
        let node = Node { value, span };
        self.remember(anchor, &node, span)?;
        Ok(Some(node))
    }

    /// Puts a node where it belongs: it is the document, the next entry of a list, a key, or the value of a key.
    fn place(&mut self, node: Node, root: &mut Option<Node>) -> Result<(), Box<Diagnostic>> {
        match self.open.last_mut().map(|open| &mut open.content) {
            None => *root = Some(node),
            Some(Content::List(nodes)) => nodes.push(node),
            Some(Content::Map { entries, key, merged }) => match key.take() {
                None => *key = Some(Name::Key(as_key(node)?)),
                Some(Name::Key(key)) => entries.push((key, node)),
                Some(Name::Merge) => merged.push(node),
            },
        }
        Ok(())
    }

    /// Takes the scalar `<<`. Returns true if it is a key, so that the value after it is merged.
    fn merge(&mut self, span: Span) -> Result<bool, Box<Diagnostic>> {
        let Some(Content::Map { key: key @ None, .. }) = self.open.last_mut().map(|open| &mut open.content)
        else {
            return Ok(false);
        };
        *key = Some(Name::Merge);
        self.merges += 1;
        if self.merges > MOST_MERGES {
            return Err(limits("the file holds too many `<<`").span(span).into());
        }
        Ok(true)
    }

    /// Keeps a copy of an anchored node for its aliases.
    fn remember(&mut self, anchor: usize, node: &Node, span: Span) -> Result<(), Box<Diagnostic>> {
        if anchor != 0 {
            let (size, depth) = measure(node);
            self.pay(size, "the file holds too many anchors", span)?;
            self.anchors.insert(anchor, Anchored { node: node.clone(), size, depth });
        }
        Ok(())
    }

    /// The node that an alias stands for. Its place is that of the anchored node, as a problem is corrected there.
    fn copy(&mut self, anchor: usize, span: Span) -> Result<Node, Box<Diagnostic>> {
        let Some(Anchored { size, depth, .. }) = self.anchors.get(&anchor) else {
            let found = Diagnostic::error(Code::Yaml, "", "the alias lies within what it stands for");
            return Err(found.help("write out what the alias stands for").span(span).into());
        };
        if self.open.len() + depth > MAX_DEPTH {
            return Err(too_deep().span(span).into());
        }
        self.pay(*size, "the aliases stand for more than a file may hold", span)?;
        Ok(self.anchors[&anchor].node.clone())
    }

    /// Counts a copy of this size, and refuses the file if all copies together are too large.
    fn pay(&mut self, size: Size, why: &str, span: Span) -> Result<(), Box<Diagnostic>> {
        let Size { nodes, bytes } = &mut self.copied;
        (*nodes, *bytes) = (nodes.saturating_add(size.nodes), bytes.saturating_add(size.bytes));
        match *nodes > MOST_COPIED.nodes || *bytes > MOST_COPIED.bytes {
            true => Err(limits(why).span(span).into()),
            false => Ok(()),
        }
    }

    fn at(&self, mark: &Marker) -> Span {
        let start = mark.byte_offset().unwrap_or_else(|| byte(self.text, mark.line(), mark.col() + 1));
        let start = start.min(self.text.len());
        Span { start, end: start }
    }

    /// The diagnostic for an error of the parser.
    fn broken(&self, error: &ScanError) -> Box<Diagnostic> {
        let span = self.at(error.marker());
        let found = match error.kind() {
            ErrorKind::UnknownAnchor => Diagnostic::error(
                Code::Yaml,
                "",
                "the alias has no anchor before it",
            )
            .help(
                "put `&name` on the value that `*name` stands for; a text that begins with `*` needs quotes",
            ),
            ErrorKind::RecursionLimitExceeded => too_deep(),
            _ => {
                let info = error.info();
                let message = info.split(" at line ").next().unwrap_or(&info).trim_end_matches('.');
                let rest = self.text.get(span.start..).unwrap_or_default();
                let at_tab = rest.trim_start_matches(' ').starts_with('\t') || message.contains("tab");
                let help = match at_tab {
                    true => "YAML is indented with spaces, not with tabs",
                    false => {
                        "check the indentation here and above, and put quotes around text with `: `, ` #`, `{` or `[`"
                    }
                };
                Diagnostic::error(Code::Yaml, "", format!("not valid YAML: {message}")).help(help)
            }
        };
        found.span(span).into()
    }
}

/// Whether a scalar is the key that merges.
fn is_merge(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> bool {
    text == "<<"
        && match tag {
            None => style == ScalarStyle::Plain,
            Some(tag) => tag.handle() == "tag:yaml.org,2002:" && tag.suffix() == "merge",
        }
}

/// Whether a scalar is null, as it is written or by its tag.
fn is_null(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> bool {
    let nothing = style == ScalarStyle::Plain && matches!(text, "" | "~" | "null" | "Null" | "NULL");
    match tag {
        None => nothing,
        Some(tag) if tag.is_yaml_core_schema_tag("null") => true,
        // The tag `!` makes any scalar a text.
        Some(tag) => nothing && !tag.is_yaml_core_schema() && tag.parts() != ("", "!"),
    }
}

/// Whether a scalar fits its tag. A tag that YAML does not define fits any scalar. `!!binary` fits none, as its value
/// is not a text.
fn fits(text: &str, tag: &Tag) -> bool {
    match tag.core_suffix() {
        Some("int") => {
            let digits = unsigned(text);
            let radix = |prefix: &str, radix| {
                let digits = digits.strip_prefix(prefix);
                digits.is_some_and(|digits| !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix)))
            };
            is_digits(digits) || radix("0x", 16) || radix("0o", 8)
        }
        // By its digits alone: there is no float here.
        Some("float") => {
            let number = unsigned(text).to_ascii_lowercase();
            let (number, exponent) = number.split_once('e').unwrap_or((&number, "0"));
            let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
            let digits = is_digits(whole) && (part.is_empty() || is_digits(part))
                || whole.is_empty() && is_digits(part);
            digits && is_digits(unsigned(exponent)) || matches!(number, ".inf" | ".nan")
        }
        Some("bool") => matches!(text.to_ascii_lowercase().as_str(), "true" | "false"),
        Some("null") => matches!(text.to_ascii_lowercase().as_str(), "" | "~" | "null"),
        Some("map" | "seq") => false,
        _ => tag.suffix_in_namespace("tag:yaml.org,2002:").as_deref() != Some("binary"),
    }
}

/// A number without its sign.
fn unsigned(text: &str) -> &str {
    text.strip_prefix(['+', '-']).unwrap_or(text)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A key may be null if a template left nothing there.
fn as_key(node: Node) -> Result<Key, Box<Diagnostic>> {
    let Node { value, span } = node;
    match value {
        Value::Scalar(text) => Ok(Key { text, span }),
        Value::Null => Ok(Key { text: String::new(), span }),
        Value::List(_) | Value::Map(_) => {
            let found = Diagnostic::error(Code::Yaml, "", "a key is a single value, not a list or a mapping");
            Err(found.help("put quotes around text with `{`, `[` or `? `").span(span).into())
        }
    }
}

/// The entries of a mapping, with those that are merged into it. The mapping's own entries win, and of several merged
/// entries with one key the first counts.
fn merge(mut entries: Vec<(Key, Node)>, merged: Vec<Node>) -> Result<Vec<(Key, Node)>, Box<Diagnostic>> {
    if merged.is_empty() {
        return Ok(entries);
    }
    let mut more = Vec::new();
    for node in merged {
        collect(node, &mut more)?;
    }
    let mut known: BTreeSet<String> = entries.iter().map(|(key, _)| key.text.clone()).collect();
    more.retain(|(key, _)| known.insert(key.text.clone()));
    entries.append(&mut more);
    Ok(entries)
}

/// Collects the entries that the value of `<<` merges: it is a mapping, or a list of mappings. Null merges nothing.
fn collect(node: Node, into: &mut Vec<(Key, Node)>) -> Result<(), Box<Diagnostic>> {
    match node.value {
        Value::Null => Ok(()),
        Value::Map(mut entries) => {
            into.append(&mut entries);
            Ok(())
        }
        Value::List(nodes) => nodes.into_iter().try_for_each(|node| collect(node, into)),
        Value::Scalar(_) => {
            let found = Diagnostic::error(Code::Yaml, "", "`<<` takes a mapping, or a list of mappings");
            Err(found.help("write `<<: *name`, with `&name` on a mapping before").span(node.span).into())
        }
    }
}

/// The size of a node, and its nesting, which is bounded by [`MAX_DEPTH`].
fn measure(node: &Node) -> (Size, usize) {
    let mut size = Size { nodes: 1, bytes: 0 };
    let mut deepest = 0;
    let mut add = |node: &Node| {
        let (of, depth) = measure(node);
        (size.nodes, size.bytes) = (size.nodes + of.nodes, size.bytes + of.bytes);
        deepest = deepest.max(depth);
    };
    match &node.value {
        Value::Null => return (size, 0),
        Value::Scalar(text) => return (Size { bytes: text.len(), ..size }, 0),
        Value::List(nodes) => nodes.iter().for_each(add),
        Value::Map(entries) => {
            entries.iter().for_each(|(_, node)| add(node));
            size.bytes += entries.iter().map(|(key, _)| key.text.len()).sum::<usize>();
        }
    }
    (size, deepest + 1)
}

/// The byte at a line and a column, both counted from 1. The column is in characters.
fn byte(text: &str, line: usize, column: usize) -> usize {
    let start = match line.saturating_sub(1) {
        0 => 0,
        before => text.match_indices('\n').nth(before - 1).map_or(text.len(), |(at, _)| at + 1),
    };
    text[start..].char_indices().nth(column.saturating_sub(1)).map_or(text.len(), |(at, _)| start + at)
}

fn limits(message: &str) -> Diagnostic {
    Diagnostic::error(Code::Limits, "", message).help("write out what the aliases stand for")
}

fn too_deep() -> Diagnostic {
    Diagnostic::error(Code::Limits, "", format!("the file is nested more than {MAX_DEPTH} deep"))
        .help("write the specification without such nesting")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree in a line: `{key: value}`, `[value]`, a scalar in quotes, `~`.
    fn shown(node: &Node) -> String {
        match &node.value {
            Value::Null => "~".to_owned(),
            Value::Scalar(text) => format!("{text:?}"),
            Value::List(nodes) => format!("[{}]", nodes.iter().map(shown).collect::<Vec<_>>().join(", ")),
            Value::Map(entries) => {
                let entries = entries.iter().map(|(key, node)| format!("{}: {}", key.text, shown(node)));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
            }
        }
    }

    fn read(text: &str) -> String {
        parse(text).map_or_else(|problem| problem.message.clone(), |node| shown(&node))
    }

    #[test]
    fn a_text_has_one_tree() {
        for (text, tree) in [
            ("a: 1.10\nb: 0x1F\nc: yes\n", r#"{a: "1.10", b: "0x1F", c: "yes"}"#),
            ("a: ~\nb:\nc: null\nd: 'null'\n: x\n", r#"{a: ~, b: ~, c: ~, d: "null", : "x"}"#),
            ("a: 1\na: 2\n", r#"{a: "1", a: "2"}"#),
            ("[&x {b: c}, *x]", r#"[{b: "c"}, {b: "c"}]"#),
            // What is there already stays, and of what is merged the first counts.
            ("x: &x {a: 1, b: 1}\ny: {<<: *x, b: 2}\n", r#"{x: {a: "1", b: "1"}, y: {b: "2", a: "1"}}"#),
            ("{<<: [{a: 1}, {a: 2, b: 2}], c: 3}", r#"{c: "3", a: "1", b: "2"}"#),
            ("{<<: ~, a: 1}", r#"{a: "1"}"#),
            ("{'<<': 1}", r#"{<<: "1"}"#),
            ("[<<]", r#"["<<"]"#),
            ("[!!str ~, ! ~, !!null x]", "not valid YAML: `x` is no `!!null`"),
            ("[!!str ~, ! ~, !!null ~, !own ~, !own x]", r#"["~", "~", ~, ~, "x"]"#),
        ] {
            assert_eq!(read(text), tree, "{text:?}");
        }
    }

    #[test]
    fn a_scalar_is_what_its_tag_says() {
        let good = [
            ("int", "-5"),
            ("int", "0x1f"),
            ("int", "0o17"),
            ("float", "1."),
            ("float", "-.5e+3"),
            ("float", ".inf"),
        ];
        let bad = [
            ("int", "--5"),
            ("int", "0x"),
            ("int", "1.0"),
            ("float", "."),
            ("float", "1e"),
            ("float", "x"),
            ("bool", "yes"),
            ("binary", "aGk="),
        ];
        for (tag, text) in good {
            assert_eq!(read(&format!("[!!{tag} {text}]")), format!("[{text:?}]"), "{tag}");
        }
        for (tag, text) in bad {
            assert_eq!(
                read(&format!("[!!{tag} {text}]")),
                format!("not valid YAML: `{text}` is no `!!{tag}`")
            );
        }
    }

    #[test]
    fn what_aliases_copy_is_bounded() {
        assert_eq!(read("&x [*x]"), "the alias lies within what it stands for");
        assert_eq!(read("{<<: 1}"), "`<<` takes a mapping, or a list of mappings");
        // A long text counts by its length, and not as one node.
        let long = format!("[&x {}{}]", "x".repeat(1 << 20), ", *x".repeat(70));
        assert_eq!(read(&long), "the aliases stand for more than a file may hold");
        // A tree that an alias puts too deep is refused, as one that is written there is.
        let deep = format!(
            "a: &x {}{}\nb: {}*x{}\n",
            "[".repeat(20),
            "]".repeat(20),
            "[".repeat(20),
            "]".repeat(20)
        );
        assert_eq!(read(&deep), format!("the file is nested more than {MAX_DEPTH} deep"));
        let merges = format!("x: &x {{a: 1}}\ny: [{}]\n", "{<<: *x},".repeat(MOST_MERGES + 1));
        assert!(parse(&merges).is_err_and(|problem| problem.code == Code::Limits));
    }
}
