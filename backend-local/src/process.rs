//! Processes of this machine, as the system lists them.
//!
//! Invariant: a process is its number *and* its start time, so another process with a reused number is a different one.
//! A process that has ended and was not waited for is not alive.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt as _;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use serde::{Deserialize, Serialize};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A process, named uniquely until the machine starts again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct ProcessId {
    /// Its number.
    pub(crate) pid: i32,
    /// When it started, in ticks since the machine started: field 22 of `/proc/PID/stat`.
    pub(crate) start: u64,
}

/// The content of `/proc/PID/stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) state: u8,
    pub(crate) parent: i32,
    pub(crate) session: i32,
    pub(crate) start: u64,
}

impl Stat {
    pub(crate) fn of(pid: i32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The command is in parentheses, and may itself contain blanks and parentheses. The other fields begin after the
    /// last parenthesis.
    fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        // `state` is field 3.
        let field = |number: usize| fields.get(number - 3).copied();
        Some(Self {
            state: *field(3)?.as_bytes().first()?,
            parent: field(4)?.parse().ok()?,
            session: field(6)?.parse().ok()?,
            start: field(22)?.parse().ok()?,
        })
    }

    pub(crate) fn lives(&self) -> bool {
        !matches!(self.state, b'Z' | b'X' | b'x')
    }
}

impl ProcessId {
    /// The living process with this number now.
    pub(crate) fn of(pid: i32) -> Option<Self> {
        Stat::of(pid).filter(Stat::lives).map(|stat| Self { pid, start: stat.start })
    }

    /// The calling process.
    ///
    /// # Errors
    /// `/proc` cannot be read.
    pub(crate) fn me() -> io::Result<Self> {
        let pid = rustix::process::getpid().as_raw_nonzero().get();
        Self::of(pid).ok_or_else(|| io::Error::other("`/proc` does not list this process"))
    }

    /// Whether this process is alive.
    pub(crate) fn lives(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    pub(crate) fn pid(self) -> Option<Pid> {
        Pid::from_raw(self.pid)
    }

    /// Kills this process.
    pub(crate) fn kill(self) {
        if let (true, Some(pid)) = (self.lives(), self.pid()) {
            // The process may have ended meanwhile.
            let _ = kill_process(pid, Signal::KILL);
        }
    }

    /// Waits until the process is not alive, even if it is not our child.
    pub(crate) async fn ended(self) {
        const AGAIN: Duration = Duration::from_millis(100);
        while let Some(pid) = self.pid().filter(|_| self.lives()) {
            // The descriptor is opened first. If the process is alive after that, the descriptor is for that process.
            let descriptor = pidfd_open(pid, PidfdFlags::empty());
            if !self.lives() {
                return;
            }
            match descriptor.map_err(io::Error::from).and_then(watched) {
                Ok(watched) if watched.readable().await.is_ok() => {
                    if self.lives() {
                        tokio::time::sleep(AGAIN).await;
                    }
                }
                // The system has no such descriptors, or too many files are open.
                _ => tokio::time::sleep(AGAIN).await,
            }
        }
    }
}

#[expect(
    deprecated,
    reason = "what takes its place is `unsafe`, for types that do not own their descriptor; this one does"
)]
fn watched(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(descriptor, Interest::READABLE)
}

/// The id of this start of the machine.
pub(crate) fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// All processes.
pub(crate) fn all() -> BTreeMap<i32, Stat> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            Some((pid, Stat::of(pid)?))
        })
        .collect()
}

/// The value of a variable in a process's environment. For a process of another user it cannot be known.
pub(crate) fn given(pid: i32, name: &str) -> Option<OsString> {
    let text = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let mut entries = text.split(|byte| *byte == 0);
    let value = entries.find_map(|entry| entry.strip_prefix(name.as_bytes())?.strip_prefix(b"="))?;
    Some(OsString::from_vec(value.to_vec()))
}

/// Whether a process's environment has this variable. For a process of another user it cannot be known, and the answer
/// is false.
pub(crate) fn was_given(pid: i32, variable: &str) -> bool {
    fs::read(format!("/proc/{pid}/environ"))
        .is_ok_and(|text| text.split(|byte| *byte == 0).any(|entry| entry == variable.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_with_parentheses_is_read() {
        let text = "42 (a) S (b)) R 7 42 41 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 98765 1 2 3";
        let stat = Stat::parse(text).unwrap();
        assert_eq!(stat, Stat { state: b'R', parent: 7, session: 41, start: 98765 });
        assert_eq!(Stat::parse("42 (a) R 1"), None);
        assert_eq!(Stat::parse(""), None);
    }

    #[test]
    fn a_number_that_was_given_again_is_another_process() {
        let me = ProcessId::me().unwrap();
        assert!(me.lives());
        assert!(!ProcessId { start: me.start + 1, ..me }.lives());
        assert!(!ProcessId { pid: i32::MAX, ..me }.lives());
    }

    #[test]
    fn who_ended_and_was_not_waited_for_does_not_live() {
        let mut child = std::process::Command::new("sleep").arg("100").spawn().unwrap();
        let id = ProcessId::of(child.id() as i32).unwrap();
        id.kill();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(id.ended());
        assert!(!id.lives() && Stat::of(id.pid).is_some_and(|stat| stat.state == b'Z'));
        child.wait().unwrap();
    }
}
