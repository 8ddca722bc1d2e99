//! What is known of a kind of backend without a connection: its name, and what of a specification it cannot keep.
//!
//! Invariant: a specification is judged alike by a kind and by each backend of that kind ([`Backend::kind`]), so that
//! what a file is told before anything runs is what its target is told.
//!
//! [`Backend::kind`]: super::Backend::kind

use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use plan_core::spec::{Problem, ServiceSpec, Severity};

/// A kind of backend.
pub trait Kind: Send + Sync + 'static {
    /// Its name, as `--backend` has it: one word in lower case.
    fn name(&self) -> &'static str;

    /// The rules that [`Kind::check`] holds a specification to. Each has a page, which `planwright explain` shows.
    fn rules(&self) -> &'static [&'static Rule] {
        &[]
    }

    /// What of a specification it cannot keep. It is asked before a target is handed to an engine, and one finding that
    /// is an error keeps the target out; and it is asked of files, where nothing runs. So it asks no cluster.
    fn check(&self, spec: &ServiceSpec) -> Vec<Finding>;
}

/// What of a specification a kind of backend cannot keep; all of it, when the kind panics.
pub fn check(kind: &dyn Kind, spec: &ServiceSpec) -> Vec<Finding> {
    catch_unwind(AssertUnwindSafe(|| kind.check(spec))).unwrap_or_else(|_| vec![Finding::fault()])
}

/// Something that a kind of backend asks of a specification.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its code: a letter that no other kind has, and three digits, as `L002`. Once given, it is not given to another.
    pub code: &'static str,
    /// The rule in one line, in lower case.
    pub summary: &'static str,
    /// What it is for, and what to do about it: a paragraph.
    pub explanation: &'static str,
    /// A file that breaks it.
    pub example: Example,
}

/// A file that breaks a rule of a backend and is good otherwise, for the rule's page. Of what it says, the place, the
/// severity and the words may depend on where a backend is: these are those of the page.
#[derive(Debug, PartialEq, Eq)]
pub struct Example {
    /// The file's text.
    pub file: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The place in the specification.
    pub path: &'static str,
    /// What is said of it.
    pub message: &'static str,
    /// What to do.
    pub help: Option<&'static str>,
}

impl Rule {
    /// What is found in its example.
    pub fn finding(&'static self) -> Finding {
        let Example { severity, path, message, help, .. } = &self.example;
        let help = help.map(ToOwned::to_owned);
        Finding {
            code: Some(self.code),
            severity: *severity,
            path: (*path).to_owned(),
            message: (*message).to_owned(),
            help,
        }
    }
}

/// Something of a specification that a backend cannot keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule's code; none of a fault of the backend's own.
    pub code: Option<&'static str>,
    /// An error: the service would not be what is declared, and the target is refused. A warning: it does without.
    pub severity: Severity,
    /// The place in the specification, as `pods.hello.tasks.server.goal`; empty for the whole. It is written as the
    /// reader's own diagnostics have it, so that its place in a file can be found.
    pub path: String,
    /// What is wrong; lower case, one sentence, no full stop.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl Finding {
    /// Something without which the service would not be what is declared.
    pub fn error(rule: &'static Rule, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: Some(rule.code),
            severity: Severity::Error,
            path: path.into(),
            message: message.into(),
            help: None,
        }
    }

    /// Something that the service does without.
    pub fn warning(rule: &'static Rule, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(rule, path, message) }
    }

    /// The same, with what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The finding as a problem of a specification, without its place in a file: its path is
    /// `pods.hello.tasks.server.goal`, as those of other problems.
    pub fn problem(self, backend: &str) -> Problem {
        let Self { code, severity, path, message, help } = self;
        let mut problem = match severity {
            Severity::Error => Problem::error(message),
            Severity::Warning => Problem::warning(message),
        };
        problem.code = code.map(Cow::from);
        problem.path = Some(path).filter(|path| !path.is_empty());
        problem.help = help;
        problem.backend = Some(backend.to_owned());
        problem
    }

    /// Whether it keeps a target out.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// A fault of the backend's own, for which nobody can vouch for the specification.
    fn fault() -> Self {
        Self {
            code: None,
            severity: Severity::Error,
            path: String::new(),
            message: "the backend has a fault of its own (it panicked)".to_owned(),
            help: Some("report what the log says".to_owned()),
        }
    }
}

/// One line, as `pods.hello.image: there are no containers here; leave the image out`.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}
