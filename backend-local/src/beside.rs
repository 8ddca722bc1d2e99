//! Commands that run beside a task, in its sandbox and with its environment: checks and questions.
//!
//! Invariant: a command outlives neither its time limit nor its caller, and only the end of its output is kept.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use plan_core::spec::Seconds;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::inner::Inner;
use crate::last_words::LastWords;
use crate::layout::RunFolder;
use crate::run::Order;
use crate::shim;

/// How long the rest of the output is waited for. A process that left the group may hold the output.
const LAST_OUTPUT: Duration = Duration::from_millis(100);

/// The result of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) how: How,
    /// The last line of its output; empty if there is none.
    pub(crate) last: String,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum How {
    Code(i32),
    Signal(i32),
    TimedOut(Seconds),
    NotRun(String),
}

impl Ran {
    pub(crate) fn passed(&self) -> bool {
        self.how == How::Code(0)
    }
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.how {
            How::Code(code) => write!(f, "exit code {code}")?,
            How::Signal(signal) => write!(f, "killed by signal {signal}")?,
            How::TimedOut(limit) => write!(f, "timed out after {limit}")?,
            How::NotRun(why) => write!(f, "cannot be run: {why}")?,
        }
        if self.last.is_empty() { Ok(()) } else { write!(f, ": {}", self.last) }
    }
}

/// Runs a command once. A limit of 0 is no limit, as in Mesos.
pub(crate) async fn run(
    inner: &Inner,
    folder: &RunFolder,
    order: &Order,
    command: &str,
    limit: Seconds,
) -> Ran {
    match start(inner, folder, order, command) {
        Ok((child, output)) => wait(child, output, limit).await,
        Err(error) => Ran { how: How::NotRun(error.to_string()), last: String::new() },
    }
}

fn start(
    inner: &Inner,
    folder: &RunFolder,
    order: &Order,
    command: &str,
) -> io::Result<(Child, pipe::Receiver)> {
    let (reader, writer) = io::pipe()?;
    let child = Command::new(&inner.shim)
        .arg(shim::EXEC)
        .arg(std::process::id().to_string())
        .arg("-")
        .arg(command)
        .env_clear()
        .envs(&order.environment)
        .current_dir(folder.sandbox())
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .kill_on_drop(true)
        .spawn()?;
    Ok((child, pipe::Receiver::from_owned_fd(OwnedFd::from(reader))?))
}

async fn wait(mut child: Child, mut output: pipe::Receiver, limit: Seconds) -> Ran {
    let group = Group(child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw));
    let mut last = LastWords::default();
    let ended = async {
        let mut part = [0; 4096];
        let mut open = true;
        loop {
            tokio::select! {
                ended = child.wait() => break ended,
                read = output.read(&mut part), if open => match read {
                    Ok(count) if count > 0 => last.hear(&part[..count]),
                    _ => open = false,
                },
            }
        }
    };
    let how = if limit.0 == 0 {
        how(ended.await)
    } else {
        timeout(Duration::from_secs(u64::from(limit.0)), ended).await.map_or(How::TimedOut(limit), how)
    };
    drop(group);
    let mut rest = Vec::new();
    // The output so far counts, even if its end is not reached in time.
    let _ = timeout(LAST_OUTPUT, output.read_to_end(&mut rest)).await;
    last.hear(&rest);
    Ran { how, last: last.text(1) }
}

fn how(ended: io::Result<ExitStatus>) -> How {
    match ended {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => How::Code(code),
            (None, Some(signal)) => How::Signal(signal),
            (None, None) => How::NotRun(status.to_string()),
        },
        Err(error) => How::NotRun(error.to_string()),
    }
}

/// The processes of a command. They end with it, whether it ended, was given up, or has no caller any more.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            // The group may already be gone. The system does not reuse its number while the group lives, or before the
            // command was waited for.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_of_a_command_is_told_in_one_line() {
        let table = [
            (How::Code(3), "no space left", "exit code 3: no space left"),
            (How::Code(1), "", "exit code 1"),
            (How::Signal(9), "", "killed by signal 9"),
            (How::TimedOut(Seconds(5)), "waiting", "timed out after 5 s: waiting"),
            (How::NotRun("no such file".to_owned()), "", "cannot be run: no such file"),
        ];
        for (how, last, text) in table {
            assert_eq!(Ran { how, last: last.to_owned() }.to_string(), text);
        }
    }
}
