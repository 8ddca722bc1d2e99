//! What is known of a kind of backend without a connection: its name, and what it does not support in a specification.
//!
//! Invariant: a kind and each backend of that kind ([`Backend::kind`]) judge a specification alike. So a file gets the
//! same answer before anything runs and as a target.
//!
//! [`Backend::kind`]: super::Backend::kind

use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use plan_core::spec::{Problem, ServiceSpec, Severity};

/// A kind of backend.
pub trait Kind: Send + Sync + 'static {
    /// The name of the kind, as in `--backend`: one word in lower case.
    fn name(&self) -> &'static str;

    /// The rules that [`Kind::check`] holds a specification to. Each has a page, which `planwright explain` shows.
    fn rules(&self) -> &'static [&'static BackendRule] {
        &[]
    }

    /// Finds what this kind does not support in a specification. The driver calls it before it hands a target to an
    /// engine, and refuses the target if a finding is an error. `planwright validate` calls it on files when nothing
    /// runs, so it must not contact a cluster. By default a kind supports everything.
    fn check(&self, spec: &ServiceSpec) -> Vec<Finding> {
        let _ = spec;
        Vec::new()
    }
}

/// What a kind of backend does not support in a specification. If the check of the kind panics, that is the whole
/// specification.
pub fn check(kind: &dyn Kind, spec: &ServiceSpec) -> Vec<Finding> {
    catch_unwind(AssertUnwindSafe(|| kind.check(spec))).unwrap_or_else(|_| vec![Finding::fault()])
}

/// A rule that a kind of backend has for specifications.
#[derive(Debug, PartialEq, Eq)]
pub struct BackendRule {
    /// The code of the rule: a letter that no other kind has, and three digits, such as `L002`. No other rule ever gets
    /// the same code.
    pub code: &'static str,
    /// The rule in one line, in lower case.
    pub summary: &'static str,
    /// A paragraph on why there is the rule, and what to do about a file that breaks it.
    pub explanation: &'static str,
    /// A file that breaks it.
    pub example: RuleExample,
}

/// A file that breaks a rule of a backend and is good otherwise, for the rule's page. The place, the severity and the
/// words of a finding may depend on where the backend runs. These are those that the page shows.
#[derive(Debug, PartialEq, Eq)]
pub struct RuleExample {
    /// The file's text.
    pub file: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The place in the specification.
    pub path: &'static str,
    /// The message.
    pub message: &'static str,
    /// What to do.
    pub help: Option<&'static str>,
}

impl BackendRule {
    /// The finding in the rule's example.
    pub fn finding(&'static self) -> Finding {
        let RuleExample { severity, path, message, help, .. } = &self.example;
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

/// Something in a specification that a backend does not support.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The rule's code. A fault of the backend itself has none.
    pub code: Option<&'static str>,
    /// An error if the service would not be what the specification declares: the target is refused. A warning if the
    /// service can do without it.
    pub severity: Severity,
    /// The place in the specification, such as `pods.hello.tasks.server.goal`; empty for the whole. It has the form of
    /// the paths in the diagnostics of `plan-core`, so that its place in a file can be found.
    pub path: String,
    /// What is wrong; lower case, one sentence, no full stop.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl Finding {
    /// An error: without this, the service would not be what the specification declares.
    pub fn error(rule: &'static BackendRule, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: Some(rule.code),
            severity: Severity::Error,
            path: path.into(),
            message: message.into(),
            help: None,
        }
    }

    /// A warning: the service does without this.
    pub fn warning(rule: &'static BackendRule, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(rule, path, message) }
    }

    /// The same finding, with what to do about it.
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

    /// Whether the finding refuses a target.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// A fault of the backend itself. Because of it, nobody knows whether the backend supports the specification.
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

/// One line, such as `pods.hello.image: there are no containers here; leave the image out`.
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
