//! The codes of diagnostics. Invariant: a code never gets another rule, as people search for its text.

mod list;
mod machinery;

use std::fmt;
use std::str::FromStr;

pub use list::Code;

/// The text is not a code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no code `{0}`; codes are written as `P005`")]
pub struct UnknownCode(pub String);

/// Reads a code, in upper or lower case.
impl FromStr for Code {
    type Err = UnknownCode;

    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        let found = Self::ALL.iter().find(|code| code.as_str().eq_ignore_ascii_case(text.trim()));
        found.copied().ok_or_else(|| UnknownCode(text.to_owned()))
    }
}

/// A file that breaks a rule, for the rule's page. Read strictly, with `values` for its variables and `templates` as
/// its config templates, it has exactly one problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Example {
    /// The file's text.
    pub file: &'static str,
    /// The values of the file's variables.
    pub values: &'static [(&'static str, &'static str)],
    /// The config templates of the file, by name.
    pub templates: &'static [(&'static str, &'static str)],
    /// The message of the problem.
    pub message: &'static str,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
