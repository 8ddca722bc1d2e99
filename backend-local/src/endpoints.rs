//! Where a service's tasks are reached.
//!
//! Invariant: what is listed runs now; whether it is ready stands beside it.

use plan_core::engine::Seen;
use plan_core::spec::{InstanceName, PortName, TaskName, host_name};
use plan_driver::backend::Identity;

use crate::local::Local;
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

impl Local {
    /// The ports of a service's tasks that run, by instance and task.
    pub fn endpoints(&self, of: &Identity) -> Vec<Endpoint> {
        let inner = self.inner();
        let key = (of.service.clone(), of.installation.clone());
        let host = host_name(&of.service);
        let addresses = &inner.options.addresses;
        let state = inner.state();
        let mut found = Vec::new();
        for (run, is) in state.runs_of(&key) {
            let Seen::Running { ready } = state.view(is) else { continue };
            let name = match &is.order.discovery {
                Some(discovery) => format!("{}-{}", discovery.prefix, run.instance.index),
                None => format!("{}-{}", run.instance, run.task),
            };
            for port in &is.order.ports {
                let vip = port.vip.as_ref().map(|vip| {
                    let (prefix, number) = (vip.prefix.clone(), vip.port.get());
                    let of = VipKey { service: key.clone(), prefix: prefix.clone(), port: number };
                    VirtualAddress {
                        dns: format!("{prefix}.{host}.{}:{number}", addresses.vip_domain),
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
                    dns: format!("{name}.{host}.{}:{}", addresses.service_domain, port.number),
                    ready,
                    vip,
                });
            }
        }
        found
    }
}
