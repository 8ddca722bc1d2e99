//! What an earlier version wrote, and this version only reads: `place.json` in the folder of a place.
//!
//! Invariant: nothing is written here, and no other file knows the form. A version that no longer reads such folders loses this
//! file and nothing else. This version writes no such file: each session begins with the places that records name, and orders
//! say what runs meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;

use plan_core::engine::Handle;
use plan_core::spec::placement::NodeFacts;
use plan_core::spec::{InstanceName, ResourceSet, ResourceSetName, Volume};
use plan_driver::backend::Identity;
use plan_room::{Kept, Numbers};
use serde::Deserialize;

use crate::disk::{self, DiskError};
use crate::layout::Layout;
use crate::room::had;
use crate::run::Order;

/// A place.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct PlaceFile {
    handle: Handle,
    instance: InstanceName,
    node: NodeFacts,
    sets: Vec<(ResourceSetName, ResourceSet)>,
    volumes: Vec<Volume>,
    ports: Numbers,
}

/// The places of an installation that an earlier version wrote down. Each is as it was then, changed by its orders since, the
/// oldest first; these orders are taken out.
pub(crate) fn places(
    layout: &Layout,
    of: &Identity,
    orders: &mut BTreeMap<&Handle, Vec<&Order>>,
) -> Result<Vec<Kept>, DiskError> {
    let mut places = Vec::new();
    for folder in disk::list(&layout.places(of))? {
        let Some(file) = disk::read::<PlaceFile>(&folder.join("place.json"))? else { continue };
        let since = orders.remove(&file.handle).unwrap_or_default();
        let (sets, ports) = had(file.sets, file.ports, &since);
        let PlaceFile { handle, instance, node, volumes, .. } = file;
        places.push(Kept { handle, instance, node: Arc::new(node), sets, volumes: volumes.into(), ports });
    }
    Ok(places)
}
