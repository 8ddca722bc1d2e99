//! Removes ended runs that are kept for inspection.
//!
//! Invariant: the latest ended runs of each task are kept, up to a number. A run whose end the engine may not know is
//! never removed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::blocking::blocking;
use crate::disk::{self, DiskError};
use crate::inner::Inner;
use crate::layout::Layout;
use crate::state::RunKey;

/// Removes the oldest runs of a task, if there are too many.
pub(crate) async fn old_runs(inner: &Arc<Inner>, of: &RunKey) {
    let folders: Vec<PathBuf> = {
        let mut state = inner.state();
        let of_task =
            state.runs.of_instance(&of.service, &of.instance).filter(|(key, _)| key.task == of.task);
        let kept = inner.options.kept_runs as usize;
        let old = of_task.rev().filter(|(_, run)| !run.lives()).skip(kept).filter(|(_, run)| run.told);
        let old: Vec<_> = old.map(|(key, run)| (key, run.folder.path().to_owned())).collect();
        for (key, _) in &old {
            state.runs.remove(key);
        }
        old.into_iter().map(|(_, folder)| folder).collect()
    };
    let layout = inner.layout.clone();
    blocking(move || {
        for folder in folders {
            if let Err(error) = throw_away(&layout, &folder) {
                tracing::warn!(%error, "an old sandbox stays");
            }
        }
    })
    .await;
}

/// Moves a folder to the trash first, and then removes it, so a folder that is partly removed is not found again.
pub(crate) fn throw_away(layout: &Layout, path: &Path) -> Result<(), DiskError> {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNT: AtomicU64 = AtomicU64::new(0);
    disk::create_folder(&layout.trash())?;
    let name = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let away = layout.trash().join(format!("{}-{name}", crate::run::now()));
    match std::fs::rename(path, &away) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        moved => moved.map_err(DiskError::io("remove", path))?,
    }
    disk::remove(&away)
}
