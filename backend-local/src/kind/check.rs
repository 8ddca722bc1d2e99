//! What this machine does not support in a specification.
//!
//! Invariant: every key of a specification is either supported, or is reported here. It is an error if a command would
//! run in other surroundings than declared, or write where it must not. It is a warning if the command runs the same
//! and is only less isolated.

use std::collections::BTreeMap;

use plan_core::spec::{
    Goal, IpcMode, Limit, PodName, PodSpec, RLimitName, ResourceSet, Seccomp, ServiceSpec, TaskSpec, Volume,
    VolumeKind, VolumeMode,
};
use plan_driver::backend::Finding;

use super::rules;
use crate::command::{Then, missing};
use crate::compose::{check_path, within};
use crate::fetch::Source;
use crate::layout::relative;
use crate::memory::MemoryControl;

/// What this machine has to offer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Machine<'a> {
    /// Where memory can be limited, or why it cannot.
    pub(super) memory: &'a Result<MemoryControl, String>,
    /// The variables that every task has in its environment.
    pub(super) environment: &'a BTreeMap<String, String>,
    /// The highest limit on processes; `None` is unlimited.
    pub(super) most: fn(RLimitName) -> Option<u64>,
}

/// Everything that is not supported.
pub(super) fn of(spec: &ServiceSpec, machine: Machine<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some(user) = &spec.scheduler().user {
        let message = format!("tasks run as the user that runs the scheduler, and not as `{user}`");
        found.push(Finding::warning(&rules::USER, "scheduler.user", message));
    }
    for (name, pod) in spec.pods() {
        of_pod(&mut found, name, pod, machine);
    }
    found
}

fn of_pod(found: &mut Vec<Finding>, name: &PodName, pod: &PodSpec, machine: Machine<'_>) {
    let at = |rest: &str| format!("pods.{name}.{rest}");
    if let Some(image) = &pod.image {
        let message = format!(
            "there are no containers here: the commands would run on this machine itself, and not in `{image}`"
        );
        let help = "leave the image out, and fetch what it holds with `uris`";
        found.push(Finding::error(&rules::IMAGE, at("image"), message).help(help));
    }
    for (network, of) in &pod.networks {
        let path = at(&format!("networks.{network}"));
        found.push(match of.ports.iter().find(|port| port.host != port.container) {
            Some(port) => {
                let message = format!(
                    "port {} would have to lead to {}: tasks share this machine's ports, and nothing maps them",
                    port.host, port.container
                );
                let help = "let the task listen on the port that others ask, and leave the mapping out";
                Finding::error(&rules::NETWORK, path, message).help(help)
            }
            None => Finding::warning(&rules::NETWORK, path, "tasks are on this machine's own network"),
        });
    }
    for (limit, of) in &pod.rlimits {
        if let Err(why) = within(*limit, *of, (machine.most)(*limit)) {
            let path = at(&format!("rlimits.{}", limit.as_str()));
            found.push(Finding::error(&rules::RLIMIT, path, why));
        }
    }
    for (nth, uri) in pod.uris.iter().enumerate() {
        if let Err(why) = Source::parse(uri) {
            found.push(Finding::error(&rules::URI, at(&format!("uris[{nth}]")), why));
        }
    }
    of_volumes(found, &format!("pods.{name}"), &pod.volumes);
    for (volume, of) in &pod.host_volumes {
        let path = at(&format!("host-volumes.{volume}"));
        if of.mode == VolumeMode::Ro {
            let message = "it is read-only, and a task could write there";
            let help = "declare it `RW`, or leave it out here";
            let path = format!("{path}.mode");
            found.push(Finding::error(&rules::HOST_VOLUME, path, message).help(help));
        }
        if let Err(why) = relative(&of.container_path) {
            let message = format!("`{}` {why}", of.container_path);
            let path = format!("{path}.container-path");
            found.push(Finding::error(&rules::HOST_VOLUME, path, message));
        }
    }
    for volume in pod.external_volumes.keys() {
        let path = at(&format!("external-volumes.{volume}"));
        let help = "use a volume of the pod, or a host volume";
        let finding = Finding::error(&rules::EXTERNAL_VOLUME, path, "there are no volume drivers here");
        found.push(finding.help(help));
    }
    for secret in pod.secrets.keys() {
        let path = at(&format!("secrets.{secret}"));
        let help = "give the value in the task's `env`, or as a file by a host volume";
        found.push(Finding::error(&rules::SECRET, path, "there is no secret store here").help(help));
    }
    if let Some(role) = &pod.pre_reserved_role {
        let message = format!("there are no roles here: `{role}` has no effect");
        found.push(Finding::warning(&rules::ROLE, at("pre-reserved-role"), message));
    }
    if let Some(Seccomp::Profile(profile)) = &pod.seccomp {
        let message = format!("system calls are not filtered here: `{profile}` would have no effect");
        found.push(Finding::error(&rules::SECCOMP, at("seccomp-profile-name"), message));
    }
    of_shared(found, &format!("pods.{name}"), pod.ipc_mode, pod.shm_size.is_some());
    for (set, of) in &pod.resource_sets {
        // The path at which the file has it.
        let path = match pod.owner(set) {
            Some(task) => format!("tasks.{task}"),
            None => format!("resource-sets.{set}"),
        };
        of_set(found, &at(&path), of, machine.memory);
    }
    for (task, of) in &pod.tasks {
        let path = at(&format!("tasks.{task}"));
        of_commands(found, &path, pod, of, machine.environment);
        for (config, of) in &of.configs {
            if let Err(why) = check_path(config, of) {
                found.push(Finding::error(&rules::CONFIG, format!("{path}.configs.{config}.dest"), why));
            }
        }
        if !of.transport_encryption.is_empty() {
            let message = "no one makes certificates here";
            let help = "leave it out, and give files by a host volume";
            let path = format!("{path}.transport-encryption");
            found.push(Finding::error(&rules::CERTIFICATE, path, message).help(help));
        }
        of_shared(found, &path, of.ipc_mode, of.shm_size.is_some());
    }
}

