//! Reading a specification (SDK rules R1 to R43). Invariant: [`read`] never panics and never stops at the first
//! problem. It returns a service only if no problem is an error.
//!
//! A template is rendered, the text becomes a tree of nodes with places (`tree`), the tree becomes types (`fields` and
//! the modules that use it), and the types are checked by the rules that hold for a builder too.

mod altered;
mod compose;
mod fields;
mod labels;
mod plan;
mod pod;
mod quantity;
mod resources;
mod service;
mod steps;
mod task;
mod text;
mod tree;

use std::collections::{BTreeMap, BTreeSet};

pub use super::diagnostic::Files;
use super::diagnostic::{Code, Diagnostic, Lines, Path, Severity, Span};
use super::environment::{Ambiguous, Routing};
use super::service::{ServiceDraft, ServiceSpec};
use super::template::{Missing, Rendered, render};
use fields::Reader;

/// A specification as text.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The name of the text in messages. No file is opened.
    pub file: &'a str,
    /// The text: a template over [`ReadOptions::env`].
    pub text: &'a str,
}

impl<'a> Source<'a> {
    /// A text from the bytes of a file.
    ///
    /// # Errors
    /// The bytes are not UTF-8, or more than a specification may have. The span counts in these bytes.
    pub fn from_bytes(file: &'a str, bytes: &'a [u8]) -> Result<Self, Box<Diagnostic>> {
        if bytes.len() > MAX_TEXT {
            return Err(Box::new(too_large(bytes.len())));
        }
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let at = error.valid_up_to();
            let line = bytes[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
            let message = format!("line {line} is not UTF-8: it has the byte 0x{:02x}", bytes[at]);
            let span = Span { start: at, end: at + error.error_len().unwrap_or(bytes.len() - at) };
            Box::new(Diagnostic::error(Code::Yaml, "", message).span(span).help("save the file as UTF-8"))
        })?;
        Ok(Self { file, text })
    }
}

/// The largest text, in bytes. A specification of 10,000 pods with all keys has half of that.
const MAX_TEXT: usize = 10 << 20;

fn too_large(len: usize) -> Diagnostic {
    let message = format!(
        "the file has {len} bytes, more than the {} MB that a specification can have",
        MAX_TEXT >> 20
    );
    Diagnostic::error(Code::Limits, "", message)
        .span(Span { start: 0, end: 0 })
        .help("look whether it is the right file")
}

/// The options for reading a specification.
#[derive(Debug, Clone, Copy)]
pub struct ReadOptions<'a> {
    /// The scheduler's environment: the values of the template's variables. Variables called `TASKCFG_…` are laid over
    /// the `env:` of tasks too ([`Routing`]).
    pub env: &'a BTreeMap<String, String>,
    /// Whether a variable without a value is an error. Otherwise it is empty.
    pub strict_variables: bool,
    /// The config templates that tasks name.
    pub files: Files<'a>,
}

impl ReadOptions<'_> {
    /// How a variable without a value is treated.
    pub fn missing(&self) -> Missing {
        if self.strict_variables { Missing::Refuse } else { Missing::Empty }
    }
}

/// The result of reading.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Reading {
    /// The service; `None` if one of the problems is an error.
    pub spec: Option<ServiceSpec>,
    /// All problems, in the order of their places. Spans refer to [`Source::text`].
    pub diagnostics: Vec<Diagnostic>,
    /// The text with the values of its variables. Its problems are among the diagnostics.
    pub rendered: Rendered,
    /// The rendered text as a tree; `None` if it is not YAML.
    tree: Option<tree::Node>,
}

/// Finds the places of paths in a text that was read, for callers that check a specification by rules of their own, as
/// backends do.
pub struct FieldPlaces<'a> {
    rendered: &'a Rendered,
    tree: Option<tree::Places<'a>>,
}

impl std::fmt::Debug for FieldPlaces<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FieldPlaces").finish_non_exhaustive()
    }
}

/// A place in the text that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldPlace<'a> {
    /// The place in [`Source::text`].
    pub span: Span,
    /// The template variable whose value is at the place.
    pub variable: Option<&'a str>,
}

