//! Debugging (SDK rule R78).
//!
//! Invariant: a filter that names something unknown is answered with 404.

use std::collections::BTreeMap;

use plan_core::engine::{Engine, PhaseView, PlanView, StepView};
use plan_core::plan::Status;
use plan_core::spec::{Goal, InstanceName, ServiceName, TaskName};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::plans::error_of;
use super::tasks::{Pause, full_name, id, paused, state};
use crate::call::{Call, read};
use crate::ids::Ids;
use crate::problem::Problem;
use crate::reply::{Answer, ok};

/// A filter of plans, phases and steps by name or id.
struct Filter {
    plan: Option<String>,
    phase: Option<String>,
    step: Option<String>,
}

impl Filter {
    fn of(call: &Call) -> Result<Self, Problem> {
        // The SDK has `sync`, which waits for a lock. planwright has no such lock: an answer always shows one moment.
        call.switch("sync")?;
        let own = |name: &str| call.query(name).map(ToOwned::to_owned);
        let filter = Self { plan: own("plan"), phase: own("phase"), step: own("step") };
        match &filter {
            Self { plan: None, phase: Some(_), .. } => {
                Err(Problem::bad("Missing plan").hint("a phase is one of a plan"))
            }
            Self { phase: None, step: Some(_), .. } => {
                Err(Problem::bad("Missing phase").hint("a step is one of a phase"))
            }
            _ => Ok(filter),
        }
    }

