//! The mark of a data folder: its owner, and where its records are.
//!
//! Invariant: planwright writes into a folder, and removes files from it, only if the folder has planwright's mark. A
//! folder gets the mark if it is new or empty, or has only records that were copied back.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::Path;

use plan_driver::store::Holder;
use serde::{Deserialize, Serialize};

use super::{FolderError, LOCK, RECORDS, Records, unusable};
use crate::files;

/// The mark's file.
pub(super) const FILE: &str = "planwright.json";
/// The version of data folders that this program knows.
const FORMAT: u32 = 1;
/// The most unknown names that a message has.
const TOLD: usize = 5;

/// The content of a mark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    format: u32,
    /// Where the records are, or were.
    pub(super) records: Records,
    /// The name of the backend that runs their tasks. Old marks have none, from before there was a choice.
    #[serde(default = "first_backend")]
    pub(super) backend: String,
}

/// The backend of the marks that name none: the only one that there was.
fn first_backend() -> String {
    "local".to_owned()
}

impl Mark {
    pub(super) fn new(records: Records, backend: &str) -> Self {
        Self { format: FORMAT, records, backend: backend.to_owned() }
    }

    /// The mark of an existing folder; `None` if it has none and may get one.
    ///
    /// # Errors
    /// The folder belongs to another program or to a newer planwright, or cannot be read.
    pub(super) fn of(folder: &Path) -> Result<Option<Self>, FolderError> {
        let failed = |error| unusable(folder, error);
        // The names are read before the mark, so a file that another planwright puts there after its mark does not
        // count as unknown.
        let names = fs::read_dir(folder)
            .and_then(|all| all.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>());
        let names = names.map_err(failed)?;
        let file = folder.join(FILE);
        match fs::read(&file) {
            Ok(bytes) => Self::parse(&bytes).map(Some).map_err(|why| FolderError::Mark { file, why }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let strange = names.iter().map(|name| name.to_string_lossy());
                let strange = strange
                    .filter(|name| !(is_known(name) || name == LOCK && is_our_lock(&folder.join(LOCK))));
                let mut strange: Vec<String> = strange.map(Cow::into_owned).collect();
                if strange.is_empty() {
                    return Ok(None);
                }
                strange.sort();
                let more = strange.len().saturating_sub(TOLD);
                strange.truncate(TOLD);
                Err(FolderError::NotOurs { path: folder.to_owned(), strange, more })
            }
            Err(error) => Err(failed(error)),
        }
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let damaged = |error| format!("is no mark of planwright's ({error})");
        match serde_json::from_slice(bytes).map_err(damaged)? {
            Format { format: FORMAT } => serde_json::from_slice(bytes).map_err(damaged),
            Format { format } => Err(format!(
                "is of a newer planwright: the folder has the form {format}, and this one knows {FORMAT}"
            )),
        }
    }

    /// Writes the mark.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(super) fn write(&self, folder: &Path) -> Result<(), FolderError> {
        let written = serde_json::to_string(self).map_err(io::Error::from);
        let written = written.and_then(|text| files::replace(&folder.join(FILE), &(text + "\n")));
        written.map_err(|error| unusable(folder, error))
    }
}

/// Whether a folder without a mark may have this file: records that were copied back, or a mark that was being written
/// when the start was cut short.
fn is_known(name: &str) -> bool {
    name == RECORDS || name.strip_prefix("planwright.").is_some_and(|rest| rest.ends_with(".new"))
}

/// Whether a start that was cut short before it wrote the mark has left this lock.
fn is_our_lock(lock: &Path) -> bool {
    fs::read(lock).is_ok_and(|text| text.is_empty() || serde_json::from_slice::<Holder>(&text).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "local")]
    #[test]
    fn a_mark_without_a_backend_is_of_the_kind_local() {
        use plan_driver::backend::Kind as _;
        assert_eq!(first_backend(), crate::local::kind().name());
    }

    #[test]
    fn a_mark_is_read_as_it_is_written_and_a_newer_one_is_refused() {
        for records in [Records::Memory, Records::Disk] {
            let text = serde_json::to_vec(&Mark::new(records, "far")).unwrap();
            assert_eq!(Mark::parse(&text), Ok(Mark::new(records, "far")));
        }
        let earlier = Mark::parse(br#"{"format":1,"records":"redb"}"#);
        assert_eq!(earlier, Ok(Mark::new(Records::Disk, "local")));
        assert!(Mark::parse(br#"{"format":2,"records":"stars"}"#).is_err_and(|why| why.contains("newer")));
        for damaged in ["", "{}", "[1]", r#"{"format":1}"#] {
            assert!(Mark::parse(damaged.as_bytes()).is_err_and(|why| why.contains("no mark")), "{damaged}");
        }
    }

    #[test]
    fn what_may_be_in_a_folder_without_a_mark() {
        for known in ["records.redb", "planwright.7.new"] {
            assert!(is_known(known), "{known}");
        }
        for strange in [
            "lock",
            "token",
            "scheduler.log",
            "scheduler.json",
            "submitted.json",
            "tasks",
            "files",
            "src",
            "records.redb.bak",
            ".git",
            "planwright",
        ] {
            assert!(!is_known(strange), "{strange}");
        }
    }
}
