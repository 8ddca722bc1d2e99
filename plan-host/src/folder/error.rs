//! Why a data folder cannot be used. Invariant: an error says what is wrong and what to do, and nothing was changed.

use std::fmt;
use std::io;
use std::path::PathBuf;

use plan_core::spec::ServiceName;
use plan_driver::backend::BackendError;
use plan_driver::store::{Holder, LockError, StoreError};

use super::{RECORDS, Records};
use crate::kind::Leftovers;
use plan_driver::with_causes;

/// Why a data folder cannot be used. Nothing was changed in it. Shown, it says what to do as well, in the terms of this
/// crate; [`FolderError::message`] is what is wrong alone.
#[derive(Debug)]
#[non_exhaustive]
pub enum FolderError {
    /// A file or folder cannot be read or written.
    Unusable {
        /// The file or folder.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// Another scheduler has the folder.
    Held {
        /// The folder.
        path: PathBuf,
        /// The process that has the folder; `None` if it has not written its name yet.
        holder: Option<Holder>,
    },
    /// The folder cannot be locked.
    Lock(LockError),
    /// The folder has no mark, and holds what is not of a data folder.
    NotOurs {
        /// The folder.
        path: PathBuf,
        /// The first of the names that are strange there.
        strange: Vec<String>,
        /// So many more are strange.
        more: usize,
    },
    /// The mark is damaged, or of a newer version.
    Mark {
        /// The mark's file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Records are to be in memory, and the folder has records on disk.
    OnDisk {
        /// The folder.
        path: PathBuf,
    },
    /// The file of the records is empty, which it never is.
    Empty {
        /// The file.
        file: PathBuf,
    },
    /// The folder is of another backend.
    OtherBackend {
        /// The folder.
        path: PathBuf,
        /// The backend.
        backend: String,
        /// Whether it is among the kinds that the host has.
        known: bool,
    },
    /// The folder is of another service.
    OtherService {
        /// The folder.
        path: PathBuf,
        /// The service that it is of.
        other: ServiceName,
        /// The service that was to be in it.
        service: ServiceName,
    },
    /// Tasks are there that no records know: those of records that are gone, or of others.
    UnknownTasks {
        /// The folder.
        path: PathBuf,
        /// The part of it that has the tasks.
        tasks: PathBuf,
        /// Where the records were.
        records: Records,
        /// Whether there are records, which do not know the tasks.
        has_records: bool,
        /// The tasks, by installation.
        left: Vec<Leftovers>,
    },
    /// The backend cannot say what it has in the folder.
    Leftovers(BackendError),
    /// The records cannot be used.
    Store {
        /// The folder.
        path: PathBuf,
        /// What went wrong.
        source: StoreError,
    },
}

impl FolderError {
    /// What is wrong, with its causes.
    pub fn message(&self) -> String {
        match self {
            Self::Unusable { path, source } => format!("cannot use `{}`: {source}", path.display()),
            Self::Held { path, holder } => {
                let who = match holder {
                    Some(by) => by.to_string().trim_end_matches(',').to_owned(),
                    None => "another process".to_owned(),
                };
                format!("another scheduler has the data folder `{}`: {who}", path.display())
            }
            Self::Lock(error) => with_causes(error),
            Self::NotOurs { path, strange, more } => {
                let more = if *more > 0 { format!(" and {more} more") } else { String::new() };
                let strange: Vec<String> = strange.iter().map(|name| format!("`{name}`")).collect();
                let (path, file, strange) = (path.display(), super::mark::FILE, strange.join(", "));
                format!(
                    "the folder `{path}` is not planwright's: it has no `{file}`, and there is {strange}{more}"
                )
            }
            Self::Mark { file, why } => format!("`{}` {why}", file.display()),
            Self::OnDisk { path } => format!(
                "the data folder `{}` has records on disk (`{RECORDS}`), and records in memory would not look at them",
                path.display()
            ),
            Self::Empty { file } => {
                format!("`{}` is empty, which records never are: it was not touched", file.display())
            }
            Self::OtherBackend { path, backend, .. } => {
                format!("the data folder `{}` is of the backend `{backend}`", path.display())
            }
            Self::OtherService { path, other, .. } => {
                format!("the data folder `{}` is that of the service `{other}`", path.display())
            }
            Self::UnknownTasks { path, records, has_records, left, .. } => {
                let whose: Vec<String> = left.iter().map(words_of_left).collect();
                let (path, whose) = (path.display(), whose.join(", "));
                if *records == Records::Memory {
                    return format!(
                        "a scheduler that had its records in memory was killed, and its tasks run on: {whose}, in `{path}`"
                    );
                }
                let why = if *has_records { "do not know them" } else { "are gone" };
                format!(
                    "the records in `{path}` (`{RECORDS}`) {why}, and the tasks and volumes of {whose} are there: nothing \
                     was touched"
                )
            }
            Self::Leftovers(error) => with_causes(error),
            Self::Store { path, source } => {
                format!("the records in `{}` cannot be used: {}", path.display(), with_causes(source))
            }
        }
    }

    /// What to do, in the terms of this crate; none where the message says it.
    fn help(&self) -> Option<String> {
        let other = "name another data folder";
        Some(match self {
            Self::Unusable { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    "make room on the disk, and open it again: nothing that was kept is lost".to_owned()
                }
                _ => other.to_owned(),
            },
            Self::Held { holder, .. } => {
                let end =
                    holder.as_ref().map(|by| format!("end it (`kill {}`), or ", by.pid)).unwrap_or_default();
                format!("{end}{other}")
            }
            Self::Lock(_) | Self::OtherService { .. } => other.to_owned(),
            Self::NotOurs { .. } => "name an empty folder, or one that is not there yet".to_owned(),
            Self::Mark { .. } => format!("open it with the version that made it, or {other}"),
            Self::OnDisk { .. } => format!("open it with records on disk, or {other}"),
            Self::Empty { .. } => format!("restore it from a copy, or {other}"),
            Self::OtherBackend { backend, known: true, .. } => {
                format!("open it with the backend `{backend}`, or {other}")
            }
            Self::OtherBackend { .. } => format!("add that backend to the host, or {other}"),
            Self::UnknownTasks { tasks, records, left, .. } => {
                let kill = kill_of_left(left);
                if *records == Records::Memory {
                    return Some(format!("end them ({}), and open it again", kill.unwrap_or_default()));
                }
                let kill = kill.map(|kill| format!("end what runs ({kill}) and ")).unwrap_or_default();
                let tasks = tasks.display();
                format!(
                    "restore `{RECORDS}` from a copy, or {other}; to give them up with their data, {kill}remove `{tasks}`"
                )
            }
            Self::Leftovers(_) => format!("mend or restore the data folder, or {other}: nothing was changed"),
            // It says itself what to do.
            Self::Store { source: StoreError::Unusable { .. }, .. } => return None,
            Self::Store { path, .. } => {
                format!("see that `{}` can be written, and that its disk has room", path.display())
            }
        })
    }
}

/// An installation that is left, in words.
fn words_of_left(left: &Leftovers) -> String {
    let Leftovers { service, installation, processes, .. } = left;
    format!("`{service}` (installation {installation}, {} processes)", processes.len())
}

/// The command that ends what is left; none if nothing runs.
pub fn kill_of_left(left: &[Leftovers]) -> Option<String> {
    let processes: Vec<String> =
        left.iter().flat_map(|left| &left.processes).map(ToString::to_string).collect();
    (!processes.is_empty()).then(|| format!("`kill {}`", processes.join(" ")))
}

impl fmt::Display for FolderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())?;
        match self.help() {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

/// The message has the causes already.
impl std::error::Error for FolderError {}
