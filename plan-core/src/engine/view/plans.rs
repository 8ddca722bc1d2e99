//! Plans as trees: as declared, as they run, and the plans that show what the engine does by itself.
//!
//! Invariant: every plan that [`Engine::plan_names`] lists has a tree.

use crate::engine::Engine;
use crate::engine::at::At;
use crate::engine::reason::Reason;
use crate::engine::record::{DebtCause, DebtRecord, PodRecord, Purpose, Slot, StepRef, TaskState};
use crate::engine::rules::{Owner, Question, eligible};
use crate::engine::session::Session;
use crate::engine::state::{Run, State, is_complete, is_stale};
use crate::plan::{Model, PlanLayout, Status, StatusCounts, aggregate, step_name};
use crate::spec::{InstanceName, PlanName};

use super::{PhaseView, PlanView, StepView};

impl PlanView {
    /// A plan as it is declared. No step has begun.
    pub fn declared(model: &Model, plan: &PlanName) -> Option<Self> {
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
                            name: phase.step_name(model, step),
                            status: Status::Pending,
                            forced: false,
                            instance: Some(
                                model.instance_name(phase.pod, phase.steps[step as usize].instance),
                            ),
                            tasks: phase.task_names(model, step).cloned().collect(),
                        })
                        .collect(),
                })
                .collect(),
        })
    }
}

impl Engine {
    /// The names of the plans, in the order of the API: `deploy`, `recovery`, the others (SDK rule R71).
    pub fn plan_names(&self) -> Vec<String> {
        let Some(state) = &self.state else { return Vec::new() };
        let mut names: Vec<String> = state.model().plans().keys().map(ToString::to_string).collect();
        let after_deploy = names.iter().position(|name| name == PlanName::DEPLOY).map_or(0, |at| at + 1);
        let derived =
            [PlanName::RECOVERY.to_owned()].into_iter().chain(state.leaving_view().map(|view| view.name));
        names.splice(after_deploy..after_deploy, derived);
        names
    }

    /// A plan with its present statuses; `None` if there is no such plan.
    pub fn plan(&self, name: &str) -> Option<PlanView> {
        let state = self.state.as_ref()?;
        if name == PlanName::RECOVERY {
            return Some(state.recovery_view(&self.session));
        }
        if name == PlanName::DECOMMISSION || name == PlanName::UNINSTALL {
            return state.leaving_view().filter(|view| view.name == name);
        }
        let layout = state.model().plans().get(name)?;
        Some(match state.run_of(&layout.name) {
            Some(run) => state.run_view(run),
            None => state.idle_view(layout),
        })
    }

    /// The status of a plan; `None` if there is no such plan.
    pub fn plan_status(&self, name: &str) -> Option<Status> {
        let state = self.state.as_ref()?;
        if name == PlanName::RECOVERY {
            return Some(state.recovery_view(&self.session).status);
        }
        if name == PlanName::DECOMMISSION || name == PlanName::UNINSTALL {
            return self.plan(name).map(|view| view.status);
        }
        let layout = state.model().plans().get(name)?;
        Some(match state.run_of(&layout.name) {
            Some(run) => run.progress.status(),
            None if state.ended_run(&layout.name).is_some_and(|run| is_complete(run)) => Status::Complete,
            None => Status::Waiting,
        })
    }
}

impl State {
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
                    tasks: phase.task_names(self.model(), step).cloned().collect(),
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

    /// A plan that does not run: `COMPLETE` if its latest run was complete, else `WAITING`.
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
                    instance: Some(self.model().instance_name(phase.pod, of.instance)),
                    tasks: phase.task_names(self.model(), step).cloned().collect(),
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

    /// Recovery as a plan: a phase with one step for each instance that is being brought back (SDK rule R61).
    fn recovery_view(&self, session: &Session) -> PlanView {
        let phases: Vec<PhaseView> = self.hurt().filter_map(|at| self.recovery_phase(session, at)).collect();
        let all: StatusCounts = phases.iter().map(|phase| phase.status).collect();
        PlanView {
            name: PlanName::RECOVERY.to_owned(),
            strategy: "parallel",
            status: aggregate(&all, &all, false),
            phases,
        }
    }

