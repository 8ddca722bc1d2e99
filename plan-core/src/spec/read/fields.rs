//! Typed values from a tree. Invariant: every problem is reported once, with its place, and reading goes on with a
//! stand-in. So all problems of a file are reported in one run.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::str::FromStr;

use super::tree::{Key, Node, Value};
use crate::spec::check::Origins;
use crate::spec::diagnostic::{Code, Diagnostic, Files, Path, Span};
use crate::spec::keys::{Kind, Need, Table, Unknown};
use crate::spec::names::NameError;
use crate::spec::template::Rendered;

/// The reader of a tree, with the problems that it has found.
pub(super) struct Reader<'a> {
    pub(super) files: Files<'a>,
    rendered: &'a Rendered,
    pub(super) found: Vec<Diagnostic>,
    pub(super) origins: Origins,
}

/// The known keys of a mapping.
pub(super) struct Fields<'t, 'p> {
    pub(super) path: Path<'p>,
    /// The place to report for a missing key.
    pub(super) place: Span,
    table: &'static Table,
    entries: &'t [(Key, Node)],
}

/// A value, with the place to report for its problems.
#[derive(Clone, Copy)]
pub(super) struct Field<'t> {
    pub(super) place: Span,
    pub(super) node: &'t Node,
}

impl<'t> Field<'t> {
    fn of(key: &Key, node: &'t Node) -> Self {
        let place = if matches!(node.value, Value::Scalar(_)) { node.span } else { key.span };
        Self { place, node }
    }

    /// An entry of a list as a field.
    pub(super) fn entry(node: &'t Node) -> Self {
        Self { place: node.span, node }
    }
}

impl<'t> Fields<'t, '_> {
    /// The value of a key; `None` if the key is absent or null.
    pub(super) fn get(&self, key: &str) -> Option<Field<'t>> {
        self.raw(key).filter(|field| !matches!(field.node.value, Value::Null))
    }

    /// The value of a key, which may be null.
    pub(super) fn raw(&self, key: &str) -> Option<Field<'t>> {
        debug_assert!(self.table.key(key).is_some(), "`{key}` is not declared in `{}`", self.table.name);
        self.entries.iter().find(|(found, _)| found.text == key).map(|(key, node)| Field::of(key, node))
    }
}

impl Fields<'_, '_> {
    /// The least and the largest value of a number, as its key is declared. For a list, those of its entries.
    pub(super) fn bounds(&self, key: &str) -> (i64, i64) {
        match self.table.key(key).map(|key| &key.kind) {
            Some(
                Kind::Whole(least, most)
                | Kind::List(Kind::Whole(least, most))
                | Kind::Limit(Kind::Whole(least, most)),
            ) => (*least, *most),
            _ => (i64::MIN, i64::MAX),
        }
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(rendered: &'a Rendered, files: Files<'a>) -> Self {
        Self { files, rendered, found: Vec::new(), origins: Origins::default() }
    }

    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        if diagnostic.is_error() {
            self.origins.break_at(&diagnostic.path);
        }
        self.found.push(diagnostic);
    }

    pub(super) fn error(
        &mut self,
        code: Code,
        path: &Path<'_>,
        place: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.report(Diagnostic::error(code, path, message).span(place).help(help));
    }

    /// Reads a mapping with known keys, and reports the unknown ones. Null is a mapping without keys.
    pub(super) fn fields<'t, 'p>(
        &mut self,
        path: Path<'p>,
        field: Field<'t>,
        table: &'static Table,
    ) -> Option<Fields<'t, 'p>> {
        let entries = self.entries(&path, field)?;
        let note = |key: &str| table.unknown == Unknown::RefusedButNotes && key.starts_with("x-");
        let unknown = entries.iter().filter(|(key, _)| table.key(&key.text).is_none() && !note(&key.text));
        for (key, _) in unknown {
            let at = path.key(&key.text);
            let problem = match table.unknown {
                Unknown::Refused | Unknown::RefusedButNotes => {
                    Diagnostic::error(Code::UnknownKey, at, format!("unknown key `{}`", key.text))
                }
                Unknown::Ignored => {
                    let message = format!("unknown key `{}`, it has no effect", key.text);
                    Diagnostic::warning(Code::UnknownKey, at, message)
                }
            };
            let known = table.keys().map(|key| key.name);
            let mut problem = problem.span(key.span).nearest(&key.text, known.clone());
            problem.help.get_or_insert_with(|| {
                let known: Vec<&str> = known.collect();
                format!("known here are: {}", known.join(", "))
            });
            self.report(problem);
        }
        Some(Fields { path, place: field.place, table, entries })
    }

