//! The records of an installed service, with indices that lead from an instance to all that is about it.
//!
//! Invariant: every index is a function of the records. [`State::index_instance`] and its siblings build it from
//! records; the engine updates it with each input.

mod census;
mod deadlines;
mod debts;
mod index;
mod leavers;
mod members;
mod orders;
mod slots;
mod status;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::plan::{
    ContentHash, Model, PhaseLayout, PlanLayout, PlanProgress, PodModel, TaskConfig, TaskModel,
};
use crate::spec::placement::Census;
use crate::spec::{Goal, InstanceName, PlanName, PodName, ResourceSetName, TaskName};

use super::at::At;
use super::bug::{Bug, Switch};
use super::digest::Digest;
use super::note::{NoteName, NoteText};
use super::record::{
    AuditRecord, DebtCause, DebtRecord, Mark, Number, Order, PlanRecord, PodRecord, RunKind, RunOutcome,
    RunRecord, ServiceRecord, StepRef,
};
use super::session::answered::Answered;
use super::time::Time;
use deadlines::Deadlines;
use debts::Debts;

pub(super) use members::Members;
pub(super) use slots::is_stale;

/// An installed service.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct State {
    pub(super) service: Arc<ServiceRecord>,
    pub(super) model: Arc<Model>,
    /// The last specification that the service reached without a forced step.
    pub(super) previous: Option<Arc<Model>>,
    pub(super) confs: BTreeMap<ContentHash, Arc<TaskConfig>>,
    /// The instances by pod, then by index: the target's pods first, then pods that are leaving. Each pod has as many
    /// instances as the target says, and those that are leaving.
    pub(super) pods: Vec<Vec<Instance>>,
    /// The active runs, oldest first.
    pub(super) active: Vec<Run>,
    /// The latest run of each plan whose latest run ended.
    pub(super) ended: BTreeMap<Number, Arc<RunRecord>>,
    pub(super) plans: BTreeMap<PlanName, Arc<PlanRecord>>,
    pub(super) audit: BTreeMap<Number, Arc<AuditRecord>>,
    /// The backend's notes.
    pub(super) notes: BTreeMap<NoteName, NoteText>,
    /// The debts.
    pub(super) debts: Debts,
    /// The deadlines of instances that are down.
    pub(super) deadlines: Deadlines,
    /// The instances with a task that waits, each with the end of the wait.
    pub(super) delays: BTreeSet<(Time, At)>,
    /// The instances with something broken: a task that does not run as it should, or that recovery is bringing back.
    pub(super) hurt: BTreeSet<At>,
    /// The instances that have a task that the target does not have.
    pub(super) obsolete: BTreeSet<At>,
    /// The census for the placement rule of each pod.
    pub(super) census: Vec<Arc<Census>>,
    /// The members that are down, if a plan has `max-unavailable`.
    pub(super) members: Members,
    pub(super) zoo: Switch,
}

/// An instance.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Instance {
    /// The record; `None` until the first order.
    pub(super) record: Option<Arc<PodRecord>>,
    /// The digest of the record as it was last written.
    pub(super) digest: Digest,
    /// Whether the record changed since it was last written.
    pub(super) dirty: bool,
    /// The deadline, as [`State::deadlines`] has it.
    pub(super) deadline: Option<Time>,
    /// What this session saw of the instance.
    pub(super) answered: Answered,
}

/// An active run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Run {
    pub(super) record: Arc<RunRecord>,
    pub(super) layout: Arc<PlanLayout>,
    pub(super) progress: PlanProgress,
}

/// From which launch on launches count for a step, and whether the step was forced since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) since: Number,
    pub(super) forced: bool,
    /// The highest number of a force on the path from plan to step, or 0.
    pub(super) forced_at: Number,
}

impl Run {
    pub(super) fn number(&self) -> Number {
        self.record.number
    }

    pub(super) fn phase(&self, phase: u32) -> &PhaseLayout {
        &self.layout.phases[phase as usize]
    }
}

