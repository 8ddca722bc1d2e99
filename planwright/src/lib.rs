//! The program `planwright`: checks, shows and simulates plans of services.
//!
//! It is a library so that tests can call its parts; the binary is one call of [`run`].
//!
//! From the command line inwards: [`arguments`] says what can be typed; [`input`] reads files and values and
//! gives a [`plan_core::plan::Model`]; a command makes a result of it; [`ui`] is the one place that writes.
//! Whatever is wrong on the way is a [`problem::Problem`]. The engine decides; nothing here does.

pub mod arguments;
mod commands;
pub mod explanation;
pub mod input;
pub mod operator;
pub mod problem;
pub mod ui;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Verb};
use ui::Ui;

/// What a command came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// All is well.
    Good,
    /// A file is refused, or a plan did not complete.
    Refused,
    /// What was asked makes no sense.
    Misused,
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Good => Self::SUCCESS,
            Verdict::Refused => Self::from(1),
            Verdict::Misused => Self::from(2),
        }
    }
}

/// Runs the program with these arguments, the first of which is its name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(answer) => {
            // A closed pipe takes the answer away; what it says stays the same.
            let _ = answer.print();
            return if answer.use_stderr() { Verdict::Misused } else { Verdict::Good }.into();
        }
    };
    let mut ui = Ui::new(arguments.common.output, arguments.common.color);
    let verdict = match &arguments.verb {
        Verb::Validate(validate) => commands::validate(&mut ui, validate),
        Verb::Diff(diff) => commands::diff(&mut ui, diff),
        Verb::Show(one) => commands::show(&mut ui, one),
        Verb::Graph(graph) => commands::graph(&mut ui, graph),
        Verb::Render(render) => commands::render(&mut ui, render),
        Verb::Schema => commands::schema(&mut ui),
        Verb::Explain(explain) => commands::explain(&mut ui, explain),
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
