//! Files of values of template variables. Invariant: a line that gives no value is a problem, and not skipped.

use std::collections::BTreeMap;
use std::path::Path;

use plan_core::spec::{Lines, Problem, Span};

use crate::bytes::{bytes_of, utf8};

/// Whether a text can be the name of a variable.
pub fn is_key(text: &str) -> bool {
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    begins && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

/// The values of a file of `KEY=value` lines. Blank lines and lines that begin with `#` say nothing, and the
/// value is all that follows the first `=`.
pub(crate) fn of_file(file: &Path) -> Result<BTreeMap<String, String>, Vec<Problem>> {
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
