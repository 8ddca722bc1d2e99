//! What people are shown: plans as trees, and the reasons why something waits.
//!
//! Invariant: a view is made when it is asked for; nothing is kept for it.

use std::fmt;
use std::sync::Arc;

use crate::plan::{ContentHash, PlanLayout, Status, TaskConfig};
use crate::spec::{InstanceName, PlanName, TaskName};

use super::input::{Incarnation, Seen};
use super::reason::{Reason, Verdict, Why};
use super::record::{
    AuditRecord, DebtCause, DebtRecord, EndedRun, InstallationId, Number, Order, PodRecord, Purpose, Reached,
    RunRecord, Slot, Stage, StepRef, TaskState,
};
use super::rules::may_act;
use super::state::{At, Owner, Run, State, is_complete, is_stale};
use super::time::{Time, Wall};
use super::{DECOMMISSION, Engine, RECOVERY, UNINSTALL};

/// A plan, as it is shown. Its `Display` is the tree of C§6.9.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PlanView {
    /// Its name.
    pub name: String,
    /// Its strategy's name.
    pub strategy: &'static str,
    /// Its status.
    pub status: Status,
    /// Its phases.
    pub phases: Vec<PhaseView>,
}

/// A phase, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PhaseView {
    /// Its name.
    pub name: String,
    /// Its strategy's name.
    pub strategy: &'static str,
    /// Its status.
    pub status: Status,
    /// Its steps.
    pub steps: Vec<StepView>,
}

/// A step, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct StepView {
    /// Its name, as `kafka-0:[broker]`.
    pub name: String,
    /// Its status.
    pub status: Status,
    /// Whether an operator's word made it complete.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub forced: bool,
    /// The instance that it is about; none if it is about the service.
    #[serde(skip)]
    pub instance: Option<InstanceName>,
    /// The tasks that it is about.
    #[serde(skip)]
    pub tasks: Vec<TaskName>,
}

/// A task of an instance, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskView {
    /// The instance.
    pub instance: InstanceName,
    /// The task.
    pub task: TaskName,
    /// What is known of its latest launch; `None` before the first one.
    pub state: Option<TaskState>,
    /// Whether nothing is heard of its node.
    pub silent: bool,
    /// The latest launch that attained its goal.
    pub reached: Option<Reached>,
}

impl PlanView {
    /// A plan as it is declared: nothing of it has begun.
    pub fn declared(model: &crate::plan::Model, plan: &PlanName) -> Option<Self> {
        let layout = model.plans().get(plan)?;
        Some(Self {
            name: layout.name.to_string(),
            strategy: layout.strategy.as_str(),
            status: Status::Pending,
            phases: layout
                .phases
                .iter()
                .map(|phase| PhaseView {
                    name: phase.name.to_string(),
                    strategy: phase.strategy.as_str(),
                    status: Status::Pending,
                    steps: (0..phase.steps.len() as u32)
                        .map(|step| StepView {
                            name: declared_step_name(model, phase, step),
                            status: Status::Pending,
                            forced: false,
                            instance: Some(
                                model.instance_name(phase.pod, phase.steps[step as usize].instance),
                            ),
                            tasks: declared_tasks(model, phase, step).cloned().collect(),
                        })
                        .collect(),
                })
                .collect(),
        })
    }

    /// The tree without its statuses.
    pub fn without_status(&self) -> impl fmt::Display + '_ {
        Tree { plan: self, status: false }
    }
}

fn declared_step_name(model: &crate::plan::Model, phase: &crate::plan::PhaseLayout, step: u32) -> String {
    let pod = &model.pods()[phase.pod as usize];
    let tasks: Vec<&str> = declared_tasks(model, phase, step).map(TaskName::as_str).collect();
    format!("{}-{}:[{}]", pod.name, phase.steps[step as usize].instance, tasks.join(", "))
}

fn declared_tasks<'a>(
    model: &'a crate::plan::Model,
    phase: &'a crate::plan::PhaseLayout,
    step: u32,
) -> impl Iterator<Item = &'a TaskName> {
    let pod = &model.pods()[phase.pod as usize];
    phase.tasks(step).iter().map(|&task| &pod.tasks[task as usize].name)
}

