//! What a data folder has of services, told without a scheduler.
//!
//! Invariant: nothing is changed, nor taken up: whoever opens a folder can judge first whether its records know what
//! is there.

use std::path::{Path, PathBuf};

use crate::disk::{self, DiskError};
use crate::layout::{Layout, RunFolder};
use crate::load::ServiceFile;
use crate::process;
use crate::run::Launched;

/// What is there of one installation of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Left {
    /// The service.
    pub service: String,
    /// The installation's id.
    pub installation: String,
    /// Its folder, with its volumes and sandboxes.
    pub folder: PathBuf,
    /// Its tasks' processes that live: whoever ends one ends the task.
    pub processes: Vec<i32>,
}

/// What is in a data folder ([`crate::LocalOptions::root`]), by service and installation. Nothing, if it is not there.
///
/// # Errors
/// It cannot be read, or a file in it is damaged.
pub fn left(root: &Path) -> Result<Vec<Left>, DiskError> {
    let boot = process::boot_id().map_err(DiskError::io("read", Path::new("/proc")))?;
    let layout = Layout::new(root.to_owned());
    let mut all = Vec::new();
    for folder in disk::list(&layout.services())?.iter().filter(|folder| folder.is_dir()) {
        for folder in disk::list(folder)?.into_iter().filter(|folder| folder.is_dir()) {
            let Some(of) = disk::read::<ServiceFile>(&folder.join("service.json"))? else { continue };
            let mut processes = Vec::new();
            for instance in disk::list(&folder.join("instances"))? {
                for run in disk::list(&instance)? {
                    let launched = disk::read::<Launched>(&RunFolder::at(run).launch())?;
                    let Some(launched) = launched.filter(|launched| launched.boot == boot) else { continue };
                    let alive = launched.task.into_iter().chain([launched.shim]).find(|one| one.lives());
                    processes.extend(alive.map(|one| one.pid));
                }
            }
            let (service, installation) = (of.service.to_string(), of.installation.to_string());
            all.push(Left { service, installation, folder, processes });
        }
    }
    Ok(all)
}
