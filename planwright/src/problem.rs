//! What is wrong, as people and programs are told. Invariant: a problem names its object (a file, a line, a
//! plan) and, where there is something to do, says what; its two forms, text and JSON, say the same.

use std::borrow::Cow;
use std::io;
use std::path::Path;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use plan_core::spec::{Diagnostic, Lines, Severity, Span};
use plan_driver::backend::Finding;
use serde::{Deserialize, Serialize};

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The rule, if it is one of a specification's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Cow<'static, str>>,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong; lower case, one sentence, no full stop.
    pub message: String,
    /// The file, as it was named; none for what no file is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The column, from 1, in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// The column after the marked part of the line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_column: Option<usize>,
    /// The place in the specification, as `pods.hello.tasks.server.goal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The right spelling that is nearest to what was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest: Option<String>,
    /// The template variable whose value is at the place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
    /// The backend that cannot keep what is declared there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    /// The text, and the part of its line that is marked.
    #[serde(skip)]
    marked: Option<Marked>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Marked {
    line: String,
    span: Span,
    /// Whether the line is a part of a longer one.
    cut: bool,
}

/// Of a longer line only the surroundings of the mark are kept, as so many bytes at the most: a file of one
/// line with many problems would otherwise be kept as many times.
const LONGEST: usize = 2000;

impl Problem {
    /// A problem because of which there is no result.
    pub fn error(message: impl Into<String>) -> Self {
        Self {
            code: None,
            severity: Severity::Error,
            message: message.into(),
            file: None,
            line: None,
            column: None,
            end_column: None,
            path: None,
            help: None,
            nearest: None,
            variable: None,
            backend: None,
            marked: None,
        }
    }