impl Engine {
    /// The names of the plans, in the order of the API: `deploy`, `recovery`, the others (C§6.1).
    pub fn plan_names(&self) -> Vec<String> {
        let Some(state) = &self.state else { return Vec::new() };
        let mut names: Vec<String> = state.model.plans().keys().map(ToString::to_string).collect();
        let after_deploy = names.iter().position(|name| name == super::DEPLOY).map_or(0, |at| at + 1);
        let derived = [RECOVERY.to_owned()].into_iter().chain(state.leaving_view().map(|view| view.name));
        names.splice(after_deploy..after_deploy, derived);
        names
    }

    /// A plan as it is now.
    pub fn plan(&self, name: &str) -> Option<PlanView> {
        let state = self.state.as_ref()?;
        if name == RECOVERY {
            return Some(state.recovery_view());
        }
        if name == DECOMMISSION || name == UNINSTALL {
            return state.leaving_view().filter(|view| view.name == name);
        }
        let layout = state.model.plans().get(name)?;
        Some(match state.run_of(&layout.name) {
            Some(run) => state.run_view(run),
            None => state.idle_view(layout),
        })
    }

    /// The status of a plan; `None` if there is no such plan.
    pub fn plan_status(&self, name: &str) -> Option<Status> {
        let state = self.state.as_ref()?;
        if name == RECOVERY {
            return Some(state.recovery_view().status);
        }
        if name == DECOMMISSION || name == UNINSTALL {
            return self.plan(name).map(|view| view.status);
        }
        let layout = state.model.plans().get(name)?;
        Some(match state.run_of(&layout.name) {
            Some(run) => run.progress.status(),
            None if state.ended_run(&layout.name).is_some_and(|run| is_complete(run)) => Status::Complete,
            None => Status::Waiting,
        })
    }

