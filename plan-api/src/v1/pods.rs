//! Instances of pods (SDK rule R72).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plan_core::engine::{Engine, PodView, Reply, Verb};
use plan_core::plan::TaskConfig;
use plan_core::spec::{Goal, InstanceName, ServiceName, TaskName};
use serde::Serialize;
use serde_json::{Value, json};

use super::tasks::{Pause, full_name, id, paused, state, words};
use crate::call::{Call, read};
use crate::problem::Problem;
use crate::reply::{Answer, ok};

#[derive(Debug, Serialize)]
struct ServiceBody {
    service: String,
    pods: Vec<PodBody>,
}

#[derive(Debug, Serialize)]
struct PodBody {
    name: String,
    instances: Vec<InstanceBody>,
}

#[derive(Debug, Serialize)]
struct InstanceBody {
    name: String,
    tasks: Vec<TaskBody>,
}

#[derive(Debug, Serialize)]
struct TaskBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    /// What its backend says about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

#[derive(Debug, Serialize)]
struct Commanded {
    pod: String,
    tasks: Vec<String>,
}

/// All instances: those of the target, and those that leave.
pub(crate) fn instances(engine: &Engine) -> BTreeSet<InstanceName> {
    let declared = engine.model().into_iter().filter(|_| !engine.is_uninstalling()).flat_map(|model| {
        model
            .pods()
            .iter()
            .flat_map(|pod| (0..pod.count).map(|index| InstanceName::new(pod.name.clone(), index)))
    });
    declared.chain(engine.pods().map(|(name, _)| name)).collect()
}

/// Whether the instance exists.
pub(crate) fn exists(engine: &Engine, instance: &InstanceName) -> bool {
    let declared = engine.model().filter(|_| !engine.is_uninstalling()).is_some_and(|model| {
        model.pods().iter().any(|pod| pod.name == instance.pod && instance.index < pod.count)
    });
    declared || engine.pod(instance).is_some()
}

/// The tasks of an instance: first the declared ones, then others that it still has.
pub(crate) fn tasks_of(engine: &Engine, instance: &InstanceName) -> Vec<(TaskName, Goal)> {
    let pods = engine.model().into_iter().flat_map(|model| model.pods());
    let declared = pods.filter(|pod| pod.name == instance.pod).flat_map(|pod| &pod.tasks);
    let mut tasks: Vec<_> = declared.map(|task| (task.name.clone(), task.goal)).collect();
    let known = engine.pod(instance).into_iter().flat_map(|record| record.tasks());
    for task in known {
        if tasks.iter().all(|(name, _)| *name != *task.name()) {
            let config = task.last().and_then(|last| engine.task_config(last.conf));
            tasks.push((task.name().clone(), config.map_or(Goal::Running, |config| config.spec.goal)));
        }
    }
    tasks
}

fn instance_body(
    engine: &Engine,
    service: &ServiceName,
    instance: &InstanceName,
    leaves: bool,
) -> InstanceBody {
    let record = engine.pod(instance);
    let tasks = tasks_of(engine, instance).into_iter().map(|(task, goal)| {
        let launch = record.and_then(|record| record.task(&task)?.last()).map(|last| last.launch);
        TaskBody {
            id: launch.map(|launch| id(service, instance, &task, launch)),
            name: full_name(instance, &task),
            status: record.and_then(|record| shown(record, &task, goal, leaves)),
            message: record.and_then(|record| words(record, &task)),
        }
    });
    InstanceBody { name: instance.to_string(), tasks: tasks.collect() }
}

