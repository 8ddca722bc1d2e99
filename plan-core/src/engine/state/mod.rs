//! The records of an installed service, with indices that lead from an instance to all that is about it.
//!
//! Invariant: every index is a function of the records. [`State::index_instance`] and its siblings build it from
//! records; the engine updates it with each input.

mod census;
mod deadlines;
mod debts;
mod delays;
mod down;
mod faults;
mod index;
mod instance;
mod kept;
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
use super::note::{NoteName, NoteText};
use super::record::{
    AuditRecord, DebtCause, DebtRecord, Mark, Number, Order, PlanRecord, PodRecord, RunKind, RunOutcome,
    RunRecord, ServiceRecord, StepRef,
};
use deadlines::Deadlines;
use debts::Debts;
use delays::Delays;

pub(super) use instance::Instance;
use members::Members;
pub(super) use slots::{is_paused, is_stale};

/// An installed service. Each open field is a leaf, which owns its state.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct State {
    service: Arc<ServiceRecord>,
    model: Arc<Model>,
    /// The last specification that the service reached without a forced step.
    previous: Option<Arc<Model>>,
    confs: BTreeMap<ContentHash, Arc<TaskConfig>>,
    /// The instances by pod, then by index: the target's pods first, then pods that are leaving. Each pod has as many
    /// instances as the target says, and those that are leaving.
    pods: Vec<Vec<Instance>>,
    /// The active runs, oldest first.
    active: Vec<Run>,
    /// The latest run of each plan whose latest run ended.
    ended: BTreeMap<Number, Arc<RunRecord>>,
    plans: BTreeMap<PlanName, Arc<PlanRecord>>,
    audit: BTreeMap<Number, Arc<AuditRecord>>,
    /// The backend's notes.
    notes: BTreeMap<NoteName, NoteText>,
    /// The debts.
    pub(super) debts: Debts,
    /// The deadlines of instances that are down.
    pub(super) deadlines: Deadlines,
    /// The instances with a task that waits, each with the end of the wait.
    pub(super) delays: Delays,
    /// The instances with something broken: a task that does not run as it should, or that recovery is bringing back.
    hurt: BTreeSet<At>,
    /// The instances that have a task that the target does not have.
    obsolete: BTreeSet<At>,
    /// The census for the placement rule of each pod.
    census: Vec<Arc<Census>>,
    /// The members that are down, if a plan has `max-unavailable`.
    pub(super) members: Members,
    zoo: Switch,
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

    /// Gives the engine this fault, or none.
    pub(super) fn set_bugs(&mut self, zoo: Switch) {
        self.zoo = zoo;
    }

    /// The engine's fault, if it has one.
    pub(super) fn bugs(&self) -> Switch {
        self.zoo
    }

    /// The service's record.
    #[inline]
    pub(super) fn service(&self) -> &Arc<ServiceRecord> {
        &self.service
    }

    /// The service's record, to be changed and written.
    pub(super) fn service_mut(&mut self) -> &mut ServiceRecord {
        Arc::make_mut(&mut self.service)
    }

    /// The target.
    #[inline]
    pub(super) fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// The instances by pod, then by index: the target's pods first, then pods that are leaving.
    #[inline]
    pub(super) fn pods(&self) -> &[Vec<Instance>] {
        &self.pods
    }

    /// All instances.
    pub(super) fn instances_mut(&mut self) -> impl Iterator<Item = &mut Instance> {
        self.pods.iter_mut().flatten()
    }

    #[inline]
    pub(super) fn instance(&self, at: At) -> &Instance {
        &self.pods[at.pod as usize][at.index as usize]
    }

    #[inline]
    pub(super) fn instance_mut(&mut self, at: At) -> &mut Instance {
        &mut self.pods[at.pod as usize][at.index as usize]
    }

    #[inline]
    pub(super) fn record(&self, at: At) -> Option<&PodRecord> {
        self.pods.get(at.pod as usize)?.get(at.index as usize)?.record().map(|record| &**record)
    }

    /// The census for the placement rule of a pod of the target.
    pub(super) fn census(&self, pod: u32) -> &Arc<Census> {
        &self.census[pod as usize]
    }

    /// The first instance from this position on that has something broken.
    pub(super) fn next_hurt(&self, from: At) -> Option<At> {
        self.hurt.range(from..).next().copied()
    }

    /// The instances that have something broken.
    pub(super) fn hurt(&self) -> impl Iterator<Item = At> {
        self.hurt.iter().copied()
    }

    /// Whether an instance has something broken.
    #[inline]
    pub(super) fn is_hurt(&self, at: At) -> bool {
        self.hurt.contains(&at)
    }

    /// Whether any instance has a task that the target does not have.
    #[inline]
    pub(super) fn is_any_obsolete(&self) -> bool {
        !self.obsolete.is_empty()
    }

    /// Whether an instance has a task that the target does not have.
    pub(super) fn is_obsolete(&self, at: At) -> bool {
        self.obsolete.contains(&at)
    }

    /// Drops the record of an instance that leaves for good, and takes the instance out of the indices. Returns whether
    /// it counted as a member that is down.
    pub(super) fn leaves(&mut self, at: At) -> bool {
        let record = self.instance_mut(at).leave();
        self.deadlines.set(at, None);
        self.deadlines.stays(at);
        for until in record.iter().flat_map(|record| record.tasks()).filter_map(|task| task.delayed_until()) {
            self.delays.remove(at, until);
        }
        self.hurt.remove(&at);
        self.obsolete.remove(&at);
        self.members.set(at, false)
    }

    /// Notes that the service has no target any more: nothing is obsolete, and no member counts.
    pub(super) fn has_no_target(&mut self) {
        self.obsolete.clear();
        self.members.clear();
    }

    /// Takes the instances out, to be laid out anew.
    pub(super) fn take_pods(&mut self) -> Vec<Vec<Instance>> {
        std::mem::take(&mut self.pods)
    }

    /// Puts another target in place, with the instances as they are laid out for it. What is indexed by position is
    /// empty after that.
    pub(super) fn put_target(&mut self, model: &Arc<Model>, pods: Vec<Vec<Instance>>) {
        (self.model, self.pods) = (model.clone(), pods);
        self.census = model.pods().iter().map(|_| Default::default()).collect();
        self.members = Members::new(model);
        (self.hurt, self.obsolete) = Default::default();
        (self.delays, self.deadlines) = Default::default();
        for pod in 0..self.pods.len() as u32 {
            self.trim(pod);
        }
    }

    /// Drops the last pod if it leaves and has no instance any more. Returns whether it did.
    pub(super) fn drop_empty_pod(&mut self) -> bool {
        let empty = self.pods.len() > self.model.pods().len() && self.pods.last().is_some_and(Vec::is_empty);
        if empty {
            self.pods.pop();
        }
        empty
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

    /// The active runs, oldest first.
    #[inline]
    pub(super) fn active(&self) -> &[Run] {
        &self.active
    }

    /// One of the active runs, by its position.
    #[inline]
    pub(super) fn active_mut(&mut self, nth: usize) -> &mut Run {
        &mut self.active[nth]
    }

    /// Adds a run to the active runs. A run with the same number is replaced.
    pub(super) fn add_run(&mut self, run: Run) {
        let at = self.active.partition_point(|other| other.number() < run.number());
        match self.active.get_mut(at).filter(|other| other.number() == run.number()) {
            Some(old) => *old = run,
            None => self.active.insert(at, run),
        }
    }

    /// Takes a run out of the active runs, as it ended.
    pub(super) fn take_run(&mut self, number: Number) -> Option<Run> {
        let nth = self.active.iter().position(|run| run.number() == number)?;
        Some(self.active.remove(nth))
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
        let last = instances.iter().rposition(|instance| instance.is_known()).map_or(0, |at| at + 1);
        instances.truncate(last.max(count));
    }

    /// The name of a step (SDK rule R52).
    pub(super) fn step_name(&self, layout: &PhaseLayout, step: u32) -> String {
        layout.step_name(&self.model, step)
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
