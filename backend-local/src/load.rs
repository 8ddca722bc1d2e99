//! Reads what an earlier scheduler left, takes it over, and finishes what was interrupted.
//!
//! Invariant: nothing is changed before everything was read. A damaged file is an error that names the file. A launch
//! that no shim had claimed never runs, since it is claimed here. A launch that was claimed is found with its
//! processes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use plan_core::engine::Handle;
use plan_driver::backend::Identity;
use plan_room::Kept;
use serde::{Deserialize, Serialize};

use crate::blocking::blocking;
use crate::disk::{self, DiskError};
use crate::error::LocalError;
use crate::inner::Inner;
use crate::layout::{Layout, RunFolder};
use crate::lost::{self, LostNode};
use crate::prune::throw_away;
use crate::reap;
use crate::room::{self, Health, ServiceKey};
use crate::run::{Exit, ExitCause, Launched, Order};
use crate::state::{Phase, Run, RunKey};
use crate::{address, earlier, watch};

/// A shim that claimed a launch writes `launch.json` within this time, or has ended.
const SHIM_BEGINS: Duration = Duration::from_secs(3);
const AGAIN: Duration = Duration::from_millis(20);

/// The owner of the folder: `service.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct ServiceFile {
    pub(crate) service: plan_core::spec::ServiceName,
    pub(crate) installation: plan_core::engine::InstallationId,
}

/// The content of the data folder.
#[derive(Default)]
struct Contents {
    lost: Vec<LostNode>,
    /// The held places. A place is held as long as its folder exists.
    places: Vec<(ServiceKey, Kept)>,
    runs: Vec<(RunKey, RunFolder, Order)>,
    /// Places without an order yet.
    unfinished: Vec<PathBuf>,
}

/// Writes the owner of the folder, before anything is put there.
pub(crate) async fn note_service(inner: &Arc<Inner>, identity: &Identity) -> Result<(), DiskError> {
    let (folder, identity) = (inner.layout.installation(identity), identity.clone());
    blocking(move || {
        let path = folder.join("service.json");
        if disk::read::<ServiceFile>(&path)?.is_some() {
            return Ok(());
        }
        disk::create_folder(&folder)?;
        let file = ServiceFile { service: identity.service, installation: identity.installation };
        disk::write(&path, &file)
    })
    .await
}

/// Takes over everything in the data folder.
pub(crate) async fn all(inner: &Arc<Inner>) -> Result<(), LocalError> {
    let shared = inner.clone();
    let (contents, runs) = blocking(move || {
        let contents = read(&shared.layout)?;
        let mut runs = Vec::new();
        for path in &contents.unfinished {
            throw_away(&shared.layout, path)?;
        }
        for (key, folder, order) in &contents.runs {
            let lost = contents.lost.iter().any(|lost| lost.node == order.node);
            match settle(&shared, folder, order, lost)? {
                Some(settled) => {
                    let address = address::of_order(&shared.options.addresses, order);
                    let run = |phase| Run::new(folder.clone(), Arc::new(order.clone()), phase, address);
                    let run = match settled {
                        Settled::Lives(phase) => run(phase),
                        Settled::Ended(exit) => {
                            let mut run = run(Phase::Starting).ended(&exit);
                            run.told = folder.told().exists();
                            run
                        }
                    };
                    runs.push((key.clone(), run));
                }
                None => throw_away(&shared.layout, folder.path())?,
            }
        }
        // Files that an earlier scheduler was removing.
        for path in disk::list(&shared.layout.trash())? {
            if let Err(error) = disk::remove(&path) {
                tracing::warn!(%error, "what is being removed stays");
            }
        }
        Ok::<_, DiskError>((contents, runs))
    })
    .await?;
    let mut living = Vec::new();
    {
        let mut state = inner.state();
        for (service, place) in contents.places {
            state.book.restore(&service, place);
        }
        for lost in &contents.lost {
            state.book.set_health(&lost.node, Health::Silent);
        }
        for (key, run) in runs {
            if run.lives() {
                living.push(key.clone());
            }
            state.runs.insert(key, run);
        }
    }
    for lost in contents.lost {
        inner.spawn(lost::be_gone(inner.clone(), lost));
    }
    for key in living {
        inner.spawn(watch::watch(inner.clone(), key));
    }
    Ok(())
}

