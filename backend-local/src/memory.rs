//! Memory limits: a control group for each task, where the system allows one.
//!
//! Invariant: the kernel enforces a limit, or the limit is not promised. Making a group once shows whether it can,
//! before any specification is accepted.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::disk::DiskError;
use crate::layout::file_name;
use crate::run::MemoryGroup;

/// The place where groups can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MemoryControl {
    base: PathBuf,
    limit_file: &'static str,
}

/// In the unified hierarchy.
const LIMIT_V2: &str = "memory.max";
/// In the memory controller's own.
const LIMIT_V1: &str = "memory.limit_in_bytes";

impl MemoryControl {
    /// Finds out where groups can be made, or why they cannot.
    pub(crate) fn find() -> Result<Self, String> {
        let read = |path: &str| fs::read_to_string(path).map_err(|error| format!("`{path}`: {error}"));
        let (mounts, own) = (read("/proc/self/mountinfo")?, read("/proc/self/cgroup")?);
        let mut why = "no control groups for memory are mounted".to_owned();
        for candidate in candidates(&mounts, &own) {
            match candidate.probe() {
                Ok(()) => return Ok(candidate),
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    fn probe(&self) -> Result<(), String> {
        let group = self.group(&format!("probe-{}", std::process::id()), 1 << 30);
        let made = create(&group).map_err(|error| error.to_string());
        remove(&group);
        made
    }

    /// The group for a task.
    pub(crate) fn group(&self, name: &str, bytes: u64) -> MemoryGroup {
        let folder = self.base.join(format!("planwright-{}", file_name(name)));
        MemoryGroup { folder, limit_file: self.limit_file.to_owned(), bytes }
    }
}

/// Places where a group may be made, the best first.
fn candidates(mounts: &str, own: &str) -> Vec<MemoryControl> {
    let mut found = Vec::new();
    for line in mounts.lines() {
        let Some((before, after)) = line.split_once(" - ") else { continue };
        let Some(point) = before.split(' ').nth(4) else { continue };
        let mut after = after.split(' ');
        let (kind, options) = (after.next().unwrap_or_default(), after.nth(1).unwrap_or_default());
        let path_of = |controller: &str| {
            own.lines().find_map(|line| {
                let mut parts = line.splitn(3, ':');
                let names = parts.nth(1)?;
                (names.split(',').any(|name| name == controller)).then(|| parts.next()).flatten()
            })
        };
        let below = |path: &str| Path::new(point).join(path.trim_start_matches('/'));
        match kind {
            "cgroup" if options.split(',').any(|option| option == "memory") => {
                if let Some(path) = path_of("memory") {
                    found.push(MemoryControl { base: below(path), limit_file: LIMIT_V1 });
                }
            }
            "cgroup2" => {
                // A group with processes cannot have groups below it, so ours are beside the scheduler's.
                let beside = path_of("").and_then(|path| Path::new(path).parent().map(Path::to_owned));
                let base = beside.map_or_else(|| PathBuf::from(point), |path| below(&path.to_string_lossy()));
                found.push(MemoryControl { base, limit_file: LIMIT_V2 });
            }
            _ => {}
        }
    }
    found
}

/// Makes a group.
pub(crate) fn create(group: &MemoryGroup) -> Result<(), DiskError> {
    match fs::create_dir(&group.folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(DiskError::io("create the control group", &group.folder)(error));
        }
        _ => {}
    }
    let limit = group.folder.join(&group.limit_file);
    let written = fs::OpenOptions::new()
        .write(true)
        .open(&limit)
        .and_then(|mut file| io::Write::write_all(&mut file, group.bytes.to_string().as_bytes()));
    written.map_err(DiskError::io("write", &limit))
}

/// Whether the system killed a process of a group because the group used more than its limit.
pub(crate) fn was_exceeded(group: &MemoryGroup) -> bool {
    ["memory.events", "memory.oom_control"].iter().any(|file| {
        let text = fs::read_to_string(group.folder.join(file)).unwrap_or_default();
        let killed = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        killed.is_some_and(|count| count.trim() != "0")
    })
}

/// Removes a group. The system allows that only when no process is in it.
pub(crate) fn remove(group: &MemoryGroup) {
    if let Err(error) = fs::remove_dir(&group.folder)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::debug!(group = %group.folder.display(), %error, "a control group stays");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_looked_for_where_they_are_mounted() {
        let v1 = "36 25 0:31 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
                  37 25 0:32 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu";
        let own = "4:memory:/user/me\n3:cpu,cpuacct:/\n0::/user.slice/session.scope";
        let expected =
            MemoryControl { base: PathBuf::from("/sys/fs/cgroup/memory/user/me"), limit_file: LIMIT_V1 };
        assert_eq!(candidates(v1, own), [expected]);
        let v2 = "30 25 0:26 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw,nsdelegate";
        let expected =
            MemoryControl { base: PathBuf::from("/sys/fs/cgroup/user.slice"), limit_file: LIMIT_V2 };
        assert_eq!(candidates(v2, own), [expected]);
        assert_eq!(candidates("", own), []);
    }
}
