//! A place: what is held on a node for an instance.
//!
//! Invariant: a place holds what its instance has and whatever it was granted to become, until it is one or the other.

use std::collections::BTreeMap;
use std::sync::Arc;

use plan_core::engine::{Grant, Handle, Number};
use plan_core::plan::Demand;
use plan_core::spec::placement::NodeFacts;
use plan_core::spec::{InstanceName, ResourceSet, ResourceSetName, Volume};
use serde::{Deserialize, Serialize};

use super::amounts::Amounts;
use crate::ports::Numbers;

/// Room that is held for an instance.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) instance: InstanceName,
    pub(crate) node: Arc<NodeFacts>,
    pub(super) sets: Arc<[Demand]>,
    pub(super) volumes: Arc<[Volume]>,
    pub(crate) ports: Numbers,
    /// What it becomes with launches that were granted it.
    pub(super) changes: Vec<Change>,
    /// The order that it was granted to last.
    pub(super) launch: Number,
    /// When a record began to name it, by the count of commands.
    pub(super) firm: Option<u64>,
    /// Whether anything was ever launched in it, or a record named it before it was held.
    pub(crate) used: bool,
    pub(crate) referenced: Referenced,
}

/// What the placement rule that chose the node speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Referenced {
    pub(crate) region: bool,
    pub(crate) zone: bool,
}

/// What a place becomes with a launch.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) launch: Number,
    pub(super) sets: Arc<[Demand]>,
    pub(super) ports: Numbers,
}

/// A place as it is written down: `place.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct PlaceFile {
    pub(super) handle: Handle,
    pub(super) instance: InstanceName,
    pub(super) node: NodeFacts,
    pub(super) sets: Vec<(ResourceSetName, ResourceSet)>,
    pub(super) volumes: Vec<Volume>,
    pub(super) ports: Numbers,
    pub(super) referenced: Referenced,
}

impl Place {
    /// What it has to hold: of each set the most that it is or may become.
    pub(super) fn room(&self) -> Amounts {
        let mut sets: BTreeMap<&ResourceSetName, Amounts> = BTreeMap::new();
        for one in self.sets.iter().chain(self.changes.iter().flat_map(|change| change.sets.iter())) {
            let room = sets.entry(&one.set).or_default();
            *room = room.map(Amounts::of_set(&one.resources), u64::max);
        }
        sets.into_values().fold(Amounts::of_volumes(&self.volumes), Amounts::plus)
    }

    pub(super) fn numbers(&self) -> impl Iterator<Item = u16> {
        let changed = self.changes.iter().flat_map(|change| &change.ports);
        self.ports.iter().chain(changed).map(|(_, number)| *number)
    }
}

/// The place as the engine is told of it.
pub(super) fn grant(place: &Place, handle: &Handle) -> Grant {
    Grant { node: place.node.clone(), ports: place.ports.clone(), handle: handle.clone(), until: None }
}
