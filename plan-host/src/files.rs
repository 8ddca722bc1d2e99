//! Files that are written whole, and the processes that are named in them.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Whether a process exists, and has not ended.
pub fn is_alive(pid: i32) -> bool {
    // A process that has ended exists until its parent has waited for it. Its state comes after its name, which may
    // contain anything.
    if let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) {
        return !stat.rsplit(") ").next().is_some_and(|state| state.starts_with(['Z', 'X']));
    }
    // A process of another user exists too. It answers that it may not be signaled.
    let Some(pid) = rustix::process::Pid::from_raw(pid) else { return false };
    !matches!(rustix::process::test_kill_process(pid), Err(error) if error == rustix::io::Errno::SRCH)
}

/// Writes a file whole, and replaces the old one. Only its owner can read it.
pub fn replace(file: &Path, text: &str) -> io::Result<()> {
    let beside = file.with_extension(format!("{}.new", std::process::id()));
    let mut written = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    written.write_all(text.as_bytes())?;
    written.sync_all()?;
    fs::rename(&beside, file)
}
