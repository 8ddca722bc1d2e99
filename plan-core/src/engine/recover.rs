//! How an engine is built from its records.
//!
//! Invariant: an engine is built from records alone, by the same functions that keep a live engine's indices.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::plan::{ContentHash, Model};

use super::at::At;
use super::bug::Switch;
use super::digest::Digest;
use super::record::{ClockRecord, Key, Number, Purpose, Record, RunRecord, ServiceRecord, StepRef};
use super::state::{Instance, State};
use super::{Engine, Session};

/// Why no engine can be built from records. Nothing was changed. An operator has to look at the store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecoverError {
    /// A record is missing that another record names.
    #[error("the record `{missing}` is missing, which `{named_by}` names: restore the store from a copy")]
    Missing {
        /// The key of the missing record.
        missing: Key,
        /// The key of the record that names it.
        named_by: Key,
    },
    /// There are records of a service, but the service's own record is missing.
    #[error("there is `{0}`, and no record `service`: restore the store from a copy")]
    NoService(Key),
    /// A record is about a pod, plan or step that the specification does not have.
    #[error("the record `{0}` is about something that the target does not have")]
    Unknown(Key),
}

impl Engine {
    /// Builds an engine from the records that were written. The engine does nothing until its first input, whose
    /// effects ask for a wake.
    ///
    /// # Errors
    /// A record is missing, or names something that is not there.
    pub fn recover(records: impl IntoIterator<Item = Record>) -> Result<Self, RecoverError> {
        Self::recover_as(records, Switch::default())
    }

    pub(super) fn recover_as(
        records: impl IntoIterator<Item = Record>,
        zoo: Switch,
    ) -> Result<Self, RecoverError> {
        let mut clock = ClockRecord::default();
        let mut service: Option<Arc<ServiceRecord>> = None;
        let mut specs: BTreeMap<ContentHash, Arc<Model>> = BTreeMap::new();
        let mut confs = BTreeMap::new();
        let mut pods = Vec::new();
        let mut runs: BTreeMap<Number, Arc<RunRecord>> = BTreeMap::new();
        let mut plans = BTreeMap::new();
        let mut audit = BTreeMap::new();
        let mut debts = Vec::new();
        let mut notes = BTreeMap::new();
        let mut digest = Digest::default();
        let mut count = |one: Digest| digest.replace(Digest::default(), one);
        for record in records {
            // The record of an instance is kept with the instance.
            if !matches!(record, Record::Pod(..)) {
                count(record.digest());
            }
            match record {
                Record::Clock(record) => clock = record,
                Record::Service(record) => {
                    service = Some(record);
                }
                Record::Spec(model) => {
                    specs.insert(model.hash(), model);
                }
                Record::Conf(config) => {
                    let hash = config.hash();
                    confs.insert(hash, config);
                }
                Record::Debt(record) => {
                    debts.push(record);
                }
                Record::Pod(name, record) => pods.push((name, record)),
                Record::Run(record) => {
                    runs.insert(record.number, record);
                }
                Record::Plan(name, record) => {
                    plans.insert(name, record);
                }
                Record::Audit(record) => {
                    audit.insert(record.number, record);
                }
                Record::Note(name, text) => {
                    notes.insert(name, text);
                }
            }
        }
        let Some(service) = service else {
            let orphan = pods.first().map(|(name, _)| Key::Pod(name.clone()));
            let orphan = orphan.or_else(|| runs.keys().next().map(|&number| Key::Run(number)));
            return match orphan {
                Some(key) => Err(RecoverError::NoService(key)),
                None => Ok(Self { clock, state: None, session: Session::default(), digest, zoo }),
            };
        };
        let missing = || RecoverError::Missing { missing: Key::Spec(service.target), named_by: Key::Service };
        let model = specs.remove(&service.target).ok_or_else(missing)?;
        let previous = service.previous.filter(|previous| *previous != model.hash());
        let previous = previous.map(|previous| {
            let missing = || RecoverError::Missing { missing: Key::Spec(previous), named_by: Key::Service };
            specs.remove(&previous).ok_or_else(missing)
        });
        let mut state = State::new(service, model);
        state.set_bugs(zoo);
        let reached = state.service().previous == Some(state.model().hash());
        let previous = if reached { Some(state.model().clone()) } else { previous.transpose()? };
        state.set_previous(previous);
        debts.into_iter().for_each(|debt| state.debts.insert(debt));
        state.recover_kept(confs, plans, audit, notes);
        let mut unplaced: Vec<(StepRef, Key)> = Vec::new();
        for (name, record) in pods {
            let key = || Key::Pod(name.clone());
            let at = state.make_room(&name).ok_or_else(|| RecoverError::Unknown(key()))?;
            let named = record.orders().iter().flat_map(|order| &*order.tasks).map(|task| task.conf);
            let remembered = record.tasks().iter().flat_map(|task| {
                task.last()
                    .map(|last| last.conf)
                    .into_iter()
                    .chain(task.reached().map(|reached| reached.conf))
            });
            if let Some(conf) = named.chain(remembered).find(|conf| !state.confs().contains_key(conf)) {
                return Err(RecoverError::Missing { missing: Key::Conf(conf), named_by: key() });
            }
            if let Some(place) = &record.place() {
                let node = place.node.clone();
                state.count_place(at, &node);
            }
            unplaced.extend(record.orders().iter().filter_map(|order| match order.purpose {
                Purpose::Step(step) => Some((step, key())),
                Purpose::Recovery => None,
            }));
            unplaced.extend(record.steps().iter().map(|mark| (mark.step, key())));
            let one = Record::Pod(name, record.clone()).digest();
            count(one);
            *state.instance_mut(at) = Instance::recovered(record, one);
        }
        for (number, record) in runs {
            if record.outcome.is_some() {
                state.keep_run(record);
                continue;
            }
            let layout = state.model().plans().get(&record.plan).cloned();
            let layout = layout.filter(|_| record.spec == state.model().hash());
            let layout = layout.ok_or(RecoverError::Unknown(Key::Run(number)))?;
            let phase = |phase: &u32| layout.phases.get(*phase as usize);
            let phases = record.phases.keys().all(|at| phase(at).is_some());
            let canaries = record.canaries.iter().all(|(at, canary)| {
                phase(at).is_some_and(|of| canary.steps.iter().all(|&step| (step as usize) < of.steps.len()))
            });
            // Positions belong to the plan as it was laid out when the run began.
            if !phases || !canaries {
                return Err(RecoverError::Unknown(Key::Run(number)));
            }
            let run = state.index_run(record, layout);
            state.add_run(run);
        }
        for (step, key) in unplaced {
            let Some(run) = state.run(step.run) else { continue };
            let phase = run.layout.phases.get(step.phase as usize);
            if phase.is_none_or(|phase| step.step as usize >= phase.steps.len()) {
                return Err(RecoverError::Unknown(key));
            }
        }
        let instances: Vec<At> = (0..)
            .zip(state.pods())
            .flat_map(|(pod, of)| (0..).zip(of).map(move |(index, _)| At { pod, index }))
            .collect();
        instances.into_iter().for_each(|at| state.index_instance(at));
        Ok(Self { clock, state: Some(state), session: Session::default(), digest, zoo })
    }
}
