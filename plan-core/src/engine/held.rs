//! What is held for a service by its records.
//!
//! Invariant: it follows from the records alone, so a backend that starts again is told of every place before it is asked
//! for anything, and keeps no account of its own.

use std::sync::Arc;

use crate::plan::Demand;
use crate::spec::{InstanceName, Volume};

use super::Engine;
use super::note::{NoteName, NoteText};
use super::record::Place;

/// What is held for an instance: enough to hold it again after a restart.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// The instance.
    pub instance: InstanceName,
    /// Where, under which handle, with which ports.
    pub place: Arc<Place>,
    /// Its resource sets, each as it was launched last, else as it is declared.
    pub demand: Arc<[Demand]>,
    /// The pod's own volumes.
    pub volumes: Arc<[Volume]>,
}

impl Engine {
    /// All places that records name: what a backend holds for the service, but for what debts are to release.
    pub fn held(&self) -> Vec<Held> {
        let Some(state) = &self.state else { return Vec::new() };
        let instances = self.pods().filter_map(|(instance, record)| {
            let place = record.place().cloned()?;
            let at = state.at(&instance)?;
            let volumes = state.pod_model(at.pod).map(|pod| pod.volumes.clone()).unwrap_or_default();
            Some(Held { demand: state.demand_as_launched(at, record), instance, place, volumes })
        });
        instances.collect()
    }

    /// What the backend has kept.
    pub fn notes(&self) -> impl Iterator<Item = (&NoteName, &NoteText)> {
        self.state.iter().flat_map(|state| &state.notes)
    }
}
