//! The processes between the scheduler and a task.
//!
//! ```text
//! scheduler ──▶ shim `supervise` ──▶ `exec` ──(becomes)──▶ /bin/sh -c CMD
//! ```
//!
//! `supervise` is not part of the scheduler's process group, and outlives the scheduler. It keeps the task's output,
//! ends the task when told to, and writes to disk how the task ended. `exec` sets limits and the like on itself, and
//! then becomes the command. `bootstrap` is the program that tasks find in their sandboxes.
//!
//! Invariant: a task does not outlive its shim, since the system kills it then. A shim runs at most one task, once: the
//! process that creates the file `claim` first decides.

mod become_command;
mod bell;
mod output;
mod say;
mod signals;
mod supervise;
mod words;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub(crate) use become_command::resource;
pub(crate) use bell::ring;
use say::say;
pub(crate) use words::{BOOTSTRAP, EXEC, STARTED, SUPERVISE};

/// Runs the shim, if the program was started as a shim, that is, with one of the shim's own words as its first
/// argument. It then returns the exit code when the shim's work is done.
///
/// A program that uses [`crate::Local`] calls this function before anything else in `main`, unless it names another
/// program as its shim:
///
/// ```no_run
/// fn main() -> std::process::ExitCode {
///     if let Some(code) = backend_local::shim::run_if_asked() {
///         return code;
///     }
///     // The program's own work.
///     std::process::ExitCode::SUCCESS
/// }
/// ```
pub fn run_if_asked() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let word = arguments.next()?;
    let rest: Vec<OsString> = arguments.collect();
    match word.to_str()? {
        SUPERVISE => Some(match rest.as_slice() {
            [folder, nonce] => supervise::run(Path::new(folder), &nonce.to_string_lossy()),
            _ => wrong("a folder and a nonce"),
        }),
        EXEC => Some(match rest.as_slice() {
            [parent, folder, command] => {
                let folder = (folder != "-").then(|| PathBuf::from(folder));
                become_command::run(&parent.to_string_lossy(), folder.as_deref(), command)
            }
            _ => wrong("a parent, a folder and a command"),
        }),
        BOOTSTRAP => Some(crate::bootstrap::run(&rest)),
        _ => None,
    }
}

fn wrong(what: &str) -> ExitCode {
    say(&format!("planwright-shim wants {what}: it is started by a scheduler, not by hand"));
    ExitCode::from(2)
}
