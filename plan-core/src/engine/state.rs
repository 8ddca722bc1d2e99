//! The records of a service that is installed, with indices that lead from an instance to all that speaks of
//! it.
//!
//! Invariant: every index is a function of the records: [`State::index`] builds from records what the
//! engine keeps up to date input by input.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::plan::{
    ContentHash, Model, PhaseLayout, PlanLayout, PlanProgress, PodModel, Status, TaskConfig, TaskModel,
};
use crate::spec::placement::{Census, NodeFacts};
use crate::spec::{
    Field, Goal, InstanceName, NodeName, PlanName, PodName, ResourceSetName, Seconds, TaskName,
};

use super::digest::Digest;
use super::record::{
    AuditRecord, Cause, DebtCause, DebtRecord, Mark, Number, Occupant, Order, PlanRecord, PodRecord, Purpose,
    Reached, RunKind, RunOutcome, RunRecord, ServiceRecord, Slot, Stage, StepRef, TaskRecord, TaskState,
};
use super::rules::acts_in_time;
use super::session::Answered;
use super::time::Time;
use super::zoo::{Bug, Switch};

/// An instance, by position: its pod in the specification, and its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct At {
    pub(super) pod: u32,
    pub(super) index: u32,
}

/// An installed service.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct State {
    pub(super) service: Arc<ServiceRecord>,
    pub(super) model: Arc<Model>,
    /// The last specification that the service became with nothing forced.
    pub(super) previous: Option<Arc<Model>>,
    pub(super) confs: BTreeMap<ContentHash, Arc<TaskConfig>>,
    /// By pod, then by index: the target's pods, then those that are leaving. Of each as many as it has by the
    /// target, and those that are leaving.
    pub(super) pods: Vec<Vec<Instance>>,
    /// The runs that go on, oldest first.
    pub(super) active: Vec<Run>,
    /// The latest run of each plan, if it ended.
    pub(super) ended: BTreeMap<Number, Arc<RunRecord>>,
    pub(super) plans: BTreeMap<PlanName, Arc<PlanRecord>>,
    pub(super) audit: BTreeMap<Number, Arc<AuditRecord>>,
    pub(super) debts: BTreeMap<Number, Arc<DebtRecord>>,
    /// The launches that are owed, and by which debt.
    pub(super) owed: BTreeMap<(Number, TaskName), Number>,
    /// Who owes, and by which debts.
    pub(super) owing: BTreeMap<InstanceName, BTreeSet<Number>>,
    /// How many debts are of those who left the target.
    pub(super) leaves: usize,
    /// Who is down, and for how long it may be.
    pub(super) deadlines: Deadlines,
    /// Tasks that are not launched before a time.
    pub(super) delays: BTreeSet<(Time, At)>,
    /// Instances of which something does not run as it shall, or is being brought back.
    pub(super) hurt: BTreeSet<At>,
    /// Instances that have a task which the target does not have.
    pub(super) obsolete: BTreeSet<At>,
    /// By pod: where its instances are, as far as its placement asks.
    pub(super) census: Vec<Arc<Census>>,
    pub(super) zoo: Switch,
}

/// An instance.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Instance {
    /// What is known of it; nothing until its first order.
    pub(super) record: Option<Arc<PodRecord>>,
    /// The record's digest, as it was written.
    pub(super) digest: Digest,
    /// Whether the record changed since it was written.
    pub(super) dirty: bool,
    /// When it may go elsewhere, as [`State::deadlines`] has it.
    pub(super) deadline: Option<Time>,
    /// What this session saw of it.
    pub(super) answered: Answered,
}

/// Who is down, and for how long it may be.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Deadlines {
    /// Until when each may be down.
    pub(super) due: BTreeSet<(Time, At)>,
    /// Who was down for longer, and has not gone elsewhere yet.
    pub(super) over: BTreeSet<At>,
}

/// A run that goes on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Run {
    pub(super) record: Arc<RunRecord>,
    pub(super) layout: Arc<PlanLayout>,
    pub(super) progress: PlanProgress,
}

/// From which launch on a step's launches count, and whether it was forced since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) since: Number,
    pub(super) forced: bool,
    /// The highest force on the path, or 0.
    pub(super) forced_at: Number,
}

