//! Where a service's tasks are reached.
//!
//! Invariant: what is listed runs now; whether it is ready stands beside it.

use std::net::Ipv4Addr;

use plan_core::engine::{Address, Seen};
use plan_core::spec::{Addresses, Discovery, InstanceName, PortName, ServiceName, TaskName, host_name};
use plan_driver::backend::{Identity, OpenPort, Reach};

use crate::inner::Inner;
use crate::run::Order;
use crate::vip::VipKey;

/// A port of a task that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The instance.
    pub instance: InstanceName,
    /// The task.
    pub task: TaskName,
    /// The port.
    pub port: PortName,
    /// Its number.
    pub number: u16,
    /// Whether the specification lists it among the service's endpoints.
    pub advertised: bool,
    /// Where it is: `127.0.0.1:NUMBER`.
    pub address: String,
    /// How others call it: `TASK.SERVICE.DOMAIN:NUMBER`, the task by its discovery prefix if it has one.
    pub dns: String,
    /// Whether the task is ready.
    pub ready: bool,
    /// The virtual address in front of it.
    pub vip: Option<VirtualAddress>,
}

/// One address for all ready tasks with the same prefix and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VirtualAddress {
    /// The first part of its name.
    pub prefix: String,
    /// Its port.
    pub port: u16,
    /// How others call it: `PREFIX.SERVICE.DOMAIN:PORT`.
    pub dns: String,
    /// Where it is: `127.0.0.1:PORT`.
    pub address: String,
    /// Why it does not lead there, if it does not.
    pub trouble: Option<String>,
}

/// The ports of a service's tasks that run, by instance and task.
pub(crate) fn list(inner: &Inner, of: &Identity) -> Vec<Endpoint> {
    let key = (of.service.clone(), of.installation.clone());
    let names = Names::new(&inner.options.addresses, &of.service);
    let state = inner.state();
    let mut found = Vec::new();
    for (run, is) in state.runs.of_service(&key) {
        let Seen::Running { ready } = is.seen(&state.book).seen else { continue };
        let host = names.host_of(&run.instance, &run.task, is.order.discovery.as_ref());
        for port in &is.order.ports {
            let vip = port.vip.as_ref().map(|vip| {
                let (prefix, number) = (vip.prefix.clone(), vip.port.get());
                let of = VipKey { service: key.clone(), prefix: prefix.clone(), port: number };
                VirtualAddress {
                    dns: names.of_vip(&prefix, number),
                    address: format!("127.0.0.1:{number}"),
                    trouble: inner.vips.trouble(&of),
                    prefix,
                    port: number,
                }
            });
            found.push(Endpoint {
                instance: run.instance.clone(),
                task: run.task.clone(),
                port: port.name.clone(),
                number: port.number,
                advertised: port.advertise,
                address: format!("127.0.0.1:{}", port.number),
                dns: format!("{host}:{}", port.number),
                ready,
                vip,
            });
        }
    }
    found
}

/// Where a task is reached while it runs: the nodes are this machine.
pub(crate) fn address(addresses: &Addresses, order: &Order) -> Address {
    let names = Names::new(addresses, &order.service);
    let vips = order.ports.iter().filter_map(|port| {
        let vip = port.vip.as_ref()?;
        Some((port.name.clone(), names.of_vip(&vip.prefix, vip.port.get()).into()))
    });
    Address {
        ip: Some(Ipv4Addr::LOCALHOST.into()),
        host: Some(names.host_of(&order.instance, &order.task, order.discovery.as_ref()).into()),
        ports: order.ports.iter().map(|port| (port.name.clone(), port.number)).collect(),
        vips: vips.collect(),
    }
}

/// How a port of a task with a place is reached: the nodes are this machine.
pub(crate) fn reach(inner: &Inner, port: &OpenPort<'_>) -> Reach {
    let names = Names::new(&inner.options.addresses, port.service);
    let state = inner.state();
    // One service has one installation at a time; what is left of another has ended.
    let run = state.runs.all().filter(|(key, _)| {
        key.service.0 == *port.service && key.instance == *port.instance && key.task == *port.task
    });
    let run = run.max_by_key(|(key, run)| (run.lives(), key.launch));
    let discovery = run.as_ref().and_then(|(_, run)| run.order.discovery.as_ref());
    let host = names.host_of(port.instance, port.task, discovery);
    Reach {
        address: format!("127.0.0.1:{}", port.number),
        dns: Some(format!("{host}:{}", port.number)),
        vip: port.vip.map(|vip| names.of_vip(&vip.prefix, vip.port.get())),
    }
}

/// How the tasks and virtual addresses of a service are called (C§1.12).
struct Names<'a> {
    addresses: &'a Addresses,
    host: String,
}

impl<'a> Names<'a> {
    fn new(addresses: &'a Addresses, service: &ServiceName) -> Self {
        Self { addresses, host: host_name(service) }
    }

    fn host_of(&self, instance: &InstanceName, task: &TaskName, discovery: Option<&Discovery>) -> String {
        let domain = &self.addresses.service_domain;
        match discovery {
            Some(Discovery { prefix, .. }) => format!("{prefix}-{}.{}.{domain}", instance.index, self.host),
            None => format!("{instance}-{task}.{}.{domain}", self.host),
        }
    }

    fn of_vip(&self, prefix: &str, number: u16) -> String {
        format!("{prefix}.{}.{}:{number}", self.host, self.addresses.vip_domain)
    }
}