    /// Whether the first deployment was completed.
    pub fn is_deployed(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.service.deployed)
    }

    /// Whether all that was launched before this session was asked for, and has answered or had its time: before that, what
    /// runs is known from the records alone, and may have ended meanwhile.
    pub fn has_heard(&self) -> bool {
        self.session.is_live()
    }

    /// Whether another scheduler has taken over, so that this one does nothing any more.
    pub fn is_superseded(&self) -> bool {
        self.session.superseded
    }

    /// The installation, once there is a service. It stands in the label of each task.
    pub fn installation(&self) -> Option<&InstallationId> {
        self.state.as_ref().map(|state| &state.service.installation)
    }

    /// The specification that the service shall be.
    pub fn model(&self) -> Option<&Arc<crate::plan::Model>> {
        self.state.as_ref().map(|state| &state.model)
    }

    /// What is known of an instance.
    pub fn pod(&self, instance: &InstanceName) -> Option<&PodRecord> {
        let state = self.state.as_ref()?;
        state.record(state.at(instance)?)
    }

    /// All instances that were ordered, with what is known of them.
    pub fn pods(&self) -> impl Iterator<Item = (InstanceName, &PodRecord)> {
        self.state.iter().flat_map(|state| {
            (0..).zip(&state.pods).flat_map(move |(pod, instances)| {
                (0..).zip(instances).filter_map(move |(index, instance)| {
                    Some((state.name(At { pod, index }), instance.record.as_deref()?))
                })
            })
        })
    }

    /// What was left behind, and is to be ended and released.
    pub fn debts(&self) -> impl Iterator<Item = &DebtRecord> {
        self.state.iter().flat_map(|state| state.debts.values().map(|debt| &**debt))
    }

    /// The run of a plan that goes on, if one does.
    pub fn run(&self, plan: &PlanName) -> Option<&RunRecord> {
        Some(&self.state.as_ref()?.run_of(plan)?.record)
    }

    /// The run that makes the service what it shall be, or made it so.
    pub fn converging_run(&self) -> Option<Number> {
        self.state.as_ref().map(|state| state.service.converging)
    }

    /// A configuration that some record names.
    pub fn task_config(&self, conf: ContentHash) -> Option<&Arc<TaskConfig>> {
        self.state.as_ref()?.confs.get(&conf)
    }

    /// What the machine's clock showed at an engine time, if it shows `now` now and was not set meanwhile.
    pub fn wall(&self, time: Time, now: Wall) -> Wall {
        let ago = self.time(now).since(time);
        Wall(now.0.saturating_sub(u64::try_from(ago.as_micros()).unwrap_or(u64::MAX)))
    }

    /// The runs of a plan that ended and are remembered, oldest first.
    pub fn runs(&self, plan: &str) -> &[EndedRun] {
        let record = self.state.as_ref().and_then(|state| state.plans.get(plan));
        record.map(|record| record.ended.as_slice()).unwrap_or_default()
    }

    /// The verbs and targets that are remembered, oldest first.
    pub fn audit(&self) -> impl Iterator<Item = &AuditRecord> {
        self.state.iter().flat_map(|state| state.audit.values().map(|audit| &**audit))
    }

    /// The last specification that the service became with nothing forced.
    pub fn previous(&self) -> Option<&Arc<crate::plan::Model>> {
        self.state.as_ref().and_then(|state| state.previous.as_ref())
    }

    /// Whether the service is being taken away.
    pub fn is_uninstalling(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.service.uninstalling)
    }

    /// The instances that the target does not have and that are still there, in the order in which they go.
    pub fn leavers(&self) -> Vec<InstanceName> {
        self.state.as_ref().map(State::leavers).unwrap_or_default()
    }

    /// Launches that no record speaks of: listed, and not touched.
    pub fn foreigners(&self) -> impl Iterator<Item = (&Incarnation, &Seen)> {
        self.session.foreigners.iter()
    }

    /// The tasks of all instances, in declared order.
    pub fn tasks(&self) -> Vec<TaskView> {
        let Some(state) = &self.state else { return Vec::new() };
        let mut views = Vec::new();
        for (pod, model) in (0..).zip(state.model.pods()) {
            for index in 0..model.count {
                let at = At { pod, index };
                views.extend(model.tasks.iter().map(|task| state.task_view(at, &task.name)));
            }
        }
        views
    }

    /// Why an instance is as it is: for each of its steps that goes on and is not complete, for its recovery, for
    /// what an operator paused or nobody hears of, and for what it owes when it leaves, what it does or what it
    /// waits for.
    pub fn why(&self, instance: &InstanceName) -> Vec<Why> {
        let Some(state) = &self.state else { return Vec::new() };
        let mut whys = Vec::new();
        if let Some(at) = state.at(instance) {
            self.step_reasons(state, at, &mut whys);
            self.recovery_reasons(state, at, &mut whys);
            state.present_reasons(at, &mut whys);
            if state.is_leaver(at) && state.record(at).is_some() {
                let (what, status) = (state.leaving_name().to_owned(), Status::Pending);
                let (instance, reason, since) = (instance.clone(), Reason::Leaves, None);
                whys.push(Why { instance, what, status, reason, since });
            }
        }
        let leaves = |debt: &&Arc<DebtRecord>| {
            let left = matches!(debt.cause, DebtCause::Decommission | DebtCause::Uninstall);
            left && debt.instance == *instance
        };
        for debt in state.debts.values().filter(leaves) {
            let reason = Reason::Owes { debt: debt.number, node: debt.node.clone() };
            if whys.iter().any(|why| why.reason == reason) {
                continue;
            }
            let (what, status) = (state.leaving_name().to_owned(), Status::Started);
            whys.push(Why { instance: instance.clone(), what, status, reason, since: Some(debt.since) });
        }
        whys
    }

    fn step_reasons(&self, state: &State, at: At, whys: &mut Vec<Why>) {
        for run in &state.active {
            for &phase in run.layout.phases_of(at.pod) {
                for step in run.phase(phase).steps_of(at.index) {
                    let status = run.progress.phase(phase).step(step);
                    if status == Status::Complete {
                        continue;
                    }
                    let of = StepRef { run: run.number(), phase, step };
                    let reason = self.step_reason(state, run, at, of, status);
                    let what = format!(
                        "{} / {} / {}",
                        run.layout.name,
                        run.phase(phase).name,
                        state.step_name(run.phase(phase), step)
                    );
                    whys.extend(reason.map(|reason| Why {
                        instance: state.name(at),
                        what,
                        status,
                        since: state.since(run.record.begun, at, run.phase(phase).tasks(step), &reason),
                        reason,
                    }));
                }
            }
        }
    }

    /// What recovery does for the tasks of an instance, or what it waits for.
    fn recovery_reasons(&self, state: &State, at: At, whys: &mut Vec<Why>) {
        let Some(record) = state.record(at) else { return };
        let what = record.permission.map(|permission| format!("{RECOVERY}, elsewhere: {}", permission.cause));
        let what = what.unwrap_or_else(|| RECOVERY.to_owned());
        for (slot, status) in state.recovery_slots(at, record) {
            let Some(main) = state.main_task(record, &slot.set) else { continue };
            let owed = state.unsettled(at).filter(|_| status == Status::Pending);
            let reason = if let Some(debt) = owed {
                Some(Reason::Owes { debt: debt.number, node: debt.node.clone() })
            } else if state.is_waiting_for_step(at, record, &slot.set) {
                Some(Reason::WaitsForItsStep(main.name.clone()))
            } else if let (Status::Pending, Owner::Recovery(conf)) = (status, state.owner(at, slot, main))
                && let Some(other) = state.in_the_way(record, slot, conf)
            {
                Some(Reason::SlotBusy { task: other.clone() })
            } else {
                // It may be on its way into another set than its last.
                let names = |order: &&Order| order.tasks.iter().any(|ordered| ordered.task == main.name);
                let asked = || record.standing().find(names).map(|order| order.launch);
                let other = slot.act.is_none().then(asked).flatten();
                let other = other.and_then(|act| record.slots.iter().find(|slot| slot.act == Some(act)));
                self.slot_reason(state, at, record, other.unwrap_or(slot), &main.name, status)
            };
            let Some(reason) = reason else { continue };
            // Tasks of one order wait for the same.
            if whys.iter().any(|why| why.what == what && why.reason == reason) {
                continue;
            }
            let down = main.down.or(main.last.map(|last| last.at));
            let since = record.permission.map(|permission| permission.at).or(down);
            whys.push(Why { instance: state.name(at), what: what.clone(), status, reason, since });
        }
    }

    fn step_reason(&self, state: &State, run: &Run, at: At, step: StepRef, status: Status) -> Option<Reason> {
        if self.session.superseded {
            return Some(Reason::Superseded);
        }
        if matches!(status, Status::Pending | Status::Waiting | Status::Delayed | Status::Error) {
            return match may_act(state, run, at, step) {
                Verdict::Defer(reason) | Verdict::Deny(reason) => Some(reason),
                Verdict::Allow => Some(Reason::AskedForRoom),
            };
        }
        let record = state.record(at)?;
        let since = run.record.wanted(Some(record), step).since;
        let mut tasks =
            run.phase(step.phase).tasks(step.step).iter().map(|&task| state.task_model(at.pod, task));
        let task = tasks.find(|task| state.task_status(run, Some(record), task, step, since) == status)?;
        let named =
            |slot: &&Slot| state.main_task(record, &slot.set).is_some_and(|main| main.name == task.name);
        let slot = record.slot(&task.set).or_else(|| record.slots.iter().find(named))?;
        self.slot_reason(state, at, record, slot, &task.name, status)
    }

    /// What a task that is on its way into a slot waits for.
    fn slot_reason(
        &self,
        state: &State,
        at: At,
        record: &PodRecord,
        slot: &Slot,
        task: &TaskName,
        status: Status,
    ) -> Option<Reason> {
        if let Some(occupant) = &slot.occupant
            && let Some(since) = occupant.silent
        {
            return Some(Reason::Silent { task: occupant.task.clone(), since });
        }
        if let Some(order) = slot.act.and_then(|act| record.order(act)) {
            if order.stage == Stage::Clearing
                && let Some(victim) = slot.occupant.as_ref().filter(|occupant| occupant.may_live())
            {
                return Some(Reason::Displacing(victim.task.clone()));
            }
            let why = self.session.fits.get(&order.launch).and_then(|fitting| fitting.why.clone());
            return Some(why.map_or(Reason::AskedForRoom, Reason::NoRoom));
        }
        if let Some(known) = record.task(task) {
            if let Some(until) = known.delayed_until {
                return Some(Reason::Backoff { task: task.clone(), failures: known.failures, until });
            }
            if let Some(never) = &known.never {
                return Some(Reason::Never { task: task.clone(), why: never.why.clone() });
            }
        }
        Some(match status {
            Status::Started => Reason::NotThereYet(task.clone()),
            Status::Pending if !state.is_seen(at) => Reason::NotSeen,
            // One order takes the whole instance to its place; who came up later is launched beside it there.
            Status::Pending if state.is_place_asked(record, Purpose::Recovery) => Reason::PlaceAsked,
            _ => Reason::Launching(task.clone()),
        })
    }
}

