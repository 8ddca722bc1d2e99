//! The store of the records, and the messages when it cannot be used.
//!
//! Invariant: a service with tasks in this folder is continued only with records that know the tasks. Records that are
//! lost, empty or elsewhere never make a second installation beside the first.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use plan_core::engine::{Key, Record, decode};
use plan_core::spec::ServiceName;
use plan_driver::DriverError;
use plan_driver::store::{MemoryStore, RedbStore, Store, StoreError};

use super::folder::{Folder, unusable};
use crate::arguments::StoreKind;
use crate::backends::{BackendKind, Backends, Left};
use crate::problem::{Problem, with_causes};
use crate::running::RECORDS;

/// Opens the store of a data folder. The store of another service is refused.
///
/// # Errors
/// The records cannot be used, or do not know what is in the folder. Then nothing is changed.
pub(super) async fn open(
    kind: StoreKind,
    folder: &Folder,
    service: &ServiceName,
    backends: &Backends,
    backend: &dyn BackendKind,
) -> Result<Arc<dyn Store>, Box<Problem>> {
    let path = folder.path();
    let records = path.join(RECORDS);
    let left = left(folder, backends, backend, records.exists())?;
    let found = match fs::metadata(&records) {
        Ok(found) => Some(found.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(unusable(&records, &error).into()),
    };
    let (store, left): (Arc<dyn Store>, _) = match (kind, found) {
        (StoreKind::Memory, Some(_)) => {
            let problem = format!(
                "the data folder `{}` has records on disk (`{RECORDS}`), and `--store memory` would not look at them",
                path.display()
            );
            let help = "run it without `--store memory`, or name another folder with `--data-dir`";
            return Err(Problem::error(problem).help(help).into());
        }
        (StoreKind::Redb, Some(0)) => {
            let problem =
                format!("`{}` is empty, which records never are: it was not touched", records.display());
            let help = "restore it from a copy, or name another folder with `--data-dir`";
            return Err(Problem::error(problem).help(help).into());
        }
        (_, None) => {
            let left = forget_the_forgotten(folder, left)?;
            if !left.is_empty() {
                return Err(unknown(folder, "are gone", &left).into());
            }
            folder.is_for(kind, backend.name())?;
            match kind {
                StoreKind::Memory => return Ok(Arc::new(MemoryStore::new())),
                StoreKind::Redb => (opened(path).await?, left),
            }
        }
        (StoreKind::Redb, Some(_)) => (opened(path).await?, left),
    };
    let kept = store.services().await.map_err(|error| problem(&error, path))?;
    let mut unknown_left = Vec::new();
    for left in left {
        let is_known = match kept.iter().find(|known| known.as_str() == left.service) {
            None => false,
            // A file that is not in use does no harm, and stays where it is.
            Some(_) if left.processes.is_empty() => true,
            Some(known) => {
                let installed = installation(&*store, known).await.map_err(|error| problem(&error, path))?;
                installed.is_none_or(|installed| installed == left.installation)
            }
        };
        if !is_known {
            unknown_left.push(left);
        }
    }
    if !unknown_left.is_empty() {
        return Err(unknown(folder, "do not know them", &unknown_left).into());
    }
    match kept.iter().find(|other| *other != service) {
        Some(other) if !kept.contains(service) => {
            let whose = format!("the data folder `{}` is that of the service `{other}`", path.display());
            Err(Problem::error(whose)
                .help(format!("name another one for `{service}` with `--data-dir`"))
                .into())
        }
        _ => {
            folder.is_for(kind, backend.name())?;
            Ok(store)
        }
    }
}

/// The installation of a service in the records. `None` also if they cannot be read: the service's loop says why.
async fn installation(store: &dyn Store, service: &ServiceName) -> Result<Option<String>, StoreError> {
    let key = Key::Service.to_string();
    let records = store.open(service).await?.records;
    let record = records.iter().find(|(found, _)| *found == key);
    Ok(record.and_then(|(key, bytes)| match decode(key, bytes) {
        Ok(Record::Service(service)) => Some(service.installation.to_string()),
        _ => None,
    }))
}

async fn opened(folder: &Path) -> Result<Arc<dyn Store>, Box<Problem>> {
    let opened = RedbStore::open(folder.join(RECORDS)).await;
    Ok(Arc::new(opened.map_err(|error| problem(&error, folder))?))
}

/// What the folder has of services. Tasks of another backend are refused, since this backend would not find them, and
/// would run them a second time.
fn left(
    folder: &Folder,
    backends: &Backends,
    backend: &dyn BackendKind,
    has_records: bool,
) -> Result<Vec<Left>, Box<Problem>> {
    let before = &folder.before.backend;
    if before == backend.name() {
        return backend.left(&folder.tasks());
    }
    let other = backends.get(before);
    let nothing = match other {
        Some(other) if !has_records => other.left(&folder.tasks())?.is_empty(),
        _ => false,
    };
    if nothing {
        return Ok(Vec::new());
    }
    let whose = format!("the data folder `{}` is of the backend `{before}`", folder.path().display());
    let elsewhere = "name another folder with `--data-dir`";
    Err(Box::new(Problem::error(whose).help(match other {
        Some(_) => format!("run it with `--backend {before}`, or {elsewhere}"),
        None => format!("this program has no such backend: {elsewhere}"),
    })))
}

/// Cleans up after a scheduler that was killed with its records in memory: removes files of tasks that do not run any
/// more. Returns what is left.
fn forget_the_forgotten(folder: &Folder, left: Vec<Left>) -> Result<Vec<Left>, Box<Problem>> {
    if folder.before.records != StoreKind::Memory || left.iter().any(|left| !left.processes.is_empty()) {
        return Ok(left);
    }
    for Left { folder, .. } in &left {
        fs::remove_dir_all(folder).map_err(|error| unusable(folder, &error))?;
    }
    Ok(Vec::new())
}

/// The message about tasks that no records know.
fn unknown(folder: &Folder, why: &str, left: &[Left]) -> Problem {
    let (path, tasks) = (folder.path().display(), folder.tasks());
    let whose: Vec<String> = left
        .iter()
        .map(|left| {
            format!(
                "`{}` (installation {}, {} processes)",
                left.service,
                left.installation,
                left.processes.len()
            )
        })
        .collect();
    let processes: Vec<String> =
        left.iter().flat_map(|left| &left.processes).map(ToString::to_string).collect();
    let kill = (!processes.is_empty()).then(|| format!("`kill {}`", processes.join(" ")));
    if folder.before.records == StoreKind::Memory {
        let problem = Problem::error(format!(
            "a scheduler that had its records in memory was killed, and its tasks run on: {}, in `{path}`",
            whose.join(", ")
        ));
        let kill = kill.unwrap_or_default();
        return problem.help(format!("end them ({kill}), and run it again; they run only once that way"));
    }
    let problem = Problem::error(format!(
        "the records in `{path}` (`{RECORDS}`) {why}, and the tasks and volumes of {} are there: nothing was touched",
        whose.join(", ")
    ));
    let kill = kill.map(|kill| format!(", end what runs ({kill})")).unwrap_or_default();
    problem.help(format!(
        "restore `{RECORDS}` from a copy, or name another folder with `--data-dir`; to give them up with their data{kill} \
         and remove `{}`",
        tasks.display()
    ))
}

/// The message about a store that fails.
pub(super) fn problem(error: &StoreError, folder: &Path) -> Problem {
    let problem = Problem::error(format!(
        "the records in `{}` cannot be used: {}",
        folder.display(),
        with_causes(error)
    ));
    match error {
        // The error itself says what to do.
        StoreError::Unusable { .. } => problem,
        _ => problem
            .help(format!("see that `{}` can be written, and that its disk has room", folder.display())),
    }
}

/// The message about a first target that was refused.
pub(super) fn driver_problem(error: &DriverError, folder: &Path) -> Problem {
    let problem = Problem::error(error.to_string());
    match error {
        DriverError::Check { .. } => problem.help("change the specification, or run it with another backend"),
        _ => problem
            .help(format!("see that `{}` can be written, and that its disk has room", folder.display())),
    }
}
