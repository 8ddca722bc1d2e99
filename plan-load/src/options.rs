//! What a specification is loaded with. Invariant: a value of the program wins over one of a file, and a value of a file wins
//! over an inherited one. Only values that the caller hands in are inherited.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use plan_core::spec::template::Missing;
use plan_core::spec::{Checked, SpecError};

use crate::loaded::Loaded;
use crate::{SpecFile, values};

/// How strictly a specification is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
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
    pub(crate) fn missing(self) -> Missing {
        if self == Self::Lenient { Missing::Empty } else { Missing::Refuse }
    }
}

/// For whom the hints of problems are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Hints {
    /// The author of a program that loads a specification.
    #[default]
    Program,
    /// A person who types a command of `planwright`: hints name its options.
    CommandLine,
}

/// Where config templates are looked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum TemplateFolder {
    #[default]
    Beside,
    At(PathBuf),
    Skip,
}

/// How a specification is loaded, and with which values. The default is right for a folder with a `svc.yml` and its
/// `env`.
///
/// Values for the variables of `svc.yml` come from four places. The first that has a value wins: [`LoadOptions::env`],
/// [`LoadOptions::env_file`], the folder's file `env`, [`LoadOptions::inherit`].
///
/// ```
/// use plan_load::LoadOptions;
///
/// # let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../specs/hello-world");
/// let three = LoadOptions::new().env("HELLO_COUNT", "3").load(folder)?.strict()?;
/// assert_eq!(three.spec().pods()["hello"].count, 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    inherited: BTreeMap<String, String>,
    filed: BTreeMap<String, String>,
    given: BTreeMap<String, String>,
    pub(crate) templates: TemplateFolder,
    pub(crate) rigour: Rigour,
    pub(crate) hints: Hints,
}

impl LoadOptions {
    /// The default.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, with a value for a variable.
    #[must_use]
    pub fn env(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.given.insert(key.into(), value.into());
        self
    }

    /// The same, with the values of a file of `KEY=value` lines. Of several files the later wins.
    ///
    /// # Errors
    /// The file cannot be read, or has lines that are not `KEY=value`.
    pub fn env_file(mut self, file: impl AsRef<Path>) -> Result<Self, SpecError> {
        self.filed.extend(values::of_file(file.as_ref()).map_err(SpecError::new)?);
        Ok(self)
    }

    /// The same, with values beneath all others, as those of the process: `options.inherit(std::env::vars())`.
    #[must_use]
    pub fn inherit(mut self, values: impl IntoIterator<Item = (String, String)>) -> Self {
        self.inherited.extend(values);
        self
    }

    /// The same, with config templates from this folder, and not from beside the file.
    #[must_use]
    pub fn config_templates(mut self, folder: impl Into<PathBuf>) -> Self {
        self.templates = TemplateFolder::At(folder.into());
        self
    }

    /// The same, with config templates left unread. The specification has no texts of them then, and can be shown and
    /// simulated; tasks that run would get no files.
    #[must_use]
    pub fn without_config_templates(mut self) -> Self {
        self.templates = TemplateFolder::Skip;
        self
    }

    /// The same, as strict as this.
    #[must_use]
    pub fn rigour(mut self, rigour: Rigour) -> Self {
        self.rigour = rigour;
        self
    }

    /// The same, with hints for these readers.
    #[must_use]
    pub fn hints(mut self, hints: Hints) -> Self {
        self.hints = hints;
        self
    }

    /// Loads the specification of a folder, or one file.
    ///
    /// # Errors
    /// Something cannot be read, or is wrong: all problems, each with file, line, column and what to do.
    pub fn load(&self, path: impl AsRef<Path>) -> Result<Checked<Loaded>, SpecError> {
        let file = SpecFile::load(path.as_ref(), self).map_err(SpecError::new)?;
        Loaded::of(file).map_err(SpecError::new)
    }

    /// All values, with those of a service's own file in their place.
    pub(crate) fn values_over(&self, own: BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut values = self.inherited.clone();
        values.extend(own);
        for more in [&self.filed, &self.given] {
            values.extend(more.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        values
    }
}
