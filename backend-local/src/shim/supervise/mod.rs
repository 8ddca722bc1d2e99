//! One task's shim: starts it, keeps its output, ends it, and writes down how it ended.
//!
//! Invariant: `launch.json` names the shim before the task starts, and `exit.json` is there only when nothing of the
//! task is left. It is one thread: the system kills a task when the thread that started it ends.

use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{ChildStderr, ChildStdout, Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, kill_process, kill_process_group, pidfd_open, set_child_subreaper,
    wait,
};

use super::last_words::LastWords;
use super::output::RotatedFile;
use super::{EXEC, bell, say, signals};
use crate::disk::{self, Reserved};
use crate::layout::RunFolder;
use crate::memory;
use crate::process::{self, ProcessId};
use crate::run::{Exit, ExitCause, Kill, KillReason, Launched, Order, now};

/// What the shim answers the scheduler that started it, in one line.
pub(crate) const STARTED: &str = "started";

/// Processes that were left to us are waited for this often.
const LOOK: Duration = Duration::from_secs(30);
/// While something is being ended.
const LOOK_CLOSELY: Duration = Duration::from_millis(10);
/// A disk that was full is tried again after so long.
const DISK_AGAIN: Duration = Duration::from_secs(1);
/// Output that is left after the end is waited for so long.
const LAST_OUTPUT: Duration = Duration::from_secs(1);

pub(super) fn run(folder: &Path, nonce: &str) -> ExitCode {
    let folder = RunFolder::at(folder.to_owned());
    match Shim::start(&folder, nonce) {
        Ok(Some(shim)) => {
            answer(STARTED);
            shim.go_on();
            ExitCode::SUCCESS
        }
        // It was to end before it began, and that is written down.
        Ok(None) => {
            answer(STARTED);
            ExitCode::SUCCESS
        }
        Err(why) => {
            say(&why);
            answer(&why);
            ExitCode::FAILURE
        }
    }
}

/// Answers, and lets go of what it was started with: the scheduler may end.
fn answer(line: &str) {
    let mut out = io::stdout();
    // Nobody may be there to hear it.
    let _ = writeln!(out, "{}", line.replace('\n', " ")).and_then(|()| out.flush());
    if let Ok(null) = std::fs::OpenOptions::new().write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdout(null);
    }
}

struct Shim {
    folder: RunFolder,
    order: Order,
    exit: Reserved,
    bell: std::fs::File,
    task: Pid,
    out: Option<(ChildStdout, RotatedFile)>,
    err: Option<(ChildStderr, RotatedFile)>,
    last_words: LastWords,
    killing: Option<Killing>,
    ended: Option<ExitStatus>,
}

/// The task was asked to end.
struct Killing {
    why: KillReason,
    at_latest: Instant,
    forced: bool,
}

impl Shim {
    fn start(folder: &RunFolder, nonce: &str) -> Result<Option<Self>, String> {
        let text = |error: disk::DiskError| error.to_string();
        let order: Order = disk::read(&folder.order()).map_err(text)?.ok_or("there is no order here")?;
        if order.nonce != nonce {
            return Err("another order is here than the one that this shim was started for".to_owned());
        }
        if !disk::claim(&folder.claim()).map_err(text)? {
            return Err("the order was claimed by another shim".to_owned());
        }
        let me = ProcessId::me().map_err(|error| error.to_string())?;
        let boot = process::boot_id().map_err(|error| format!("the machine's start has no name: {error}"))?;
        let of = order.incarnation();
        let mut launched = Launched {
            incarnation: format!("{} {} {} {}", of.installation, of.instance, of.task, of.launch),
            boot,
            shim: me,
            task: None,
            at: now(),
        };
        disk::write(&folder.launch(), &launched).map_err(text)?;
        // Who found the claim and nobody behind it has given the launch up.
        if folder.exit().exists() {
            return Err("the launch was given up before its shim had begun".to_owned());
        }
        let mut exit = Reserved::take(&folder.exit()).map_err(text)?;
        // What the task leaves behind comes to us, so that it can be ended.
        set_child_subreaper(Pid::from_raw(me.pid)).map_err(|error| format!("{error}"))?;
        let bell = bell::hang(&folder.bell())
            .map_err(|error| format!("cannot create `{}`: {error}", folder.bell().display()))?;
        // Whoever wants it to end from here on either finds the bell or was here before.
        if let Some(kill) = disk::read::<Kill>(&folder.kill()).map_err(text)? {
            exit.write(&Exit::new(cause(kill.why), "it was to end before it began")).map_err(text)?;
            return Ok(None);
        }
        match Self::spawn(folder, &order) {
            Err(why) => {
                exit.write(&Exit::new(ExitCause::NotStarted, &why)).map_err(text)?;
                Err(why)
            }
            Ok((child, out, err)) => {
                let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
                let task = pid.ok_or("the task has no process id")?;
                launched.task = process::Stat::of(task.as_raw_nonzero().get())
                    .map(|stat| ProcessId { pid: task.as_raw_nonzero().get(), start: stat.start });
                let mut shim = Self {
                    folder: folder.clone(),
                    order,
                    exit,
                    bell,
                    task,
                    out,
                    err,
                    last_words: LastWords::default(),
                    killing: None,
                    ended: None,
                };
                if let Err(error) = disk::write(&folder.launch(), &launched) {
                    shim.force();
                    shim.end_what_is_left();
                    if let Some(group) = &shim.order.memory {
                        memory::remove(group);
                    }
                    let why = error.to_string();
                    shim.write_exit(&Exit::new(ExitCause::NotStarted, &why));
                    return Err(why);
                }
                Ok(Some(shim))
            }
        }
    }

