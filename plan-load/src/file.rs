//! A specification as it was found, and the result of reading it. Invariant: all problems are told, each with its
//! file and, where there is one, its line.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use plan_core::plan::Model;
use plan_core::spec::template::{self, Missing, Rendered};
use plan_core::spec::{Code, Diagnostic, Files, Lines, Problem, ReadOptions, Reading, Source, read_rendered};

use crate::bytes::{bytes_of, read_bounded, unreadable, utf8};
use crate::options::{Hints, LoadOptions, Rigour, TemplateFolder};
use crate::templates::Templates;
use crate::{SERVICE, VALUES, values};

/// The text of a specification, and everything that it is read with.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SpecFile {
    /// The name of the text in messages.
    pub file: String,
    /// The text.
    pub text: String,
    /// The values of its variables.
    pub env: BTreeMap<String, String>,
    /// The folder of its config templates; `None` if they are not looked at.
    pub templates: Option<PathBuf>,
    /// How strictly it is read.
    pub rigour: Rigour,
    /// The reader that hints are written for.
    pub hints: Hints,
}

/// The result of reading a specification.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FileReading {
    /// The service, compiled; `None` if one of the problems is an error.
    pub model: Option<Arc<Model>>,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
    /// Where things are in it.
    reading: Reading,
}

impl SpecFile {
    /// Reads a file, or the `svc.yml` of a folder with its `env`.
    ///
    /// # Errors
    /// Something cannot be read, is not UTF-8, or a line of `env` is not `KEY=value`.
    pub fn load(path: &Path, options: &LoadOptions) -> Result<Self, Vec<Problem>> {
        let mut own = BTreeMap::new();
        let (name, bytes, beside) = if path.is_dir() {
            let service = path.join(SERVICE);
            if !service.exists() {
                let problem = Problem::error(format!("the folder `{}` has no `{SERVICE}`", path.display()));
                let problem = problem.help("name the file itself if it is called otherwise");
                return Err(vec![problem.file(path.display().to_string())]);
            }
            let mut problems = Vec::new();
            if path.join(VALUES).exists() {
                match values::of_file(&path.join(VALUES)) {
                    Ok(values) => own = values,
                    Err(more) => problems.extend(more),
                }
            }
            let bytes = bytes_of(&service).map_err(|more| problems.extend(more));
            let (Ok(bytes), true) = (bytes, problems.is_empty()) else { return Err(problems) };
            (service.display().to_string(), bytes, path.to_owned())
        } else {
            let help = match options.hints {
                Hints::Program => "name a file, or a folder with a `svc.yml`",
                Hints::CommandLine => "name a file, a folder with a `svc.yml`, or `-` for standard input",
            };
            let bytes = bytes_of(path).map_err(|problems| {
                let missing = |problem: Problem| if path.exists() { problem } else { problem.help(help) };
                problems.into_iter().map(missing).collect::<Vec<_>>()
            });
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            (path.display().to_string(), bytes?, folder.unwrap_or(Path::new(".")).to_owned())
        };
        Self::of(name, bytes, own, Some(beside), options)
    }

    /// Reads a specification from somewhere else, as standard input. `name` is its name in messages. Config templates are
    /// looked at if the options name their folder.
    ///
    /// # Errors
    /// It cannot be read, or is not UTF-8.
    pub fn from_reader(name: &str, from: impl Read, options: &LoadOptions) -> Result<Self, Vec<Problem>> {
        let bytes = read_bounded(from).map_err(|error| vec![unreadable(Path::new(name), &error)])?;
        Self::of(name.to_owned(), bytes, BTreeMap::new(), None, options)
    }

