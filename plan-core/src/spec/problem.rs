//! Problems with their places in files, and the errors that are made of problems. Invariant: a problem names its object
//! (a file with its line and column, or a path in the specification), and says what to do if there is something to do.
//! No problem is dropped on the way to the caller.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::diagnostic::{Diagnostic, Lines, Severity, Span};

/// One problem, with its place in a file if it is about a file. A [`Diagnostic`] becomes one when its place is turned
/// into a line and a column.
///
/// It is shown on at most two lines: `svc.yml:5:14: error[T001] pods.web.tasks.server.goal: …` and, indented, `help:
/// …`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Problem {
    /// The code of the rule, if the problem is about a rule of specifications.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Cow<'static, str>>,
    /// Whether the problem is an error or a warning.
    pub severity: Severity,
    /// What is wrong: one sentence, in lower case, without a full stop.
    pub message: String,
    /// The name of the file, as the caller gave it. `None` if the problem is not about a file.
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
    /// The valid spelling that is nearest to what was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest: Option<String>,
    /// The template variable whose value is at the place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
    /// The backend that does not support what is declared there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    /// The line that the problem is about, with the marked part.
    #[serde(skip)]
    marked: Option<MarkedLine>,
}

/// The line that a problem is about, for drawing it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MarkedLine {
    /// The text of the line, without the line end. For a very long line it is the part around the mark.
    pub line: String,
    /// The marked part, in bytes of [`MarkedLine::line`].
    pub span: Span,
    /// Whether [`MarkedLine::line`] is a part of a longer line.
    pub cut: bool,
}

/// The longest line that is kept whole, in bytes. Of a longer line at most this many bytes around the mark are kept: a
/// file of one line would otherwise be kept once for each of its problems.
const LONGEST: usize = 2000;

impl Problem {
    /// An error: there is no result.
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

    /// A warning: there is a result.
    pub fn warning(message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(message) }
    }

    /// The problem of a diagnostic about this file.
    pub fn of(diagnostic: &Diagnostic, file: &str, lines: &Lines<'_>) -> Self {
        let mut problem = Self::from(diagnostic);
        problem.file = Some(file.to_owned());
        match diagnostic.span {
            Some(span) => problem.at(file, lines, span),
            None => problem,
        }
    }

    /// The problem with a text on what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The problem with the file that it is about.
    #[must_use]
    pub fn file(mut self, file: impl Into<String>) -> Self {
        self.file = Some(file.into());
        self
    }

    /// The problem with the spelling that was likely meant.
    #[must_use]
    pub fn nearest(mut self, nearest: Option<String>) -> Self {
        self.nearest = nearest;
        self
    }

    /// The problem at a line and column of a file whose text cannot be shown.
    #[must_use]
    pub fn unseen_at(mut self, file: &str, line: usize, column: usize) -> Self {
        self.file = Some(file.to_owned());
        self.line = Some(line);
        self.column = Some(column);
        self
    }

    /// The problem at a place of a file's text. If the place has several lines, the first is marked.
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
        self.marked = Some(MarkedLine { line: line[from..to.min(line.len())].to_owned(), span, cut });
        self
    }

    /// The problem with the template variable whose value it is about.
    #[must_use]
    pub fn variable(mut self, variable: impl Into<String>) -> Self {
        self.variable = Some(variable.into());
        self
    }

    /// The line that the problem is about; `None` without the text of the file.
    pub fn marked_line(&self) -> Option<&MarkedLine> {
        self.marked.as_ref()
    }

    /// Whether the problem is an error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl From<&Diagnostic> for Problem {
    /// The problem of a specification without a text: it has a path, and no line.
    fn from(diagnostic: &Diagnostic) -> Self {
        Self {
            code: Some(diagnostic.code.as_str().into()),
            severity: diagnostic.severity,
            path: Some(diagnostic.path.clone()).filter(|path| !path.is_empty()),
            help: diagnostic.help.clone(),
            nearest: diagnostic.nearest.clone(),
            variable: diagnostic.variable.clone(),
            ..Self::error(diagnostic.message.clone())
        }
    }
}

/// Shown as place, severity, code, path and message, and on a line of its own what to do.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.line, self.column) {
            (Some(file), Some(line), Some(column)) => write!(f, "{file}:{line}:{column}: ")?,
            (Some(file), Some(line), None) => write!(f, "{file}:{line}: ")?,
            // Without a rule, the message itself names the file.
            (Some(file), ..) if self.code.is_some() => write!(f, "{file}: ")?,
            _ => {}
        }
        write!(f, "{}", self.severity)?;
        if let Some(code) = &self.code {
            write!(f, "[{code}]")?;
        }
        if let Some(path) = &self.path {
            write!(f, " {path}")?;
        }
        write!(f, ": {}", self.message)?;
        if let Some(variable) = &self.variable {
            write!(f, " (the value of the variable `{variable}`)")?;
        }
        if let Some(backend) = &self.backend {
            write!(f, " (the backend `{backend}` does not support it)")?;
        }
        match &self.help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