    /// The plans that pass the filter, and whether anything passed.
    fn plans(&self, engine: &Engine) -> Result<Vec<PlanView>, Problem> {
        let ids = Ids::of(engine.installation());
        let names = engine.plan_names();
        let mut plans: Vec<PlanView> = names.iter().filter_map(|name| engine.plan(name)).collect();
        if let Some(wanted) = &self.plan {
            plans.retain(|plan| plan.name == *wanted);
            if plans.is_empty() {
                return Err(super::plans::missing(wanted, &names));
            }
        }
        for plan in &mut plans {
            let phase_ids: Vec<Uuid> = plan.phases.iter().map(|phase| ids.phase(plan, phase)).collect();
            if let Some(wanted) = &self.phase {
                let mut at = phase_ids.iter();
                plan.phases.retain(|phase| {
                    let id = at.next().map(Uuid::to_string);
                    phase.name == *wanted || id.as_deref() == Some(wanted)
                });
                if plan.phases.is_empty() {
                    return Err(Problem::missing("Phase", wanted));
                }
            }
            if let Some(wanted) = &self.step {
                let mut left = 0;
                let all: Vec<Uuid> = plan.phases.iter().map(|phase| ids.phase(plan, phase)).collect();
                for (phase, id) in plan.phases.iter_mut().zip(all) {
                    let mut position = 0..;
                    phase.steps.retain(|step| {
                        let own = Ids::step(id, position.next().unwrap_or(0), step);
                        step.name == *wanted || own.to_string() == *wanted
                    });
                    left += phase.steps.len();
                }
                if left == 0 {
                    return Err(Problem::missing("Step", wanted));
                }
            }
        }
        Ok(plans)
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PlansBody {
    scheduler_state: &'static str,
    active_plans: Vec<String>,
    plans: Vec<PlanBody>,
    service_topology: Topology,
}

/// A plan, with how much of it is done.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PlanBody {
    name: String,
    strategy: &'static str,
    status: Status,
    total_steps: usize,
    completed_steps: usize,
    phases: Vec<PhaseBody>,
}

#[derive(Debug, Serialize)]
struct PhaseBody {
    name: String,
    strategy: &'static str,
    status: Status,
    steps: Vec<StepBody>,
}

#[derive(Debug, Serialize)]
struct StepBody {
    name: String,
    status: Status,
    /// Why the step can never be complete.
    errors: Vec<String>,
}

impl PlanBody {
    fn of(engine: &Engine, plan: &PlanView) -> Self {
        let steps = || plan.phases.iter().flat_map(|phase| &phase.steps);
        let phases = plan.phases.iter().map(|phase| PhaseBody {
            name: phase.name.clone(),
            strategy: phase.strategy,
            status: phase.status,
            steps: phase
                .steps
                .iter()
                .map(|step| StepBody {
                    name: step.name.clone(),
                    status: step.status,
                    errors: match step.status {
                        Status::Error => vec![error_of(engine, plan, phase, step)],
                        _ => Vec::new(),
                    },
                })
                .collect(),
        });
        Self {
            name: plan.name.clone(),
            strategy: plan.strategy,
            status: plan.status,
            total_steps: steps().count(),
            completed_steps: steps().filter(|step| step.status == Status::Complete).count(),
            phases: phases.collect(),
        }
    }
}

/// The service, its pods, their instances and the tasks of these, as a tree.
#[derive(Debug, Serialize)]
struct Topology {
    name: String,
    #[serde(rename = "type")]
    kind: &'static str,
    children: Vec<Self>,
}

impl Topology {
    fn of(service: &ServiceName, engine: &Engine) -> Self {
        let node = |name: String, kind, children| Self { name, kind, children };
        let pods = engine.model().into_iter().flat_map(|model| model.pods()).map(|pod| {
            let instances = (0..pod.count).map(|index| {
                let instance = InstanceName { pod: pod.name.clone(), index };
                let tasks =
                    pod.tasks.iter().map(|task| node(full_name(&instance, &task.name), "task", Vec::new()));
                let tasks = tasks.collect();
                node(instance.to_string(), "pod-instance", tasks)
            });
            node(pod.name.to_string(), "pod", instances.collect())
        });
        node(service.to_string(), "service", pods.collect())
    }
}

/// `GET /v1/debug/plans`.
pub(crate) async fn plans(call: Call) -> Answer {
    let service = call.service().await?;
    let filter = Filter::of(&call)?;
    let name = service.name().clone();
    let body = read(&service, move |engine| {
        let plans = filter.plans(engine)?;
        let active = plans.iter().filter(|plan| plan.status.is_running() || plan.status == Status::Pending);
        Ok::<_, Problem>(PlansBody {
            scheduler_state: scheduler_state(engine),
            active_plans: active.map(|plan| plan.name.clone()).collect(),
            service_topology: Topology::of(&name, engine),
            plans: plans.iter().map(|plan| PlanBody::of(engine, plan)).collect(),
        })
    });
    ok(&body.await??)
}

fn scheduler_state(engine: &Engine) -> &'static str {
    if engine.is_uninstalling() {
        "UNINSTALLING"
    } else if engine.installation().is_none() {
        "WAITING_FOR_SPECIFICATION"
    } else if engine.is_deployed() {
        "RUNNING"
    } else {
        "DEPLOYING"
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TaskBody {
    name: String,
    /// None before the first launch.
    #[serde(skip_serializing_if = "Option::is_none")]
    task_id: Option<String>,
    task_status: String,
}

/// `GET /v1/debug/taskStatuses`: the tasks of each step. The SDK shows one of them.
pub(crate) async fn task_statuses(call: Call) -> Answer {
    let service = call.service().await?;
    let filter = Filter::of(&call)?;
    let name = service.name().clone();
    let body = read(&service, move |engine| {
        let of_step = |step: &StepView| -> Vec<TaskBody> {
            let Some(instance) = &step.instance else { return Vec::new() };
            let record = engine.pod(instance);
            let of_task = |task: &TaskName| {
                let launch = record.and_then(|record| record.task(task)?.last());
                let goal = goal(engine, instance.pod.as_str(), task.as_str());
                let shown = record.and_then(|record| {
                    paused(record, task).map(Pause::as_str).or_else(|| state(record, task, goal))
                });
                TaskBody {
                    name: full_name(instance, task),
                    task_id: launch.map(|launch| id(&name, instance, task, launch.launch)),
                    task_status: format!("TASK_{}", shown.unwrap_or("UNKNOWN")),
                }
            };
            step.tasks.iter().map(of_task).collect()
        };
        let of_phase = |phase: &PhaseView| {
            let steps =
                phase.steps.iter().map(|step| json!({ "name": step.name, "taskStatus": of_step(step) }));
            json!({ "name": phase.name, "steps": steps.collect::<Vec<_>>() })
        };
        let plans = filter.plans(engine)?;
        let plans = plans.iter().map(|plan| {
            json!({ "name": plan.name, "phases": plan.phases.iter().map(of_phase).collect::<Vec<_>>() })
        });
        Ok::<_, Problem>(plans.collect::<Vec<Value>>())
    });
    ok(&body.await??)
}

fn goal(engine: &Engine, pod: &str, task: &str) -> Goal {
    let pods = engine.model().map(|model| model.spec().pods());
    let task = pods.and_then(|pods| pods.get(pod)?.tasks.get(task));
    task.map_or(Goal::Running, |task| task.goal)
}

/// `GET /v1/debug/reservations`: node by node, what the backend holds there for the service.
pub(crate) async fn reservations(call: Call) -> Answer {
    let service = call.service().await?;
    let body = read(&service, |engine| {
        let mut held: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (_, record) in engine.pods() {
            if let Some(place) = &record.place() {
                held.entry(place.node.name.to_string()).or_default().push(place.handle.0.to_string());
            }
        }
        for debt in engine.debts() {
            let of_node = held.entry(debt.node.to_string()).or_default();
            of_node.extend(debt.release.iter().map(|handle| handle.0.to_string()));
        }
        held.values_mut().for_each(|handles| handles.sort());
        held
    });
    ok(&body.await?)
}
