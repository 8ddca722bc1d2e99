//! The rules of a task (SDK rules R13 to R18, R27 to R31).

use std::collections::{BTreeMap, BTreeSet};

use super::{Checker, repeated};
use crate::spec::diagnostic::{Code, Diagnostic, Lines, Path};
use crate::spec::environment::{any_environment, render_config};
use crate::spec::names::{PodName, TaskName};
use crate::spec::pod::{IpcMode, PodSpec};
use crate::spec::task::{KillSignal, TaskSpec};
use crate::spec::units::Seconds;

const MAX_KILL_GRACE_PERIOD: Seconds = Seconds(3600);

/// Whether a shell takes a name for that of a variable. Another one it drops.
fn is_shell_name(name: &str) -> bool {
    // One without a character is refused by itself.
    !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

impl Checker<'_> {
    pub(super) fn task(&mut self, path: &Path<'_>, pod_path: &Path<'_>, pod: &PodSpec, task: &TaskSpec) {
        if !pod.resource_sets.contains_key(&task.resource_set)
            && !self.is_broken(&pod_path.key("resource-sets"))
        {
            let message = format!("the pod has no resource set `{}`", task.resource_set);
            let sets = pod.resource_sets.keys().map(AsRef::as_ref);
            let problem = Diagnostic::error(Code::UnknownResourceSet, path.key("resource-set"), message);
            let mut problem = problem.nearest(task.resource_set.as_str(), sets);
            problem.help.get_or_insert_with(|| {
                "declare it under `resource-sets`, or give the task resources of its own".into()
            });
            self.report(problem);
        }
        if task.kill_grace_period > MAX_KILL_GRACE_PERIOD {
            let message =
                format!("a kill-grace-period of {} is above {MAX_KILL_GRACE_PERIOD}", task.kill_grace_period);
            self.error(
                Code::KillGracePeriod,
                &path.key("kill-grace-period"),
                message,
                "write 0 to 3600, in seconds",
            );
        }
        let grace = path.key("kill-grace-period");
        if task.kill_signal != KillSignal::default()
            && task.kill_grace_period == Seconds(0)
            && !self.is_broken(&grace)
        {
            let message = "`kill-signal` has no effect without a `kill-grace-period`";
            let warning = Diagnostic::warning(Code::IgnoredKillSignal, path.key("kill-signal"), message);
            self.report(warning.help("give the task time to end: `kill-grace-period: 30`"));
        }
        if task.ipc_mode == Some(IpcMode::ShareParent) && task.shm_size.is_some() {
            self.error(
                Code::SharedMemory,
                &path.key("shm-size"),
                "shm-size does not apply when ipc-mode is SHARE_PARENT",
                "leave out `shm-size`, or write `ipc-mode: PRIVATE`",
            );
        }
        if let Some(check) = &task.health_check
            && check.cmd.trim().is_empty()
        {
            let help = "give a command that exits with 0 when the task is healthy";
            self.error(
                Code::Check,
                &path.key("health-check").key("cmd"),
                "the health check has no command",
                help,
            );
        }
        if let Some(check) = &task.readiness_check
            && check.cmd.trim().is_empty()
        {
            let help = "give a command that exits with 0 when the task is ready";
            self.error(
                Code::Check,
                &path.key("readiness-check").key("cmd"),
                "the readiness check has no command",
                help,
            );
        }
        if let Some(discovery) = &task.discovery
            && discovery.prefix.trim().is_empty()
        {
            let help = "give the first part of a DNS name, or leave out `discovery`";
            self.error(
                Code::DiscoveryPrefix,
                &path.key("discovery").key("prefix"),
                "the discovery prefix is empty",
                help,
            );
        }
        let encryption = path.key("transport-encryption");
        for (index, _) in
            task.transport_encryption.iter().enumerate().filter(|(_, one)| one.name.trim().is_empty())
        {
            let help = "name it; its files are called `<name>.crt`, `<name>.key` and so on";
            self.error(
                Code::Encryption,
                &encryption.index(index).key("name"),
                "the certificate has no name",
                help,
            );
        }
        self.labels(path, task.labels.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        let env = path.key("env");
        for name in task.env.keys().filter(|name| name.is_empty() || name.contains(['=', '\0'])) {
            let message = format!("`{name}` is not the name of an environment variable");
            self.error(Code::Name, &env.key(name), message, "leave out `=`");
        }
        for name in task.env.keys().filter(|name| !name.contains(['=', '\0']) && !is_shell_name(name)) {
            let message =
                format!("a shell does not hand the variable `{name}` on to the programs that it starts");
            let warning = Diagnostic::warning(Code::ShellName, env.key(name), message);
            self.report(warning.help("write the name with letters, digits and `_`, and no digit first"));
        }
        self.nul(path, task);
        self.configs(path, task);
    }

    /// Checks that commands and variables contain no NUL, as the system ends texts with it.
    fn nul(&mut self, path: &Path<'_>, task: &TaskSpec) {
        let help = "take it out, or hand it over in a file";
        let (env, health, readiness) =
            (path.key("env"), path.key("health-check"), path.key("readiness-check"));
        for (name, _) in task.env.iter().filter(|(_, value)| value.contains('\0')) {
            let message = format!(
                "the variable `{}` holds a NUL character, which no process can be given",
                name.escape_debug()
            );
            self.error(Code::Nul, &env.key(name), message, help);
        }
        let commands = [
            (path.key("cmd"), Some(&task.cmd)),
            (health.key("cmd"), task.health_check.as_ref().map(|check| &check.cmd)),
            (readiness.key("cmd"), task.readiness_check.as_ref().map(|check| &check.cmd)),
        ];
        for (at, _) in commands.iter().filter(|(_, cmd)| cmd.is_some_and(|cmd| cmd.contains('\0'))) {
            let message = "the command holds a NUL character, which no process can be given";
            self.error(Code::Nul, at, message, help);
        }
    }

    /// Checks labels: a file writes them as one text, which must read as the same pairs again.
    pub(super) fn labels<'a>(&mut self, path: &Path<'_>, labels: impl Iterator<Item = (&'a str, &'a str)>) {
        let at = path.key("labels");
        let mut seen = BTreeSet::new();
        for (key, value) in labels {
            let whole = key.trim() == key && value.trim() == value;
            if key.is_empty() || key.contains([':', ',']) || value.contains(',') || !whole {
                let message = format!("the label `{key}:{value}` cannot be written in a file");
                let help = "leave out commas, colons in its key, and blanks around it";
                self.error(Code::Labels, &at, message, help);
            } else if !seen.insert(key) {
                self.error(
                    Code::Labels,
                    &at,
                    format!("the label `{key}` is given twice"),
                    "leave one of them out",
                );
            }
        }
    }

    fn configs(&mut self, path: &Path<'_>, task: &TaskSpec) {
        let configs = path.key("configs");
        let places: Vec<&str> = task.configs.values().map(|config| config.dest.as_str()).collect();
        let again: BTreeMap<usize, usize> = repeated(&places).into_iter().collect();
        for (index, (name, config)) in task.configs.iter().enumerate() {
            let at = configs.key(name);
            if name.trim().is_empty() {
                self.error(Code::Config, &at, "the config file has no name", "name it");
            }
            if config.template.trim().is_empty() {
                let help = "name the file that holds the template";
                self.error(Code::Config, &at.key("template"), "the config file's template has no name", help);
            }
            if config.dest.trim().is_empty() {
                let help = "say where in the sandbox the file goes";
                self.error(Code::Config, &at.key("dest"), "the config file has no place to go", help);
            } else if again.contains_key(&index) {
                let message = format!("two config files of the task go to `{}`", config.dest);
                self.error(Code::Config, &at.key("dest"), message, "give one of them another `dest`");
            }
            if config.text.as_deref().is_some_and(|text| text.trim().is_empty()) {
                let message = format!("the config template `{}` is empty", config.template);
                self.error(
                    Code::ConfigFile,
                    &at.key("template"),
                    message,
                    "write something in it, or leave it out",
                );
            }
        }
    }

    /// Warns of variables of config files that nothing gives to their task. The command may set variables itself before it
    /// calls `bootstrap`, and a side plan may be started with parameters: so it is no error.
    pub(super) fn config_variables(
        &mut self,
        path: &Path<'_>,
        pod: (&PodName, &PodSpec),
        task: (&TaskName, &TaskSpec),
    ) {
        let by_itself = task.1.cmd.contains("bootstrap");
        if by_itself || task.1.configs.values().all(|config| config.text.is_none()) {
            return;
        }
        let values = any_environment(&self.parts.name, pod, task);
        let configs = path.key("configs");
        for (name, config) in &task.1.configs {
            let rendered = render_config(config, &values);
            let lines = Lines::new(config.text.as_deref().unwrap_or_default());
            let mut told = BTreeSet::new();
            for (variable, span) in rendered.missing.iter().filter(|(variable, _)| told.insert(variable)) {
                let line = lines.position(span.start).line;
                let message = format!(
                    "{}:{line}: nothing gives the variable `{variable}` to the task",
                    config.template
                );
                let at = configs.key(name);
                let warning = Diagnostic::warning(Code::ConfigVariable, at.key("template"), message);
                let mut warning = warning.nearest(variable, values.keys().map(String::as_str));
                warning.help.get_or_insert_with(|| {
                    format!(
                        "set `{variable}` in the task's `env`, give `TASKCFG_ALL_{variable}`, or write `render: false` \
                         if the file is no template"
                    )
                });
                self.report(warning);
            }
        }
    }

    /// Checks that two pods do not share a discovery prefix (SDK rule R29).
    pub(super) fn prefixes(&mut self, pods: &Path<'_>) {
        let mut owner: BTreeMap<&str, &PodName> = BTreeMap::new();
        for (pod_name, pod) in &self.parts.pods {
            for (task_name, task) in &pod.tasks {
                let Some(discovery) = &task.discovery else { continue };
                let first = *owner.entry(&discovery.prefix).or_insert(pod_name);
                if first != pod_name {
                    let message = format!(
                        "tasks in different pods cannot share DNS names: `{}` is a prefix in `{first}` too",
                        discovery.prefix
                    );
                    let tasks = pods.key(pod_name.as_str());
                    let tasks = tasks.key("tasks");
                    let at = tasks.key(task_name.as_str());
                    let at = at.key("discovery");
                    self.error(Code::DiscoveryPrefix, &at.key("prefix"), message, "choose another prefix");
                }
            }
        }
    }
}
