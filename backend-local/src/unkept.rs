//! What of a specification cannot be kept on this machine.
//!
//! Invariant: each thing that a specification can say is either kept, or is named here with what follows: refused where
//! a command would run in another world than was declared, or write where it must not; warned where it runs the same and
//! is only less apart from others.

use std::collections::BTreeMap;

use plan_core::spec::{
    Goal, IpcMode, Limit, PodName, PodSpec, ResourceSet, Seccomp, ServiceSpec, TaskSpec, VolumeKind,
    VolumeMode,
};
use plan_driver::backend::{Severity, Unkept};

use crate::command::{Then, missing};
use crate::compose::{check_paths, check_rlimit};
use crate::fetch::Source;
use crate::layout::relative;
use crate::memory::MemoryControl;

/// What is found.
struct Found(Vec<Unkept>);

impl Found {
    fn refused(&mut self, path: impl Into<String>, why: impl Into<String>) {
        self.0.push(Unkept { path: path.into(), why: why.into(), severity: Severity::Refused });
    }

    fn warned(&mut self, path: impl Into<String>, why: impl Into<String>) {
        self.0.push(Unkept { path: path.into(), why: why.into(), severity: Severity::Warned });
    }
}

/// What this machine has to offer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Machine<'a> {
    /// Where memory can be bounded, or why it cannot.
    pub(crate) memory: &'a Result<MemoryControl, String>,
    /// What every task finds in its environment.
    pub(crate) environment: &'a BTreeMap<String, String>,
}

/// All that cannot be kept.
pub(crate) fn of(spec: &ServiceSpec, machine: Machine<'_>) -> Vec<Unkept> {
    let mut found = Found(Vec::new());
    if let Some(user) = &spec.scheduler().user {
        found.warned(
            "scheduler.user",
            format!("tasks run as the user that runs the scheduler, and not as `{user}`"),
        );
    }
    for (name, pod) in spec.pods() {
        of_pod(&mut found, name, pod, machine);
    }
    found.0
}

fn of_pod(found: &mut Found, name: &PodName, pod: &PodSpec, machine: Machine<'_>) {
    let at = |rest: &str| format!("pods.{name}.{rest}");
    if let Some(image) = &pod.image {
        found.refused(
            at("image"),
            format!(
                "there are no containers here: the commands would run on this machine itself, and not in `{image}`; \
                 leave the image out, and fetch what it holds with `uris`"
            ),
        );
    }
    for (network, of) in &pod.networks {
        let path = at(&format!("networks.{network}"));
        match of.ports.iter().find(|port| port.host != port.container) {
            Some(port) => found.refused(
                path,
                format!(
                    "port {} would have to lead to {}: tasks share this machine's ports, and nothing maps them",
                    port.host, port.container
                ),
            ),
            None => found.warned(path, "tasks are on this machine's own network"),
        }
    }
    for (limit, of) in &pod.rlimits {
        if let Err(why) = check_rlimit(*limit, *of) {
            found.refused(at(&format!("rlimits.{}", limit.as_str())), why);
        }
    }
    for (nth, uri) in pod.uris.iter().enumerate() {
        if let Err(why) = Source::parse(uri) {
            found.refused(at(&format!("uris[{nth}]")), why);
        }
    }
    for volume in &pod.volumes {
        of_volume(found, &at("volumes"), volume);
    }
    for (volume, of) in &pod.host_volumes {
        let path = at(&format!("host-volumes.{volume}"));
        if of.mode == VolumeMode::Ro {
            found.refused(
                &path,
                "it is read-only, and a task could write there: declare it `RW`, or leave it out here",
            );
        }
        if let Err(why) = relative(&of.container_path) {
            found.refused(path, format!("`{}` {why}", of.container_path));
        }
    }
    for volume in pod.external_volumes.keys() {
        found.refused(
            at(&format!("external-volumes.{volume}")),
            "there are no volume drivers here: use a volume of the pod, or a host volume",
        );
    }
    for secret in pod.secrets.keys() {
        found.refused(
            at(&format!("secrets.{secret}")),
            "there is no secret store here: give the value in the task's `env`, or as a file by a host volume",
        );
    }
    if let Some(role) = &pod.pre_reserved_role {
        found.warned(at("pre-reserved-role"), format!("there are no roles here: `{role}` is not looked at"));
    }
    if let Some(Seccomp::Profile(profile)) = &pod.seccomp {
        found.refused(
            at("seccomp"),
            format!("system calls are not filtered here: `{profile}` would not hold"),
        );
    }
    if pod.ipc_mode == Some(IpcMode::Private) {
        found.warned(at("ipc-mode"), "tasks share this machine's inter-process communication");
    }
    if pod.shm_size.is_some() {
        found.warned(at("shm-size"), "tasks share this machine's shared memory, whatever its size");
    }
    for (set, of) in &pod.resource_sets {
        // Where the file has it.
        let path = match pod.owner(set) {
            Some(task) => format!("tasks.{task}"),
            None => format!("resource-sets.{set}"),
        };
        of_set(found, &at(&path), of, machine.memory);
    }
    for (task, of) in &pod.tasks {
        let path = at(&format!("tasks.{task}"));
        of_commands(found, &path, pod, of, machine.environment);
        if let Err(why) = check_paths(of) {
            found.refused(format!("{path}.configs"), why);
        }
        if !of.transport_encryption.is_empty() {
            found.refused(
                format!("{path}.transport-encryption"),
                "there is nobody here who makes certificates: leave it out, and give files by a host volume",
            );
        }
        if of.ipc_mode == Some(IpcMode::Private) {
            found
                .warned(format!("{path}.ipc-mode"), "tasks share this machine's inter-process communication");
        }
        if of.shm_size.is_some() {
            found.warned(
                format!("{path}.shm-size"),
                "tasks share this machine's shared memory, whatever its size",
            );
        }
    }
}