impl State {
    /// What of an instance an operator paused, and what nobody hears of, if nothing was said of it yet.
    fn present_reasons(&self, at: At, whys: &mut Vec<Why>) {
        let (Some(record), Some(pod)) = (self.record(at), self.pod_model(at.pod)) else { return };
        let mut add = |what: &str, reason: Reason, since: Option<Time>| {
            if whys.iter().all(|why| why.reason != reason) {
                let (instance, what) = (self.name(at), what.to_owned());
                whys.push(Why { instance, what, status: Status::Waiting, reason, since });
            }
        };
        for task in record.tasks.iter().filter(|task| task.paused && pod.task_index(&task.name).is_some()) {
            add("pause", Reason::Paused(task.name.clone()), task.last.map(|last| last.at));
        }
        if record.permission.is_some() {
            return;
        }
        for occupant in record.living() {
            if let Some(since) = occupant.silent {
                add(RECOVERY, Reason::Silent { task: occupant.task.clone(), since }, Some(since));
            }
        }
    }

    fn task_view(&self, at: At, name: &TaskName) -> TaskView {
        let record = self.record(at);
        let known = record.and_then(|record| record.task(name));
        let occupants = record.map(|record| record.slots.as_slice()).unwrap_or_default().iter();
        let occupant = occupants.filter_map(|slot| slot.occupant.as_ref()).find(|o| o.task == *name);
        TaskView {
            instance: self.name(at),
            task: name.clone(),
            state: occupant.map(|occupant| occupant.state),
            silent: occupant.is_some_and(|occupant| occupant.silent.is_some()),
            reached: known.and_then(|known| known.reached),
        }
    }

