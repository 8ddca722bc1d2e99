//! What people are shown: plans as trees, and the reasons why something waits.
//!
//! Invariant: a view is made when it is asked for; nothing is kept for it.

use std::fmt;

use crate::plan::{PlanLayout, Status};
use crate::spec::{InstanceName, PlanName, TaskName};

use super::input::{Incarnation, Seen};
use super::reason::{Reason, Verdict, Why};
use super::record::{PodRecord, Purpose, Reached, Stage, StepRef, TaskState};
use super::rules::may_act;
use super::state::{At, Owner, Run, State, is_complete};
use super::{Engine, RECOVERY};

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
    let tasks: Vec<&str> =
        phase.tasks(step).iter().map(|&task| pod.tasks[task as usize].name.as_str()).collect();
    format!("{}-{}:[{}]", pod.name, phase.steps[step as usize].instance, tasks.join(", "))
}

impl Engine {
    /// The names of the plans, in the order of the API: `deploy`, `recovery`, the others (C§6.1).
    pub fn plan_names(&self) -> Vec<String> {
        let Some(state) = &self.state else { return Vec::new() };
        let mut names: Vec<String> = state.model.plans().keys().map(ToString::to_string).collect();
        let after_deploy = names.iter().position(|name| name == super::DEPLOY).map_or(0, |at| at + 1);
        names.insert(after_deploy, RECOVERY.to_owned());
        names
    }

    /// A plan as it is now.
    pub fn plan(&self, name: &str) -> Option<PlanView> {
        let state = self.state.as_ref()?;
        if name == RECOVERY {
            return Some(state.recovery_view());
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

    /// Whether another scheduler has taken over, so that this one does nothing any more.
    pub fn is_superseded(&self) -> bool {
        self.session.superseded
    }

    /// The specification that the service shall be.
    pub fn model(&self) -> Option<&std::sync::Arc<crate::plan::Model>> {
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
                    Some((state.model.instance_name(pod, index), instance.record.as_deref()?))
                })
            })
        })
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

    /// Why an instance is as it is: for each of its steps that goes on and is not complete, and for its
    /// recovery, what it does or what it waits for.
    pub fn why(&self, instance: &InstanceName) -> Vec<Why> {
        let Some(state) = &self.state else { return Vec::new() };
        let Some(at) = state.at(instance) else { return Vec::new() };
        let mut whys = Vec::new();
        for run in &state.active {
            for &phase in &run.layout.of_pod[at.pod as usize] {
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
                        instance: instance.clone(),
                        what,
                        status,
                        reason,
                    }));
                }
            }
        }
        whys.extend(self.recovery_reason(state, at));
        whys
    }

    /// What recovery does for an instance, or what it waits for.
    fn recovery_reason(&self, state: &State, at: At) -> Option<Why> {
        let record = state.record(at)?;
        let (slot, status) = state.recovery_slots(at, record).next()?;
        let task = state.main_task(record, &slot.set).map(|main| main.name.clone());
        let reason = match task {
            Some(task) if state.is_waiting_for_step(at, record, &slot.set) => Reason::WaitsForItsStep(task),
            task => self.slot_reason(state, at, record, task.as_ref()?, status)?,
        };
        Some(Why { instance: state.name(at), what: RECOVERY.to_owned(), status, reason })
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
        self.slot_reason(state, at, record, &task.name, status)
    }

    /// What a task that is on its way waits for.
    fn slot_reason(
        &self,
        state: &State,
        at: At,
        record: &PodRecord,
        task: &TaskName,
        status: Status,
    ) -> Option<Reason> {
        let model = state.model.pods()[at.pod as usize].tasks.iter().find(|model| model.name == *task)?;
        let slot = record.slot(&model.set)?;
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
            _ => Reason::Launching(task.clone()),
        })
    }
}

impl State {
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
                StepView { name: self.step_name(phase, step), status: below, forced }
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
            tasks.push(self.main_task(record, &slot.set)?.name.to_string());
            status = status.least(of);
        }
        if tasks.is_empty() {
            return None;
        }
        let name = format!("{}:[{}]", self.name(at), tasks.join(", "));
        let step = StepView { name: name.clone(), status, forced: false };
        let of: crate::plan::Counts = [status].into_iter().collect();
        let status = crate::plan::aggregate(&of, &of, false);
        Some(PhaseView { name, strategy: "serial", status, steps: vec![step] })
    }

    /// The slots whose task recovery brings back, with how far it is.
    fn recovery_slots<'a>(
        &'a self,
        at: At,
        record: &'a PodRecord,
    ) -> impl Iterator<Item = (&'a super::record::Slot, Status)> {
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
                Some(TaskState::Launching | TaskState::Starting) => return Some((slot, Status::Starting)),
                Some(TaskState::Running { .. }) => return Some((slot, Status::Started)),
                Some(TaskState::Ended(_)) | None => {}
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

    fn is_waiting_for_step(&self, at: At, record: &PodRecord, set: &crate::spec::ResourceSetName) -> bool {
        let slot = record.slot(set);
        let main = self.main_task(record, set);
        slot.zip(main).is_some_and(|(slot, main)| {
            let lives = slot.occupant.as_ref().is_some_and(|occupant| occupant.may_live());
            slot.act.is_none() && !lives && self.owner(at, slot, main) == Owner::Later
        })
    }
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
