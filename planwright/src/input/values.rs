//! The values of template variables. Invariant: what is typed beats what is filed, and what is filed beats
//! the environment of the process, which is looked at only on request.

use std::collections::BTreeMap;
use std::path::Path;

use plan_core::spec::{Lines, Span};

use super::{bytes_of, utf8};
use crate::arguments::Reading;
use crate::problem::Problem;

/// The values that the command line gives.
#[derive(Debug, Clone, Default)]
pub struct Values {
    inherited: BTreeMap<String, String>,
    given: BTreeMap<String, String>,
}

impl Values {
    /// The values of `--env-file` and, over them, of `--env`; with `--inherit-env` those of the process.
    ///
    /// # Errors
    /// A file cannot be read, or has lines that are not `KEY=value`.
    pub fn new(reading: &Reading) -> Result<Self, Vec<Problem>> {
        let mut given = BTreeMap::new();
        let mut problems = Vec::new();
        for file in &reading.env_file {
            match of_file(file) {
                Ok(more) => given.extend(more),
                Err(more) => problems.extend(more),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        // What is typed wins over what is filed, wherever it stands.
        given.extend(reading.env.iter().cloned());
        let mut inherited = BTreeMap::new();
        if reading.inherit_env {
            // What is not text can be no value of a template.
            let text = |(key, value): (std::ffi::OsString, std::ffi::OsString)| {
                Some((key.into_string().ok()?, value.into_string().ok()?))
            };
            inherited.extend(std::env::vars_os().filter_map(text));
        }
        Ok(Self { inherited, given })
    }

    /// All values, with those of a service's own file in their place.
    pub(super) fn over(&self, own: BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut values = self.inherited.clone();
        values.extend(own);
        values.extend(self.given.iter().map(|(key, value)| (key.clone(), value.clone())));
        values
    }
}

/// Whether a text can be the name of a variable.
pub fn is_key(text: &str) -> bool {
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    begins && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

/// The values of a file of `KEY=value` lines. Blank lines and lines that begin with `#` say nothing, and the
/// value is all that follows the first `=`.
pub(super) fn of_file(file: &Path) -> Result<BTreeMap<String, String>, Vec<Problem>> {
    let name = file.display().to_string();
    let text = bytes_of(file).and_then(|bytes| utf8(&name, bytes))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let lines = Lines::new(text);
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
                problems.push(Problem::error(message).at(&name, &lines, span).help(help));
            }
            None => {
                let span = Span { start, end: start + content.len() };
                let problem = Problem::error("this line gives no variable a value").at(&name, &lines, span);
                problems.push(problem.help("write it as `KEY=value`; a comment begins with `#`"));
            }
        }
        start += line.len();
    }
    if problems.is_empty() { Ok(values) } else { Err(problems) }
}
