//! The read access to an engine.
//!
//! Invariant: reading changes nothing, and does not show what a record looks like on disk.

use std::sync::Arc;

use crate::engine::Engine;
use crate::engine::at::At;
use crate::engine::input::{Incarnation, Seen};
use crate::engine::record::{AuditRecord, DebtRecord, EndedRun, InstallationId, Number};
use crate::engine::state::State;
use crate::engine::time::{Time, Wall};
use crate::plan::{ContentHash, Model, TaskConfig};
use crate::spec::{InstanceName, PlanName, TaskName};

use super::{PodView, RunView, TaskView};

impl Engine {
    /// Whether the first deployment is complete.
    pub fn is_deployed(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.service().deployed)
    }

    /// Whether this session has asked for all launches from before it, and each was answered or had its time. Before
    /// that, states of tasks are those of the records, and a task may have ended meanwhile.
    pub fn has_heard(&self) -> bool {
        self.session.is_live()
    }

    /// Whether another scheduler has taken over. Then this engine does nothing any more.
    pub fn is_superseded(&self) -> bool {
        self.session.is_superseded()
    }

    /// The id of the installation, once there is a service. It is part of each task's label.
    pub fn installation(&self) -> Option<&InstallationId> {
        self.state.as_ref().map(|state| &state.service().installation)
    }

    /// The target: the specification that the service is to have.
    pub fn model(&self) -> Option<&Arc<Model>> {
        self.state.as_ref().map(|state| state.model())
    }

    /// An instance, if it was ordered at least once.
    pub fn pod(&self, instance: &InstanceName) -> Option<PodView<'_>> {
        let state = self.state.as_ref()?;
        state.record(state.at(instance)?).map(PodView::from)
    }

    /// All instances that were ordered at least once.
    pub fn pods(&self) -> impl Iterator<Item = (InstanceName, PodView<'_>)> {
        self.state.iter().flat_map(|state| {
            (0..).zip(state.pods()).flat_map(move |(pod, instances)| {
                (0..).zip(instances).filter_map(move |(index, instance)| {
                    Some((state.name(At { pod, index }), PodView::from(&**instance.record()?)))
                })
            })
        })
    }

    /// The debts: what was left behind, and is to be ended and released.
    pub fn debts(&self) -> impl Iterator<Item = &DebtRecord> {
        self.state.iter().flat_map(|state| state.debts.iter().map(|debt| &**debt))
    }

    /// The active run of a plan, if there is one.
    pub fn run(&self, plan: &PlanName) -> Option<RunView> {
        Some(RunView::from(&*self.state.as_ref()?.run_of(plan)?.record))
    }

    /// The run that brings the target about, or brought it about.
    pub fn converging_run(&self) -> Option<Number> {
        self.state.as_ref().map(|state| state.service().converging)
    }

    /// A task's configuration by its hash, if a record names it.
    pub fn task_config(&self, conf: ContentHash) -> Option<&Arc<TaskConfig>> {
        self.state.as_ref()?.confs().get(&conf)
    }

    /// The time of the machine's clock that belongs to an engine time, given that the clock shows `now` and was not set
    /// since.
    pub fn wall(&self, time: Time, now: Wall) -> Wall {
        let ago = self.time(now).since(time);
        Wall(now.0.saturating_sub(u64::try_from(ago.as_micros()).unwrap_or(u64::MAX)))
    }

    /// The ended runs of a plan that are remembered, oldest first.
    pub fn runs(&self, plan: &str) -> &[EndedRun] {
        let record = self.state.as_ref().and_then(|state| state.plans().get(plan));
        record.map(|record| record.ended.as_slice()).unwrap_or_default()
    }

    /// The audit: the verbs and targets that are remembered, oldest first.
    pub fn audit(&self) -> impl Iterator<Item = &AuditRecord> {
        self.state.iter().flat_map(|state| state.audit().values().map(|audit| &**audit))
    }

    /// The last specification that the service reached without a forced step.
    pub fn previous(&self) -> Option<&Arc<Model>> {
        self.state.as_ref().and_then(|state| state.previous())
    }

    /// Whether the service is being uninstalled.
    pub fn is_uninstalling(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.service().uninstalling)
    }

    /// The instances that the target does not have but that still exist, in the order in which they leave.
    pub fn leavers(&self) -> Vec<InstanceName> {
        self.state.as_ref().map(State::leavers).unwrap_or_default()
    }

    /// Launches that no record names. The engine lists them, and does not touch them.
    pub fn foreigners(&self) -> impl Iterator<Item = (&Incarnation, &Seen)> {
        self.session.foreigners.iter()
    }

    /// The tasks of all instances, in declared order.
    pub fn tasks(&self) -> Vec<TaskView> {
        let Some(state) = &self.state else { return Vec::new() };
        let mut views = Vec::new();
        for (pod, model) in (0..).zip(state.model().pods()) {
            for index in 0..model.count {
                let at = At { pod, index };
                views.extend(model.tasks.iter().map(|task| state.task_view(at, &task.name)));
            }
        }
        views
    }
}

impl State {
    fn task_view(&self, at: At, name: &TaskName) -> TaskView {
        let record = self.record(at);
        let known = record.and_then(|record| record.task(name));
        let occupants = record.map(|record| record.slots()).unwrap_or_default().iter();
        let occupant = occupants.filter_map(|slot| slot.occupant()).find(|o| o.task == *name);
        TaskView {
            instance: self.name(at),
            task: name.clone(),
            state: occupant.map(|occupant| occupant.state),
            silent: occupant.is_some_and(|occupant| occupant.silent.is_some()),
            reached: known.and_then(|known| known.reached()),
        }
    }
}