    fn of(
        name: String,
        bytes: Vec<u8>,
        own: BTreeMap<String, String>,
        beside: Option<PathBuf>,
        options: &LoadOptions,
    ) -> Result<Self, Vec<Problem>> {
        let text = utf8(&name, bytes).map_err(|mut problems| {
            // Of a specification, it is one of its rules.
            problems.iter_mut().for_each(|problem| problem.code = Some(Code::Yaml.as_str().into()));
            problems
        })?;
        let templates = match &options.templates {
            TemplateFolder::Skip => None,
            TemplateFolder::Beside => beside,
            TemplateFolder::At(folder) if folder.is_dir() => Some(folder.clone()),
            TemplateFolder::At(folder) => {
                let problem = Problem::error(format!("there is no folder `{}`", folder.display()));
                return Err(vec![problem.help("name the folder that holds the config templates")]);
            }
        };
        let env = options.values_over(own);
        Ok(Self { file: name, text, env, templates, rigour: options.rigour, hints: options.hints })
    }

    /// Fills in the variables, and says what is wrong with that.
    pub fn render(&self) -> (Rendered, Vec<Problem>) {
        let mut rendered = template::render(&self.text, &self.env, self.rigour.missing());
        let mut found = std::mem::take(&mut rendered.diagnostics);
        found.extend(self.left_empty(&rendered));
        (rendered, self.problems(found))
    }

    /// Reads and compiles the specification.
    pub fn check(&self) -> FileReading {
        let rendered = template::render(&self.text, &self.env, self.rigour.missing());
        let templates = self.templates.as_ref().map(|folder| Templates::of(folder, &rendered.text));
        let files = templates.as_ref().map_or(Files::Skip, |templates| Files::Texts(&templates.texts));
        let strict_variables = self.rigour.missing() == Missing::Refuse;
        let options = ReadOptions { env: &self.env, strict_variables, files };
        let reading = read_rendered(Source { file: &self.file, text: &self.text }, rendered, &options);
        let mut reading = if self.rigour == Rigour::Strict { reading.strict() } else { reading };
        let mut found = std::mem::take(&mut reading.diagnostics);
        if let Some(templates) = &templates {
            templates.explain(&mut found);
        }
        found.extend(self.left_empty(&reading.rendered));
        let mut problems = self.problems(found);
        let model = reading.spec.take().and_then(|spec| match Model::new(spec) {
            Ok(model) => Some(Arc::new(model)),
            Err(error) => {
                problems.push(Problem::error(error.to_string()).file(self.file.clone()));
                None
            }
        });
        FileReading { model, problems, reading }
    }

    /// Problems of what was read, each at its place in the text, in the order of the places.
    pub fn located(&self, read: &FileReading, found: Vec<Problem>) -> Vec<Problem> {
        let lines = Lines::new(&self.text);
        let mut places = read.reading.places();
        let mut located: Vec<Problem> = found
            .into_iter()
            .map(|problem| {
                let place = places.place(problem.path.as_deref().unwrap_or_default());
                let problem = match place {
                    Some(place) => problem.at(&self.file, &lines, place.span),
                    None => problem.file(self.file.clone()),
                };
                match place.and_then(|place| place.variable) {
                    Some(variable) => problem.variable(variable),
                    None => problem,
                }
            })
            .collect();
        located.sort_by_key(|one| (one.line, one.column));
        located
    }

    /// A warning for each variable that was left empty.
    fn left_empty(&self, rendered: &Rendered) -> Vec<Diagnostic> {
        if self.rigour.missing() == Missing::Refuse {
            return Vec::new();
        }
        let warning = |(name, span): &(String, _)| {
            let message = format!("the variable `{name}` has no value, and is left empty");
            let problem = Diagnostic::warning(Code::MissingVariable, "", message).span(*span);
            let help = match self.hints {
                Hints::Program => format!("give it one, as the line `{name}=...` of the folder's `env` does"),
                Hints::CommandLine => {
                    format!("give it one with `--env {name}=...`, or in a file with `--env-file`")
                }
            };
            let problem = problem.nearest(name, self.env.keys().map(String::as_str));
            if problem.nearest.is_some() { problem } else { problem.help(help) }
        };
        rendered.missing.iter().map(warning).collect()
    }

    /// The problems, in the order of their places.
    fn problems(&self, mut found: Vec<Diagnostic>) -> Vec<Problem> {
        found.sort_by_key(|one| one.span.map_or(0, |span| span.start));
        let lines = Lines::new(&self.text);
        found.iter().map(|one| Problem::of(one, &self.file, &lines)).collect()
    }
}
