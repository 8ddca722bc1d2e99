//! The one place that writes. Invariant: results go to standard output, all else to standard error; a reader
//! that has gone away is no failure; color only repeats what the words say.

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
pub struct Ui {
    output: Output,
    out: AutoStream<io::Stdout>,
    err: AutoStream<io::Stderr>,
}

impl Ui {
    /// The process's standard output and error.
    pub fn new(output: Output, color: Color) -> Self {
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
    pub fn is_json(&self) -> bool {
        self.output == Output::Json
    }

    /// Writes a line, or several, of a result for people.
    ///
    /// # Errors
    /// It cannot be written, for another reason than that nobody reads it any more.
    pub fn say(&mut self, result: impl Display) -> io::Result<()> {
        unless_gone(writeln!(self.out, "{result}"))
    }

    /// Writes a result as it is, without a line's end after it.
    ///
    /// # Errors
    /// As for [`Ui::say`].
    pub fn write(&mut self, result: &str) -> io::Result<()> {
        unless_gone(self.out.write_all(result.as_bytes()))
    }

    /// Writes what others have written, byte by byte, at once: also to a terminal, as `cat` does.
    ///
    /// # Errors
    /// As for [`Ui::say`].
    pub fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.finish()?;
        let mut out = io::stdout();
        unless_gone(out.write_all(bytes).and_then(|()| out.flush()))
    }

    /// Whether there is still somebody who reads what is written to standard output: what has no end by itself ends when
    /// there is nobody any more, also while there is nothing to be written.
    pub fn is_read(&self) -> bool {
        let out = io::stdout();
        let mut asked = [PollFd::new(&out, PollFlags::empty())];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        // Where it cannot be asked, the next write will tell.
        poll(&mut asked, Some(&now)).is_err()
            || !asked[0].revents().intersects(PollFlags::ERR | PollFlags::HUP)
    }

    /// Writes a result for programs.
    ///
    /// # Errors
    /// As for [`Ui::say`].
    pub fn json(&mut self, result: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_string_pretty(result)?;
        self.say(text)
    }

    /// Tells people of a problem. For programs it is a part of the result, and nothing is written here.
    pub fn problem(&mut self, problem: &Problem) {
        if self.output == Output::Text {
            // Nothing can be done about a standard error that is gone.
            let _ = writeln!(self.err, "{}\n", crate::problem::render(problem, &Renderer::styled()));
        }
    }

    /// Writes a result of several for programs, in one line.
    ///
    /// # Errors
    /// As for [`Ui::say`].
    pub fn json_line(&mut self, result: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_string(result)?;
        self.say(text)?;
        self.finish()
    }

    /// Writes a tree; its statuses are colored.
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

    /// Says on standard error what is under way.
    pub fn progress(&mut self, what: impl Display) {
        // Nothing can be done about a standard error that is gone.
        let _ = writeln!(self.err, "{what}");
    }

    /// Says on standard error what is good to know. For programs it is a part of the result.
    pub fn note(&mut self, what: impl Display) {
        if self.output == Output::Text {
            let blue = anstyle::AnsiColor::BrightBlue.on_default().bold();
            let _ = writeln!(self.err, "{blue}note{blue:#}: {what}");
        }
    }

    /// Says on standard error what can be done.
    pub fn hint(&mut self, what: impl Display) {
        if self.output == Output::Text {
            let cyan = anstyle::AnsiColor::BrightCyan.on_default().bold();
            let _ = writeln!(self.err, "{cyan}hint{cyan:#}: {what}");
        }
    }

    /// Whether a screen of its own has colors.
    pub(crate) fn colours(&self) -> Colours {
        if self.out.current_choice() == anstream::ColorChoice::Never { Colours::Off } else { Colours::On }
    }

    /// Says on standard error, in one line, what went wrong in all.
    pub fn complain(&mut self, what: &str) {
        let red = anstyle::AnsiColor::BrightRed.on_default().bold();
        let _ = writeln!(self.err, "{red}error{red:#}: {what}");
    }

    /// Writes out what is still held back.
    ///
    /// # Errors
    /// As for [`Ui::say`].
    pub fn finish(&mut self) -> io::Result<()> {
        unless_gone(self.out.flush())
    }
}

/// That nobody reads the rest is the reader's matter.
fn unless_gone(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
