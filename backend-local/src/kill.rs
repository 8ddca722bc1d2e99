//! Ends tasks.
//!
//! Invariant: the request to end a task is on disk before its shim is told, so the task ends even without the
//! scheduler.

use std::time::Duration;

use crate::blocking::blocking;
use crate::disk::{self, DiskError};
use crate::layout::RunFolder;
use crate::run::{Exit, Kill};
use crate::shim;

/// How long until a disk that refuses is tried again.
const DISK_AGAIN: Duration = Duration::from_secs(1);

/// Lets the shim end its task.
pub(crate) async fn order(folder: RunFolder, kill: Kill) {
    loop {
        let (of, kill) = (folder.clone(), kill.clone());
        let done = blocking(move || {
            if disk::read::<Exit>(&of.exit())?.is_some() {
                return Ok::<_, DiskError>(());
            }
            // A second request may give the task less time. The first reason stays.
            let kill = match disk::read::<Kill>(&of.kill())? {
                Some(first) => Kill { grace: first.grace.min(kill.grace), ..first },
                None => kill,
            };
            disk::write(&of.kill(), &kill)?;
            // A shim that does not hear the bell has ended, or reads the file before it begins.
            let _ = shim::ring(&of.bell());
            Ok(())
        });
        match done.await {
            Ok(()) => return,
            Err(error) => tracing::warn!(%error, "a task that is to end cannot be told so"),
        }
        tokio::time::sleep(DISK_AGAIN).await;
    }
}
