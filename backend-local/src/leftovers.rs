//! What a data folder has of services, read without a scheduler.
//!
//! Invariant: nothing is changed or taken over, so a caller can check whether its records know the content of a folder
//! before it opens the folder.

use std::path::{Path, PathBuf};

use crate::disk::{self, DiskError};
use crate::layout::{Layout, RunFolder};
use crate::load::ServiceFile;
use crate::run::Launched;
use crate::{process, reap};

/// What a data folder has of one installation of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LocalLeftovers {
    /// The service.
    pub service: String,
    /// The installation's id.
    pub installation: String,
    /// Its folder, with its volumes and sandboxes.
    pub folder: PathBuf,
    /// The living processes of its tasks, and their shims.
    pub processes: Vec<i32>,
}

/// The content of a data folder ([`crate::LocalOptions::root`]), by service and installation; empty if the folder does
/// not exist.
///
/// # Errors
/// The folder cannot be read, or a file in it is damaged.
pub fn leftovers(root: &Path) -> Result<Vec<LocalLeftovers>, DiskError> {
    let boot = process::boot_id().map_err(DiskError::io("read", Path::new("/proc")))?;
    let layout = Layout::new(root.to_owned());
    let (mut all, marked) = (Vec::new(), reap::marked());
    for folder in disk::list(&layout.services())?.iter().filter(|folder| folder.is_dir()) {
        for folder in disk::list(folder)?.into_iter().filter(|folder| folder.is_dir()) {
            let Some(of) = disk::read::<ServiceFile>(&folder.join("service.json"))? else { continue };
            let mut processes = Vec::new();
            for instance in disk::list(&folder.join("instances"))? {
                for run in disk::list(&instance)? {
                    // Children may outlive the processes that the run names.
                    processes.extend(marked.iter().filter(|(_, of)| *of == run).map(|(pid, _)| *pid));
                    let launched = disk::read::<Launched>(&RunFolder::at(run).launch())?;
                    let Some(launched) = launched.filter(|launched| launched.boot == boot) else { continue };
                    let alive = launched.task.into_iter().chain([launched.shim]).filter(|one| one.lives());
                    processes.extend(alive.map(|one| one.pid));
                }
            }
            processes.sort_unstable();
            processes.dedup();
            let (service, installation) = (of.service.to_string(), of.installation.to_string());
            all.push(LocalLeftovers { service, installation, folder, processes });
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use plan_core::spec::ServiceName;
    use plan_driver::backend::Identity;

    use super::*;
    use crate::process::ProcessId;

    #[test]
    fn what_lives_is_named_and_nothing_is_changed() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(leftovers(&folder.path().join("nothing")).unwrap(), []);
        let layout = Layout::new(folder.path().to_owned());
        let identity = Identity {
            service: ServiceName::new("/group/kafka").unwrap(),
            installation: plan_core::engine::InstallationId("one".into()),
        };
        let of = layout.installation(&identity);
        let me = ProcessId::me().unwrap();
        let gone = ProcessId { start: me.start + 1, ..me };
        let boot = process::boot_id().unwrap();
        let runs = [(boot.as_str(), me), (boot.as_str(), gone), ("an earlier start", me)];
        for (nth, (boot, shim)) in runs.into_iter().enumerate() {
            let run = of.join("instances/broker-0").join(format!("server.{nth}"));
            disk::create_folder(&run).unwrap();
            let (incarnation, boot) = ("one".to_owned(), boot.to_owned());
            let launched = Launched { incarnation, boot, shim, task: None, at: 0 };
            disk::write(&RunFolder::at(run).launch(), &launched).unwrap();
        }
        assert_eq!(leftovers(folder.path()).unwrap(), [], "no installation wrote itself down");
        let file =
            ServiceFile { service: identity.service.clone(), installation: identity.installation.clone() };
        disk::write(&of.join("service.json"), &file).unwrap();
        let found = leftovers(folder.path()).unwrap();
        let expected = LocalLeftovers {
            service: "/group/kafka".to_owned(),
            installation: "one".to_owned(),
            folder: of.clone(),
            processes: vec![me.pid],
        };
        assert_eq!(found, [expected]);
        std::fs::write(of.join("service.json"), "{").unwrap();
        assert!(matches!(leftovers(folder.path()), Err(DiskError::Corrupt { .. })));
    }

    #[test]
    fn what_outlives_its_shim_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path().to_owned());
        let (service, installation) =
            (ServiceName::new("quick").unwrap(), plan_core::engine::InstallationId("one".into()));
        let of =
            layout.installation(&Identity { service: service.clone(), installation: installation.clone() });
        let run = of.join("instances/quick-0/main.1");
        disk::create_folder(&run).unwrap();
        disk::write(&of.join("service.json"), &ServiceFile { service, installation }).unwrap();
        let mut command = std::process::Command::new("sleep");
        let mut child = command.arg("100").env(reap::MARK, &run).spawn().unwrap();
        let found = leftovers(folder.path()).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(found[0].processes, [i32::try_from(child.id()).unwrap()]);
        assert_eq!(leftovers(folder.path()).unwrap()[0].processes, [0_i32; 0]);
    }
}