/// Who brings back what runs no more in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// An incomplete step that the strategies allow.
    Step,
    /// Recovery, with this configuration.
    Recovery(ContentHash),
    /// A step that may not act: there is no configuration that is known to be good.
    Later,
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
    /// What operators' marks and the run itself want of a step. On the path from plan to step the highest
    /// number wins.
    pub(super) fn wanted(&self, record: Option<&PodRecord>, step: StepRef) -> Wanted {
        let base = match self.kind {
            RunKind::Converging => 0,
            RunKind::Side => self.number,
        };
        let phase = self.phases.get(&step.phase).copied().unwrap_or_default();
        let own = record.and_then(|record| record.steps.iter().find(|mark| mark.step == step));
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
    pub(super) fn instance(&self, at: At) -> &Instance {
        &self.pods[at.pod as usize][at.index as usize]
    }

    pub(super) fn record(&self, at: At) -> Option<&PodRecord> {
        self.pods.get(at.pod as usize)?.get(at.index as usize)?.record.as_deref()
    }

    /// A pod of the target; none if it is leaving.
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

    /// The configuration that a step wants of a task: the target's in a converging run; otherwise what the
    /// task has reached, else the target's (engine.md §5).
    pub(super) fn wanted_conf(&self, run: &Run, record: Option<&PodRecord>, task: &TaskModel) -> ContentHash {
        match run.record.kind {
            RunKind::Converging => task.conf,
            RunKind::Side => {
                let reached = record.and_then(|record| record.task(&task.name)).and_then(|task| task.reached);
                reached.map_or(task.conf, |reached| reached.conf)
            }
        }
    }

    /// The resource set of a task's configuration.
    pub(super) fn set_of<'a>(&'a self, conf: &ContentHash, model: &'a TaskModel) -> &'a ResourceSetName {
        self.confs.get(conf).map_or(&model.set, |config| &config.spec.resource_set)
    }

    /// A step's status, as the tree shows it.
    pub(super) fn step_status(&self, run: &Run, at: At, step: StepRef) -> Status {
        let record = self.record(at);
        let wanted = run.record.wanted(record, step);
        if wanted.forced {
            return Status::Complete;
        }
        let status = {
            let tasks = run.phase(step.phase).tasks(step.step);
            tasks.iter().fold(Status::Complete, |least, &task| {
                least.least(self.task_status(run, record, self.task_model(at.pod, task), step, wanted.since))
            })
        };
        let progress = run.progress.phase(step.phase);
        let held = || {
            progress.canary().is_some_and(|canary| canary.holds(step.step))
                && !self.is_urgent(run, at, step, status)
        };
        match status {
            Status::Complete | Status::Error => status,
            _ if self.paused_task(run, at, step).is_some() => Status::Waiting,
            Status::Pending | Status::Prepared if held() => Status::Waiting,
            status => status,
        }
    }

    /// A task of a step that an operator paused.
    pub(super) fn paused_task(&self, run: &Run, at: At, step: StepRef) -> Option<&TaskRecord> {
        let record = self.record(at)?;
        let mut tasks = run.phase(step.phase).tasks(step.step).iter();
        tasks.find_map(|&task| record.task(&self.task_model(at.pod, task).name).filter(|task| task.paused))
    }

    /// Whether a step is of a broken member, where its phase asks: it is the next of its instance, and a task
    /// of it was launched, is not up, and either never had its goal with that configuration or failed
    /// repeatedly.
    pub(super) fn is_urgent(&self, run: &Run, at: At, step: StepRef, status: Status) -> bool {
        let progress = run.progress.phase(step.phase);
        let asks = progress.asks_urgency() && !self.bug(Bug::RevertWaits);
        if !asks || matches!(status, Status::Complete | Status::Error) {
            return false;
        }
        let Some(record) = self.record(at) else { return false };
        let phase = run.phase(step.phase);
        let mut earlier = phase.steps_of(at.index).take_while(|&other| other < step.step);
        if !earlier.all(|other| progress.step(other) == Status::Complete) {
            return false;
        }
        phase.tasks(step.step).iter().any(|&task| {
            let model = self.task_model(at.pod, task);
            model.goal == Goal::Running && is_broken(record, model)
        })
    }

    /// The status of a task of a step: the first line of engine.md §4's table that holds.
    pub(super) fn task_status(
        &self,
        run: &Run,
        record: Option<&PodRecord>,
        model: &TaskModel,
        step: StepRef,
        since: Number,
    ) -> Status {
        let Some(record) = record else { return Status::Pending };
        let Some(task) = record.task(&model.name) else { return Status::Pending };
        let conf = self.wanted_conf(run, Some(record), model);
        if task.never.as_ref().is_some_and(|never| never.conf == conf) {
            return Status::Error;
        }
        let any_conf = run.record.kind == RunKind::Side || model.goal == Goal::Once || self.bug(Bug::AnyConf);
        let since = if self.bug(Bug::IgnoreSince) { 0 } else { since };
        let satisfies = |launch: Number, of: ContentHash| launch >= since && (any_conf || of == conf);
        // A side run wants what was reached, which may have been in another set.
        let slot = record.slot(if conf == model.conf { &model.set } else { self.set_of(&conf, model) });
        let mut displaced = false;
        if let Some(reached) = task.reached.filter(|reached| satisfies(reached.launch, reached.conf)) {
            let later = task.last.filter(|last| last.launch > reached.launch);
            let superseded =
                !any_conf && (task.other > reached.launch || later.is_some_and(|l| l.conf != conf));
            let again = later.and_then(|last| record.order(last.launch));
            let again = again.is_some_and(|order| order.purpose == Purpose::Step(step));
            // What is being ended for the step is not what completes it.
            let act = slot.and_then(|slot| slot.act).and_then(|act| record.order(act));
            let again =
                again || act.is_some_and(|o| o.stage == Stage::Clearing && o.purpose == Purpose::Step(step));
            displaced = self.is_displaced(run, record, model, slot, step, reached.launch);
            if !superseded && !again && !displaced {
                return Status::Complete;
            }
        }
        if task.delayed_until.is_some() {
            return Status::Delayed;
        }
        if !displaced
            && let Some(occupant) = slot.and_then(|slot| slot.occupant.as_ref())
            && occupant.task == model.name
            && !is_stale(record, occupant)
            && task
                .last
                .is_some_and(|last| last.launch == occupant.launch && satisfies(last.launch, last.conf))
        {
            match occupant.state {
                TaskState::Running { .. } => return Status::Started,
                TaskState::Launching | TaskState::Starting => return Status::Starting,
                TaskState::Ended(_) => {}
            }
        }
        let act = slot.and_then(|slot| slot.act).and_then(|launch| record.order(launch));
        let stands = act.is_some_and(|order| {
            order
                .tasks
                .iter()
                .any(|ordered| ordered.task == model.name && satisfies(order.launch, ordered.conf))
        });
        if stands { Status::Prepared } else { Status::Pending }
    }

    /// Whether a RUNNING task was displaced, after it reached its goal, by an earlier step of the same
    /// instance and run: then its own step has to bring it back (engine.md §4).
    fn is_displaced(
        &self,
        run: &Run,
        record: &PodRecord,
        model: &TaskModel,
        slot: Option<&Slot>,
        step: StepRef,
        reached: Number,
    ) -> bool {
        if model.goal != Goal::Running {
            return false;
        }
        let Some(slot) = slot else { return false };
        let clearing = slot.act.filter(|&act| record.order(act).is_some_and(|o| o.stage == Stage::Clearing));
        let occupant = slot.occupant.as_ref().map(|occupant| occupant.launch);
        clearing
            .or(occupant)
            .filter(|&launch| launch > reached)
            .and_then(|launch| record.order(launch))
            .is_some_and(|order| {
                let others = order.tasks.iter().all(|ordered| ordered.task != model.name);
                let earlier = matches!(order.purpose, Purpose::Step(by) if by.run == run.number()
                    && (by.phase, by.step) < (step.phase, step.step));
                others && earlier
            })
    }

    /// The RUNNING task that was launched last in a slot.
    pub(super) fn main_task<'a>(
        &self,
        record: &'a PodRecord,
        set: &ResourceSetName,
    ) -> Option<&'a TaskRecord> {
        let candidates = record.tasks.iter().filter(|task| {
            task.last.is_some_and(|last| {
                let config = self.confs.get(&last.conf);
                config.is_some_and(|c| c.spec.goal == Goal::Running && c.spec.resource_set == *set)
            })
        });
        candidates.max_by_key(|task| task.last.map(|last| last.launch))
    }

    /// Whether recovery has, or may have, something to do in a slot: its RUNNING task is not alive, or is
    /// alive by recovery's order and not up yet.
    pub(super) fn is_slot_hurt(&self, record: &PodRecord, slot: &Slot) -> bool {
        let by_recovery =
            |launch: Number| record.order(launch).is_some_and(|order| order.purpose == Purpose::Recovery);
        if slot.act.is_some_and(by_recovery) {
            return true;
        }
        match &slot.occupant {
            Some(occupant) if occupant.may_live() => {
                is_stale(record, occupant) || by_recovery(occupant.launch) && !is_up(record, occupant)
            }
            // Only where something ended there can be a task to bring back.
            _ => self.main_task(record, &slot.set).is_some(),
        }
    }

    /// Whether an instance does not belong to the target.
    pub(super) fn is_leaver(&self, at: At) -> bool {
        self.service.uninstalling || self.pod_model(at.pod).is_none_or(|pod| at.index >= pod.count)
    }

    /// The next instance to leave: of pods that the target does not have first, then of the others in reverse
    /// order, the highest index first (C§2.11).
    pub(super) fn next_leaver(&self) -> Option<At> {
        let declared = self.model.pods().len();
        let last = |pod: usize| {
            let index = self.pods[pod].iter().rposition(|instance| instance.record.is_some())?;
            let index = if self.bug(Bug::LowestLeaves) { self.lowest_leaver(pod)? } else { index } as u32;
            Some(At { pod: pod as u32, index }).filter(|&at| self.is_leaver(at))
        };
        let mut pods = (declared..self.pods.len()).chain((0..declared).rev());
        pods.find_map(last)
    }

    /// The position of an instance that is known, also if it leaves.
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

    /// Instances that are gone take no place any more.
    pub(super) fn trim(&mut self, pod: u32) {
        let stays = self.pod_model(pod).filter(|_| !self.service.uninstalling);
        let count = stays.map_or(0, |pod| pod.count as usize);
        let instances = &mut self.pods[pod as usize];
        let last = instances.iter().rposition(|instance| instance.record.is_some()).map_or(0, |at| at + 1);
        instances.truncate(last.max(count));
    }

    /// What an instance still owes of an earlier life, in which it, or a task of it, left the target: nothing of
    /// it is launched before that is settled.
    pub(super) fn unsettled(&self, at: At) -> Option<&DebtRecord> {
        if self.debts.is_empty() || self.bug(Bug::OwedComesBack) {
            return None;
        }
        self.debts_of(&self.name(at)).find(|debt| debt.cause != DebtCause::Moved).map(|debt| &**debt)
    }

    /// What an instance owes.
    pub(super) fn debts_of(&self, name: &InstanceName) -> impl Iterator<Item = &Arc<DebtRecord>> {
        let numbers = self.owing.get(name).into_iter().flatten();
        numbers.filter_map(|number| self.debts.get(number))
    }

    pub(super) fn index_debt(&mut self, debt: &Arc<DebtRecord>) {
        for owed in &debt.kill {
            self.owed.insert((owed.launch, owed.task.clone()), debt.number);
        }
        self.owing.entry(debt.instance.clone()).or_default().insert(debt.number);
        self.leaves += usize::from(debt.cause == DebtCause::Decommission);
        self.debts.insert(debt.number, debt.clone());
    }

    /// Forgets a debt.
    pub(super) fn remove_debt(&mut self, number: Number) -> Option<Arc<DebtRecord>> {
        let debt = self.debts.remove(&number)?;
        for owed in &debt.kill {
            self.owed.remove(&(owed.launch, owed.task.clone()));
        }
        if let Some(owing) = self.owing.get_mut(&debt.instance) {
            owing.remove(&number);
            if owing.is_empty() {
                self.owing.remove(&debt.instance);
            }
        }
        self.leaves -= usize::from(debt.cause == DebtCause::Decommission);
        Some(debt)
    }

    /// Brings up when an instance that is down may go elsewhere.
    pub(super) fn index_deadline(&mut self, at: At) {
        let permission = self.record(at).and_then(|record| record.permission);
        if permission.is_some_and(|permission| permission.cause == Cause::Timeout) {
            self.deadlines.over.insert(at);
        } else {
            self.deadlines.over.remove(&at);
        }
        let due = self.deadline(at);
        let instance = &mut self.pods[at.pod as usize][at.index as usize];
        if instance.deadline == due {
            return;
        }
        if let Some(old) = std::mem::replace(&mut instance.deadline, due) {
            self.deadlines.due.remove(&(old, at));
        }
        self.deadlines.due.extend(due.map(|due| (due, at)));
    }

    fn deadline(&self, at: At) -> Option<Time> {
        let policy = self.model.spec().replacement_failure_policy()?;
        let record =
            self.record(at).filter(|record| record.permission.is_none() && record.place.is_some())?;
        let record = Some(record).filter(|_| !self.bug(Bug::IgnoreTimeout))?;
        let down = self.down_since(at, record)?;
        (!self.is_leaver(at)).then(|| down.after(seconds(policy.permanent_failure_timeout)))
    }

    /// From when on the next that is down for too long may go elsewhere; none while another has yet to go. So
    /// the loss of many does not move all at once.
    pub(super) fn next_replacement(&self) -> Option<Time> {
        let policy = self.model.spec().replacement_failure_policy()?;
        if policy.min_replace_delay.0 == 0 || self.bug(Bug::NoDistance) {
            return Some(Time::default());
        }
        let last = self.service.replaced.map(|last| last.after(seconds(policy.min_replace_delay)));
        self.deadlines.over.is_empty().then(|| last.unwrap_or_default())
    }

    /// Since when an instance is down: none of its essential RUNNING tasks runs, and one at least did. What runs
    /// is not taken elsewhere for what does not, and a sidecar takes nobody along.
    fn down_since(&self, at: At, record: &PodRecord) -> Option<Time> {
        let pod = self.pod_model(at.pod)?;
        let mut since = None;
        for task in record.tasks.iter().filter(|task| !task.paused && pod.task_index(&task.name).is_some()) {
            let Some(config) = task.last.and_then(|last| self.confs.get(&last.conf)) else { continue };
            if config.spec.goal != Goal::Running || !config.spec.essential {
                continue;
            }
            let mut occupants = record.slots.iter().filter_map(|slot| slot.occupant.as_ref());
            let runs = occupants.any(|occupant| {
                let runs = matches!(occupant.state, TaskState::Running { .. });
                occupant.task == task.name && runs && occupant.silent.is_none()
            });
            match task.down {
                None if runs => return None,
                down => since = since.max(down),
            }
        }
        since
    }

    /// Who brings back the RUNNING task of a slot that is not alive (engine.md §5).
    pub(super) fn owner(&self, at: At, slot: &Slot, main: &TaskRecord) -> Owner {
        let mut waits = false;
        for run in &self.active {
            for &phase in run.layout.phases_of(at.pod) {
                let layout = run.phase(phase);
                for step in layout.steps_of(at.index) {
                    let status = run.progress.phase(phase).step(step);
                    let speaks = layout.tasks(step).iter().any(|&task| {
                        let model = self.task_model(at.pod, task);
                        model.set == slot.set || model.name == main.name
                    });
                    if !speaks || status == Status::Complete {
                        continue;
                    }
                    // What is paused, or waits for another run's step, is recovery's, whatever its step wants.
                    let of = StepRef { run: run.number(), phase, step };
                    let allowed = status != Status::Error && run.progress.allows(&run.layout, phase, step);
                    if allowed && acts_in_time(self, run, at, of) {
                        return Owner::Step;
                    }
                    waits = true;
                }
            }
        }
        let record = self.record(at);
        match (record.and_then(|record| self.comes_back_as(record, main)), main.last) {
            (Some(good), _) => Owner::Recovery(self.known_good(at, main, good)),
            (None, Some(last)) if !waits => Owner::Recovery(last.conf),
            _ => Owner::Later,
        }
    }

    /// What a task comes back with: what it reached, unless the set of that is another's by now.
    pub(super) fn comes_back_as(&self, record: &PodRecord, task: &TaskRecord) -> Option<ContentHash> {
        let conf = task.reached?.conf;
        let set = |conf: ContentHash| Some(&self.confs.get(&conf)?.spec.resource_set);
        let stays = task.last.and_then(|last| set(last.conf)) == set(conf);
        let lost = || set(conf).is_some_and(|set| self.successor_in(record, set, &task.name).is_some());
        (stays || !lost()).then_some(conf)
    }

    /// The other RUNNING task that was launched last in a set, which is that task's by now.
    pub(super) fn successor_in<'a>(
        &self,
        record: &'a PodRecord,
        set: &ResourceSetName,
        task: &TaskName,
    ) -> Option<&'a TaskRecord> {
        self.main_task(record, set).filter(|main| main.name != *task)
    }

    /// Whether every launch of an instance that may live was seen in this session.
    pub(super) fn is_seen(&self, at: At) -> bool {
        let instance = self.instance(at);
        let Some(record) = instance.record.as_deref() else { return true };
        record.slots.iter().enumerate().all(|(nth, slot)| {
            let living = slot.occupant.as_ref().filter(|occupant| occupant.may_live());
            let seen = |occupant: &Occupant| instance.answered.contains(nth, occupant.launch);
            living.is_none_or(|occupant| seen(occupant) || self.bug(Bug::ActUnseen))
        })
    }

    /// Builds the indices of an instance.
    pub(super) fn index_instance(&mut self, at: At) {
        let Some(record) = self.instance(at).record.clone() else { return };
        for task in &record.tasks {
            if let Some(until) = task.delayed_until {
                self.delays.insert((until, at));
            }
        }
        self.index_hurt(at);
        self.index_deadline(at);
        if self.has_obsolete(at, &record) {
            self.obsolete.insert(at);
        } else {
            self.obsolete.remove(&at);
        }
    }

    /// Whether an instance that stays has a task which the target does not have.
    fn has_obsolete(&self, at: At, record: &PodRecord) -> bool {
        let Some(pod) = self.pod_model(at.pod).filter(|_| !self.is_leaver(at)) else { return false };
        record.tasks.iter().any(|task| pod.task_index(&task.name).is_none())
    }

    /// Brings up whether recovery has, or may have, something to do for an instance.
    pub(super) fn index_hurt(&mut self, at: At) {
        let hurt = self.record(at).is_some_and(|record| {
            record.permission.is_some() || record.slots.iter().any(|slot| self.is_slot_hurt(record, slot))
        });
        if hurt {
            self.hurt.insert(at);
        } else {
            self.hurt.remove(&at);
        }
    }

    /// Counts an instance where it lives, for the pods whose placement asks.
    pub(super) fn count_place(&mut self, at: At, node: &NodeFacts) {
        self.count(at, node, Census::add, Census::add_host);
    }

    /// Takes an instance out of the counts.
    pub(super) fn uncount_place(&mut self, at: At, node: &NodeFacts) {
        let value = |census: &mut Census, field: &Field, value: &str| {
            census.remove(field, value);
        };
        self.count(at, node, value, |census, pod, node| {
            census.remove_host(pod, node);
        });
    }

    fn count(
        &mut self,
        at: At,
        node: &NodeFacts,
        of_value: impl Fn(&mut Census, &Field, &str),
        of_host: impl Fn(&mut Census, &PodName, &NodeName),
    ) {
        let model = self.model.clone();
        let Some(PodModel { name, .. }) = model.pods().get(at.pod as usize) else { return };
        for (pod, census) in model.pods().iter().zip(&mut self.census) {
            let Some(rule) = &pod.placement else { continue };
            if pod.name == *name {
                for field in rule.fields() {
                    if let Some(value) = node.value(&field) {
                        of_value(Arc::make_mut(census), &field, value);
                    }
                }
            }
            if rule.pods().contains(name) {
                of_host(Arc::make_mut(census), name, &node.name);
            }
        }
    }

    /// Gives every step of a run that some instance has a record of its status.
    pub(super) fn index_run(&self, record: Arc<RunRecord>, layout: Arc<PlanLayout>) -> Run {
        let mut run = Run { progress: PlanProgress::new(&layout, record.afresh), record, layout };
        let layout = run.layout.clone();
        run.progress.set_interrupted(&layout, run.record.mark.interrupted);
        let record = run.record.clone();
        for (&phase, mark) in &record.phases {
            run.progress.set_phase_interrupted(&layout, phase, mark.interrupted);
        }
        for (&phase, canary) in &record.canaries {
            run.progress.set_canary(&layout, phase, Some(canary.clone()));
        }
        for (phase, of) in (0..).zip(&layout.phases) {
            let untouched = record.mark == Mark { interrupted: record.mark.interrupted, ..Mark::default() }
                && !record.phases.contains_key(&phase)
                && !record.canaries.contains_key(&phase);
            for (index, instance) in (0..).zip(&self.pods[of.pod as usize]) {
                // Nothing speaks of the instance: its steps are PENDING, as they begin.
                if untouched && instance.record.is_none() {
                    continue;
                }
                let at = At { pod: of.pod, index };
                for step in of.steps_of(index) {
                    let of = StepRef { run: record.number, phase, step };
                    let status = self.step_status(&run, at, of);
                    let urgent = self.is_urgent(&run, at, of, status);
                    run.progress.set_step(&layout, phase, step, status, urgent);
                }
            }
        }
        run
    }

    /// The name of a step (C§2.5).
    pub(super) fn step_name(&self, layout: &PhaseLayout, step: u32) -> String {
        let tasks: Vec<&str> =
            layout.tasks(step).iter().map(|&task| self.task_model(layout.pod, task).name.as_str()).collect();
        let instance = self.model.instance_name(layout.pod, layout.steps[step as usize].instance);
        format!("{instance}:[{}]", tasks.join(", "))
    }

    /// Whether a run is remembered: it goes on, or is its plan's latest.
    pub(super) fn remembers(&self, run: Number) -> bool {
        self.run(run).is_some() || self.ended.contains_key(&run)
    }

    /// How the latest run of a plan ended, if it did.
    pub(super) fn ended_run(&self, plan: &PlanName) -> Option<&Arc<RunRecord>> {
        self.plans.get(plan).and_then(|record| self.ended.get(&record.latest))
    }

    pub(super) fn goal_of(&self, order: &Order, task: &TaskName) -> Option<(Goal, ContentHash)> {
        let ordered = order.tasks.iter().find(|ordered| ordered.task == *task)?;
        Some((self.goal(&ordered.conf)?, ordered.conf))
    }
}

