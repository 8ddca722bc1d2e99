//! From a name on the command line to a service: files, values and config templates are read here and
//! nowhere else. Invariant: all that is wrong is told, each problem with its file and, where there is one,
//! its line.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use plan_core::plan::{Model, PlanLayout};
use plan_core::spec::{Code, Diagnostic, Files, ReadOptions, Source, Span, read};

use crate::arguments::Common;
use crate::problem::Problem;

/// The file of a folder that declares the service.
const SERVICE: &str = "svc.yml";
/// The file of a folder that gives values to the service's variables.
const VALUES: &str = "env";
/// What is larger is no specification.
const LARGEST: u64 = 16 << 20;
/// Config templates are looked for so many folders deep, and so many at most.
const DEEPEST: usize = 4;
const MOST_TEMPLATES: usize = 10_000;

/// The values of template variables that the command line gives.
#[derive(Debug, Clone, Default)]
pub struct Values(BTreeMap<String, String>);

impl Values {
    /// The values of `--env-file` and, over them, of `--env`.
    ///
    /// # Errors
    /// A file cannot be read, or has lines that are not `KEY=value`.
    pub fn new(common: &Common) -> Result<Self, Vec<Problem>> {
        let mut values = BTreeMap::new();
        let mut problems = Vec::new();
        for file in &common.env_file {
            match values_of(file) {
                Ok(more) => values.extend(more),
                Err(more) => problems.extend(more),
            }
        }
        // What is typed wins over what is filed, wherever it stands.
        values.extend(common.env.iter().cloned());
        if problems.is_empty() { Ok(Self(values)) } else { Err(problems) }
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
    /// The config templates, by the names that the text gives them; `None` if they are not looked at, since
    /// no folder was named.
    pub templates: Option<BTreeMap<String, String>>,
}

/// What came of reading a specification.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The service, compiled; none if one of the problems is an error.
    pub model: Option<Arc<Model>>,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

impl Input {
    /// Reads a file, the `svc.yml` of a folder with its `env`, or, for `-`, standard input.
    ///
    /// # Errors
    /// Something cannot be read, is not UTF-8, or a line of `env` is not `KEY=value`.
    pub fn load(file: &Path, values: &Values) -> Result<Self, Vec<Problem>> {
        let mut env = BTreeMap::new();
        let mut templates = None;
        let (name, bytes) = if is_standard_input(file) {
            let bytes = read_bounded(io::stdin().lock());
            ("<stdin>".to_owned(), bytes.map_err(|error| vec![Problem::unreadable(Path::new("-"), &error)])?)
        } else if file.is_dir() {
            let service = file.join(SERVICE);
            if !service.exists() {
                let problem = Problem::error(format!("the folder `{}` has no `{SERVICE}`", file.display()));
                let problem = problem.help("name the file itself if it is called otherwise");
                return Err(vec![problem.file(file.display().to_string())]);
            }
            let mut problems = Vec::new();
            if file.join(VALUES).exists() {
                match values_of(&file.join(VALUES)) {
                    Ok(values) => env = values,
                    Err(more) => problems.extend(more),
                }
            }
            let bytes = bytes_of(&service).map_err(|more| problems.extend(more));
            let (Ok(bytes), true) = (bytes, problems.is_empty()) else { return Err(problems) };
            let mut found = BTreeMap::new();
            collect_templates(file, "", 0, &mut found);
            templates = Some(found);
            (service.display().to_string(), bytes)
        } else {
            let bytes = bytes_of(file).map_err(|problems| {
                let help = "name a file, a folder with a `svc.yml`, or `-` for standard input";
                let missing = |problem: Problem| if file.exists() { problem } else { problem.help(help) };
                problems.into_iter().map(missing).collect::<Vec<_>>()
            });
            (file.display().to_string(), bytes?)
        };
        let text = utf8(&name, bytes)?;
        env.extend(values.0.iter().map(|(key, value)| (key.clone(), value.clone())));
        Ok(Self { file: name, text, env, templates })
    }

    /// Reads and compiles the specification.
    pub fn check(&self) -> Checked {
        let files = self.templates.as_ref().map_or(Files::Skip, Files::Texts);
        let options = ReadOptions { env: &self.env, strict_variables: true, files };
        let reading = read(Source { file: &self.file, text: &self.text }, &options);
        let mut problems: Vec<_> =
            reading.diagnostics.iter().map(|one| Problem::of(one, &self.file, &self.text)).collect();
        let model = reading.spec.and_then(|spec| match Model::new(spec) {
            Ok(model) => Some(Arc::new(model)),
            Err(error) => {
                problems.push(Problem::error(error.to_string()).file(self.file.clone()));
                None
            }
        });
        Checked { model, problems }
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

/// Whether a text can be the name of a variable.
pub fn is_key(text: &str) -> bool {
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    begins && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

/// The values of a file of `KEY=value` lines. Blank lines and lines that begin with `#` say nothing, and the
/// value is all that follows the first `=`.
fn values_of(file: &Path) -> Result<BTreeMap<String, String>, Vec<Problem>> {
    let name = file.display().to_string();
    let text = bytes_of(file).and_then(|bytes| utf8(&name, bytes))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut values = BTreeMap::new();
    let mut problems = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_end_matches(['\n', '\r']);
        let begin = content.trim_start();
        match content.split_once('=') {
            _ if begin.is_empty() || begin.starts_with('#') => {}
            Some((key, value)) if is_key(key) => {
                values.insert(key.to_owned(), value.to_owned());
            }
            Some((key, _)) => {
                let message = format!("`{key}` is not a variable's name");
                let span = Span { start, end: start + key.len() };
                let help = "use letters, digits, `_`, `.` and `-`, without blanks or `export` before it";
                problems.push(Problem::error(message).at(&name, text, span).help(help));
            }
            None => {
                let span = Span { start, end: start + content.len() };
                let problem = Problem::error("this line gives no variable a value").at(&name, text, span);
                problems.push(problem.help("write it as `KEY=value`; a comment begins with `#`"));
            }
        }
        start += line.len();
    }
    if problems.is_empty() { Ok(values) } else { Err(problems) }
}

fn bytes_of(file: &Path) -> Result<Vec<u8>, Vec<Problem>> {
    let unreadable = |error| vec![Problem::unreadable(file, &error)];
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

/// Every text of a folder that could be a config template, by its path from the folder. What cannot be read
/// is not one; whoever names it is told that there is no such template.
fn collect_templates(folder: &Path, prefix: &str, depth: usize, found: &mut BTreeMap<String, String>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    for path in paths {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if name.starts_with('.') || (depth == 0 && matches!(name, SERVICE | VALUES)) {
            continue;
        }
        let key = format!("{prefix}{name}");
        if path.is_dir() {
            if depth < DEEPEST && !path.is_symlink() {
                collect_templates(&path, &format!("{key}/"), depth + 1, found);
            }
        } else if found.len() < MOST_TEMPLATES
            && path.is_file()
            && let Ok(bytes) = bytes_of(&path)
            && let Ok(text) = String::from_utf8(bytes)
        {
            found.insert(key, text);
        }
    }
}