impl RunRecord {
    /// What the run and the operators' marks want of a step. On the path from plan to step, the highest number wins.
    pub(super) fn wanted(&self, record: Option<&PodRecord>, step: StepRef) -> Wanted {
        let base = match self.kind {
            RunKind::Converging => 0,
            RunKind::Side => self.number,
        };
        let phase = self.phases.get(&step.phase).copied().unwrap_or_default();
        let own = record.and_then(|record| record.steps().iter().find(|mark| mark.step == step));
        let own = own.map_or(Mark::default(), |own| Mark {
            interrupted: false,
            forced: own.forced,
            since: own.since,
        });
        let forced = self.mark.forced.max(phase.forced).max(own.forced);
        let since = self.mark.since.max(phase.since).max(own.since);
        Wanted { since: base.max(since), forced: forced > since, forced_at: forced }
    }
}

impl State {
    pub(super) fn new(service: Arc<ServiceRecord>, model: Arc<Model>) -> Self {
        // Instances that leave are kept as long as they have a record.
        let count = |pod: &PodModel| if service.uninstalling { 0 } else { pod.count as usize };
        let pods = model.pods().iter().map(|pod| vec![Default::default(); count(pod)]);
        let pods = pods.chain(service.leaving.iter().map(|_| Vec::new())).collect();
        let census = model.pods().iter().map(|_| Default::default()).collect();
        let members = Members::new(&model);
        Self {
            service,
            model,
            previous: None,
            confs: Default::default(),
            pods,
            active: Vec::new(),
            ended: Default::default(),
            plans: Default::default(),
            audit: Default::default(),
            notes: Default::default(),
            debts: Default::default(),
            deadlines: Default::default(),
            delays: Default::default(),
            hurt: Default::default(),
            obsolete: Default::default(),
            census,
            members,
            zoo: Default::default(),
        }
    }
}

impl State {
    /// Whether the engine has this fault.
    #[inline(always)]
    pub(super) fn bug(&self, bug: Bug) -> bool {
        self.zoo.has(bug)
    }

    pub(super) fn instance(&self, at: At) -> &Instance {
        &self.pods[at.pod as usize][at.index as usize]
    }

    pub(super) fn record(&self, at: At) -> Option<&PodRecord> {
        self.pods.get(at.pod as usize)?.get(at.index as usize)?.record.as_deref()
    }

    /// The pod in the target; `None` if the pod is leaving.
    pub(super) fn pod_model(&self, pod: u32) -> Option<&PodModel> {
        self.model.pods().get(pod as usize)
    }

    pub(super) fn name(&self, at: At) -> InstanceName {
        let pods = self.model.pods();
        let pod = match pods.get(at.pod as usize) {
            Some(pod) => &pod.name,
            None => &self.service.leaving[at.pod as usize - pods.len()],
        };
        InstanceName::new(pod.clone(), at.index)
    }

    pub(super) fn at(&self, name: &InstanceName) -> Option<At> {
        let pod = self.pod_position(&name.pod)?;
        let known = (name.index as usize) < self.pods.get(pod as usize)?.len();
        known.then_some(At { pod, index: name.index })
    }

    pub(super) fn run(&self, number: Number) -> Option<&Run> {
        self.active.iter().find(|run| run.number() == number)
    }

    pub(super) fn run_mut(&mut self, number: Number) -> Option<&mut Run> {
        self.active.iter_mut().find(|run| run.number() == number)
    }

    /// The active run of a plan.
    pub(super) fn run_of(&self, plan: &PlanName) -> Option<&Run> {
        self.active.iter().find(|run| run.layout.name == *plan)
    }

    pub(super) fn task_model(&self, pod: u32, task: u32) -> &TaskModel {
        &self.model.pods()[pod as usize].tasks[task as usize]
    }

