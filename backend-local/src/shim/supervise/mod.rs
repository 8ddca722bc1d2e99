//! The shim of a task: starts the task, keeps its output, ends it, and writes to disk how it ended.
//!
//! Invariant: `launch.json` names the shim before the task starts, and `exit.json` exists only when nothing of the task
//! is left. The shim has one thread, since the system kills a task when the thread that started it ends.

mod ending;
mod streams;

use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, pidfd_open, set_child_subreaper};

use super::bell;
use super::say::say;
use super::words::{EXEC, STARTED};
use crate::disk::{self, Reserved};
use crate::layout::RunFolder;
use crate::memory;
use crate::process::{self, ProcessId};
use crate::run::{Exit, ExitCause, Kill, Launched, Order, now};
use ending::{Killing, cause};
use streams::Streams;

/// How often orphans of the task are waited for.
const LOOK: Duration = Duration::from_secs(30);

pub(super) fn run(folder: &Path, nonce: &str) -> ExitCode {
    let folder = RunFolder::at(folder.to_owned());
    match Shim::start(&folder, nonce) {
        Ok(Some(shim)) => {
            answer(STARTED);
            shim.go_on();
            ExitCode::SUCCESS
        }
        // The task was told to end before it began, and that is on disk.
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

/// Answers, and closes what it inherited from the scheduler, which may then end.
fn answer(line: &str) {
    let mut out = io::stdout();
    // There may be no reader.
    let _ = writeln!(out, "{}", line.replace('\n', " ")).and_then(|()| out.flush());
    if let Ok(null) = std::fs::OpenOptions::new().write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdout(null);
    }
}

struct Shim {
    folder: RunFolder,
    order: Order,
    exit: Reserved,
    streams: Streams,
    task: Pid,
    killing: Option<Killing>,
    ended: Option<ExitStatus>,
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
        // A scheduler that found the claim without a shim has given the launch up.
        if folder.exit().exists() {
            return Err("the launch was given up before its shim had begun".to_owned());
        }
        let mut exit = Reserved::take(&folder.exit()).map_err(text)?;
        // Processes that the task leaves behind become our children, so that we can end them.
        set_child_subreaper(Pid::from_raw(me.pid)).map_err(|error| format!("{error}"))?;
        let bell = bell::hang(&folder.bell())
            .map_err(|error| format!("cannot create `{}`: {error}", folder.bell().display()))?;
        // From here on, a request to end the task rings the bell, or is already on disk.
        if let Some(kill) = disk::read::<Kill>(&folder.kill()).map_err(text)? {
            exit.write(&Exit::new(cause(kill.why), "it was to end before it began")).map_err(text)?;
            return Ok(None);
        }
        let started = Streams::open(folder, order.output, bell).and_then(|mut streams| {
            let mut child = spawn(folder, &order)?;
            streams.take(child.stdout.take(), child.stderr.take());
            Ok((child, streams))
        });
        let (child, streams) = match started {
            Ok(started) => started,
            Err(why) => {
                take_group_away(&order);
                exit.write(&Exit::new(ExitCause::NotStarted, &why)).map_err(text)?;
                return Err(why);
            }
        };
        let task =
            i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or("the task has no process id")?;
        let pid = task.as_raw_nonzero().get();
        launched.task = process::Stat::of(pid).map(|stat| ProcessId { pid, start: stat.start });
        let folder = folder.clone();
        let mut shim = Self { folder, order, exit, streams, task, killing: None, ended: None };
        if let Err(error) = disk::write(&shim.folder.launch(), &launched) {
            shim.force();
            let why = error.to_string();
            shim.end(|_| Exit::new(ExitCause::NotStarted, &why));
            return Err(why);
        }
        Ok(Some(shim))
    }

    fn go_on(mut self) {
        let pidfd = pidfd_open(self.task, PidfdFlags::empty());
        while self.ended.is_none() {
            let now = Instant::now();
            let deadline = self.killing.as_ref().filter(|killing| !killing.forced);
            let wait = deadline.map_or(LOOK, |killing| killing.at_latest.saturating_duration_since(now));
            let wait = if pidfd.is_err() { wait.min(Duration::from_millis(100)) } else { wait.min(LOOK) };
            if self.streams.wait(pidfd.as_ref().ok().map(|fd| fd.as_fd()), wait) {
                self.look_for_kill();
            }
            if self.killing.as_ref().is_some_and(|kill| !kill.forced && kill.at_latest <= Instant::now()) {
                self.force();
            }
            self.reap();
        }
        self.end(Self::describe_end);
    }

    /// Ends everything that is left, and writes to disk how the task ended.
    fn end(&mut self, how: impl FnOnce(&Self) -> Exit) {
        self.end_what_is_left();
        let exit = how(self);
        take_group_away(&self.order);
        self.write_exit(&exit);
    }
}

/// Starts the task's process.
fn spawn(folder: &RunFolder, order: &Order) -> Result<Child, String> {
    if let Some(group) = &order.memory {
        memory::create(group).map_err(|error| error.to_string())?;
    }
    let started = Command::new("/proc/self/exe")
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
        .spawn();
    started.map_err(|error| format!("the task's process cannot be started: {error}"))
}

/// Removes the task's control group. Its counts were already read.
fn take_group_away(order: &Order) {
    if let Some(group) = &order.memory {
        memory::remove(group);
    }
}