    fn run_view(&self, run: &Run) -> PlanView {
        let phases = (0..).zip(&run.layout.phases).map(|(at, phase)| {
            let progress = run.progress.phase(at);
            let steps = (0..).zip(progress.steps()).map(|(step, &status)| {
                let of = At { pod: phase.pod, index: phase.steps[step as usize].instance };
                let reference = StepRef { run: run.number(), phase: at, step };
                StepView {
                    name: self.step_name(phase, step),
                    status,
                    forced: run.record.wanted(self.record(of), reference).forced,
                    instance: Some(self.name(of)),
                    tasks: declared_tasks(&self.model, phase, step).cloned().collect(),
                }
            });
            PhaseView {
                name: phase.name.to_string(),
                strategy: phase.strategy.as_str(),
                status: run.progress.phase_status(at),
                steps: steps.collect(),
            }
        });
        PlanView {
            name: run.layout.name.to_string(),
            strategy: run.layout.strategy.as_str(),
            status: run.progress.status(),
            phases: phases.collect(),
        }
    }

    /// A plan that does not run: COMPLETE if its latest run was, else WAITING.
    fn idle_view(&self, layout: &PlanLayout) -> PlanView {
        let ended = self.ended_run(&layout.name);
        let complete = ended.is_some_and(|run| is_complete(run));
        let below = if complete { Status::Complete } else { Status::Pending };
        let phases = (0..).zip(&layout.phases).map(|(at, phase)| {
            let steps = (0..).zip(&phase.steps).map(|(step, of)| {
                let record = self.record(At { pod: phase.pod, index: of.instance });
                let forced = ended.filter(|_| complete).is_some_and(|run| {
                    run.wanted(record, StepRef { run: run.number, phase: at, step }).forced
                });
                StepView {
                    name: self.step_name(phase, step),
                    status: below,
                    forced,
                    instance: Some(self.model.instance_name(phase.pod, of.instance)),
                    tasks: declared_tasks(&self.model, phase, step).cloned().collect(),
                }
            });
            PhaseView {
                name: phase.name.to_string(),
                strategy: phase.strategy.as_str(),
                status: below,
                steps: steps.collect(),
            }
        });
        PlanView {
            name: layout.name.to_string(),
            strategy: layout.strategy.as_str(),
            status: if complete { Status::Complete } else { Status::Waiting },
            phases: phases.collect(),
        }
    }

