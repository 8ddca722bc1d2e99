//! Endpoints (C§6.3): the ports that a service shows.
//!
//! Invariant: a port is one if it is advertised or has a virtual address; ports of one name are one endpoint.

use std::collections::BTreeMap;

use plan_core::engine::Engine;
use plan_core::spec::placement::NodeFacts;
use plan_core::spec::{Goal, InstanceName, Port, PortName, TaskName};
use plan_driver::Service;
use plan_driver::backend::OpenPort;
use serde::Serialize;
use std::sync::Arc;

use crate::api::call::{Call, read};
use crate::api::problem::Problem;
use crate::api::reply::{Answer, ok};

/// Where an endpoint is reached.
#[derive(Debug, Default, Serialize)]
struct EndpointBody {
    address: Vec<String>,
    dns: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vip: Option<String>,
}

/// A port of an instance that has a place.
struct Open {
    instance: InstanceName,
    task: TaskName,
    node: Arc<NodeFacts>,
    name: PortName,
    port: Port,
    number: u16,
}

impl Open {
    fn endpoint(&self) -> &str {
        self.port.vip.as_ref().map_or(self.name.as_str(), |vip| vip.prefix.as_str())
    }
}

/// The ports that are shown, of instances that have a place.
fn open(engine: &Engine) -> Vec<Open> {
    let mut all = Vec::new();
    let Some(model) = engine.model() else { return all };
    for (instance, record) in engine.pods() {
        let Some(place) = &record.place() else { continue };
        let Some(pod) = model.spec().pods().get(&instance.pod) else { continue };
        for (name, number) in &place.ports {
            let sets = pod.resource_sets.iter();
            let declared =
                sets.flat_map(|(set, of)| of.ports.iter().map(move |(name, port)| (set, name, port)));
            let Some((set, _, port)) = declared.into_iter().find(|(_, declared, _)| *declared == name) else {
                continue;
            };
            if !port.advertise && port.vip.is_none() {
                continue;
            }
            let users = || pod.tasks.iter().filter(|(_, task)| task.resource_set == *set);
            let runs = users().find(|(_, task)| task.goal == Goal::Running).or_else(|| users().next());
            let Some((task, _)) = runs else { continue };
            all.push(Open {
                instance: instance.clone(),
                task: task.clone(),
                node: place.node.clone(),
                name: name.clone(),
                port: port.clone(),
                number: *number,
            });
        }
    }
    all
}

async fn endpoints(service: &Service) -> Result<BTreeMap<String, EndpointBody>, Problem> {
    let mut endpoints: BTreeMap<String, EndpointBody> = BTreeMap::new();
    for open in read(service, open).await? {
        let reach = service.reach(&OpenPort {
            service: service.name(),
            instance: &open.instance,
            task: &open.task,
            node: &open.node,
            port: &open.name,
            number: open.number,
            vip: open.port.vip.as_ref(),
        });
        let body = endpoints.entry(open.endpoint().to_owned()).or_default();
        body.address.push(reach.address);
        body.dns.extend(reach.dns);
        body.vip = body.vip.take().or(reach.vip);
    }
    Ok(endpoints)
}

/// `GET /v1/endpoints`.
pub(in crate::api) async fn list(call: Call) -> Answer {
    let service = call.service().await?;
    ok(&endpoints(&service).await?.into_keys().collect::<Vec<_>>())
}

/// `GET /v1/endpoints/{endpoint}`.
pub(in crate::api) async fn show(call: Call) -> Answer {
    let service = call.service().await?;
    let name = call.param("endpoint");
    let mut all = endpoints(&service).await?;
    match all.remove(name) {
        Some(body) => ok(&body),
        None => {
            let known: Vec<String> = all.into_keys().collect();
            let hint = if known.is_empty() {
                "no port is advertised, or nothing has a place yet".to_owned()
            } else {
                format!("the endpoints are: {}", known.join(", "))
            };
            Err(Problem::missing("Endpoint", name).hint(hint))
        }
    }
}
