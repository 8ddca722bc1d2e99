//! Where the records are kept, and what is said when they cannot be.

use std::path::Path;
use std::sync::Arc;

use plan_core::spec::ServiceName;
use plan_driver::DriverError;
use plan_driver::store::{MemoryStore, RedbStore, Store, StoreError};

use crate::arguments::StoreKind;
use crate::problem::Problem;
use crate::running::RECORDS;

/// Opens the store of a data folder. One that is another service's is not made this one's too.
pub(super) async fn open(
    kind: StoreKind,
    folder: &Path,
    service: &ServiceName,
) -> Result<Arc<dyn Store>, Box<Problem>> {
    let store: Arc<dyn Store> = match kind {
        StoreKind::Memory => Arc::new(MemoryStore::new()),
        StoreKind::Redb => {
            let opened = RedbStore::open(folder.join(RECORDS)).await;
            Arc::new(opened.map_err(|error| problem(&error, folder))?)
        }
    };
    let kept = store.services().await.map_err(|error| problem(&error, folder))?;
    match kept.iter().find(|other| *other != service) {
        Some(other) if !kept.contains(service) => {
            let whose = format!("the data folder `{}` is that of the service `{other}`", folder.display());
            Err(Problem::error(whose)
                .help(format!("name another one for `{service}` with `--data-dir`"))
                .into())
        }
        _ => Ok(store),
    }
}

/// A store that does not do what it shall.
pub(super) fn problem(error: &StoreError, folder: &Path) -> Problem {
    let problem =
        Problem::error(format!("the records in `{}` cannot be used: {}", folder.display(), words(error)));
    match error {
        StoreError::Unusable { .. } => {
            problem.help("they were not touched: mend them, or name another data folder")
        }
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
