//! Where the records are kept, and what is said when they cannot be.
//!
//! Invariant: a service whose tasks are here is gone on with by records that know them, or not at all: records that
//! are lost, empty or elsewhere never make its second installation beside the first.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use backend_local::{Left, left};
use plan_core::engine::{Key, Record, decode};
use plan_core::spec::ServiceName;
use plan_driver::DriverError;
use plan_driver::store::{MemoryStore, RedbStore, Store, StoreError};

use super::folder::{Folder, TASKS, unusable};
use crate::arguments::StoreKind;
use crate::problem::Problem;
use crate::running::RECORDS;

/// Opens the store of a data folder. One that is another service's is not made this one's too.
///
/// # Errors
/// The records cannot be used, or are not those of what is in the folder; nothing is changed then.
pub(super) async fn open(
    kind: StoreKind,
    folder: &Folder,
    service: &ServiceName,
) -> Result<Arc<dyn Store>, Box<Problem>> {
    let path = folder.path();
    let left = left(&path.join(TASKS)).map_err(|error| {
        let problem = Problem::error(words(&error));
        problem.help("mend or restore it, or name another folder with `--data-dir`: nothing was changed")
    })?;
    let records = path.join(RECORDS);
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
            folder.is_for(kind)?;
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
            // What is not in use is in nobody's way; it stays where it is.
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
            folder.is_for(kind)?;
            Ok(store)
        }
    }
}

/// Which installation of a service the records are of. None also where they cannot be read: its loop says why.
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

/// Of a scheduler that was killed with its records in memory, removes what does not run any more: it was to be removed
/// at its end. Gives what is left.
fn forget_the_forgotten(folder: &Folder, left: Vec<Left>) -> Result<Vec<Left>, Box<Problem>> {
    if folder.before != StoreKind::Memory || left.iter().any(|left| !left.processes.is_empty()) {
        return Ok(left);
    }
    for Left { folder, .. } in &left {
        fs::remove_dir_all(folder).map_err(|error| unusable(folder, &error))?;
    }
    Ok(Vec::new())
}

/// Tasks that no records know.
fn unknown(folder: &Folder, why: &str, left: &[Left]) -> Problem {
    let path = folder.path().display();
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
    if folder.before == StoreKind::Memory {
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
         and remove `{path}/{TASKS}`"
    ))
}

/// A store that does not do what it shall.
pub(super) fn problem(error: &StoreError, folder: &Path) -> Problem {
    let problem =
        Problem::error(format!("the records in `{}` cannot be used: {}", folder.display(), words(error)));
    match error {
        // It says itself what to do.
        StoreError::Unusable { .. } => problem,
        _ => problem
            .help(format!("see that `{}` can be written, and that its disk has room", folder.display())),
    }
}

/// A first target that was not taken.
pub(super) fn driver_problem(error: &DriverError, folder: &Path) -> Problem {
    let problem = Problem::error(error.to_string());
    match error {
        DriverError::Unkept { .. } => {
            problem.help("change the specification, or run it with another backend")
        }
        _ => problem
            .help(format!("see that `{}` can be written, and that its disk has room", folder.display())),
    }
}

/// An error with its causes.
pub(super) fn words(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words.push_str(": ");
        words.push_str(&cause.to_string());
        source = cause.source();
    }
    words
}
