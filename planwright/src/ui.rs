//! The only place that writes output. Invariant: results go to standard output, and everything else to standard error.
//! A closed pipe is not a failure. Color only repeats what the words say.

use std::fmt::Display;
use std::io::{self, Write};

use annotate_snippets::Renderer;
use anstream::AutoStream;
use plan_core::engine::Tree;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Serialize;

use crate::arguments::{Color, Output};
use crate::problem::Problem;
use crate::screen::Colours;

/// The user's terminal, files or pipes.
#[derive(Debug)]
pub(crate) struct Ui {
    output: Output,
    out: AutoStream<io::Stdout>,
    err: AutoStream<io::Stderr>,
}

impl Ui {
    /// The process's standard output and error.
    pub(crate) fn new(output: Output, color: Color) -> Self {
        let choice = match color {
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Always => anstream::ColorChoice::Always,
            Color::Never => anstream::ColorChoice::Never,
        };
        Self {
            output,
            out: AutoStream::new(io::stdout(), choice),
            err: AutoStream::new(io::stderr(), choice),
        }
    }

    /// Whether results are written for programs.
    pub(crate) fn is_json(&self) -> bool {
        self.output == Output::Json
    }

    /// Writes a line, or several, of a result for people.
    ///
    /// # Errors
    /// It cannot be written, for another reason than a closed pipe.
    pub(crate) fn say(&mut self, result: impl Display) -> io::Result<()> {
        unless_gone(writeln!(self.out, "{result}"))
    }

    /// Writes a result as it is, without a line end after it.
    ///
    /// # Errors
    /// As for [`Ui::say`].
    pub(crate) fn write(&mut self, result: &str) -> io::Result<()> {
        unless_gone(self.out.write_all(result.as_bytes()))
    }

    /// Writes the output of others, byte by byte and at once, also to a terminal, as `cat` does.
    ///
    /// # Errors
    /// As for [`Ui::say`].
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.finish()?;
        let mut out = io::stdout();
        unless_gone(out.write_all(bytes).and_then(|()| out.flush()))
    }

    /// Whether somebody still reads standard output. A command without an end ends when nobody does, even while it has
    /// nothing to write.
    pub(crate) fn is_read(&self) -> bool {
        let out = io::stdout();
        let mut asked = [PollFd::new(&out, PollFlags::empty())];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        // If that is unknown, the next write will tell.
        poll(&mut asked, Some(&now)).is_err()
            || !asked[0].revents().intersects(PollFlags::ERR | PollFlags::HUP)
    }

    /// Writes a result for programs.
    ///
    /// # Errors
    /// As for [`Ui::say`].
    pub(crate) fn json(&mut self, result: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_string_pretty(result)?;
        self.say(text)
    }

    /// Shows a problem to people. For programs it is a part of the result, and nothing is written here.
    pub(crate) fn problem(&mut self, problem: &Problem) {
        if self.output == Output::Text {
            // Nothing can be done about a standard error that is gone.
            let _ = writeln!(self.err, "{}\n", crate::problem::render(problem, &Renderer::styled()));
        }
    }

    /// Writes a result of several for programs, in one line.
    ///
    /// # Errors
    /// As for [`Ui::say`].
    pub(crate) fn json_line(&mut self, result: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_string(result)?;
        self.say(text)?;
        self.finish()
    }

    /// Writes a tree with colored statuses.
    ///
    /// # Errors
    /// As for [`Ui::say`].
    pub(crate) fn tree(&mut self, tree: &Tree) -> io::Result<()> {
        for line in tree.lines() {
            let Some(status) = &line.status else {
                self.say(&line)?;
                continue;
            };
            let colour = match status.split(',').next() {
                Some("COMPLETE" | "RUNNING" | "FINISHED") => anstyle::AnsiColor::Green,
                Some("ERROR" | "FAILED" | "LOST") => anstyle::AnsiColor::Red,
                Some("WAITING" | "DELAYED" | "PAUSED" | "PAUSING") => anstyle::AnsiColor::Yellow,
                Some("PENDING") => anstyle::AnsiColor::White,
                _ => anstyle::AnsiColor::Cyan,
            };
            let colour = colour.on_default();
            self.say(format_args!("{}{} {colour}({status}){colour:#}", line.stem, line.label))?;
        }
        Ok(())
    }

    /// Writes progress to standard error.
    pub(crate) fn progress(&mut self, what: impl Display) {
        // Nothing can be done about a standard error that is gone.
        let _ = writeln!(self.err, "{what}");
    }

    /// Writes a note to standard error. For programs it is a part of the result.
    pub(crate) fn note(&mut self, what: impl Display) {
        if self.output == Output::Text {
            let blue = anstyle::AnsiColor::BrightBlue.on_default().bold();
            let _ = writeln!(self.err, "{blue}note{blue:#}: {what}");
        }
    }

    /// Writes a hint to standard error.
    pub(crate) fn hint(&mut self, what: impl Display) {
        if self.output == Output::Text {
            let cyan = anstyle::AnsiColor::BrightCyan.on_default().bold();
            let _ = writeln!(self.err, "{cyan}hint{cyan:#}: {what}");
        }
    }

    /// Whether a screen has colors.
    pub(crate) fn colours(&self) -> Colours {
        if self.out.current_choice() == anstream::ColorChoice::Never { Colours::Off } else { Colours::On }
    }

    /// Writes a summary of what went wrong to standard error, in one line.
    pub(crate) fn complain(&mut self, what: &str) {
        let red = anstyle::AnsiColor::BrightRed.on_default().bold();
        let _ = writeln!(self.err, "{red}error{red:#}: {what}");
    }

    /// Flushes the output.
    ///
    /// # Errors
    /// As for [`Ui::say`].
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        unless_gone(self.out.flush())
    }
}

/// A closed pipe is not an error.
fn unless_gone(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
