//! From a name on the command line to a service: files, values and config templates are read here and
//! nowhere else. Invariant: all that is wrong is told, each problem with its file and, where there is one,
//! its line.

mod templates;
mod values;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use plan_core::plan::{Model, PlanLayout};
use plan_core::spec::template::{self, Missing, Rendered};
use plan_core::spec::{Code, Diagnostic, Files, Lines, ReadOptions, Reading, Source, read_rendered};
use plan_driver::backend::Kind;

use crate::arguments;
use crate::problem::Problem;
use templates::Templates;
pub use values::{Values, is_key};

/// The file of a folder that declares the service.
const SERVICE: &str = "svc.yml";
/// The file of a folder that gives values to the service's variables.
const VALUES: &str = "env";
/// What is larger is no specification.
const LARGEST: u64 = 16 << 20;

/// What a specification is held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rigour {
    /// A variable without a value is empty, with a warning.
    Lenient,
    /// A variable without a value is an error.
    #[default]
    Usual,
    /// Every warning is an error too.
    Strict,
}

impl Rigour {
    /// What the command line asks for.
    pub fn new(reading: &arguments::Reading) -> Self {
        match (reading.lenient, reading.strict) {
            (true, _) => Self::Lenient,
            (false, true) => Self::Strict,
            (false, false) => Self::Usual,
        }
    }

    fn missing(self) -> Missing {
        if self == Self::Lenient { Missing::Empty } else { Missing::Refuse }
    }
}

/// A specification as text, with all that it is read with.
#[derive(Debug, Clone)]
pub struct Input {
    /// The name of the text in messages.
    pub file: String,
    /// The text.
    pub text: String,
    /// The values of its variables.
    pub env: BTreeMap<String, String>,
    /// The folder of its config templates; `None` if they are not looked at.
    pub templates: Option<PathBuf>,
    /// What it is held to.
    pub rigour: Rigour,
}

/// What came of reading a specification.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The service, compiled; none if one of the problems is an error.
    pub model: Option<Arc<Model>>,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
    /// Where things are in it.
    reading: Reading,
}

impl Input {
    /// Reads a file, the `svc.yml` of a folder with its `env`, or, for `-`, standard input.
    ///
    /// # Errors
    /// Something cannot be read, is not UTF-8, or a line of `env` is not `KEY=value`.
    pub fn load(file: &Path, values: &Values, reading: &arguments::Reading) -> Result<Self, Vec<Problem>> {
        let mut beside = None;
        let mut own = BTreeMap::new();
        let (name, bytes) = if is_standard_input(file) {
            let bytes = read_bounded(io::stdin().lock());
            ("<stdin>".to_owned(), bytes.map_err(|error| vec![unreadable(Path::new("-"), &error)])?)
        } else if file.is_dir() {
            let service = file.join(SERVICE);
            if !service.exists() {
                let problem = Problem::error(format!("the folder `{}` has no `{SERVICE}`", file.display()));
                let problem = problem.help("name the file itself if it is called otherwise");
                return Err(vec![problem.file(file.display().to_string())]);
            }
            let mut problems = Vec::new();
            if file.join(VALUES).exists() {
                match values::of_file(&file.join(VALUES)) {
                    Ok(values) => own = values,
                    Err(more) => problems.extend(more),
                }
            }
            let bytes = bytes_of(&service).map_err(|more| problems.extend(more));
            let (Ok(bytes), true) = (bytes, problems.is_empty()) else { return Err(problems) };
            beside = Some(file.to_owned());
            (service.display().to_string(), bytes)
        } else {
            let bytes = bytes_of(file).map_err(|problems| {
                let help = "name a file, a folder with a `svc.yml`, or `-` for standard input";
                let missing = |problem: Problem| if file.exists() { problem } else { problem.help(help) };
                problems.into_iter().map(missing).collect::<Vec<_>>()
            });
            let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
            beside = Some(folder.unwrap_or(Path::new(".")).to_owned());
            (file.display().to_string(), bytes?)
        };
        let text = utf8(&name, bytes).map_err(|mut problems| {
            // Of a specification, it is one of its rules.
            problems.iter_mut().for_each(|problem| problem.code = Some(Code::Yaml.as_str().into()));
            problems
        })?;
        let templates = match &reading.config_dir {
            _ if reading.skip_files => None,
            Some(folder) if folder.is_dir() => Some(folder.clone()),
            Some(folder) => {
                let problem = Problem::error(format!("there is no folder `{}`", folder.display()));
                return Err(vec![problem.help("name the folder that holds the config templates")]);
            }
            None => beside,
        };
        Ok(Self { file: name, text, env: values.over(own), templates, rigour: Rigour::new(reading) })
    }