/// A command that is not there ends the task at once, and a check that is not there never passes.
fn of_commands(
    found: &mut Found,
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
    // A task that ends well before others may be there to bring what they run.
    let may_be_brought = pod.tasks.values().any(|other| other != task && other.goal != Goal::Running);
    for (key, text) in commands {
        let Some(missing) = text.and_then(|text| missing(text, &environment)) else { continue };
        let path = format!("{path}.{key}");
        match missing.then {
            Then::Ends if !may_be_brought => found.refused(
                path,
                format!("{}: install it, or fetch it with `uris` and name where it is then", missing.why),
            ),
            _ => found.warned(path, missing.why),
        }
    }
}

fn of_set(found: &mut Found, path: &str, set: &ResourceSet, memory: &Result<MemoryControl, String>) {
    if set.gpus.is_some() {
        found.refused(format!("{path}.gpus"), "graphics processors are not given out here");
    }
    for volume in &set.volumes {
        of_volume(found, &format!("{path}.volumes"), volume);
    }
    if let Some(Limit::AtMost(_)) = set.limits.cpus {
        found.warned(
            format!("{path}.resource-limits.cpus"),
            "processors are shared: a task may use more than its limit",
        );
    }
    if let Err(why) = memory {
        match set.limits.memory {
            Some(Limit::AtMost(_)) => found.refused(
                format!("{path}.resource-limits.memory"),
                format!(
                    "this machine lets us bound no memory ({why}): run the scheduler where it may make control \
                     groups, or leave the limit out"
                ),
            ),
            None if set.memory.is_some() => found.warned(
                format!("{path}.memory"),
                format!("a task may use more than it asks for: this machine lets us bound no memory ({why})"),
            ),
            _ => {}
        }
    }
}

fn of_volume(found: &mut Found, path: &str, volume: &plan_core::spec::Volume) {
    if let VolumeKind::Mount(_) = volume.kind {
        found.warned(
            format!("{path}.{}", volume.path),
            "it is a folder on this machine's disk, shared with all else there, and not a disk of its own",
        );
    }
}

#[cfg(test)]
mod tests {
    use plan_core::spec::{Files, ReadOptions, Source, read};

    use super::*;

    /// A machine where no control group can be made: a limit is refused, what is merely asked for warned about.
    #[test]
    fn memory_that_cannot_be_bounded_is_said() {
        let env = BTreeMap::new();
        let memory = Err("no control groups for memory are mounted".to_owned());
        let machine = Machine { memory: &memory, environment: &env };
        let found = |limit: &str| {
            let text = format!(
                "name: s\npods:\n  a:\n    count: 1\n    tasks:\n      t: {{goal: RUNNING, cmd: sleep 1, cpus: 0.1, \
                 memory: 32{limit}}}\n"
            );
            let options = ReadOptions { env: &env, strict_variables: true, files: Files::Skip };
            let spec = read(Source { file: "svc.yml", text: &text }, &options).spec.unwrap();
            of(&spec, machine).into_iter().map(|one| (one.path, one.severity, one.why)).collect::<Vec<_>>()
        };
        let task = "pods.a.tasks.t";
        let because = "this machine lets us bound no memory (no control groups for memory are mounted)";
        assert_eq!(
            found(", resource-limits: {memory: 64}"),
            [(
                format!("{task}.resource-limits.memory"),
                Severity::Refused,
                format!(
                    "{because}: run the scheduler where it may make control groups, or leave the limit out"
                )
            )]
        );
        assert_eq!(
            found(""),
            [(
                format!("{task}.memory"),
                Severity::Warned,
                format!("a task may use more than it asks for: {because}")
            )]
        );
        assert_eq!(found(", resource-limits: {memory: unlimited}"), []);
    }
}
