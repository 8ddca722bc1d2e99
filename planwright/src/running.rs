//! The running schedulers of this machine: where each listens, and where its token is. `run` writes these entries, and
//! the commands that ask a scheduler read them.
//!
//! Invariant: an entry is written whole or not at all. An entry whose process is gone is never taken for a scheduler,
//! even if another process has its number.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use plan_host::folder::RECORDS;
use plan_host::{is_alive, replace};
use serde::{Deserialize, Serialize};

/// The file of a data folder that says where its scheduler listens.
pub(crate) const FILE: &str = "scheduler.json";
/// The folder in the state folder with the entries of all the user's schedulers. No service's name begins like this.
const ALL: &str = ".running";

/// A running scheduler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Running {
    /// The service.
    pub(crate) service: String,
    /// Where it listens.
    pub(crate) url: String,
    /// Its process.
    pub(crate) pid: i32,
    /// When the process began, as [`birth`] returns it, since its number may be reused.
    #[serde(default)]
    pub(crate) began: Option<String>,
    /// The file with its token.
    pub(crate) token_file: PathBuf,
    /// Its data folder.
    pub(crate) data_dir: PathBuf,
}

impl Running {
    /// Writes the entry. It replaces that of an earlier scheduler of this data folder.
    pub(crate) fn announce(&self) -> io::Result<Announced> {
        let text = serde_json::to_string_pretty(self)?;
        let own = self.data_dir.join(FILE);
        replace(&own, &text)?;
        let mut files = vec![own];
        // Without a state folder, or if it cannot be written, `--url` still finds the scheduler.
        if let Some(all) = state_folder().map(|state| state.join(ALL)) {
            for (file, other) in entries(&all) {
                if other.data_dir == self.data_dir || !other.lives() {
                    let _ = fs::remove_file(file);
                }
            }
            let file = all.join(format!("{}-{}.json", folder_name(&self.service), self.pid));
            if fs::create_dir_all(&all).and_then(|()| replace(&file, &text)).is_ok() {
                files.push(file);
            }
        }
        Ok(Announced { files })
    }

    /// The entry of a data folder's scheduler, whether it runs or not.
    pub(crate) fn of(data_dir: &Path) -> Option<Self> {
        read(&data_dir.join(FILE))
    }

    /// Whether the scheduler has ended, and nothing of its service is kept.
    pub(crate) fn has_nothing(&self) -> bool {
        !self.lives() && !self.data_dir.join(RECORDS).exists()
    }

    /// Whether the process that wrote the entry is alive.
    pub(crate) fn lives(&self) -> bool {
        is_alive(self.pid) && self.began == birth(self.pid)
    }

    /// All running schedulers in the user's state folder, by service.
    pub(crate) fn all() -> Vec<Self> {
        let Some(state) = state_folder() else { return Vec::new() };
        let entries = entries(&state.join(ALL)).into_iter().map(|(_, running)| running);
        let mut all: Vec<_> = entries.filter(Self::lives).collect();
        all.sort_by(|a, b| (&a.service, &a.url).cmp(&(&b.service, &b.url)));
        all
    }
}

/// Removes the entry when it is dropped.
#[derive(Debug)]
pub(crate) struct Announced {
    files: Vec<PathBuf>,
}

impl Drop for Announced {
    fn drop(&mut self) {
        for file in &self.files {
            // An entry that stays is known to be old by its process.
            let _ = fs::remove_file(file);
        }
    }
}

/// The folder `planwright` in the user's state folder: `$XDG_STATE_HOME`, or `~/.local/state`.
pub(crate) fn state_folder() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
    state.map(|state| state.join("planwright"))
}

/// The name of a service as a folder name: without slashes, as in the SDK, and not hidden.
pub(crate) fn folder_name(service: &str) -> String {
    let name = service.trim_matches('/').replace('/', "__");
    match name.strip_prefix('.') {
        Some(rest) => format!("_{rest}"),
        None => name,
    }
}

/// When a process began: the start of the system, and the time since then in ticks. `None` if there is no `/proc`.
pub(crate) fn birth(pid: i32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    // The 22nd field. The second one, the name, may contain anything, and the third one begins after its end.
    let ticks = stat.rsplit(") ").next()?.split(' ').nth(19)?;
    Some(format!("{}/{ticks}", boot.trim()))
}

fn entries(folder: &Path) -> Vec<(PathBuf, Running)> {
    let Ok(files) = fs::read_dir(folder) else { return Vec::new() };
    let files = files.filter_map(|file| Some(file.ok()?.path()));
    files.filter_map(|file| read(&file).map(|running| (file, running))).collect()
}

fn read(file: &Path) -> Option<Running> {
    serde_json::from_slice(&fs::read(file).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_has_one_folder() {
        for (service, folder) in [("hello-world", "hello-world"), ("/a/b", "a__b"), (".running", "_running")]
        {
            assert_eq!(folder_name(service), folder);
        }
    }

    #[test]
    fn this_process_is_there_and_nobody_else_s_is_taken_for_it() {
        assert!(is_alive(std::process::id().try_into().unwrap_or(0)));
        assert!(!is_alive(0) && !is_alive(i32::MAX));
    }

    #[test]
    fn a_number_that_was_given_again_is_another_process() {
        let pid = std::process::id().try_into().unwrap_or(0);
        let running = |began| Running {
            service: "s".to_owned(),
            url: "http://127.0.0.1:1".to_owned(),
            pid,
            began,
            token_file: PathBuf::new(),
            data_dir: PathBuf::new(),
        };
        assert!(running(birth(pid)).lives());
        let earlier = birth(pid).map(|birth| birth + "0");
        assert!(earlier.is_none() || !running(earlier).lives());
    }
}
