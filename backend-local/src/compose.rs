//! Makes an order for a shim from a task's configuration.
//!
//! Invariant: a task that cannot run is refused here, with a reason, before anything is made. The order has everything
//! that the shim and the checks need, and only those variables of the scheduler's environment that the options name.

use std::collections::BTreeMap;

use plan_core::engine::{Launch, LaunchTask};
use plan_core::plan::ContentHash;
use plan_core::spec::{
    ConfigFile, LaunchPlace, Limit, PortName, RLimit, RLimitName, TaskSpec, launch_environment,
};
use plan_driver::backend::Identity;
use rustix::process::{geteuid, getrlimit};

use crate::inner::Inner;
use crate::layout::{RunFolder, relative};
use crate::reap::MARK;
use crate::run::{GivenPort, MemoryGroup, Order};
use crate::shim;

/// What a paused task runs in place of its command.
const WAIT: &str = "while :; do sleep 3600; done";

/// The order for a task of a launch.
pub(crate) fn order(
    inner: &Inner,
    identity: &Identity,
    launch: &Launch,
    task: &LaunchTask,
    folder: &RunFolder,
    nonce: String,
) -> Result<Order, String> {
    let config = &task.config;
    let numbers: BTreeMap<PortName, u16> = launch.ports.iter().cloned().collect();
    let parameters = launch.parameters.as_deref().cloned().unwrap_or_default();
    let mut environment = inner.options.environment.clone();
    environment.extend(launch_environment(&LaunchPlace {
        service: &identity.service,
        pod: &config.pod,
        index: launch.instance.index,
        task: &config.task,
        spec: &config.spec,
        resources: Some(&config.resources),
        region_referenced: launch.domains.region,
        zone_referenced: launch.domains.zone,
        node: Some(&launch.node),
        ports: &numbers,
        parameters: &parameters,
        addresses: &inner.addresses(),
    }));
    let sandbox = folder.sandbox().to_string_lossy().into_owned();
    environment.insert("MESOS_SANDBOX".to_owned(), sandbox.clone());
    environment.insert("PWD".to_owned(), sandbox);
    environment.insert("MESOS_CONTAINER_IP".to_owned(), "127.0.0.1".to_owned());
    environment.insert(MARK.to_owned(), folder.path().to_string_lossy().into_owned());
    check_texts(&config.spec, &environment)?;
    config.spec.configs.iter().try_for_each(|(name, config)| check_path(name, config))?;
    let rlimits: Vec<_> = config.carried.rlimits.iter().map(|(name, limit)| (*name, *limit)).collect();
    for (name, limit) in &rlimits {
        within(*name, *limit, most(*name))?;
    }
    let ports = config.resources.ports.iter().filter_map(|(name, port)| {
        let number = *numbers.get(name)?;
        Some(GivenPort { name: name.clone(), number, vip: port.vip.clone() })
    });
    Ok(Order {
        nonce,
        service: identity.service.clone(),
        installation: identity.installation.clone(),
        instance: launch.instance.clone(),
        task: config.task.clone(),
        launch: launch.launch,
        node: launch.node.name.clone(),
        handle: launch.handle.clone(),
        paused: task.paused,
        command: if task.paused { WAIT.to_owned() } else { config.spec.cmd.clone() },
        ports: ports.collect(),
        environment,
        rlimits,
        kill_signal: config.spec.kill_signal,
        grace: config.spec.kill_grace_period.0,
        output: inner.options.output,
        memory: memory(inner, folder, launch, task),
        health: config.spec.health_check.clone(),
        readiness: config.spec.readiness_check.clone(),
        discovery: config.spec.discovery.clone(),
        resources: Some((config.spec.resource_set.clone(), (*config.resources).clone())),
    })
}

