//! The commands that ask a scheduler: names, aliases, trees and messages are the SDK's (SDK rule R80).
//!
//! ```text
//!   find: which scheduler, with which token ──▶ http: asked, again if the answer was lost ──▶ plan, pod, ...: shown
//! ```
//!
//! Invariant: nothing is decided here. The commands show what the API says, and with `--output json` the API's own
//! JSON.

mod debug;
mod ended;
mod endpoints;
mod find;
mod follow;
mod http;
mod json_lines;
mod plan;
mod plan_end;
mod pod;
mod pod_end;
mod trouble;
mod uninstall;
mod update;
mod watch;
pub(crate) mod when;

use std::io;

use serde_json::{Value, json};

use crate::Verdict;
use crate::arguments::{Of, Waiting};
use crate::ui::Ui;
use http::{Answered, Scheduler};
use trouble::Trouble;

pub(crate) use debug::debug;
pub(crate) use endpoints::endpoints;
pub(crate) use plan::plan;
pub(crate) use pod::pod;
pub(crate) use uninstall::uninstall;
pub(crate) use update::update;

/// The result of a command, or why there is none.
type Came = Result<Verdict, Stop>;

/// Why a command ends early.
#[derive(Debug)]
enum Stop {
    /// The scheduler, or the connection to it.
    Trouble(Trouble),
    /// The result cannot be written.
    Io(io::Error),
}

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Finds the scheduler, and asks it.
fn ask(ui: &mut Ui, of: &Of, command: impl AsyncFnOnce(&mut Ui, &Scheduler) -> Came) -> io::Result<Verdict> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let came = runtime.block_on(async {
        let scheduler = Scheduler::find(of)?;
        command(ui, &scheduler).await
    });
    // A task may still wait for keys of the terminal.
    runtime.shutdown_background();
    match came {
        Ok(verdict) => Ok(verdict),
        Err(Stop::Io(error)) => Err(error),
        Err(Stop::Trouble(trouble)) => {
            let (problems, verdict) = trouble.apart();
            if ui.is_json() {
                ui.json(&json!({ "good": false, "diagnostics": problems }))?;
            }
            problems.iter().for_each(|problem| ui.problem(problem));
            Ok(verdict)
        }
    }
}

/// Shows the result of a command: the API's answer, or these words. For programs, a command that waits for an end
/// prints one object with the answer in it: see [`ended::Ended::tell`].
fn tell(ui: &mut Ui, answered: &Answered, done: &str, waiting: &Waiting) -> io::Result<()> {
    if ui.is_json() {
        if waiting.wait { Ok(()) } else { ui.json(&answered.whole) }
    } else if answered.was_so() {
        ui.say("Cannot execute command. Command has already been issued or the plan has completed")
    } else {
        ui.say(done)
    }
}

/// Shows a value as it is, if there is no better form for people.
fn show(ui: &mut Ui, value: &Value) -> io::Result<()> {
    ui.json(value)
}
