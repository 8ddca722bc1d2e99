//! Where a task is reached.
//!
//! Invariant: an address follows from the task's order, so it is the same for as long as the task runs.

use std::net::Ipv4Addr;

use plan_core::engine::Address;
use plan_core::spec::{Addresses, Discovery, InstanceName, ServiceName, TaskName, host_name};

use crate::run::Order;

/// Where a task is reached while it runs. All nodes are this machine.
pub(crate) fn of_order(addresses: &Addresses, order: &Order) -> Address {
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

/// The DNS names of the tasks and virtual addresses of a service (SDK rules R23 and R48).
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
