//! The program `planwright`: runs services by their plans; checks, shows and simulates them.
//!
//! It is a library, so that another program can add a backend of its own ([`backends`]): the binary is one call of
//! [`main_with`]. Tests of the book read what [`explanation`] makes. Everything else is private: a program that needs parts of
//! a scheduler takes the crates `plan-host`, `plan-driver` and `plan-api`.
//!
//! From the command line inwards: `arguments` says what can be typed. `input` reads files and values (`plan-load`)
//! and makes a [`plan_core::plan::Model`]. A command makes a result of the model, and only `ui` writes. Whatever goes
//! wrong on the way is a [`plan_core::spec::Problem`]. The engine decides, and nothing here does.

mod arguments;
pub mod backends;
mod client;
mod commands;
pub mod explanation;
mod input;
mod operator;
mod problem;
mod program;
mod run;
mod running;
mod screen;
mod table;
mod ui;

use std::ffi::OsString;
use std::process::ExitCode;

pub use clap;

use arguments::{Arguments, Verb};
use backends::Backends;
use ui::Ui;

/// The result of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All is well.
    Good,
    /// A file is refused, a plan did not complete, or the work failed.
    Refused,
    /// The usage is wrong.
    Misused,
    /// No scheduler can be reached.
    Unreachable,
    /// The scheduler refused.
    Denied,
    /// What the command waited for will not happen, or did not happen in time.
    InVain,
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Good => Self::SUCCESS,
            Verdict::Refused => Self::from(1),
            Verdict::Misused => Self::from(2),
            Verdict::Unreachable => Self::from(3),
            Verdict::Denied => Self::from(4),
            Verdict::InVain => Self::from(5),
        }
    }
}

/// Runs the whole program with these backends. A `main` does nothing else.
pub fn main_with(backends: &Backends) -> ExitCode {
    backends.helper().unwrap_or_else(|| run(backends, std::env::args_os()))
}

/// Runs the program with these arguments, the first of which is its name.
fn run(backends: &Backends, arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::read(backends, arguments) {
        Ok(arguments) => arguments,
        Err(answer) => {
            // A closed pipe loses the answer, but the exit code stays the same.
            let _ = answer.print();
            return if answer.use_stderr() { Verdict::Misused } else { Verdict::Good }.into();
        }
    };
    let mut ui = Ui::new(arguments.common.output, arguments.common.color);
    let verdict = match &arguments.verb {
        Verb::Init(init) => commands::init(&mut ui, init),
        Verb::Validate(validate) => commands::validate(&mut ui, backends, validate),
        Verb::Diff(diff) => commands::diff(&mut ui, diff),
        Verb::Show(one) => commands::show(&mut ui, one),
        Verb::Graph(graph) => commands::graph(&mut ui, graph),
        Verb::Render(render) => commands::render(&mut ui, render),
        Verb::Run(run) => run::run(&mut ui, backends, run),
        Verb::Plan(plan) => client::plan(&mut ui, plan),
        Verb::Pod(pod) => client::pod(&mut ui, pod),
        Verb::Endpoints(endpoints) => client::endpoints(&mut ui, endpoints),
        Verb::Update(update) => client::update(&mut ui, update),
        Verb::Debug(debug) => client::debug(&mut ui, debug),
        Verb::Uninstall(uninstall) => client::uninstall(&mut ui, uninstall),
        Verb::Completions(completions) => commands::completions(&mut ui, backends, completions),
        Verb::Man(man) => commands::man(&mut ui, backends, man),
        Verb::Schema => commands::schema(&mut ui),
        Verb::Explain(explain) => commands::explain(&mut ui, backends, explain),
        Verb::Replay(replay) => commands::replay(&mut ui, replay),
        Verb::Simulate(simulate) => commands::simulate(&mut ui, simulate),
    };
    match verdict.and_then(|verdict| ui.finish().map(|()| verdict)) {
        Ok(verdict) => verdict.into(),
        Err(error) => {
            ui.complain(&format!("cannot write the result: {error}"));
            Verdict::Refused.into()
        }
    }
}

/// The name of the user for the audit, from the environment.
fn who() -> String {
    let name = |key: &str| std::env::var(key).ok().filter(|name| !name.trim().is_empty());
    name("USER").or_else(|| name("LOGNAME")).unwrap_or_else(|| format!("uid-{}", rustix::process::getuid()))
}

/// The book's Rust is compiled and run as this type's examples.
#[cfg(doctest)]
#[doc = include_str!("../../docs/src/embedding.md")]
#[derive(Debug)]
pub struct Embedding;

/// The same, of the chapter on history.
#[cfg(doctest)]
#[doc = include_str!("../../docs/src/history.md")]
#[derive(Debug)]
pub struct History;