    /// A problem that leaves a result.
    pub fn warning(message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(message) }
    }

    /// A file that cannot be read.
    pub fn unreadable(file: &Path, error: &io::Error) -> Self {
        let shown = file.display();
        let problem = match error.kind() {
            io::ErrorKind::NotFound => Self::error(format!("there is no file `{shown}`")),
            _ => Self::error(format!("cannot read `{shown}`: {error}")),
        };
        Self { file: Some(shown.to_string()), ..problem }
    }

    /// A problem of a specification.
    pub fn of(diagnostic: &Diagnostic, file: &str, lines: &Lines<'_>) -> Self {
        let mut problem = Self {
            code: Some(diagnostic.code.as_str().into()),
            severity: diagnostic.severity,
            path: Some(diagnostic.path.clone()).filter(|path| !path.is_empty()),
            help: diagnostic.help.clone(),
            nearest: diagnostic.nearest.clone(),
            variable: diagnostic.variable.clone(),
            ..Self::error(diagnostic.message.clone())
        };
        problem.file = Some(file.to_owned());
        match diagnostic.span {
            Some(span) => problem.at(file, lines, span),
            None => problem,
        }
    }

    /// Something of a specification that a backend cannot keep. Its place in a file is still to be found.
    pub fn found(finding: Finding, backend: &str) -> Self {
        let Finding { code, severity, path, message, help } = finding;
        Self {
            code: code.map(Cow::from),
            severity,
            path: Some(path).filter(|path| !path.is_empty()),
            help,
            backend: Some(backend.to_owned()),
            ..Self::error(message)
        }
    }

    /// The same, with what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same, about a file.
    #[must_use]
    pub fn file(mut self, file: impl Into<String>) -> Self {
        self.file = Some(file.into());
        self
    }

    /// The same, with the spelling that was likely meant.
    #[must_use]
    pub fn nearest(mut self, nearest: Option<String>) -> Self {
        self.nearest = nearest;
        self
    }

    /// The same, at a line and column of a file that cannot be shown.
    #[must_use]
    pub fn unseen_at(mut self, file: &str, line: usize, column: usize) -> Self {
        self.file = Some(file.to_owned());
        self.line = Some(line);
        self.column = Some(column);
        self
    }

    /// The same, at a place of a file's text; of a longer place, the first line is marked.
    #[must_use]
    pub fn at(mut self, file: &str, lines: &Lines<'_>, span: Span) -> Self {
        let position = lines.position(span.start);
        let columns = lines.columns(span);
        let line = lines.line(span.start);
        self.file = Some(file.to_owned());
        self.line = Some(position.line);
        self.column = Some(position.column);
        self.end_column = Some(columns.end);
        let (start, end) = (byte_of(line, columns.start), byte_of(line, columns.end));
        let cut = line.len() > LONGEST;
        let from = if cut { line.floor_char_boundary(start.saturating_sub(LONGEST / 4)) } else { 0 };
        let to = if cut { line.floor_char_boundary(from + LONGEST) } else { line.len() };
        let span = Span { start: start - from, end: end.min(to) - from };
        self.marked = Some(Marked { line: line[from..to.min(line.len())].to_owned(), span, cut });
        self
    }

    /// The same, about the value of a template variable.
    #[must_use]
    pub fn variable(mut self, variable: impl Into<String>) -> Self {
        self.variable = Some(variable.into());
        self
    }

    /// Whether there is no result because of it.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// In the form of rustc: the code and message, the place, the line with the place marked, the help.
    pub fn render(&self, renderer: &Renderer) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut title = level.primary_title(self.message.as_str());
        if let Some(code) = &self.code {
            title = title.id(&**code);
        }
        let mut group = Group::with_title(title);
        match (&self.marked, &self.file) {
            (Some(marked), Some(file)) => {
                let note =
                    self.variable.as_ref().map(|variable| format!("the value of the variable `{variable}`"));
                let mark = AnnotationKind::Primary.span(marked.span.range()).label(note);
                let mut snippet = Snippet::source(marked.line.as_str());
                if marked.cut {
                    // The column is that of the whole line.
                    group = group.element(self.origin(file));
                } else {
                    snippet = snippet.path(file.as_str());
                }
                group = group.element(snippet.line_start(self.line.unwrap_or(1)).annotation(mark));
            }
            (None, Some(file)) if self.code.is_some() || self.line.is_some() => {
                group = group.element(self.origin(file));
            }
            // The message names the file.
            _ => {}
        }
        if let Some(backend) = &self.backend {
            group = group.element(Level::NOTE.message(format!("the backend `{backend}` cannot keep it")));
        }
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        renderer.render(&[group])
    }

    fn origin<'a>(&self, file: &'a str) -> Origin<'a> {
        match (self.line, self.column) {
            (Some(line), Some(column)) => Origin::path(file).line(line).char_column(column),
            _ => Origin::path(file),
        }
    }
}

/// Where in a line a column, counted from 1 in characters, begins.
fn byte_of(line: &str, column: usize) -> usize {
    line.char_indices().map(|(at, _)| at).nth(column - 1).unwrap_or(line.len())
}

/// An error with its causes, each after a colon.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let of_cause = cause.to_string();
        // A transparent error says what its cause says.
        if !words.ends_with(&of_cause) {
            words.push_str(": ");
            words.push_str(&of_cause);
        }
        source = cause.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_line_the_surroundings_of_the_place_are_kept() {
        let text = format!("{}wrong{}", "ä".repeat(100_000), "ö".repeat(100_000));
        let problem = Problem::error("this is wrong");
        let problem = problem.at("f.yml", &Lines::new(&text), Span { start: 200_000, end: 200_005 });
        assert!(problem.marked.as_ref().is_some_and(|marked| marked.line.len() <= LONGEST));
        let told = problem.render(&Renderer::plain());
        insta::assert_snapshot!(told);
        let whole = problem.at("f.yml", &Lines::new(&text), Span { start: 0, end: text.len() });
        assert!(whole.render(&Renderer::plain()).len() < 10 * LONGEST);
    }

    #[test]
    fn of_a_place_over_lines_the_first_is_marked() {
        let text = "ä: b\nçd: {\n  x }\n";
        let problem =
            Problem::error("this is wrong").at("f.yml", &Lines::new(text), Span { start: 10, end: 17 });
        insta::assert_snapshot!(problem.help("mend it").render(&Renderer::plain()));
    }
}