impl<'a> FieldPlaces<'a> {
    /// The place of a path, as `pods.hello.tasks.server.goal`. If the text does not have the whole path, it is the
    /// place of the longest beginning that the text has. `None` if there is no tree.
    pub fn place(&mut self, path: &str) -> Option<FieldPlace<'a>> {
        let span = self.tree.as_mut()?.place(path);
        Some(place(self.rendered, span))
    }
}

impl Reading {
    /// Finds the places of paths in the text.
    pub fn places(&self) -> FieldPlaces<'_> {
        FieldPlaces { rendered: &self.rendered, tree: self.tree.as_ref().map(tree::Places::new) }
    }

    /// The result of a strict reading: every warning is an error, and its help says so. There is no service if there was
    /// a warning.
    #[must_use]
    pub fn strict(mut self) -> Self {
        for one in self.diagnostics.iter_mut().filter(|one| one.severity == Severity::Warning) {
            one.severity = Severity::Error;
            let help = one.help.take().map_or(String::new(), |help| format!("{help}; "));
            one.help =
                Some(format!("{help}it is a warning, and a strict reading takes each warning for an error"));
        }
        self.spec = self.spec.filter(|_| self.diagnostics.is_empty());
        self
    }
}

/// Reads a service.
///
/// ```
/// use std::collections::BTreeMap;
/// use plan_core::spec::{Files, ReadOptions, Source, read};
///
/// let text = "name: hello\npods:\n  web:\n    count: {{COUNT}}\n    tasks:\n      \
///             server: {goal: RUNING, cmd: ./serve, cpus: 0.1, memory: 32}\n";
/// let env = BTreeMap::from([("COUNT".to_owned(), "2".to_owned())]);
/// let options = ReadOptions { env: &env, strict_variables: true, files: Files::Skip };
/// let reading = read(Source { file: "svc.yml", text }, &options);
/// assert_eq!(reading.diagnostics[0].path, "pods.web.tasks.server.goal");
/// assert_eq!(reading.diagnostics[0].nearest.as_deref(), Some("RUNNING"));
/// ```
pub fn read(source: Source<'_>, options: &ReadOptions<'_>) -> Reading {
    // A text that is too large is refused before it is rendered.
    let text = if source.text.len() > MAX_TEXT { "" } else { source.text };
    read_rendered(source, render(text, options.env, options.missing()), options)
}

/// Reads a service whose text is rendered already, for callers that need the rendered text first, to find the files
/// that it names. `rendered` is [`Source::text`], rendered with [`ReadOptions::env`] and [`ReadOptions::missing`].
pub fn read_rendered(source: Source<'_>, mut rendered: Rendered, options: &ReadOptions<'_>) -> Reading {
    if source.text.len() > MAX_TEXT {
        let diagnostics = vec![too_large(source.text.len())];
        return Reading { spec: None, diagnostics, rendered, tree: None };
    }
    let mut diagnostics = std::mem::take(&mut rendered.diagnostics);
    let rendered_whole = diagnostics.iter().all(|one| one.code == Code::MissingVariable);
    let (mut spec, mut tree) = (None, None);
    if rendered_whole {
        let mut found = altered::altered(&rendered);
        match compose::parse(&rendered.text) {
            Ok(parsed) => {
                let (read, problems) = types(&rendered, &parsed, options);
                spec = read.filter(|_| diagnostics.is_empty() && found.is_empty());
                tree = Some(parsed);
                found.extend(problems);
            }
            // A value that ends the quotes around it breaks the text: that is one problem, and not two.
            Err(problem) if found.is_empty() => found.push(*problem),
            Err(_) => {}
        }
        let mut problems = located(&rendered, found);
        // What a missing value leaves behind is not reported as a second problem.
        if options.strict_variables && !rendered.missing.is_empty() {
            let lines = Lines::new(source.text);
            let told: BTreeSet<usize> =
                rendered.missing.iter().map(|(_, span)| lines.position(span.start).line).collect();
            problems
                .retain(|one| !one.span.is_some_and(|span| told.contains(&lines.position(span.start).line)));
        }
        diagnostics.append(&mut problems);
    }
    diagnostics.sort_by_key(|one| one.span.map_or(0, |span| span.start));
    Reading { spec, diagnostics, rendered, tree }
}