    #[expect(clippy::type_complexity, reason = "a child and its two outputs, taken apart at once")]
    fn spawn(
        folder: &RunFolder,
        order: &Order,
    ) -> Result<
        (std::process::Child, Option<(ChildStdout, RotatedFile)>, Option<(ChildStderr, RotatedFile)>),
        String,
    > {
        if let Some(group) = &order.memory {
            memory::create(group).map_err(|error| error.to_string())?;
        }
        let mut out = RotatedFile::new(folder.sandbox(), "stdout", order.output);
        let mut err = RotatedFile::new(folder.sandbox(), "stderr", order.output);
        out.open().and_then(|()| err.open()).map_err(|error| {
            format!("cannot create the files for its output in `{}`: {error}", folder.sandbox().display())
        })?;
        let mut child = Command::new("/proc/self/exe")
            .arg(EXEC)
            .arg(std::process::id().to_string())
            .arg(folder.path())
            .arg(&order.command)
            .env_clear()
            .envs(&order.environment)
            .current_dir(folder.sandbox())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("the task's process cannot be started: {error}"))?;
        let out = child.stdout.take().map(|pipe| (pipe, out));
        let err = child.stderr.take().map(|pipe| (pipe, err));
        Ok((child, out, err))
    }

    fn go_on(mut self) {
        let pidfd = pidfd_open(self.task, PidfdFlags::empty());
        while self.ended.is_none() {
            let now = Instant::now();
            let deadline = self.killing.as_ref().filter(|killing| !killing.forced);
            let wait = deadline.map_or(LOOK, |killing| killing.at_latest.saturating_duration_since(now));
            let wait = if pidfd.is_err() { wait.min(Duration::from_millis(100)) } else { wait.min(LOOK) };
            if self.poll(pidfd.as_ref().ok().map(|fd| fd.as_fd()), wait) {
                self.look_for_kill();
            }
            if self.killing.as_ref().is_some_and(|kill| !kill.forced && kill.at_latest <= Instant::now()) {
                self.force();
            }
            self.reap();
        }
        self.end_what_is_left();
        let exit = self.describe_end();
        if let Some(group) = &self.order.memory {
            memory::remove(group);
        }
        self.write_exit(&exit);
    }

    /// Waits until there is something to do, and takes output in; whether the bell rang.
    fn poll(&mut self, pidfd: Option<BorrowedFd<'_>>, wait: Duration) -> bool {
        let (out, err, rung) = {
            let flags = PollFlags::IN;
            let mut watched = vec![PollFd::new(&self.bell, flags)];
            let out_at = self.out.as_ref().map(|(pipe, _)| {
                watched.push(PollFd::new(pipe, flags));
                watched.len() - 1
            });
            let err_at = self.err.as_ref().map(|(pipe, _)| {
                watched.push(PollFd::new(pipe, flags));
                watched.len() - 1
            });
            if let Some(pidfd) = &pidfd {
                watched.push(PollFd::new(pidfd, flags));
            }
            let timeout = Timespec {
                tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: i64::from(wait.subsec_nanos()),
            };
            if poll(&mut watched, Some(&timeout)).is_err() {
                return false;
            }
            let happened = |at: Option<usize>| at.is_some_and(|at| !watched[at].revents().is_empty());
            (happened(out_at), happened(err_at), happened(Some(0)))
        };
        if out {
            copy(&mut self.out, |_| {});
        }
        if err {
            copy(&mut self.err, |bytes| self.last_words.hear(bytes));
        }
        if rung {
            bell::hear(&self.bell);
        }
        rung
    }

    fn look_for_kill(&mut self) {
        let kill = match disk::read::<Kill>(&self.folder.kill()) {
            Ok(Some(kill)) => kill,
            Ok(None) => return,
            Err(error) => return say(&error.to_string()),
        };
        let at_latest = Instant::now() + Duration::from_secs(u64::from(kill.grace));
        match &mut self.killing {
            // Who asks again may give it less time, never more.
            Some(killing) => killing.at_latest = killing.at_latest.min(at_latest),
            None => {
                self.killing = Some(Killing { why: kill.why, at_latest, forced: false });
                if kill.grace > 0 {
                    self.signal(signals::signal(self.order.kill_signal));
                }
            }
        }
    }

    fn force(&mut self) {
        self.signal(Signal::KILL);
        if let Some(killing) = &mut self.killing {
            killing.forced = true;
        }
    }

    /// Signals the task with its group, which is its own from its first instructions on.
    fn signal(&self, signal: Signal) {
        if kill_process_group(self.task, signal).is_err() {
            let _ = kill_process(self.task, signal);
        }
    }

    /// Waits for those that have ended: the task, and what was left to us.
    fn reap(&mut self) -> bool {
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

    /// Ends all that the task left behind, and waits for it.
    fn end_what_is_left(&mut self) {
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
            self.poll(None, LOOK_CLOSELY);
        }
        let until = Instant::now() + LAST_OUTPUT;
        while (self.out.is_some() || self.err.is_some()) && Instant::now() < until {
            self.poll(None, LOOK_CLOSELY);
        }
    }

    fn describe_end(&self) -> Exit {
        let (code, signal) = self.ended.map_or((None, None), |status| (status.code(), status.signal()));
        let by_us = self.killing.as_ref().map(|killing| cause(killing.why));
        let why = if by_us.is_some() || code == Some(0) { String::new() } else { self.why(code, signal) };
        Exit { cause: by_us.unwrap_or(ExitCause::Itself), code, signal, at: now(), why }
    }

    /// Why it failed, in words: the system's, and the task's own.
    fn why(&self, code: Option<i32>, signal: Option<i32>) -> String {
        let mut why = match (code, signal) {
            // What a shell says of a command that it does not find, and of one that it cannot run.
            (Some(127), _) => "exit code 127, no such command".to_owned(),
            (Some(126), _) => "exit code 126, the command cannot be run".to_owned(),
            (Some(code), _) => format!("exit code {code}"),
            (None, Some(signal)) => format!("killed by signal {signal}"),
            (None, None) => String::new(),
        };
        if let Some(group) = self.order.memory.as_ref().filter(|group| memory::was_exceeded(group)) {
            why = format!("{why}, out of memory: it may have {} MB", group.bytes >> 20);
        }
        let words = self.last_words.text();
        if words.is_empty() { why } else { format!("{why}: {words}") }
    }

    /// Writes the end down, as often as it takes: it is known to nobody else.
    fn write_exit(&mut self, exit: &Exit) {
        while let Err(error) = self.exit.write(exit) {
            if !self.folder.path().exists() {
                return;
            }
            say(&error.to_string());
            std::thread::sleep(DISK_AGAIN);
        }
    }
}

fn cause(why: KillReason) -> ExitCause {
    match why {
        KillReason::Ordered => ExitCause::Killed,
        KillReason::Unhealthy => ExitCause::Unhealthy,
    }
}

/// Takes in what is there of an output; at its end it is none.
fn copy<P: io::Read>(from: &mut Option<(P, RotatedFile)>, mut hear: impl FnMut(&[u8])) {
    let Some((pipe, file)) = from else { return };
    let mut buffer = [0; 1 << 16];
    match pipe.read(&mut buffer) {
        Ok(0) => {
            file.finish();
            *from = None;
        }
        Ok(count) => {
            file.write(&buffer[..count]);
            hear(&buffer[..count]);
        }
        Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {}
        Err(_) => *from = None,
    }
}