/// A task's state, or what is being done to it.
fn shown(record: PodView<'_>, task: &TaskName, goal: Goal, leaves: bool) -> Option<&'static str> {
    let state = state(record, task, goal)?;
    let lives = record.living().any(|occupant| occupant.task == *task);
    if leaves {
        return Some(if lives { "DECOMMISSIONING" } else { "DECOMMISSIONED" });
    }
    Some(paused(record, task).map_or(state, Pause::as_str))
}

/// `GET /v1/pod`.
pub(crate) async fn list(call: Call) -> Answer {
    let service = call.service().await?;
    let names =
        read(&service, |engine| instances(engine).iter().map(ToString::to_string).collect::<Vec<_>>());
    ok(&names.await?)
}

/// `GET /v1/pod/status`.
pub(crate) async fn statuses(call: Call) -> Answer {
    let service = call.service().await?;
    let name = service.name().clone();
    let body = read(&service, move |engine| {
        let leavers: BTreeSet<_> = engine.leavers().into_iter().collect();
        let mut pods: BTreeMap<String, Vec<InstanceBody>> = BTreeMap::new();
        for instance in instances(engine) {
            let body = instance_body(engine, &name, &instance, leavers.contains(&instance));
            pods.entry(instance.pod.to_string()).or_default().push(body);
        }
        let pods = pods.into_iter().map(|(name, instances)| PodBody { name, instances });
        ServiceBody { service: name.to_string(), pods: pods.collect() }
    });
    ok(&body.await?)
}

/// `GET /v1/pod/{instance}/status`.
pub(crate) async fn status(call: Call) -> Answer {
    let service = call.service().await?;
    let (name, instance) = (service.name().clone(), call.instance()?);
    let asked = instance.clone();
    let body = read(&service, move |engine| {
        let leaves = engine.leavers().contains(&asked);
        exists(engine, &asked).then(|| instance_body(engine, &name, &asked, leaves))
    });
    ok(&body.await?.ok_or_else(|| Problem::missing("Pod", instance))?)
}

/// `GET /v1/pod/{instance}/info`.
pub(crate) async fn info(call: Call) -> Answer {
    let service = call.service().await?;
    let (name, instance) = (service.name().clone(), call.instance()?);
    let asked = instance.clone();
    let body = read(&service, move |engine| {
        exists(engine, &asked).then(|| {
            let record = engine.pod(&asked);
            let infos = tasks_of(engine, &asked).into_iter();
            infos.filter_map(|(task, goal)| task_info(engine, &name, &asked, record?, &task, goal)).collect()
        })
    });
    let body: Vec<Value> = body.await?.ok_or_else(|| Problem::missing("Pod", instance))?;
    ok(&body)
}

/// What was launched last for a task, and its state, as Mesos would write them.
fn task_info(
    engine: &Engine,
    service: &ServiceName,
    instance: &InstanceName,
    record: PodView<'_>,
    task: &TaskName,
    goal: Goal,
) -> Option<Value> {
    let last = record.task(task)?.last()?;
    let task_id = json!({ "value": id(service, instance, task, last.launch) });
    let node = record.place().map(|place| json!({ "value": place.node.name }));
    let mut info = json!({ "name": full_name(instance, task), "taskId": task_id, "slaveId": node });
    if let Some(config) = engine.task_config(last.conf) {
        info["resources"] = resources(config, record);
        let env = config.spec.env.iter().map(|(name, value)| json!({ "name": name, "value": value }));
        let uris = config.carried.uris.iter().map(|uri| json!({ "value": uri }));
        info["command"] = json!({
            "shell": true,
            "value": config.spec.cmd,
            "environment": { "variables": env.collect::<Vec<_>>() },
            "uris": uris.collect::<Vec<_>>(),
        });
        let labels = config.spec.labels.iter().map(|(key, value)| json!({ "key": key, "value": value }));
        info["labels"] = json!({ "labels": labels.collect::<Vec<_>>() });
    }
    let state = state(record, task, goal).map(|state| format!("TASK_{state}"));
    let mut status = json!({ "taskId": task_id, "slaveId": node, "state": state });
    if let Some(words) = words(record, task) {
        status["message"] = words.into();
    }
    let mut occupants = record.slots().iter().filter_map(|slot| slot.occupant());
    if let Some(now) = occupants.find(|occupant| occupant.task == *task && occupant.launch == last.launch)
        && let plan_core::engine::TaskState::Running { ready } = now.state
    {
        status["labels"] = json!({ "labels": [{ "key": "ready", "value": ready.to_string() }] });
    }
    Some(json!({ "info": info, "status": status }))
}

fn resources(config: &Arc<TaskConfig>, record: PodView<'_>) -> Value {
    let of = &config.resources;
    let scalar = |name: &str, value: String| {
        let number: Value = value.parse().unwrap_or(Value::Null);
        json!({ "name": name, "type": "SCALAR", "scalar": { "value": number } })
    };
    let mut all = Vec::new();
    all.extend(of.cpus.map(|cpus| scalar("cpus", cpus.to_string())));
    all.extend(of.gpus.map(|gpus| scalar("gpus", gpus.to_string())));
    all.extend(of.memory.map(|memory| scalar("mem", memory.0.to_string())));
    all.extend(of.volumes.iter().map(|volume| {
        let mut disk = scalar("disk", volume.size.0.to_string());
        disk["disk"] = json!({ "volume": { "containerPath": volume.path.as_str(), "mode": "RW" } });
        disk
    }));
    let ports = record.place().into_iter().flat_map(|place| &place.ports);
    let mine = ports.filter(|(name, _)| of.ports.iter().any(|(declared, _)| declared == name));
    let ranges: Vec<_> = mine.map(|(_, port)| json!({ "begin": port, "end": port })).collect();
    if !ranges.is_empty() {
        all.push(json!({ "name": "ports", "type": "RANGES", "ranges": { "range": ranges } }));
    }
    Value::Array(all)
}

/// `POST /v1/pod/{instance}/restart`.
pub(crate) async fn restart(call: Call) -> Answer {
    let instance = call.instance()?;
    command(&call, instance.clone(), Vec::new(), Verb::RestartPod { instance, tasks: Vec::new() }).await
}

/// `POST /v1/pod/{instance}/replace`.
pub(crate) async fn replace(call: Call) -> Answer {
    let instance = call.instance()?;
    command(&call, instance.clone(), Vec::new(), Verb::ReplacePod { instance }).await
}

/// `POST /v1/pod/{instance}/pause`.
pub(crate) async fn pause(call: Call) -> Answer {
    let instance = call.instance()?;
    let tasks = call.tasks(&instance)?;
    command(&call, instance.clone(), tasks.clone(), Verb::PausePod { instance, tasks }).await
}

/// `POST /v1/pod/{instance}/resume`.
pub(crate) async fn resume(call: Call) -> Answer {
    let instance = call.instance()?;
    let tasks = call.tasks(&instance)?;
    command(&call, instance.clone(), tasks.clone(), Verb::ResumePod { instance, tasks }).await
}

async fn command(call: &Call, instance: InstanceName, tasks: Vec<TaskName>, verb: Verb) -> Answer {
    let service = call.service().await?;
    if let Reply::Refused(refusal) = call.say(&service, verb).await? {
        return Err(refusal.into());
    }
    let of = instance.clone();
    let running = read(&service, move |engine| {
        let all = tasks_of(engine, &of).into_iter();
        all.filter(|(_, goal)| *goal == Goal::Running).map(|(task, _)| task).collect()
    });
    let tasks: Vec<TaskName> = if tasks.is_empty() { running.await? } else { tasks };
    let tasks = tasks.iter().map(|task| full_name(&instance, task)).collect();
    ok(&Commanded { pod: instance.to_string(), tasks })
}
