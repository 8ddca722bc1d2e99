//! Endpoints (SDK rule R73): the public ports of a service.
//!
//! Invariant: a port is an endpoint if it is advertised. Ports of one name are one endpoint. A virtual address is a part of
//! its port's endpoint. Addresses come from the records. No backend is asked.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use plan_core::engine::{Address, Engine, Place, PodView};
use plan_core::spec::{PodSpec, PortName, ResourceSetName};
use serde::Serialize;

use crate::call::{Call, read};
use crate::problem::Problem;
use crate::reply::{Answer, ok};

/// Where an endpoint is reached.
#[derive(Debug, Default, Serialize)]
struct EndpointBody {
    address: Vec<String>,
    dns: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vip: Option<String>,
}

impl EndpointBody {
    /// Adds a port. A task without an address, or one that does not run, is listed at the node of its instance.
    fn add(&mut self, port: &PortName, number: u16, place: &Place, address: Option<&Address>) {
        let told = address.and_then(|address| address.ports.iter().find(|(name, _)| name == port));
        let number = told.map_or(number, |(_, number)| *number);
        let host = address.and_then(|address| address.host.as_deref());
        self.address.push(match address.and_then(|address| address.ip) {
            Some(ip) => SocketAddr::new(ip, number).to_string(),
            None => format!("{}:{number}", host.unwrap_or(place.node.name.as_str())),
        });
        self.dns.extend(host.map(|host| format!("{host}:{number}")));
        let vip = || address?.vips.iter().find(|(name, _)| name == port).map(|(_, vip)| vip.to_string());
        self.vip = self.vip.take().or_else(vip);
    }
}

/// The endpoints of all instances that have a place, from their records.
fn endpoints(engine: &Engine) -> BTreeMap<String, EndpointBody> {
    let mut endpoints: BTreeMap<String, EndpointBody> = BTreeMap::new();
    let Some(model) = engine.model() else { return endpoints };
    for (instance, record) in engine.pods() {
        let Some(place) = record.place() else { continue };
        let Some(pod) = model.spec().pods().get(&instance.pod) else { continue };
        for (name, number) in &place.ports {
            let Some(set) = advertised(pod, name) else { continue };
            let body = endpoints.entry(name.to_string()).or_default();
            body.add(name, *number, place, address(record, set));
        }
    }
    endpoints
}

/// The resource set of a pod that has a port, if the port is advertised.
fn advertised<'a>(pod: &'a PodSpec, port: &PortName) -> Option<&'a ResourceSetName> {
    let mut all = pod.resource_sets.iter().flat_map(|(set, of)| of.ports.iter().map(move |port| (set, port)));
    all.find(|(_, (name, of))| name == port && of.advertise).map(|(set, _)| set)
}

/// Where the task in a resource set is reached, according to the last word of the backend.
fn address<'a>(record: PodView<'a>, set: &ResourceSetName) -> Option<&'a Address> {
    record.slot(set)?.occupant()?.address.as_deref()
}

/// `GET /v1/endpoints`.
pub(crate) async fn list(call: Call) -> Answer {
    let service = call.service().await?;
    ok(&read(&service, endpoints).await?.into_keys().collect::<Vec<_>>())
}

/// `GET /v1/endpoints/{endpoint}`.
pub(crate) async fn show(call: Call) -> Answer {
    let service = call.service().await?;
    let name = call.param("endpoint");
    let mut all = read(&service, endpoints).await?;
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use plan_core::engine::{Domains, Handle};
    use plan_core::spec::NodeName;
    use plan_core::spec::placement::NodeFacts;

    use super::*;

    #[test]
    fn a_port_is_where_its_task_says_or_else_at_its_place() {
        let name = NodeName::new("agent-3").unwrap();
        let node = NodeFacts { name, region: None, zone: None, attributes: BTreeMap::new() };
        let place = Place {
            node: Arc::new(node),
            ports: Vec::new(),
            handle: Handle("room".into()),
            since: 1,
            domains: Domains::default(),
            principal: None,
        };
        let web = PortName::new("web").unwrap();
        let host = Some("web-0.svc.cluster".into());
        let vips = vec![(web.clone(), "web.svc.vip:80".into())];
        let inside = vec![(web.clone(), 80)];
        let table = [
            (None, "agent-3:31000", None, None),
            (Some(Address::default()), "agent-3:31000", None, None),
            (
                Some(Address { ip: "10.0.0.7".parse().ok(), ..Address::default() }),
                "10.0.0.7:31000",
                None,
                None,
            ),
            (
                Some(Address { ip: "fd00::7".parse().ok(), ports: inside, ..Address::default() }),
                "[fd00::7]:80",
                None,
                None,
            ),
            (
                Some(Address { host, vips, ..Address::default() }),
                "web-0.svc.cluster:31000",
                Some("web-0.svc.cluster:31000"),
                Some("web.svc.vip:80"),
            ),
        ];
        for (told, address, dns, vip) in table {
            let mut body = EndpointBody::default();
            body.add(&web, 31000, &place, told.as_ref());
            let expected = (vec![address.to_owned()], dns.map(str::to_owned), vip.map(str::to_owned));
            assert_eq!((body.address, body.dns.pop(), body.vip), expected, "{told:?}");
        }
    }
}
