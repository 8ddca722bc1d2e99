//! What a backend holds for a service, as the service's records say.
//!
//! Invariant: the list follows from the records alone. So a backend that starts again is told of every place before it
//! is asked for anything, and needs no book of its own.

use std::sync::Arc;

use crate::plan::Demand;
use crate::spec::{InstanceName, Volume};

use super::Engine;
use super::note::{NoteName, NoteText};
use super::record::Place;

/// What is held for an instance: enough for a backend to hold it again after a restart.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Held {
    /// The instance.
    pub instance: InstanceName,
    /// The node, the handle and the ports.
    pub place: Arc<Place>,
    /// The resource sets of the instance. Each set is as it was launched last; a set that was never launched is as
    /// declared.
    pub demand: Arc<[Demand]>,
    /// The pod's own volumes.
    pub volumes: Arc<[Volume]>,
}

impl Held {
    /// What is held for an instance.
    pub fn new(
        instance: InstanceName,
        place: Arc<Place>,
        demand: Arc<[Demand]>,
        volumes: Arc<[Volume]>,
    ) -> Self {
        Self { instance, place, demand, volumes }
    }
}

impl Engine {
    /// The places of all instances: what a backend holds for the service, without what debts are to release.
    pub fn held(&self) -> Vec<Held> {
        let Some(state) = &self.state else { return Vec::new() };
        let instances = self.pods().filter_map(|(instance, pod)| {
            let place = pod.place().cloned()?;
            let at = state.at(&instance)?;
            let volumes = state.pod_model(at.pod).map(|pod| pod.volumes.clone()).unwrap_or_default();
            Some(Held { demand: state.demand_as_launched(at, pod.record()), instance, place, volumes })
        });
        instances.collect()
    }

    /// The backend's notes.
    pub fn notes(&self) -> impl Iterator<Item = (&NoteName, &NoteText)> {
        self.state.iter().flat_map(|state| state.notes())
    }
}