fn read(layout: &Layout) -> Result<Contents, DiskError> {
    let mut contents = Contents::default();
    for path in disk::list(&layout.lost())? {
        if path.extension().is_some_and(|extension| extension == "json") {
            contents.lost.extend(disk::read::<LostNode>(&path)?);
        }
    }
    for service in disk::list(&layout.services())? {
        for installation in disk::list(&service)? {
            let Some(file) = disk::read::<ServiceFile>(&installation.join("service.json"))? else {
                continue;
            };
            let key: ServiceKey = (file.service, file.installation);
            let first = contents.runs.len();
            for instance in disk::list(&installation.join("instances"))? {
                for path in disk::list(&instance)? {
                    let folder = RunFolder::at(path.clone());
                    match disk::read::<Order>(&folder.order())? {
                        Some(order) => {
                            let run = RunKey {
                                service: key.clone(),
                                instance: order.instance.clone(),
                                launch: order.launch,
                                task: order.task.clone(),
                            };
                            // Nothing is done before everything is read.
                            disk::read::<Launched>(&folder.launch())?;
                            disk::read::<Exit>(&folder.exit())?;
                            contents.runs.push((run, folder, order));
                        }
                        None => contents.unfinished.push(path),
                    }
                }
            }
            contents.places.extend(places(layout, &key, &contents.runs[first..])?);
        }
    }
    Ok(contents)
}

/// The places of these runs that were not given back.
fn places(
    layout: &Layout,
    service: &ServiceKey,
    runs: &[(RunKey, RunFolder, Order)],
) -> Result<Vec<(ServiceKey, Kept)>, DiskError> {
    let identity = Identity { service: service.0.clone(), installation: service.1.clone() };
    let mut orders: BTreeMap<&Handle, Vec<&Order>> = BTreeMap::new();
    for (_, _, order) in runs {
        orders.entry(&order.handle).or_default().push(order);
    }
    orders.retain(|handle, _| layout.place(&identity, handle).is_dir());
    orders.values_mut().for_each(|orders| orders.sort_by_key(|order| order.launch));
    let mut places = earlier::places(layout, &identity, &mut orders)?;
    places.extend(orders.into_values().filter_map(|orders| room::kept_of_orders(&orders)));
    Ok(places.into_iter().map(|kept| (service.clone(), kept)).collect())
}

/// How a run is that was found.
enum Settled {
    Lives(Phase),
    Ended(Exit),
}

/// The state of a run that was found. `None` if it never began, and now never will.
fn settle(
    inner: &Inner,
    folder: &RunFolder,
    order: &Order,
    lost: bool,
) -> Result<Option<Settled>, DiskError> {
    if let Some(exit) = disk::read::<Exit>(&folder.exit())? {
        return Ok(Some(Settled::Ended(exit)));
    }
    if disk::claim(&folder.claim())? {
        return Ok(None);
    }
    let until = Instant::now() + SHIM_BEGINS;
    let launched = loop {
        match disk::read::<Launched>(&folder.launch())? {
            Some(launched) => break Some(launched),
            None if Instant::now() > until => break None,
            None => std::thread::sleep(AGAIN),
        }
    };
    match launched {
        // No process of an earlier start of the machine is left.
        Some(launched) if launched.boot != inner.boot => {
            let cause = if lost { ExitCause::WithNode } else { ExitCause::Lost };
            let exit = Exit::new(cause, "the machine was started again");
            disk::write(&folder.exit(), &exit)?;
            Ok(Some(Settled::Ended(exit)))
        }
        Some(launched) if lost => {
            launched.shim.kill();
            Ok(Some(Settled::Lives(Phase::Starting)))
        }
        Some(launched) if launched.task.is_some() && launched.shim.lives() => {
            let ready = !order.paused && (order.readiness.is_none() || folder.ready().exists());
            Ok(Some(Settled::Lives(Phase::Running { ready })))
        }
        // An answer about the run must not say that it may still be alive.
        Some(launched) if !launched.shim.lives() => Ok(Some(match reap::settle(folder, ExitCause::Lost) {
            Ok(exit) => Settled::Ended(exit),
            // The disk may be full. The task that watches the run tries again.
            Err(error) => {
                tracing::warn!(%error, "how a task ended cannot be written down or read");
                Settled::Lives(Phase::Starting)
            }
        })),
        Some(_) => Ok(Some(Settled::Lives(Phase::Starting))),
        None => Ok(Some(Settled::Ended(reap::settle(folder, ExitCause::Lost)?))),
    }
}
