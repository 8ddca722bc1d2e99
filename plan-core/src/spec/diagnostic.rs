//! Diagnostics: problems of a specification, as data. Invariant: a diagnostic has the rule (a stable code), the place
//! (a path, and a span if there was a text), the problem, and what to do. Nothing here prints a diagnostic.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize, Serializer};

pub use super::code::Code;

/// One problem of a specification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Diagnostic {
    /// The rule.
    pub code: Code,
    /// Whether the problem is an error or a warning.
    pub severity: Severity,
    /// The place in the specification, as `pods.hello.tasks.server.goal`. Empty for the whole specification.
    pub path: String,
    /// What is wrong: one sentence, in lower case, without a full stop.
    pub message: String,
    /// The place in the text that was read. `None` if the specification did not come from a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The valid spelling that is nearest to what was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest: Option<String>,
    /// The template variable whose value is at the place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
}

impl Diagnostic {
    /// An error: the specification cannot be used.
    pub fn error(code: Code, path: impl fmt::Display, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            path: path.to_string(),
            message: message.into(),
            span: None,
            help: None,
            nearest: None,
            variable: None,
        }
    }

    /// A warning: the specification can be used.
    pub fn warning(code: Code, path: impl fmt::Display, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, path, message) }
    }

    /// The diagnostic with a text on what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The diagnostic with its place in the text.
    #[must_use]
    pub fn span(mut self, span: impl Into<Option<Span>>) -> Self {
        self.span = span.into();
        self
    }

    /// The diagnostic with the candidate that is spelled nearly as `written`, if there is one. It becomes the help too,
    /// unless there is one already.
    #[must_use]
    pub fn nearest<'a>(mut self, written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Self {
        if let Some(nearest) = super::nearest::nearest(written, candidates) {
            self.help.get_or_insert_with(|| format!("did you mean `{nearest}`?"));
            self.nearest = Some(nearest.to_owned());
        }
        self
    }

    /// Whether the diagnostic is an error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Shown on one line, as `error[P006] pods.hello: missing `count``.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.severity, self.code)?;
        if !self.path.is_empty() {
            write!(f, " {}", self.path)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// Whether a problem is an error or a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The specification cannot be used.
    Error,
    /// The specification can be used, but something in it has no effect or is likely a mistake.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// A place in a text, in bytes; `end` is the first byte after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The first byte after it.
    pub end: usize,
}

impl Span {
    /// The bytes as a range.
    pub fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

impl From<Range<usize>> for Span {
    fn from(range: Range<usize>) -> Self {
        Self { start: range.start, end: range.end }
    }
}

/// A line and a column, both counted from 1. Columns are counted in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// The lines of a text, which turn byte offsets into lines and columns.
#[derive(Debug, Clone)]
pub struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    /// The lines of a text.
    pub fn new(text: &'a str) -> Self {
        let starts = std::iter::once(0)
            .chain(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1));
        Self { text, starts: starts.collect() }
    }

    /// The position of a byte. A byte inside a character has the position of the character; a byte past the end has
    /// that of the end.
    pub fn position(&self, byte: usize) -> Position {
        let byte = self.floor(byte);
        let line = self.index(byte);
        let column = self.text[self.starts[line]..byte].chars().count() + 1;
        Position { line: line + 1, column }
    }

    /// The line that a byte is on, without the line end.
    pub fn line(&self, byte: usize) -> &'a str {
        let line = self.index(self.floor(byte));
        let end = self.starts.get(line + 1).copied().unwrap_or(self.text.len());
        self.text[self.starts[line]..end].trim_end_matches(['\n', '\r'])
    }

    /// The part of a span that is on the span's first line, as columns from 1: the first column, and the one after the
    /// last. The range is never empty, so that a mark can be seen.
    pub fn columns(&self, span: Span) -> Range<usize> {
        let first = self.position(span.start).column;
        let line_start = self.starts[self.index(self.floor(span.start))];
        let line_end = line_start + self.line(span.start).len();
        let last = self.position(self.floor(span.end).min(line_end)).column;
        first..last.max(first + 1)
    }

    fn floor(&self, byte: usize) -> usize {
        let mut byte = byte.min(self.text.len());
        while !self.text.is_char_boundary(byte) {
            byte -= 1;
        }
        byte
    }

    // `starts` begins with 0, so at least one start is not after the byte.
    fn index(&self, byte: usize) -> usize {
        self.starts.partition_point(|start| *start <= byte) - 1
    }
}

/// The place in a specification that a diagnostic is about. It is built on the way down, and made into a text only for
/// a diagnostic.
#[derive(Debug, Clone, Copy)]
pub(super) enum Path<'a> {
    /// The whole specification.
    Root,
    /// A key of a mapping.
    Key(&'a Self, &'a str),
    /// An entry of a list.
    Index(&'a Self, usize),
}

impl<'a> Path<'a> {
    pub(super) fn key(&'a self, key: &'a str) -> Self {
        Self::Key(self, key)
    }

    pub(super) fn index(&'a self, index: usize) -> Self {
        Self::Index(self, index)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Key(Path::Root, key) => f.write_str(key),
            Self::Key(parent, key) => write!(f, "{parent}.{key}"),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The texts of the files that a specification names.
#[derive(Debug, Clone, Copy)]
pub enum Files<'a> {
    /// The files are not read, and not checked.
    Skip,
    /// The texts by file name. A missing file is an error.
    Texts(&'a BTreeMap<String, String>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_on_a_line_and_in_a_column() {
        let lines = Lines::new("ab\r\nçd\n\nx");
        let at = |byte| (lines.position(byte).line, lines.position(byte).column);
        assert_eq!(
            [at(0), at(1), at(4), at(6), at(8), at(9)],
            [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (4, 1)]
        );
        assert_eq!(at(5), (2, 1), "inside a character");
        assert_eq!(at(999), (4, 2));
        assert_eq!((lines.line(1), lines.line(4), lines.line(8), lines.line(99)), ("ab", "çd", "", "x"));
        assert_eq!(lines.columns(Span { start: 4, end: 99 }), 1..3);
        assert_eq!(lines.columns(Span { start: 8, end: 8 }), 1..2);
        assert_eq!(Lines::new("").position(3), Position { line: 1, column: 1 });
    }

    #[test]
    fn a_path_is_written_as_people_write_it() {
        let root = Path::Root;
        let (plans, steps) = (root.key("plans"), "steps");
        let steps = plans.key(steps);
        assert_eq!(steps.index(2).key("default").to_string(), "plans.steps[2].default");
        assert_eq!(root.to_string(), "");
    }
}