    fn recovery_phase(&self, session: &Session, at: At) -> Option<PhaseView> {
        let record = self.record(at)?;
        let mut tasks = Vec::new();
        let mut status = Status::Complete;
        for slot in record.slots() {
            let Some(of) = self.recovery_status(session, at, record, slot) else { continue };
            tasks.push(self.main_task(record, slot.set())?.name().clone());
            status = status.least(of);
        }
        if tasks.is_empty() {
            return None;
        }
        let instance = self.name(at);
        let name = step_name(&instance, &tasks);
        let step = StepView { name: name.clone(), status, forced: false, instance: Some(instance), tasks };
        let of: StatusCounts = [status].into_iter().collect();
        let status = aggregate(&of, &of, false);
        Some(PhaseView { name, strategy: "serial", status, steps: vec![step] })
    }

    /// The status of what recovery does in a slot. `None` if it does nothing there. What recovery waits for follows from
    /// the verdict that [`Engine::why`] prints.
    pub(super) fn recovery_status(
        &self,
        session: &Session,
        at: At,
        record: &PodRecord,
        slot: &Slot,
    ) -> Option<Status> {
        if !self.is_slot_hurt(record, slot) {
            return None;
        }
        let main = self.main_task(record, slot.set())?;
        let recovers = |launch| record.order(launch).is_some_and(|o| o.purpose == Purpose::Recovery);
        if slot.act().is_some_and(recovers) {
            return Some(Status::Prepared);
        }
        match slot.occupant().map(|occupant| occupant.state) {
            Some(state) if is_alive(state) && slot.occupant().is_some_and(|o| is_stale(record, o)) => {}
            Some(TaskState::Launching | TaskState::Starting) => return Some(Status::Starting),
            Some(TaskState::Running { .. }) => return Some(Status::Started),
            Some(_) | None => {}
        }
        if Owner::of(self, at, slot, main) == Owner::Step {
            return None;
        }
        let question = Question::of_slot(self, at, record, slot)?;
        Some(match eligible(&question, session).reason() {
            Some(Reason::Never { .. }) => Status::Error,
            Some(Reason::Backoff { .. }) => Status::Delayed,
            _ => Status::Pending,
        })
    }

    pub(super) fn leaving_name(&self) -> &'static str {
        if self.service().uninstalling { PlanName::UNINSTALL } else { PlanName::DECOMMISSION }
    }

    /// The instances that leave, as a plan (SDK rules R64 and R65). Each has a phase, with steps for its debts and for
    /// what it still has. `None` if no instance leaves.
    fn leaving_view(&self) -> Option<PlanView> {
        let uninstalling = self.service().uninstalling;
        let cause = if uninstalling { DebtCause::Uninstall } else { DebtCause::Decommission };
        let about = |name: String, status, instance: Option<&InstanceName>, tasks| {
            let instance = instance.cloned();
            StepView { name, status, forced: false, instance, tasks }
        };
        let phase = |name: String, steps: Vec<StepView>| {
            let all: StatusCounts = steps.iter().map(|step| step.status).collect();
            let first = steps.first().map(|step| step.status).into_iter().collect();
            let status = aggregate(&all, &first, false);
            PhaseView { name, strategy: "serial", status, steps }
        };
        let mut phases = Vec::new();
        let of_cause = |debt: &&DebtRecord| uninstalling || debt.cause == cause;
        for debt in self.debts.iter().map(|debt| &**debt).filter(of_cause) {
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
        let all: StatusCounts = phases.iter().map(|phase| phase.status).collect();
        let first = phases.first().map(|phase| phase.status).into_iter().collect();
        let allowed = if uninstalling { all } else { first };
        Some(PlanView {
            name: self.leaving_name().to_owned(),
            strategy: if uninstalling { "parallel" } else { "serial" },
            status: aggregate(&all, &allowed, false),
            phases,
        })
    }
}

fn is_alive(state: TaskState) -> bool {
    !matches!(state, TaskState::Ended(_))
}
