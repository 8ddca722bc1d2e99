//! Reading a specification from a text in one call. Invariant: an error has all problems, each with its line. Warnings
//! come with the specification, and are not lost by accident.

use std::collections::BTreeMap;

use super::super::diagnostic::{Files, Lines};
use super::super::problem::{Checked, Problem, SpecError};
use super::super::service::ServiceSpec;
use super::{ReadOptions, Reading, Source, read};

/// The name of a text without a file, in messages.
const NO_FILE: &str = "<yaml>";

impl ServiceSpec {
    /// Reads a specification from a text without variables (`{{NAME}}`) and config templates, the common case. A text
    /// that has them is read with [`ServiceSpec::from_source`], or as a folder.
    ///
    /// ```
    /// use plan_core::spec::ServiceSpec;
    ///
    /// let text = "name: hello\npods:\n  web:\n    count: two\n    tasks:\n      \
    ///             server: {goal: RUNING, cmd: ./serve, cpus: 0.1, memory: 32}\n";
    /// let error = ServiceSpec::from_yaml(text).expect_err("it has two slips");
    /// assert_eq!(error.problems().len(), 2);
    /// let shown = error.to_string();
    /// assert!(shown.contains("<yaml>:4:12: error["), "{shown}");
    /// assert!(shown.contains("<yaml>:6:22: error["), "{shown}");
    /// assert!(shown.contains("help: did you mean `RUNNING`?"), "{shown}");
    /// ```
    ///
    /// # Errors
    /// The text is not a valid specification. The error has all problems, with lines and columns of the text, and with
    /// what to do.
    pub fn from_yaml(text: &str) -> Result<Checked<Self>, SpecError> {
        let (env, templates) = (BTreeMap::new(), BTreeMap::new());
        let options = ReadOptions { env: &env, strict_variables: true, files: Files::Texts(&templates) };
        Self::from_source(Source { file: NO_FILE, text }, &options)
    }

    /// Reads a specification from a text with a name, with values for its variables and with the texts of its config
    /// templates.
    ///
    /// ```
    /// use std::collections::BTreeMap;
    /// use plan_core::spec::{Files, ReadOptions, ServiceSpec, Source};
    ///
    /// let text = "name: hello\npods:\n  web:\n    count: {{COUNT}}\n    tasks:\n      \
    ///             server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}\n";
    /// let env = BTreeMap::from([("COUNT".to_owned(), "2".to_owned())]);
    /// let options = ReadOptions { env: &env, strict_variables: true, files: Files::Skip };
    /// let spec = ServiceSpec::from_source(Source { file: "svc.yml", text }, &options)?.strict()?;
    /// assert_eq!(spec.pods()["web"].count, 2);
    /// # Ok::<(), plan_core::spec::SpecError>(())
    /// ```
    ///
    /// # Errors
    /// The text is not a valid specification. The error has all problems, with lines and columns of the text, and with
    /// what to do.
    pub fn from_source(source: Source<'_>, options: &ReadOptions<'_>) -> Result<Checked<Self>, SpecError> {
        read(source, options).checked(source)
    }
}

impl Reading {
    /// The specification with its warnings, or all problems. `source` is the source that was read.
    ///
    /// # Errors
    /// One of the problems is an error.
    pub fn checked(self, source: Source<'_>) -> Result<Checked<ServiceSpec>, SpecError> {
        let lines = Lines::new(source.text);
        let problems = self.diagnostics.iter().map(|one| Problem::of(one, source.file, &lines)).collect();
        match self.spec {
            Some(spec) => Ok(Checked::new(spec, problems)),
            None => Err(SpecError::new(problems)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "name: hello\npods:\n  web:\n    count: 1\n    tasks:\n      \
                        server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}\n";

    #[test]
    fn a_good_text_is_a_specification() {
        let (spec, warnings) = ServiceSpec::from_yaml(GOOD).unwrap().split();
        assert_eq!((spec.name().as_str(), warnings), ("hello", Vec::new()));
    }

    #[test]
    fn a_warning_comes_with_the_specification() {
        let odd = GOOD.replace("    count: 1\n", "    count: 1\n    networks: {strange: {}}\n");
        let checked = ServiceSpec::from_yaml(&odd).unwrap();
        assert_eq!(checked.warnings().len(), 1);
        let told = checked.strict().unwrap_err().to_string();
        assert!(told.starts_with("<yaml>:5:") && told.contains("`strange`"), "{told}");
    }

    #[test]
    fn what_a_text_alone_cannot_have_is_refused() {
        let variable = GOOD.replace("count: 1", "count: {{COUNT}}");
        let told = ServiceSpec::from_yaml(&variable).unwrap_err().to_string();
        assert!(told.starts_with("<yaml>:4:12: error[") && told.contains("`COUNT`"), "{told}");
        let template = GOOD.replace("memory: 32", "memory: 32, configs: {a: {template: a.conf, dest: a}}");
        let told = ServiceSpec::from_yaml(&template).unwrap_err().to_string();
        assert!(told.contains("there is no config template `a.conf`"), "{told}");
    }
}
