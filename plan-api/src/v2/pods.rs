//! Instances: everything that is known about one, and the reasons of its waits.

use std::collections::{BTreeMap, BTreeSet};

use plan_core::engine::{End, Number, OrderStage, PodView, Purpose, TaskState, Verb, Why};
use plan_core::spec::{Goal, InstanceName, NodeName, PodName, TaskName};
use serde::Serialize;

use super::{Millis, Seen, WhyBody};
use crate::call::{Call, read};
use crate::problem::Problem;
use crate::reply::{Answer, ok, replied};
use crate::v1::pods::{exists, instances, tasks_of};
use crate::v1::tasks::{Pause, id, paused, state};

/// Everything that is known about an instance.
#[derive(Debug, Serialize)]
pub(super) struct PodBody {
    name: InstanceName,
    pod: PodName,
    index: u32,
    /// Whether the instance is not in the target.
    leaves: bool,
    place: Option<PlaceBody>,
    /// Why it is permitted to move, if it is.
    moves: Option<MovesBody>,
    tasks: Vec<TaskBody>,
    orders: Vec<OrderBody>,
}

#[derive(Debug, Serialize)]
struct PlaceBody {
    node: NodeName,
    zone: Option<String>,
    region: Option<String>,
    attributes: BTreeMap<String, String>,
    ports: BTreeMap<String, u16>,
    /// The handle of its place: the backend's own name for it.
    handle: String,
}

#[derive(Debug, Serialize)]
struct MovesBody {
    why: String,
    since: Millis,
}

#[derive(Debug, Serialize)]
struct TaskBody {
    name: TaskName,
    id: Option<String>,
    goal: Goal,
    /// The state, in the words of `/v1`.
    state: Option<&'static str>,
    /// What its backend says about its state.
    words: Option<String>,
    /// Whether its readiness check passes, while it runs.
    ready: Option<bool>,
    /// Since when its node is silent.
    silent: Option<Millis>,
    /// `PAUSING`, `PAUSED`, or `STARTING` for a task that is being resumed.
    pause: Option<&'static str>,
    launch: Option<Number>,
    launched: Option<Millis>,
    /// The latest launch that reached the goal.
    reached: Option<ReachedBody>,
    /// The configuration of the last launch.
    configuration: Option<String>,
    /// How often in a row it failed.
    failures: u32,
    /// How it last ended without being asked to. This stays until the task reaches its goal.
    trouble: Option<TroubleBody>,
    /// It is not launched before this time.
    delayed_until: Option<Millis>,
    /// The backend refused it for good, and why.
    refused: Option<String>,
    /// Since when it no longer runs as it should.
    down: Option<Millis>,
}

#[derive(Debug, Serialize)]
struct ReachedBody {
    launch: Number,
    configuration: String,
    at: Millis,
}

#[derive(Debug, Serialize)]
struct TroubleBody {
    launch: Number,
    end: End,
    at: Millis,
    /// What its backend said about that.
    words: Option<String>,
}

#[derive(Debug, Serialize)]
struct OrderBody {
    launch: Number,
    /// `step` or `recovery`.
    serves: &'static str,
    /// `wanted`, `clearing` or `given`.
    stage: &'static str,
    tasks: Vec<TaskName>,
    at: Millis,
}

impl PodBody {
    fn of(seen: Seen<'_>, service: &plan_core::spec::ServiceName, name: InstanceName, leaves: bool) -> Self {
        let record = seen.engine.pod(&name);
        let tasks = tasks_of(seen.engine, &name).into_iter().map(|(task, goal)| {
            let id = record
                .and_then(|record| record.task(&task)?.last())
                .map(|last| id(service, &name, &task, last.launch));
            TaskBody { id, ..TaskBody::of(seen, record, task, goal) }
        });
        let tasks = tasks.collect();
        Self {
            pod: name.pod.clone(),
            index: name.index,
            leaves,
            place: record.and_then(|record| record.place()).map(|place| PlaceBody {
                node: place.node.name.clone(),
                zone: place.node.zone.as_ref().map(ToString::to_string),
                region: place.node.region.as_ref().map(ToString::to_string),
                attributes: place
                    .node
                    .attributes
                    .iter()
                    .map(|(name, value)| (name.to_string(), value.to_string()))
                    .collect(),
                ports: place.ports.iter().map(|(name, port)| (name.to_string(), *port)).collect(),
                handle: place.handle.0.to_string(),
            }),
            moves: record.and_then(|record| record.relocation()).map(|relocation| MovesBody {
                why: relocation.cause.to_string(),
                since: seen.at(relocation.at),
            }),
            tasks,
            orders: record
                .into_iter()
                .flat_map(|record| record.orders())
                .map(|order| OrderBody {
                    launch: order.launch,
                    serves: match order.purpose {
                        Purpose::Step(_) => "step",
                        Purpose::Recovery => "recovery",
                    },
                    stage: match order.stage {
                        OrderStage::Requested => "wanted",
                        OrderStage::Displacing => "clearing",
                        OrderStage::Launched => "given",
                    },
                    tasks: order.tasks.iter().map(|of| of.task.clone()).collect(),
                    at: seen.at(order.at),
                })
                .collect(),
            name,
        }
    }
}