    /// Fills in the variables, and says what is wrong with that.
    pub fn render(&self) -> (Rendered, Vec<Problem>) {
        let mut rendered = template::render(&self.text, &self.env, self.rigour.missing());
        let mut found = std::mem::take(&mut rendered.diagnostics);
        found.extend(self.left_empty(&rendered));
        (rendered, self.problems(found))
    }

    /// Reads and compiles the specification.
    pub fn check(&self) -> Checked {
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
        Checked { model, problems, reading }
    }

    /// Problems of what was read, each at its place in the text, in the order of the places.
    pub fn located(&self, checked: &Checked, found: Vec<Problem>) -> Vec<Problem> {
        let lines = Lines::new(&self.text);
        let mut places = checked.reading.places();
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

    /// What of a service that was read a backend of this kind cannot keep. What `--strict` makes of warnings is said of
    /// the file: what a service does without is another matter on each machine.
    pub fn judged(&self, checked: &Checked, kind: &dyn Kind) -> Vec<Problem> {
        let Some(model) = &checked.model else { return Vec::new() };
        let found = plan_driver::backend::check(kind, model.spec()).into_iter();
        self.located(checked, found.map(|finding| finding.problem(kind.name())).collect())
    }

    /// A warning for each variable that was left empty.
    fn left_empty(&self, rendered: &Rendered) -> Vec<Diagnostic> {
        if self.rigour.missing() == Missing::Refuse {
            return Vec::new();
        }
        let warning = |(name, span): &(String, _)| {
            let message = format!("the variable `{name}` has no value, and is left empty");
            let problem = Diagnostic::warning(Code::MissingVariable, "", message).span(*span);
            let help = format!("give it one with `--env {name}=...`, or in a file with `--env-file`");
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

/// The plan of this name.
///
/// # Errors
/// There is none; the problem names the nearest one.
pub fn plan<'a>(model: &'a Model, name: &str, file: &str) -> Result<&'a Arc<PlanLayout>, Vec<Problem>> {
    model.plans().get(name).ok_or_else(|| {
        let names: Vec<&str> = model.plans().keys().map(|plan| plan.as_str()).collect();
        let message = format!("`{file}` has no plan `{name}`");
        // The reader of specifications knows what a slip of the fingers is.
        let like = Diagnostic::error(Code::Value, "", "").nearest(name, names.iter().copied());
        let help = like.help.unwrap_or_else(|| format!("its plans are: {}", names.join(", ")));
        vec![Problem::error(message).file(file).help(help).nearest(like.nearest)]
    })
}

/// Whether standard input is meant.
pub fn is_standard_input(file: &Path) -> bool {
    file.as_os_str() == "-"
}

fn bytes_of(file: &Path) -> Result<Vec<u8>, Vec<Problem>> {
    let unreadable = |error| vec![unreadable(file, &error)];
    read_bounded(File::open(file).map_err(unreadable)?).map_err(unreadable)
}

fn read_bounded(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::other(format!("it is larger than {} MiB", LARGEST >> 20)));
    }
    Ok(bytes)
}

fn utf8(name: &str, bytes: Vec<u8>) -> Result<String, Vec<Problem>> {
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        let line = bytes[..good].iter().filter(|byte| **byte == b'\n').count() + 1;
        let line_start = bytes[..good].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let column = String::from_utf8_lossy(&bytes[line_start..good]).chars().count() + 1;
        let message = format!("the text is not UTF-8: it has the byte 0x{:02x}", bytes[good]);
        vec![Problem::error(message).unseen_at(name, line, column).help("save the file as UTF-8")]
    })
}

/// A file that cannot be read.
pub(crate) fn unreadable(file: &Path, error: &io::Error) -> Problem {
    let shown = file.display();
    let problem = match error.kind() {
        io::ErrorKind::NotFound => Problem::error(format!("there is no file `{shown}`")),
        _ => Problem::error(format!("cannot read `{shown}`: {error}")),
    };
    problem.file(shown.to_string())
}
