//! The comparison of tasks, and of the resources that they run in.

use super::ChangeVerdict;
use super::compare::{At, Comparer};
use crate::spec::names::ResourceSetName;
use crate::spec::pod::PodSpec;
use crate::spec::resources::{Limit, Port, PortChoice, PortRange, Ports, ResourceLimits, ResourceSet, Vip};
use crate::spec::task::{ConfigFile, Discovery, HealthCheck, ReadinessCheck, TaskSpec, TransportEncryption};
use crate::spec::units::{Seconds, Thousandths};

impl Comparer {
    pub(super) fn tasks(&mut self, at: &At<'_>, old: &PodSpec, new: &PodSpec) {
        let cmd = |task: &TaskSpec| task.cmd.clone();
        for (name, before) in &old.tasks {
            self.task = Some(name.clone());
            let after = new.tasks.get(name);
            self.part(&at.name(name.as_str()), Some(before), after, cmd, |this, at, before, after| {
                this.task(at, (old, before), (new, after));
            });
        }
        for (name, task) in new.tasks.iter().filter(|(name, _)| !old.tasks.contains_key(*name)) {
            self.task = Some(name.clone());
            self.put(&at.name(name.as_str()), None, Some(cmd(task)));
        }
        self.task = None;
    }

    fn task(
        &mut self,
        at: &At<'_>,
        (old_pod, old): (&PodSpec, &TaskSpec),
        (new_pod, new): (&PodSpec, &TaskSpec),
    ) {
        let TaskSpec {
            goal,
            essential,
            cmd,
            env,
            configs,
            resource_set,
            health_check,
            readiness_check,
            discovery,
            labels,
            kill_grace_period,
            kill_signal,
            transport_encryption,
            ipc_mode,
            shm_size,
        } = old;
        self.value(&at.key("goal"), goal, &new.goal, super::word);
        self.value(&at.key("essential"), essential, &new.essential, bool::to_string);
        self.value(&at.key("cmd"), cmd, &new.cmd, Clone::clone);
        let leaf = |this: &mut Self, at: &At<'_>, old: &String, new: &String| {
            this.value(at, old, new, Clone::clone);
        };
        self.named(&at.key("env"), env, &new.env, Clone::clone, leaf);
        let dest = |config: &ConfigFile| format!("{} to {}", config.template, config.dest);
        self.named(&at.key("configs"), configs, &new.configs, dest, Self::config);
        if *resource_set != new.resource_set {
            let loses = old_pod.resource_sets.get(resource_set).is_some_and(|set| !set.volumes.is_empty());
            let verdict = if loses { ChangeVerdict::Refused } else { ChangeVerdict::Restarts };
            // A file gives no name to a resource set of the task's own.
            let shown =
                |pod: &PodSpec, set: &ResourceSetName| pod.owner(set).is_none().then(|| set.to_string());
            let (old, new) = (shown(old_pod, resource_set), shown(new_pod, &new.resource_set));
            self.put_as(Some(verdict), &at.key("resource-set"), old, new);
        }
        let (check, after) = (health_check.as_ref(), new.health_check.as_ref());
        self.part(&at.key("health-check"), check, after, |check| check.cmd.clone(), Self::health_check);
        let (check, after) = (readiness_check.as_ref(), new.readiness_check.as_ref());
        let readiness = at.key("readiness-check");
        self.part(&readiness, check, after, |check| check.cmd.clone(), Self::readiness_check);
        let (discovery, after) = (discovery.as_ref(), new.discovery.as_ref());
        let prefix = |discovery: &Discovery| discovery.prefix.clone();
        self.part(&at.key("discovery"), discovery, after, prefix, |this, at, old, new| {
            let Discovery { prefix, visibility } = old;
            this.value(&at.key("prefix"), prefix, &new.prefix, Clone::clone);
            this.value(&at.key("visibility"), visibility, &new.visibility, super::word);
        });
        self.named(&at.key("labels"), labels, &new.labels, Clone::clone, leaf);
        let grace = at.key("kill-grace-period");
        self.value(&grace, kill_grace_period, &new.kill_grace_period, ToString::to_string);
        self.value(&at.key("kill-signal"), kill_signal, &new.kill_signal, super::word);
        let certificates = at.key("transport-encryption");
        self.value(&certificates, transport_encryption, &new.transport_encryption, |all| {
            let shown =
                all.iter().map(|TransportEncryption { name, kind }| format!("{name} {}", super::word(kind)));
            shown.collect::<Vec<_>>().join(", ")
        });
        self.maybe(&at.key("ipc-mode"), ipc_mode.as_ref(), new.ipc_mode.as_ref(), super::word);
        self.maybe(&at.key("shm-size"), shm_size.as_ref(), new.shm_size.as_ref(), ToString::to_string);
    }

    fn config(&mut self, at: &At<'_>, old: &ConfigFile, new: &ConfigFile) {
        let ConfigFile { template, dest, render, text } = old;
        self.value(&at.key("template"), template, &new.template, Clone::clone);
        self.value(&at.key("dest"), dest, &new.dest, Clone::clone);
        self.value(&at.key("render"), render, &new.render, ToString::to_string);
        self.maybe(&at.key("text"), text.as_ref(), new.text.as_ref(), Clone::clone);
    }

    fn health_check(&mut self, at: &At<'_>, old: &HealthCheck, new: &HealthCheck) {
        let HealthCheck { cmd, interval, grace_period, max_consecutive_failures, delay, timeout } = old;
        self.value(&at.key("cmd"), cmd, &new.cmd, Clone::clone);
        self.value(&at.key("interval"), interval, &new.interval, Seconds::to_string);
        self.value(&at.key("grace-period"), grace_period, &new.grace_period, Seconds::to_string);
        let most = at.key("max-consecutive-failures");
        self.value(&most, max_consecutive_failures, &new.max_consecutive_failures, ToString::to_string);
        self.value(&at.key("delay"), delay, &new.delay, Seconds::to_string);
        self.value(&at.key("timeout"), timeout, &new.timeout, Seconds::to_string);
    }

    fn readiness_check(&mut self, at: &At<'_>, old: &ReadinessCheck, new: &ReadinessCheck) {
        let ReadinessCheck { cmd, interval, delay, timeout } = old;
        self.value(&at.key("cmd"), cmd, &new.cmd, Clone::clone);
        self.value(&at.key("interval"), interval, &new.interval, Seconds::to_string);
        self.value(&at.key("delay"), delay, &new.delay, Seconds::to_string);
        self.value(&at.key("timeout"), timeout, &new.timeout, Seconds::to_string);
    }

    /// Compares the resource sets of a pod. The path of a set that belongs to one task is inside the task.
    pub(super) fn sets(&mut self, at: &At<'_>, old: &PodSpec, new: &PodSpec) {
        let (tasks, sets) = (at.key("tasks"), at.key("resource-sets"));
        for (name, before) in &old.resource_sets {
            let after = new.resource_sets.get(name);
            if after == Some(before) {
                continue;
            }
            let owner = if after.is_some() { new } else { old }.owner(name).cloned();
            let at = match &owner {
                Some(task) => tasks.name(task.as_str()),
                None => sets.name(name.as_str()),
            };
            if owner.is_none() && after.is_none() {
                self.put(&at, Some(super::json(before)), None);
            }
            self.task = owner.clone();
            match after {
                Some(after) => self.resources(&at, before, after),
                None => self.volumes(&at.key("volumes"), &before.volumes, &[]),
            }
            self.task = None;
        }
        for (name, set) in new.resource_sets.iter().filter(|(name, _)| !old.resource_sets.contains_key(*name))
        {
            if new.owner(name).is_none() {
                self.put(&sets.name(name.as_str()), None, Some(super::json(set)));
            }
        }
    }

    fn resources(&mut self, at: &At<'_>, old: &ResourceSet, new: &ResourceSet) {
        let ResourceSet { cpus, gpus, memory, ports, volumes, limits } = old;
        let share = Thousandths::to_string;
        self.maybe(&at.key("cpus"), cpus.as_ref(), new.cpus.as_ref(), share);
        self.maybe(&at.key("gpus"), gpus.as_ref(), new.gpus.as_ref(), share);
        self.maybe(&at.key("memory"), memory.as_ref(), new.memory.as_ref(), ToString::to_string);
        fn by_name(ports: &Ports) -> Vec<(&str, &Port)> {
            ports.iter().map(|(name, port)| (name.as_str(), port)).collect()
        }
        self.listed(&at.key("ports"), &by_name(ports), &by_name(&new.ports), number, Self::port);
        self.volumes(&at.key("volumes"), volumes, &new.volumes);
        let ResourceLimits { cpus, memory } = limits;
        let at = at.key("resource-limits");
        self.maybe(&at.key("cpus"), cpus.as_ref(), new.limits.cpus.as_ref(), limit);
        self.maybe(&at.key("memory"), memory.as_ref(), new.limits.memory.as_ref(), limit);
    }

    fn port(&mut self, at: &At<'_>, old: &Port, new: &Port) {
        let Port { number: _, env_key, advertise, vip } = old;
        self.value(&at.key("port"), &number(old), &number(new), Clone::clone);
        self.value(&at.key("ranges"), ranges(old), ranges(new), |ranges| {
            let shown = ranges.iter().map(|PortRange { begin, end }| format!("{begin}-{end}"));
            shown.collect::<Vec<_>>().join(", ")
        });
        self.maybe(&at.key("env-key"), env_key.as_ref(), new.env_key.as_ref(), Clone::clone);
        self.value(&at.key("advertise"), advertise, &new.advertise, bool::to_string);
        let shown = |Vip { prefix, port }: &Vip| format!("{prefix}:{port}");
        self.part(&at.key("vip"), vip.as_ref(), new.vip.as_ref(), shown, |this, at, old, new| {
            let Vip { prefix, port } = old;
            this.value(&at.key("port"), port, &new.port, ToString::to_string);
            this.value(&at.key("prefix"), prefix, &new.prefix, Clone::clone);
        });
    }
}

/// A port's number as a file has it: 0 for a dynamic port.
fn number(port: &Port) -> String {
    match &port.number {
        PortChoice::Static(number) => number.to_string(),
        PortChoice::Dynamic(_) => "0".to_owned(),
    }
}

fn ranges(port: &Port) -> &[PortRange] {
    match &port.number {
        PortChoice::Static(_) => &[],
        PortChoice::Dynamic(ranges) => ranges,
    }
}

fn limit<T: ToString>(limit: &Limit<T>) -> String {
    match limit {
        Limit::Unlimited => "unlimited".to_owned(),
        Limit::AtMost(most) => most.to_string(),
    }
}