/// The byte of a line at which a column begins. Columns are counted from 1, in characters.
fn byte_of(line: &str, column: usize) -> usize {
    line.char_indices().map(|(at, _)| at).nth(column - 1).unwrap_or(line.len())
}

/// Why there is no specification: all problems, including warnings. At least one is an error.
///
/// It is shown as its problems one after the other, each with its place and with what to do ([`Problem`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecError {
    problems: Vec<Problem>,
}

impl SpecError {
    /// The error with these problems, at least one of which must be an error.
    pub fn new(problems: Vec<Problem>) -> Self {
        Self { problems }
    }

    /// All problems, in the order of their places.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// All problems, in the order of their places.
    pub fn into_problems(self) -> Vec<Problem> {
        self.problems
    }
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for SpecError {}

/// A value that was read or checked, with the warnings about it. Each method that returns the value says what happens
/// to the warnings, so that none is lost by accident.
///
/// ```
/// use plan_core::spec::ServiceSpec;
///
/// let text = "
/// name: hello
/// pods:
///   web:
///     count: 1
///     tasks:
///       server: { goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 64 }
/// ";
/// let mut told = Vec::new();
/// let spec = ServiceSpec::from_yaml(text)?.warn(|warning| told.push(warning.to_string()));
/// assert_eq!(spec.name().as_str(), "hello");
/// assert!(told.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "the value is in it, and so are its warnings: call `warn`, `strict`, `split` or `ignore_warnings`"]
pub struct Checked<T> {
    value: T,
    warnings: Vec<Problem>,
}

impl<T> Checked<T> {
    /// A value with the warnings about it.
    pub fn new(value: T, warnings: Vec<Problem>) -> Self {
        Self { value, warnings }
    }

    /// The warnings, in the order of their places.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// The value, after each warning was passed to `tell`.
    pub fn warn(self, tell: impl FnMut(Problem)) -> T {
        self.warnings.into_iter().for_each(tell);
        self.value
    }

    /// The value, if there is no warning.
    ///
    /// # Errors
    /// There are warnings. They are errors here.
    pub fn strict(self) -> Result<T, SpecError> {
        if self.warnings.is_empty() {
            return Ok(self.value);
        }
        let as_error = |problem: Problem| Problem { severity: Severity::Error, ..problem };
        Err(SpecError::new(self.warnings.into_iter().map(as_error).collect()))
    }

    /// The value and the warnings.
    pub fn split(self) -> (T, Vec<Problem>) {
        (self.value, self.warnings)
    }

    /// The value. The warnings are dropped.
    pub fn ignore_warnings(self) -> T {
        self.value
    }

    /// A value that is made from this one, with the same warnings.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Checked<U> {
        Checked { value: make(self.value), warnings: self.warnings }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_line_the_surroundings_of_the_place_are_kept() {
        let text = format!("{}wrong{}", "ä".repeat(100_000), "ö".repeat(100_000));
        let problem = Problem::error("this is wrong");
        let problem = problem.at("f.yml", &Lines::new(&text), Span { start: 200_000, end: 200_005 });
        let marked = problem.marked_line().unwrap();
        assert!(marked.cut && marked.line.len() <= LONGEST);
        assert_eq!(&marked.line[marked.span.range()], "wrong");
    }

    #[test]
    fn a_problem_is_shown_with_its_place_and_what_to_do() {
        let lines = Lines::new("a: b\nc: d\n");
        let at = |problem: Problem| problem.at("f.yml", &lines, Span { start: 8, end: 9 }).to_string();
        assert_eq!(
            at(Problem::error("no good").help("mend it")),
            "f.yml:2:4: error: no good\n  help: mend it"
        );
        assert_eq!(
            at(Problem::warning("odd").variable("V")),
            "f.yml:2:4: warning: odd (the value of the variable `V`)"
        );
        assert_eq!(
            Problem::error("there is no file `f.yml`").file("f.yml").to_string(),
            "error: there is no file `f.yml`"
        );
        let diagnostic = Diagnostic::error(super::super::Code::Value, "pods.web", "no good");
        let told = Problem::from(&diagnostic).to_string();
        assert_eq!(told, format!("error[{}] pods.web: no good", super::super::Code::Value.as_str()));
    }

    #[test]
    fn who_is_strict_gets_warnings_as_errors() {
        let checked = Checked::new(1, vec![Problem::warning("odd")]);
        assert_eq!(checked.clone().strict().unwrap_err().to_string(), "error: odd");
        let mut told = Vec::new();
        assert_eq!(checked.map(|one| one + 1).warn(|warning| told.push(warning.message)), 2);
        assert_eq!(told, ["odd"]);
    }
}