/// The limit on a task's memory: its `resource-limits.memory`, or else its `memory` (SDK rule R21). `None` if the
/// system cannot limit memory.
fn memory(inner: &Inner, folder: &RunFolder, launch: &Launch, task: &LaunchTask) -> Option<MemoryGroup> {
    let control = inner.kind.memory().as_ref().ok()?;
    let resources = &task.config.resources;
    let megabytes = match resources.limits.memory {
        Some(Limit::Unlimited) => return None,
        Some(Limit::AtMost(limit)) => limit.get(),
        None => resources.memory?.get(),
    };
    // Each run has a folder of its own, even if two data folders have the same service.
    let own = ContentHash::of(folder.path().as_os_str().as_encoded_bytes());
    let name = format!("{}-{}-{}-{own}", launch.instance, task.config.task, launch.launch);
    Some(control.group(&name, megabytes.saturating_mul(1 << 20)))
}

/// No process can have such a variable.
fn check_texts(task: &TaskSpec, environment: &BTreeMap<String, String>) -> Result<(), String> {
    let checks = [
        ("health-check", task.health_check.as_ref().map(|check| &check.cmd)),
        ("readiness-check", task.readiness_check.as_ref().map(|check| &check.cmd)),
        ("cmd", Some(&task.cmd)),
    ];
    for (what, text) in checks {
        if text.is_some_and(|text| text.contains('\0')) {
            return Err(format!("`{what}` holds a NUL character, which no command can hold: take it out"));
        }
    }
    for (name, value) in environment {
        if name.is_empty() || name.contains(['\0', '=']) {
            return Err(format!("`{}` cannot name an environment variable", name.escape_debug()));
        }
        if value.contains('\0') {
            return Err(format!(
                "the environment variable `{name}` holds a NUL character, which none can hold: take it out"
            ));
        }
    }
    Ok(())
}

/// Files are rendered only into the sandbox.
pub(crate) fn check_path(name: &str, config: &ConfigFile) -> Result<(), String> {
    relative(&config.dest)
        .map_err(|why| format!("the `dest` of the config `{name}`, `{}`, {why}", config.dest))?;
    if name.contains('/') || relative(name).is_err() {
        return Err(format!("the config name `{name}` cannot name a file"));
    }
    Ok(())
}

/// The highest limit that a process may get; `None` is unlimited. A process without privileges cannot raise its limits.
pub(crate) fn most(name: RLimitName) -> Option<u64> {
    if geteuid().is_root() { None } else { getrlimit(shim::resource(name)).maximum }
}

/// Whether a limit is not above the highest one that a process may get; `None` is unlimited.
pub(crate) fn within(name: RLimitName, limit: RLimit, most: Option<u64>) -> Result<(), String> {
    let wanted = match limit {
        RLimit::Unlimited => None,
        RLimit::Limited { hard, .. } => Some(hard),
    };
    let Some(most) = most.filter(|most| wanted.is_none_or(|wanted| wanted > *most)) else { return Ok(()) };
    Err(format!(
        "{} cannot be {}: this machine allows {most} at most; lower it, or raise the machine's limit",
        name.as_str(),
        wanted.map_or("unlimited".to_owned(), |wanted| wanted.to_string()),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_not_raised_above_the_machines() {
        let at_most = |hard| RLimit::Limited { soft: 1, hard };
        let check = |limit, most| within(RLimitName::Nofile, limit, most);
        for (limit, most) in
            [(at_most(8), Some(8)), (at_most(8), None), (RLimit::Unlimited, None), (at_most(0), Some(1))]
        {
            assert_eq!(check(limit, most), Ok(()), "{limit:?} {most:?}");
        }
        let refused = |text: &str| {
            Err(format!(
                "RLIMIT_NOFILE cannot be {text}: this machine allows 8 at most; lower it, or raise the machine's limit"
            ))
        };
        assert_eq!(check(at_most(9), Some(8)), refused("9"));
        assert_eq!(check(RLimit::Unlimited, Some(8)), refused("unlimited"));
    }
}