/// What tasks share with the whole machine, whatever they or their pod ask for.
fn of_shared(found: &mut Vec<Finding>, path: &str, ipc_mode: Option<IpcMode>, shm_size: bool) {
    if ipc_mode == Some(IpcMode::Private) {
        let message = "tasks share this machine's inter-process communication";
        found.push(Finding::warning(&rules::SHARED_MEMORY, format!("{path}.ipc-mode"), message));
    }
    if shm_size {
        let message = "tasks share this machine's shared memory, whatever its size";
        found.push(Finding::warning(&rules::SHARED_MEMORY, format!("{path}.shm-size"), message));
    }
}

/// A missing command ends the task at once, and a missing check never passes.
fn of_commands(
    found: &mut Vec<Finding>,
    path: &str,
    pod: &PodSpec,
    task: &TaskSpec,
    environment: &BTreeMap<String, String>,
) {
    let mut environment = environment.clone();
    environment.extend(task.env.iter().map(|(name, value)| (name.clone(), value.clone())));
    let commands = [
        ("cmd", Some(&task.cmd)),
        ("health-check.cmd", task.health_check.as_ref().map(|check| &check.cmd)),
        ("readiness-check.cmd", task.readiness_check.as_ref().map(|check| &check.cmd)),
    ];
    // A task that finishes before others start may bring the commands that they run.
    let may_be_brought = pod.tasks.values().any(|other| other != task && other.goal != Goal::Running);
    for (key, text) in commands {
        let Some(missing) = text.and_then(|text| missing(text, &environment)) else { continue };
        let path = format!("{path}.{key}");
        found.push(match missing.then {
            Then::Ends if !may_be_brought => {
                let help = "install it, or fetch it with `uris` and name where it is then";
                Finding::error(&rules::COMMAND, path, missing.why).help(help)
            }
            _ => Finding::warning(&rules::COMMAND, path, missing.why),
        });
    }
}