    fn goal(&self, conf: &ContentHash) -> Option<Goal> {
        self.confs.get(conf).map(|config| config.spec.goal)
    }

    /// The configuration that a step wants for a task: the target's in the run that brings the target about; in another
    /// run the one that the task reached, or the target's if it reached none.
    pub(super) fn wanted_conf(&self, run: &Run, record: Option<&PodRecord>, task: &TaskModel) -> ContentHash {
        match run.record.kind {
            RunKind::Converging => task.conf,
            RunKind::Side => {
                let reached =
                    record.and_then(|record| record.task(&task.name)).and_then(|task| task.reached());
                reached.map_or(task.conf, |reached| reached.conf)
            }
        }
    }

    /// The resource set of a task's configuration.
    pub(super) fn set_of<'a>(&'a self, conf: &ContentHash, model: &'a TaskModel) -> &'a ResourceSetName {
        self.confs.get(conf).map_or(&model.set, |config| &config.spec.resource_set)
    }

    /// The position of an instance. Positions up to its index are added if they are missing. `None` if its pod is
    /// unknown.
    pub(super) fn make_room(&mut self, name: &InstanceName) -> Option<At> {
        let pod = self.pod_position(&name.pod)?;
        let instances = &mut self.pods[pod as usize];
        if instances.len() <= name.index as usize {
            instances.resize_with(name.index as usize + 1, Instance::default);
        }
        Some(At { pod, index: name.index })
    }

    fn pod_position(&self, name: &PodName) -> Option<u32> {
        let leaving = || {
            let nth = self.service.leaving.iter().position(|pod| pod == name)?;
            u32::try_from(self.model.pods().len() + nth).ok()
        };
        self.model.pod_index(name).or_else(leaving)
    }

    /// A debt from the time when the instance, or a task of it, left the target. The instance is not launched again
    /// before that debt is settled.
    pub(super) fn unsettled(&self, at: At) -> Option<&DebtRecord> {
        if self.debts.is_empty() || self.bug(Bug::OwedComesBack) {
            return None;
        }
        let of_its_leave = |debt: &&Arc<DebtRecord>| match debt.cause {
            DebtCause::Decommission | DebtCause::TaskRemoved | DebtCause::Uninstall => true,
            DebtCause::Moved | DebtCause::NeverLaunched => false,
        };
        self.debts.of(&self.name(at)).find(of_its_leave).map(|debt| &**debt)
    }

    /// Drops the last positions of a pod that hold no instance any more.
    pub(super) fn trim(&mut self, pod: u32) {
        let stays = self.pod_model(pod).filter(|_| !self.service.uninstalling);
        let count = stays.map_or(0, |pod| pod.count as usize);
        let instances = &mut self.pods[pod as usize];
        let last = instances.iter().rposition(|instance| instance.record.is_some()).map_or(0, |at| at + 1);
        instances.truncate(last.max(count));
    }

    /// The name of a step (SDK rule R52).
    pub(super) fn step_name(&self, layout: &PhaseLayout, step: u32) -> String {
        layout.step_name(&self.model, step)
    }

    /// Whether a run is remembered: it is active, or the latest run of its plan.
    pub(super) fn remembers(&self, run: Number) -> bool {
        self.run(run).is_some() || self.ended.contains_key(&run)
    }

    /// The latest run of a plan, if it ended.
    pub(super) fn ended_run(&self, plan: &PlanName) -> Option<&Arc<RunRecord>> {
        self.plans.get(plan).and_then(|record| self.ended.get(&record.latest))
    }

    pub(super) fn goal_of(&self, order: &Order, task: &TaskName) -> Option<(Goal, ContentHash)> {
        let ordered = order.tasks.iter().find(|ordered| ordered.task == *task)?;
        Some((self.goal(&ordered.conf)?, ordered.conf))
    }
}

/// Whether an ended run was complete.
pub(super) fn is_complete(record: &RunRecord) -> bool {
    record.outcome == Some(RunOutcome::Complete)
}