/// Makes types of a tree. Spans refer to the rendered text.
fn types(
    rendered: &Rendered,
    tree: &tree::Node,
    options: &ReadOptions<'_>,
) -> (Option<ServiceSpec>, Vec<Diagnostic>) {
    let mut reader = Reader::new(rendered, options.files);
    let parts = reader.service(tree);
    let Reader { mut found, origins, .. } = reader;
    let good = !found.iter().any(Diagnostic::is_error);
    let Some(mut parts) = parts else { return (None, found) };
    found.extend(route(&mut parts, options.env, tree));
    let (checked, mut more) = parts.checked(origins);
    let mut places = tree::Places::new(tree);
    for problem in &mut more {
        problem.span = Some(places.place(&problem.path));
    }
    found.append(&mut more);
    (checked.filter(|_| good), found)
}

/// The problems, with spans that refer to the template.
fn located(rendered: &Rendered, mut found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    for problem in &mut found {
        if let Some(span) = problem.span {
            let FieldPlace { span, variable } = place(rendered, span);
            problem.variable = variable.map(ToOwned::to_owned);
            problem.span = Some(span);
        }
    }
    found
}

/// The place in the template that a place in the rendered text comes from.
fn place(rendered: &Rendered, span: Span) -> FieldPlace<'_> {
    let span = trimmed(&rendered.text, span);
    FieldPlace { span: rendered.span(span), variable: rendered.variable(span) }
}

/// Lays the values that the environment routes to tasks over their `env:` (SDK rule R46).
fn route(parts: &mut ServiceDraft, env: &BTreeMap<String, String>, tree: &tree::Node) -> Vec<Diagnostic> {
    let names: Vec<_> = parts.pods.keys().cloned().collect();
    let routing = Routing::new(env, &names);
    if routing.is_empty() {
        return Vec::new();
    }
    for (name, pod) in &mut parts.pods {
        let values = routing.values(name);
        for task in pod.tasks.values_mut() {
            let values = values.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            task.env.extend(values);
        }
    }
    let pods = Path::Root.key("pods");
    let mut places = tree::Places::new(tree);
    let mut problem = |one: &Ambiguous<'_>| {
        let path = pods.key(one.pods[0].as_str()).to_string();
        let message = format!(
            "`{}` reaches the pod `{}` as `{}`, and not {}",
            one.variable,
            one.pods[0],
            one.key,
            match one.instead_of.as_str() {
                "ALL" => "all pods".to_owned(),
                other => format!("a pod whose prefix is `TASKCFG_{other}_`"),
            }
        );
        let span = places.place(&path);
        let help = "the longest pod name wins; rename the pod if the other one is meant";
        Diagnostic::warning(Code::Routed, path, message).span(span).help(help)
    };
    routing.ambiguous().iter().map(&mut problem).collect()
}

/// A place without the blanks at its end, which the parser includes.
fn trimmed(text: &str, span: Span) -> Span {
    let inside = text.get(span.range()).unwrap_or_default();
    Span { start: span.start, end: span.start + inside.trim_end().len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_its_place_in_the_template() {
        let text = "name: hello\npods:\n  web:\n    count: 1\n    image: {{IMAGE}}\n    volume: {path: data, type: ROOT, size: 1}\n    \
                    tasks:\n      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}\n";
        let env = BTreeMap::from([("IMAGE".to_owned(), "registry/a/long/name".to_owned())]);
        let options = ReadOptions { env: &env, strict_variables: true, files: Files::Skip };
        let reading = read(Source { file: "svc.yml", text }, &options);
        assert_eq!(reading.diagnostics, []);
        let mut places = reading.places();
        let mut at = |path: &str| {
            let place = places.place(path).unwrap();
            (&text[place.span.range()], place.variable)
        };
        assert_eq!(at("pods.web.image"), ("{{IMAGE}}", Some("IMAGE")));
        assert_eq!(at("pods.web.tasks.server.memory"), ("32", None));
        assert_eq!(at("pods.web.volumes[0].size"), ("1", None));
        assert_eq!(at("pods.web.tasks.server.env.NOT_WRITTEN"), ("server", None), "the deepest on the way");
        let broken = read(Source { file: "svc.yml", text: "a: [" }, &options);
        assert_eq!(broken.places().place("name"), None);
    }
}
