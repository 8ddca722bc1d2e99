//! Debugging (SDK rule R78).
//!
//! Invariant: a filter that names something unknown is answered with 404.

use std::collections::BTreeMap;

use plan_core::engine::{Engine, PlanView};
use plan_core::plan::Status;
use plan_core::spec::Goal;
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

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
    plans: Vec<PlanView>,
    service_topology: Topology,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Topology {
    total_pods: u32,
    pods: BTreeMap<String, u32>,
}

/// `GET /v1/debug/plans`.
pub(crate) async fn plans(call: Call) -> Answer {
    let service = call.service().await?;
    let filter = Filter::of(&call)?;
    let body = read(&service, move |engine| {
        let plans = filter.plans(engine)?;
        let active = plans.iter().filter(|plan| plan.status.is_running() || plan.status == Status::Pending);
        let counts = engine.model().into_iter().flat_map(|model| model.pods());
        let pods: BTreeMap<String, u32> = counts.map(|pod| (pod.name.to_string(), pod.count)).collect();
        Ok::<_, Problem>(PlansBody {
            scheduler_state: scheduler_state(engine),
            active_plans: active.map(|plan| plan.name.clone()).collect(),
            service_topology: Topology { total_pods: pods.values().sum(), pods },
            plans,
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

/// `GET /v1/debug/taskStatuses`: all tasks of each step, by name.
pub(crate) async fn task_statuses(call: Call) -> Answer {
    let service = call.service().await?;
    let filter = Filter::of(&call)?;
    let name = service.name().clone();
    let body = read(&service, move |engine| {
        let of_step = |step: &plan_core::engine::StepView| {
            let instance = step.instance.as_ref()?;
            let record = engine.pod(instance)?;
            let tasks = step.tasks.iter().filter_map(|task| {
                let launch = record.task(task)?.last()?.launch;
                let goal = goal(engine, instance.pod.as_str(), task.as_str());
                let shown = paused(record, task).map(Pause::as_str).or_else(|| state(record, task, goal));
                let id = id(&name, instance, task, launch);
                Some((full_name(instance, task), json!({ "id": id, "status": shown })))
            });
            Some(Value::Object(tasks.collect()))
        };
        let plans = filter.plans(engine)?.into_iter().map(|plan| {
            let phases = plan.phases.into_iter().map(|phase| {
                let steps = phase
                    .steps
                    .iter()
                    .map(|step| (step.name.clone(), of_step(step).unwrap_or_else(|| json!({}))));
                (phase.name.clone(), Value::Object(steps.collect()))
            });
            (plan.name, Value::Object(phases.collect()))
        });
        Ok::<_, Problem>(plans.collect::<Map<String, Value>>())
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