impl TaskBody {
    fn of(seen: Seen<'_>, record: Option<PodView<'_>>, name: TaskName, goal: Goal) -> Self {
        let known = record.and_then(|record| record.task(&name));
        let last = known.and_then(|known| known.last());
        let occupants =
            record.into_iter().flat_map(|record| record.slots()).filter_map(|slot| slot.occupant());
        let now = occupants.filter(|occupant| occupant.task == name).max_by_key(|occupant| occupant.launch);
        Self {
            id: None,
            goal,
            state: record.and_then(|record| state(record, &name, goal)),
            words: now.and_then(|now| now.words.as_ref()).map(ToString::to_string),
            ready: now.and_then(|now| match now.state {
                TaskState::Running { ready } => Some(ready),
                _ => None,
            }),
            silent: now.and_then(|now| now.silent).map(|since| seen.at(since)),
            pause: record.and_then(|record| paused(record, &name)).map(Pause::as_str),
            launch: last.map(|last| last.launch),
            launched: last.map(|last| seen.at(last.at)),
            reached: known.and_then(|known| known.reached()).map(|reached| ReachedBody {
                launch: reached.launch,
                configuration: reached.conf.to_string(),
                at: seen.at(reached.at),
            }),
            configuration: last.map(|last| last.conf.to_string()),
            failures: known.map_or(0, |known| known.failures()),
            trouble: known.and_then(|known| known.trouble()).map(|trouble| TroubleBody {
                launch: trouble.launch,
                end: trouble.end,
                at: seen.at(trouble.at),
                words: trouble.words.as_ref().map(ToString::to_string),
            }),
            delayed_until: known.and_then(|known| known.delayed_until()).map(|until| seen.at(until)),
            refused: known.and_then(|known| known.never()).map(|never| never.why.to_string()),
            down: known.and_then(|known| known.down()).map(|since| seen.at(since)),
            name,
        }
    }
}

/// `GET /v2/pods`.
pub(crate) async fn list(call: Call) -> Answer {
    let service = call.service().await?;
    let (name, now) = (service.name().clone(), service.now());
    let bodies = read(&service, move |engine| {
        let leavers: BTreeSet<_> = engine.leavers().into_iter().collect();
        let body = |instance: InstanceName| {
            let leaves = leavers.contains(&instance);
            PodBody::of(Seen { engine, now }, &name, instance, leaves)
        };
        instances(engine).into_iter().map(body).collect::<Vec<_>>()
    });
    ok(&bodies.await?)
}

/// `GET /v2/pods/{instance}`.
pub(crate) async fn show(call: Call) -> Answer {
    let service = call.service().await?;
    let (name, now, instance) = (service.name().clone(), service.now(), call.instance()?);
    let asked = instance.clone();
    let body = read(&service, move |engine| {
        let leaves = engine.leavers().contains(&asked);
        exists(engine, &asked).then(|| PodBody::of(Seen { engine, now }, &name, asked, leaves))
    });
    ok(&body.await?.ok_or_else(|| Problem::missing("Pod", instance))?)
}

/// `GET /v2/pods/{instance}/why`.
pub(crate) async fn why(call: Call) -> Answer {
    let service = call.service().await?;
    let (now, instance) = (service.now(), call.instance()?);
    let asked = instance.clone();
    let whys = read(&service, move |engine| {
        let whys = engine.why(&asked);
        let known = exists(engine, &asked) || !whys.is_empty();
        let body = |why: Why| WhyBody::of(Seen { engine, now }, why);
        known.then(|| whys.into_iter().map(body).collect::<Vec<_>>())
    });
    let bodies = whys.await?.ok_or_else(|| Problem::missing("Pod", instance))?;
    ok(&bodies)
}

async fn command(call: &Call, verb: Verb) -> Answer {
    let service = call.service().await?;
    replied(&service, call.say(&service, verb).await?).await
}

/// `POST /v2/pods/{instance}/restart`.
pub(crate) async fn restart(call: Call) -> Answer {
    let instance = call.instance()?;
    let tasks = call.tasks(&instance)?;
    command(&call, Verb::RestartPod { instance, tasks }).await
}

/// `POST /v2/pods/{instance}/replace`.
pub(crate) async fn replace(call: Call) -> Answer {
    let instance = call.instance()?;
    command(&call, Verb::ReplacePod { instance }).await
}

/// `POST /v2/pods/{instance}/pause`.
pub(crate) async fn pause(call: Call) -> Answer {
    let instance = call.instance()?;
    let tasks = call.tasks(&instance)?;
    command(&call, Verb::PausePod { instance, tasks }).await
}

/// `POST /v2/pods/{instance}/resume`.
pub(crate) async fn resume(call: Call) -> Answer {
    let instance = call.instance()?;
    let tasks = call.tasks(&instance)?;
    command(&call, Verb::ResumePod { instance, tasks }).await
}