    /// Reads a mapping whose keys are names, in declared order. Of a key that is given twice, the first counts.
    pub(super) fn named<'t>(&mut self, path: &Path<'_>, field: Field<'t>) -> Vec<(&'t Key, Field<'t>)> {
        let entries = self.entries(path, field).unwrap_or_default();
        let mut seen = BTreeSet::new();
        let first = entries.iter().filter(|(key, _)| seen.insert(&key.text));
        first.map(|(key, node)| (key, Field::of(key, node))).collect()
    }

    fn entries<'t>(&mut self, path: &Path<'_>, field: Field<'t>) -> Option<&'t [(Key, Node)]> {
        match &field.node.value {
            Value::Null => Some(&[]),
            Value::Map(entries) => {
                self.duplicates(path, entries);
                Some(entries)
            }
            _ => {
                self.wrong(path, field, "a mapping");
                None
            }
        }
    }

    fn duplicates(&mut self, path: &Path<'_>, entries: &[(Key, Node)]) {
        let mut seen = BTreeMap::new();
        for (key, _) in entries {
            if let Some(first) = seen.insert(&key.text, key.span) {
                seen.insert(&key.text, first);
                let message = format!("duplicate key `{}`", key.text);
                let problem =
                    Diagnostic::error(Code::DuplicateKey, path.key(&key.text), message).span(key.span);
                // The value counts as read, so its own problems are reported too.
                self.found.push(problem.help("leave one of them out, or rename it"));
            }
        }
    }

    /// The entries of a list. Null is an empty list.
    pub(super) fn list<'t>(&mut self, path: &Path<'_>, field: Field<'t>) -> Option<&'t [Node]> {
        match &field.node.value {
            Value::Null => Some(&[]),
            Value::List(nodes) => Some(nodes),
            _ => {
                self.wrong(path, field, "a list");
                None
            }
        }
    }

    pub(super) fn wrong(&mut self, path: &Path<'_>, field: Field<'_>, expected: &str) {
        let message = format!("expected {expected}, found {}", field.node.kind());
        let help = match expected {
            "a mapping" => "write `key: value` lines, indented below it",
            "a list" => "write `[a, b]`, or lines that begin with `- `, indented below it",
            _ => "write a single value; a text with `: `, ` #`, `{` or `[` needs quotes",
        };
        self.error(Code::WrongType, path, field.place, message, help);
    }

    /// The value of a required key.
    pub(super) fn required<'t>(
        &mut self,
        fields: &Fields<'t, '_>,
        key: &str,
        help: &str,
    ) -> Option<Field<'t>> {
        debug_assert!(
            fields.table.key(key).is_some_and(|declared| declared.need == Need::Required),
            "`{key}` is not declared as required in `{}`",
            fields.table.name
        );
        let found = fields.get(key);
        if found.is_none() {
            let place = fields.raw(key).map_or(fields.place, |field| field.place);
            let message = format!("missing required `{key}`");
            self.error(Code::MissingKey, &fields.path.key(key), place, message, help);
        }
        found
    }

    /// Warns of a number that an empty variable leaves out. One that is null in the file itself is meant to be.
    pub(super) fn left_empty(&mut self, fields: &Fields<'_, '_>, key: &str) {
        let optional = fields.table.key(key).is_some_and(|declared| declared.need == Need::Optional);
        let Some(field) = fields.raw(key).filter(|_| optional) else { return };
        if let Some(variable) = self.rendered.leaves_empty(field.place.end) {
            let message = format!("the variable `{variable}` is empty, so that `{key}` counts as left out");
            let at = fields.path.key(key);
            let warning = Diagnostic::warning(Code::EmptyNumber, at, message).span(field.place);
            self.report(warning.help("give it a number, or leave the key out"));
        }
    }

    /// The text of a scalar, as it was written.
    pub(super) fn scalar<'t>(&mut self, path: &Path<'_>, field: Field<'t>) -> Option<&'t str> {
        match &field.node.value {
            Value::Scalar(text) => Some(text),
            _ => {
                self.wrong(path, field, "a single value");
                None
            }
        }
    }

    /// The place of a part of a scalar; the place of the whole scalar if the text spells it differently.
    pub(super) fn inside(&self, place: Span, scalar: &str, part: Range<usize>) -> Span {
        let written = self.rendered.text.get(place.range()).unwrap_or_default();
        match written.find(scalar) {
            Some(at) if !scalar.is_empty() && at <= 1 => {
                Span { start: place.start + at + part.start, end: place.start + at + part.end }
            }
            _ => place,
        }
    }

    /// The text of an optional key.
    pub(super) fn text(&mut self, fields: &Fields<'_, '_>, key: &str) -> Option<String> {
        let field = fields.get(key)?;
        self.scalar(&fields.path.key(key), field).map(ToOwned::to_owned)
    }

    /// The texts of an optional key's list.
    pub(super) fn texts(&mut self, fields: &Fields<'_, '_>, key: &str) -> Vec<String> {
        let Some(field) = fields.get(key) else { return Vec::new() };
        let path = fields.path.key(key);
        let nodes = self.list(&path, field).unwrap_or_default();
        let texts = nodes.iter().enumerate();
        let texts = texts.filter_map(|(index, node)| self.scalar(&path.index(index), Field::entry(node)));
        texts.map(ToOwned::to_owned).collect()
    }

    /// The text of a required key.
    pub(super) fn required_text(&mut self, fields: &Fields<'_, '_>, key: &str, help: &str) -> Option<String> {
        self.required(fields, key, help)?;
        self.text(fields, key)
    }

    /// The value of an optional key that is true or false.
    pub(super) fn flag(&mut self, fields: &Fields<'_, '_>, key: &str, absent: Flag) -> bool {
        let absent = absent == Flag::True;
        let Some(field) = fields.get(key) else { return absent };
        let at = fields.path.key(key);
        match self.scalar(&at, field) {
            Some(text) if text.eq_ignore_ascii_case("true") => true,
            Some(text) if text.eq_ignore_ascii_case("false") => false,
            // A template leaves an empty text for a variable without a value.
            Some("") | None => absent,
            Some(text) => {
                let message = format!("`{text}` is neither true nor false");
                self.error(Code::Value, &at, field.place, message, "write `true` or `false`");
                absent
            }
        }
    }

    /// The value of a key that is one of some words.
    pub(super) fn choice<T: Copy>(
        &mut self,
        path: &Path<'_>,
        field: Field<'_>,
        what: &str,
        words: &[(&str, T)],
    ) -> Option<T> {
        let text = self.scalar(path, field)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let message = format!("unsupported {what} `{text}`, expected one of: {}", all.join(", "));
            let problem = Diagnostic::error(Code::Value, path, message).span(field.place);
            let mut problem = problem.nearest(text, all.iter().copied());
            problem.help.get_or_insert_with(|| format!("write one of: {}", all.join(", ")));
            self.report(problem);
        }
        found
    }

    /// Reads a name.
    pub(super) fn name<T: FromStr<Err = NameError>>(
        &mut self,
        path: &Path<'_>,
        place: Span,
        text: &str,
    ) -> Option<T> {
        match text.parse() {
            Ok(name) => Some(name),
            Err(error) => {
                self.error(Code::Name, path, place, error.to_string(), "choose another name");
                None
            }
        }
    }

    /// The name in a required key.
    pub(super) fn required_name<T: FromStr<Err = NameError>>(
        &mut self,
        fields: &Fields<'_, '_>,
        key: &str,
        help: &str,
    ) -> Option<T> {
        let field = self.required(fields, key, help)?;
        let at = fields.path.key(key);
        let text = self.scalar(&at, field)?;
        self.name(&at, field.place, text)
    }

    /// A list of names.
    pub(super) fn names<T: FromStr<Err = NameError>>(&mut self, path: &Path<'_>, field: Field<'_>) -> Vec<T> {
        let mut names = Vec::new();
        for (index, node) in self.list(path, field).unwrap_or_default().iter().enumerate() {
            let at = path.index(index);
            let entry = Field::entry(node);
            let name = self.scalar(&at, entry).and_then(|text| self.name(&at, entry.place, text));
            names.extend(name);
        }
        names
    }
}

/// What an absent key means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flag {
    True,
    False,
}
