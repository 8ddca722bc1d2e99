//! Tasks that are to end.
//!
//! Invariant: that a task is to end is on disk before its shim is told, so that it goes on without us.

use std::time::Duration;

use crate::blocking::blocking;
use crate::disk::{self, DiskError};
use crate::layout::RunFolder;
use crate::run::{Exit, Kill};
use crate::shim;

/// A disk that refuses is tried again after so long.
const DISK_AGAIN: Duration = Duration::from_secs(1);

/// Has a task ended by its shim.
pub(crate) async fn order(folder: RunFolder, kill: Kill) {
    loop {
        let (of, kill) = (folder.clone(), kill.clone());
        let done = blocking(move || {
            if disk::read::<Exit>(&of.exit())?.is_some() {
                return Ok::<_, DiskError>(());
            }
            // Who asks again may give it less time; why it ends stays what was said first.
            let kill = match disk::read::<Kill>(&of.kill())? {
                Some(first) => Kill { grace: first.grace.min(kill.grace), ..first },
                None => kill,
            };
            disk::write(&of.kill(), &kill)?;
            // A shim that does not hear it has ended, or reads it before it begins.
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