    /// Recovery as a plan: a phase with one step for each instance that is being brought back (C§2.9).
    fn recovery_view(&self) -> PlanView {
        let phases: Vec<PhaseView> = self.hurt.iter().filter_map(|&at| self.recovery_phase(at)).collect();
        let all: crate::plan::Counts = phases.iter().map(|phase| phase.status).collect();
        PlanView {
            name: RECOVERY.to_owned(),
            strategy: "parallel",
            status: crate::plan::aggregate(&all, &all, false),
            phases,
        }
    }

    fn recovery_phase(&self, at: At) -> Option<PhaseView> {
        let record = self.record(at)?;
        let mut tasks = Vec::new();
        let mut status = Status::Complete;
        for (slot, of) in self.recovery_slots(at, record) {
            tasks.push(self.main_task(record, &slot.set)?.name.clone());
            status = status.least(of);
        }
        if tasks.is_empty() {
            return None;
        }
        let words: Vec<&str> = tasks.iter().map(TaskName::as_str).collect();
        let name = format!("{}:[{}]", self.name(at), words.join(", "));
        let instance = Some(self.name(at));
        let step = StepView { name: name.clone(), status, forced: false, instance, tasks };
        let of: crate::plan::Counts = [status].into_iter().collect();
        let status = crate::plan::aggregate(&of, &of, false);
        Some(PhaseView { name, strategy: "serial", status, steps: vec![step] })
    }

    /// The slots whose task recovery brings back, with how far it is.
    fn recovery_slots<'a>(
        &'a self,
        at: At,
        record: &'a PodRecord,
    ) -> impl Iterator<Item = (&'a Slot, Status)> {
        record.slots.iter().filter_map(move |slot| {
            if !self.is_slot_hurt(record, slot) {
                return None;
            }
            let main = self.main_task(record, &slot.set)?;
            let recovers = |launch| record.order(launch).is_some_and(|o| o.purpose == Purpose::Recovery);
            if slot.act.is_some_and(recovers) {
                return Some((slot, Status::Prepared));
            }
            match slot.occupant.as_ref().map(|occupant| occupant.state) {
                Some(state)
                    if is_alive(state) && slot.occupant.as_ref().is_some_and(|o| is_stale(record, o)) => {}
                Some(TaskState::Launching | TaskState::Starting) => return Some((slot, Status::Starting)),
                Some(TaskState::Running { .. }) => return Some((slot, Status::Started)),
                Some(_) | None => {}
            }
            match self.owner(at, slot, main) {
                Owner::Step => None,
                Owner::Recovery(_) if main.never.is_some() => Some((slot, Status::Error)),
                Owner::Recovery(_) | Owner::Later if main.delayed_until.is_some() => {
                    Some((slot, Status::Delayed))
                }
                Owner::Recovery(_) | Owner::Later => Some((slot, Status::Pending)),
            }
        })
    }

    fn leaving_name(&self) -> &'static str {
        if self.service.uninstalling { UNINSTALL } else { DECOMMISSION }
    }

    /// Those who leave, as a plan: a phase for each, of what was left already and of what is there still
    /// (C§2.11, C§2.12). There is none when nobody leaves.
    fn leaving_view(&self) -> Option<PlanView> {
        let uninstalling = self.service.uninstalling;
        let cause = if uninstalling { DebtCause::Uninstall } else { DebtCause::Decommission };
        let about = |name: String, status, instance: Option<&InstanceName>, tasks| {
            let instance = instance.cloned();
            StepView { name, status, forced: false, instance, tasks }
        };
        let phase = |name: String, steps: Vec<StepView>| {
            let all: crate::plan::Counts = steps.iter().map(|step| step.status).collect();
            let first = steps.first().map(|step| step.status).into_iter().collect();
            let status = crate::plan::aggregate(&all, &first, false);
            PhaseView { name, strategy: "serial", status, steps }
        };
        let mut phases = Vec::new();
        let of_cause = |debt: &&DebtRecord| uninstalling || debt.cause == cause;
        for debt in self.debts.values().map(|debt| &**debt).filter(of_cause) {
            let of = Some(&debt.instance);
            let kills = debt.kill.iter().map(|owed| {
                about(format!("kill-{}", owed.task), Status::Started, of, vec![owed.task.clone()])
            });
            let mut steps: Vec<_> = kills.collect();
            let status = if steps.is_empty() { Status::Started } else { Status::Pending };
            let release = debt.release.as_ref();
            steps.extend(release.map(|_| about("release".to_owned(), status, of, Vec::new())));
            phases.push(phase(debt.instance.to_string(), steps));
        }
        for name in self.leavers() {
            let record = self.at(&name).and_then(|at| self.record(at));
            let living = record.into_iter().flat_map(PodRecord::living);
            let of = Some(&name);
            let kills = living.map(|occupant| {
                about(format!("kill-{}", occupant.task), Status::Pending, of, vec![occupant.task.clone()])
            });
            let release = about("release".to_owned(), Status::Pending, of, Vec::new());
            let steps = kills.chain([release]).collect();
            phases.push(phase(name.to_string(), steps));
        }
        if uninstalling {
            let status = if phases.is_empty() { Status::Started } else { Status::Pending };
            let step = about("deregister".to_owned(), status, None, Vec::new());
            phases.push(phase("deregister-service".to_owned(), vec![step]));
        }
        if phases.is_empty() {
            return None;
        }
        let all: crate::plan::Counts = phases.iter().map(|phase| phase.status).collect();
        let first = phases.first().map(|phase| phase.status).into_iter().collect();
        let allowed = if uninstalling { all } else { first };
        Some(PlanView {
            name: self.leaving_name().to_owned(),
            strategy: if uninstalling { "parallel" } else { "serial" },
            status: crate::plan::aggregate(&all, &allowed, false),
            phases,
        })
    }

    /// Since when a step waits for what it waits for, as far as it is known.
    fn since(&self, begun: Time, at: At, tasks: &[u32], reason: &Reason) -> Option<Time> {
        let record = self.record(at);
        let tasks = tasks.iter().filter_map(|&task| record?.task(&self.task_model(at.pod, task).name));
        Some(match reason {
            Reason::Silent { since, .. } => *since,
            Reason::AskedForRoom | Reason::NoRoom(_) | Reason::Displacing(_) => {
                let standing = record.into_iter().flat_map(PodRecord::standing).map(|order| order.at);
                standing.min().unwrap_or(begun)
            }
            Reason::Launching(name) | Reason::NotThereYet(name) => {
                let last = record.and_then(|record| record.task(name)).and_then(|task| task.last);
                last.map_or(begun, |last| last.at)
            }
            _ => tasks.filter_map(|task| task.down).max().map_or(begun, |down| down.max(begun)),
        })
    }

    fn is_waiting_for_step(&self, at: At, record: &PodRecord, set: &crate::spec::ResourceSetName) -> bool {
        let slot = record.slot(set);
        let main = self.main_task(record, set);
        slot.zip(main).is_some_and(|(slot, main)| {
            let lives = slot.occupant.as_ref().is_some_and(|occupant| occupant.may_live());
            slot.act.is_none() && !lives && self.owner(at, slot, main) == Owner::Later
        })
    }
}