/// Whether a RUNNING task of an instance was launched, is not up, and either never was with that
/// configuration or failed repeatedly.
fn is_broken(record: &PodRecord, model: &TaskModel) -> bool {
    let Some(task) = record.task(&model.name) else { return false };
    let Some(last) = task.last else { return false };
    let occupant = record.slot(&model.set).and_then(|slot| slot.occupant.as_ref());
    let up = occupant.is_some_and(|occupant| {
        occupant.task == model.name
            && occupant.state == TaskState::Running { ready: true }
            && occupant.silent.is_none()
    });
    let stale = |reached: Reached| reached.conf != last.conf || task.other > reached.launch;
    !up && !task.paused && (task.failures > 1 || task.reached.is_none_or(stale))
}

/// Whether a living task is not what an operator wants it to be: launched before a restart, paused or not, or
/// at a place that its instance shall leave.
pub(super) fn is_stale(record: &PodRecord, occupant: &Occupant) -> bool {
    let paused = || record.orders.iter().flat_map(|order| &order.tasks).any(|ordered| ordered.paused);
    // Mostly nobody has said anything.
    if record.permission.is_none() && record.tasks.iter().all(|t| t.since == 0 && !t.paused) && !paused() {
        return false;
    }
    let Some(task) = record.task(&occupant.task) else { return false };
    record.permission.is_some() || occupant.launch < task.since || is_paused(record, occupant) != task.paused
}

/// Whether a task was launched paused.
pub(super) fn is_paused(record: &PodRecord, occupant: &Occupant) -> bool {
    let order = record.order(occupant.launch);
    order.is_some_and(|order| order.tasks.iter().any(|of| of.paused && of.task == occupant.task))
}

/// Whether an occupant has attained its goal by the launch that it is of.
fn is_up(record: &PodRecord, occupant: &Occupant) -> bool {
    if is_paused(record, occupant) {
        return matches!(occupant.state, TaskState::Running { .. });
    }
    let reached = record.task(&occupant.task).and_then(|task| task.reached);
    reached.is_some_and(|reached| reached.launch >= occupant.launch)
}

fn seconds(of: Seconds) -> Duration {
    Duration::from_secs(u64::from(of.0))
}

/// Whether an ended run was complete.
pub(super) fn is_complete(record: &RunRecord) -> bool {
    record.outcome == Some(RunOutcome::Complete)
}