fn of_set(found: &mut Vec<Finding>, path: &str, set: &ResourceSet, memory: &Result<MemoryControl, String>) {
    if set.gpus.is_some() {
        let message = "graphics processors are not given out here";
        found.push(Finding::error(&rules::GPUS, format!("{path}.gpus"), message));
    }
    of_volumes(found, path, &set.volumes);
    if let Some(Limit::AtMost(_)) = set.limits.cpus {
        let message = "processors are shared: a task may use more than its limit";
        found.push(Finding::warning(&rules::CPUS, format!("{path}.resource-limits.cpus"), message));
    }
    if let Err(why) = memory {
        match set.limits.memory {
            Some(Limit::AtMost(_)) => {
                let message = format!("this machine lets the scheduler limit no memory ({why})");
                let help = "run the scheduler where it may make control groups, or leave the limit out";
                let path = format!("{path}.resource-limits.memory");
                found.push(Finding::error(&rules::MEMORY, path, message).help(help));
            }
            None if set.memory.is_some() => {
                let message = format!(
                    "a task may use more than it asks for: this machine lets the scheduler limit no memory ({why})"
                );
                found.push(Finding::warning(&rules::MEMORY, format!("{path}.memory"), message));
            }
            _ => {}
        }
    }
}

fn of_volumes(found: &mut Vec<Finding>, path: &str, volumes: &[Volume]) {
    for (nth, volume) in volumes.iter().enumerate() {
        if let VolumeKind::Mount(_) = volume.kind {
            let message = format!(
                "`{}` is a folder on this machine's disk, shared with everything else there, and not a disk of its own",
                volume.path
            );
            let path = format!("{path}.volumes[{nth}].type");
            found.push(Finding::warning(&rules::MOUNT, path, message));
        }
    }
}

#[cfg(test)]
mod tests {
    use plan_core::spec::{Files, ReadOptions, Source, read};
    use plan_driver::backend::BackendRule;

    use super::*;

    /// The findings about a file on a machine that supports little.
    fn found(text: &str) -> Vec<Finding> {
        let env = BTreeMap::new();
        let options = ReadOptions { env: &env, strict_variables: true, files: Files::Skip };
        let reading = read(Source { file: "svc.yml", text }, &options);
        let spec = reading.spec.as_ref().unwrap_or_else(|| panic!("{text}\n{:#?}", reading.diagnostics));
        let environment = BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]);
        let memory = Err("no control groups for memory are mounted".to_owned());
        let mut places = reading.places();
        let machine = Machine { memory: &memory, environment: &environment, most: |_| Some(4096) };
        let findings = of(spec, machine);
        // A path that is not in the file would lead to a place above it.
        for finding in &findings {
            let span = places.place(&finding.path).expect("there is a tree").span;
            let (above, last) = finding.path.rsplit_once('.').expect("each is below something");
            let above = places.place(above).expect("there is a tree").span;
            assert_ne!(span, above, "{last} of {} in\n{text}", finding.path);
        }
        findings
    }

    /// The pages show the real findings. If these depend on the machine, they are those of a machine that supports
    /// little.
    #[test]
    fn each_rule_is_broken_by_its_example_and_by_no_other() {
        for rule in rules::ALL {
            let findings = found(rule.example.file);
            assert_eq!(findings, [BackendRule::finding(rule)], "{}", rule.code);
        }
    }

    /// On a machine where no control group can be made, a limit is refused, and a mere request is a warning.
    #[test]
    fn memory_that_cannot_be_bounded_is_said() {
        let found = |limit: &str| {
            found(&format!(
                "name: s\npods:\n  a:\n    count: 1\n    tasks:\n      t: {{goal: RUNNING, cmd: ./t, cpus: 0.1, \
                 memory: 32{limit}}}\n"
            ))
        };
        let task = "pods.a.tasks.t";
        let because =
            "this machine lets the scheduler limit no memory (no control groups for memory are mounted)";
        let error = Finding::error(&rules::MEMORY, format!("{task}.resource-limits.memory"), because);
        let help = "run the scheduler where it may make control groups, or leave the limit out";
        assert_eq!(found(", resource-limits: {memory: 64}"), [error.help(help)]);
        let message = format!("a task may use more than it asks for: {because}");
        let warning = Finding::warning(&rules::MEMORY, format!("{task}.memory"), message);
        assert_eq!(found(""), [warning]);
        assert_eq!(found(", resource-limits: {memory: unlimited}"), []);
    }
}
