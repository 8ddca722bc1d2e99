//! How a task ends: asked to, forced to, or by itself; and what is written to disk about it.
//!
//! Invariant: an end is written to disk when nothing of the task is left. If that fails, it is tried again until it
//! succeeds.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, kill_process_group, wait};

use super::Shim;
use crate::run::{Exit, ExitCause, Kill, KillReason, now};
use crate::shim::say::say;
use crate::shim::signals;
use crate::{disk, memory, process};

/// How often a task that is being ended is checked.
const LOOK_CLOSELY: Duration = Duration::from_millis(10);
/// How long until a full disk is tried again.
const DISK_AGAIN: Duration = Duration::from_secs(1);
/// How long the rest of the output is waited for after the end.
const LAST_OUTPUT: Duration = Duration::from_secs(1);

/// The task was asked to end.
pub(super) struct Killing {
    pub(super) why: KillReason,
    words: String,
    pub(super) at_latest: Instant,
    pub(super) forced: bool,
}

impl Shim {
    pub(super) fn look_for_kill(&mut self) {
        let kill = match disk::read::<Kill>(&self.folder.kill()) {
            Ok(Some(kill)) => kill,
            Ok(None) => return,
            Err(error) => return say(&error.to_string()),
        };
        let at_latest = Instant::now() + Duration::from_secs(u64::from(kill.grace));
        match &mut self.killing {
            // A second request may give the task less time, never more.
            Some(killing) => killing.at_latest = killing.at_latest.min(at_latest),
            None => {
                self.killing = Some(Killing { why: kill.why, words: kill.words, at_latest, forced: false });
                if kill.grace > 0 {
                    self.signal(signals::signal(self.order.kill_signal));
                }
            }
        }
    }

    pub(super) fn force(&mut self) {
        self.signal(Signal::KILL);
        if let Some(killing) = &mut self.killing {
            killing.forced = true;
        }
    }

    /// Signals the task's process group. The task has a group of its own from its first instruction on.
    fn signal(&self, signal: Signal) {
        if kill_process_group(self.task, signal).is_err() {
            let _ = kill_process(self.task, signal);
        }
    }

    /// Waits for processes that have ended: the task, and orphans of it.
    pub(super) fn reap(&mut self) -> bool {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if pid == self.task => {
                    self.ended = Some(ExitStatus::from_raw(status.as_raw()));
                }
                Ok(Some(_)) => {}
                Ok(None) => return true,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return false,
            }
        }
    }

    /// Ends all processes that the task left behind, and waits for them.
    pub(super) fn end_what_is_left(&mut self) {
        let me = rustix::process::getpid().as_raw_nonzero().get();
        loop {
            let some = self.reap();
            if !some {
                break;
            }
            let _ = kill_process_group(self.task, Signal::KILL);
            for (pid, stat) in process::all() {
                if stat.parent == me
                    && stat.lives()
                    && let Some(pid) = Pid::from_raw(pid)
                {
                    let _ = kill_process(pid, Signal::KILL);
                }
            }
            self.streams.wait(None, LOOK_CLOSELY);
        }
        let until = Instant::now() + LAST_OUTPUT;
        while self.streams.are_open() && Instant::now() < until {
            self.streams.wait(None, LOOK_CLOSELY);
        }
    }

    pub(super) fn describe_end(&self) -> Exit {
        let (code, signal) = self.ended.map_or((None, None), |status| (status.code(), status.signal()));
        let (cause, why) = match &self.killing {
            Some(killing) => (cause(killing.why), killing.words.clone()),
            None if code == Some(0) => (ExitCause::Itself, String::new()),
            None => (ExitCause::Itself, self.why(code, signal)),
        };
        Exit { cause, code, signal, at: now(), why }
    }

    /// Why the task failed, in the words of the system and of the task.
    fn why(&self, code: Option<i32>, signal: Option<i32>) -> String {
        let mut why = match (code, signal) {
            // The exit codes of a shell for a command that it does not find, and for one that it cannot run.
            (Some(127), _) => "exit code 127, no such command".to_owned(),
            (Some(126), _) => "exit code 126, the command cannot be run".to_owned(),
            (Some(code), _) => format!("exit code {code}"),
            (None, Some(signal)) => format!("killed by signal {signal}"),
            (None, None) => String::new(),
        };
        if let Some(group) = self.order.memory.as_ref().filter(|group| memory::was_exceeded(group)) {
            why = format!("{why}, out of memory: it may have {} MB", group.bytes >> 20);
        }
        let words = self.streams.last_words();
        if words.is_empty() { why } else { format!("{why}: {words}") }
    }

    /// Writes the end to disk, again until it succeeds, since nobody else knows it.
    pub(super) fn write_exit(&mut self, exit: &Exit) {
        while let Err(error) = self.exit.write(exit) {
            if !self.folder.path().exists() {
                return;
            }
            say(&error.to_string());
            std::thread::sleep(DISK_AGAIN);
        }
    }
}

pub(super) fn cause(why: KillReason) -> ExitCause {
    match why {
        KillReason::Ordered => ExitCause::Killed,
        KillReason::Unhealthy => ExitCause::Unhealthy,
    }
}