fn is_alive(state: TaskState) -> bool {
    !matches!(state, TaskState::Ended(_))
}

struct Tree<'a> {
    plan: &'a PlanView,
    status: bool,
}

impl fmt::Display for PlanView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Tree { plan: self, status: true }.fmt(f)
    }
}

impl fmt::Display for Tree<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |f: &mut fmt::Formatter<'_>, strategy: Option<&str>, status: Status, forced: bool| {
            if let Some(strategy) = strategy {
                write!(f, " ({strategy} strategy)")?;
            }
            match (self.status, forced) {
                (false, _) => Ok(()),
                (true, false) => write!(f, " ({status})"),
                (true, true) => write!(f, " ({status}, forced)"),
            }
        };
        let PlanView { name, strategy, status, phases } = self.plan;
        f.write_str(name)?;
        line(f, Some(strategy), *status, false)?;
        for (nth, phase) in phases.iter().enumerate() {
            let (branch, stem) = if nth + 1 == phases.len() { ("└─", "  ") } else { ("├─", "│ ") };
            write!(f, "\n{branch} {}", phase.name)?;
            line(f, Some(phase.strategy), phase.status, false)?;
            for (nth, step) in phase.steps.iter().enumerate() {
                let branch = if nth + 1 == phase.steps.len() { "└─" } else { "├─" };
                write!(f, "\n{stem} {branch} {}", step.name)?;
                line(f, None, step.status, step.forced)?;
            }
        }
        Ok(())
    }
}
