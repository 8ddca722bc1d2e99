//! Tasks (SDK rules R13 to R18, R27 to R31).

use indexmap::IndexMap;

use super::fields::{Field, Fields, Flag, Reader};
use crate::spec::check::INLINE_SUFFIX;
use crate::spec::diagnostic::{Code, Diagnostic, Files, Path};
use crate::spec::keys;
use crate::spec::names::{PodName, ResourceSetName, TaskName};
use crate::spec::pod::PodSpec;
use crate::spec::task::{
    ConfigFile, Discovery, Goal, HealthCheck, KillSignal, ReadinessCheck, TaskSpec, TransportEncryption,
};
use crate::spec::units::Seconds;

impl Reader<'_> {
    /// Adds a task to its pod, with the resource set that the task may have of its own.
    pub(super) fn task(
        &mut self,
        path: &Path<'_>,
        pod_name: &PodName,
        name: TaskName,
        field: Field<'_>,
        pod: &mut PodSpec,
    ) {
        let fields = self.fields(*path, field, &keys::TASK);
        let inline = format!("{name}{INLINE_SUFFIX}");
        let Ok(inline) = ResourceSetName::new(&inline) else {
            let message = format!("the task's name is too long: its resource set would be called `{inline}`");
            self.error(Code::Name, path, field.place, message, "choose a shorter name");
            return;
        };
        let Some(fields) = fields else {
            // The error marks everything below the path as broken. The stand-in keeps plans from reporting a missing
            // task.
            pod.tasks.insert(name, TaskSpec::new(Goal::Running, "", inline));
            return;
        };
        let help = "write `goal: RUNNING`, `FINISH` or `ONCE`";
        let goal = self.required(&fields, "goal", help).and_then(|field| self.goal(&path.key("goal"), field));
        let cmd = self.required_text(&fields, "cmd", "give the shell command that the task runs");
        let resource_set = self.resource_set_of(&fields, pod_name, inline, pod);
        let mut task = TaskSpec::new(goal.unwrap_or(Goal::Running), cmd.unwrap_or_default(), resource_set);
        task.essential = self.flag(&fields, "essential", Flag::True);
        task.env = self.env(&fields);
        task.configs = self.configs(&fields);
        task.health_check = self.health_check(&fields);
        task.readiness_check = self.readiness_check(&fields);
        task.discovery = self.discovery(&fields);
        task.labels = self.labels(&fields).into_iter().collect();
        task.kill_grace_period = self.seconds(&fields, "kill-grace-period").unwrap_or_default();
        task.kill_signal = self.kill_signal(&fields);
        task.transport_encryption = self.transport_encryption(&fields);
        task.ipc_mode = self.ipc_mode(&fields);
        task.shm_size = self.megabytes(&fields, "shm-size");
        pod.tasks.insert(name, task);
    }

    fn goal(&mut self, path: &Path<'_>, field: Field<'_>) -> Option<Goal> {
        let text = self.scalar(path, field)?;
        let found = keys::GOALS.iter().find(|(word, _)| text.eq_ignore_ascii_case(word));
        if found.is_none() {
            let message = format!("unsupported goal `{text}`, expected one of: RUNNING, FINISH, ONCE");
            let problem = Diagnostic::error(Code::Goal, path, message).span(field.place);
            let problem = if text.eq_ignore_ascii_case("FINISHED") {
                let mut problem = problem.help(
                    "FINISHED is now FINISH, for each configuration, or ONCE, in the life of the installation",
                );
                problem.nearest = Some("FINISH".to_owned());
                problem
            } else {
                let mut problem = problem.nearest(text, keys::GOALS.map(|(word, _)| word));
                problem.help.get_or_insert_with(|| "write RUNNING, FINISH or ONCE".to_owned());
                problem
            };
            self.report(problem);
        }
        found.map(|(_, goal)| *goal)
    }

    /// The name of the resource set that the task runs in. A set of the task's own is added to the pod.
    fn resource_set_of(
        &mut self,
        fields: &Fields<'_, '_>,
        pod_name: &PodName,
        inline: ResourceSetName,
        pod: &mut PodSpec,
    ) -> ResourceSetName {
        if let Some(field) = fields.get("resource-set") {
            let given = keys::RESOURCES.iter().filter_map(|key| Some((key.name, fields.get(key.name)?)));
            for (key, ignored) in given {
                let message = format!("`{key}` has no effect beside `resource-set`");
                let at = fields.path.key(key);
                let warning = Diagnostic::warning(Code::IgnoredResources, at, message).span(ignored.place);
                self.report(warning.help(format!("put `{key}` into the resource set, or leave it out")));
            }
            let at = fields.path.key("resource-set");
            let name = self.scalar(&at, field).and_then(|text| self.name(&at, field.place, text));
            return name.unwrap_or(inline);
        }
        let set = self.resources(fields);
        if pod.resource_sets.contains_key(&inline) {
            let message =
                format!("the task's own resources would be called `{inline}`, as a declared resource set is");
            let help = "rename the resource set, or use it: `resource-set: …`";
            self.error(Code::DuplicateName, &fields.path, fields.place, message, help);
        } else {
            self.origins.write_inline(pod_name.clone(), inline.clone());
            pod.resource_sets.insert(inline.clone(), set);
        }
        inline
    }

    fn env(&mut self, fields: &Fields<'_, '_>) -> IndexMap<String, String> {
        let Some(field) = fields.get("env") else { return IndexMap::new() };
        let path = fields.path.key("env");
        let mut env = IndexMap::new();
        for (key, field) in self.named(&path, field) {
            let at = path.key(&key.text);
            if key.text.is_empty() || key.text.contains(['=', '\0']) {
                let message = format!("`{}` is not the name of an environment variable", key.text);
                self.error(Code::Name, &at, key.span, message, "leave out `=`");
            }
            // A variable without a value is empty.
            let is_null = matches!(field.node.value, super::tree::Value::Null);
            let value = if is_null { Some("") } else { self.scalar(&at, field) };
            env.extend(value.map(|value| (key.text.clone(), value.to_owned())));
        }
        env
    }

    fn configs(&mut self, fields: &Fields<'_, '_>) -> IndexMap<String, ConfigFile> {
        let Some(field) = fields.get("configs") else { return IndexMap::new() };
        let path = fields.path.key("configs");
        let mut configs = IndexMap::new();
        for (key, field) in self.named(&path, field) {
            let at = path.key(&key.text);
            let Some(fields) = self.fields(at, field, &keys::CONFIG) else {
                continue;
            };
            let template = self.required_text(&fields, "template", "name the file that holds the template");
            let dest = self.required_text(&fields, "dest", "say where in the sandbox the file goes");
            let (Some(template), Some(dest)) = (template, dest) else { continue };
            let text = self.file(&fields, &template);
            let render = self.flag(&fields, "render", Flag::True);
            configs.insert(key.text.clone(), ConfigFile { template, dest, render, text });
        }
        configs
    }

    fn file(&mut self, fields: &Fields<'_, '_>, name: &str) -> Option<String> {
        let Files::Texts(texts) = self.files else { return None };
        if name.trim().is_empty() {
            return None;
        }
        let found = texts.get(name);
        if found.is_none() {
            let at = fields.path.key("template");
            let place = fields.get("template").map_or(fields.place, |field| field.place);
            let problem =
                Diagnostic::error(Code::ConfigFile, at, format!("there is no config template `{name}`"));
            let mut problem = problem.span(place).nearest(name, texts.keys().map(String::as_str));
            problem
                .help
                .get_or_insert_with(|| "put the file beside the others, or correct its name".to_owned());
            self.report(problem);
        }
        found.cloned()
    }

    fn health_check(&mut self, fields: &Fields<'_, '_>) -> Option<HealthCheck> {
        let field = fields.get("health-check")?;
        let fields = self.fields(fields.path.key("health-check"), field, &keys::HEALTH_CHECK)?;
        let cmd =
            self.required_text(&fields, "cmd", "give a command that exits with 0 when the task is healthy");
        let interval = self.required_seconds(&fields, "interval");
        let grace_period = self.required_seconds(&fields, "grace-period");
        let max_consecutive_failures = self.required_count(&fields, "max-consecutive-failures");
        let delay = self.required_seconds(&fields, "delay");
        let timeout = self.required_seconds(&fields, "timeout");
        Some(HealthCheck {
            cmd: cmd?,
            interval: interval?,
            grace_period: grace_period?,
            max_consecutive_failures: max_consecutive_failures?,
            delay: delay?,
            timeout: timeout?,
        })
    }

    fn readiness_check(&mut self, fields: &Fields<'_, '_>) -> Option<ReadinessCheck> {
        let field = fields.get("readiness-check")?;
        let path = fields.path.key("readiness-check");
        let fields = self.fields(path, field, &keys::READINESS_CHECK)?;
        let cmd =
            self.required_text(&fields, "cmd", "give a command that exits with 0 when the task is ready");
        let interval = self.required_seconds(&fields, "interval");
        let delay = self.seconds(&fields, "delay").unwrap_or(Seconds(0));
        let timeout = self.required_seconds(&fields, "timeout");
        Some(ReadinessCheck { cmd: cmd?, interval: interval?, delay, timeout: timeout? })
    }

    fn discovery(&mut self, fields: &Fields<'_, '_>) -> Option<Discovery> {
        let field = fields.get("discovery")?;
        let path = fields.path.key("discovery");
        let fields = self.fields(path, field, &keys::DISCOVERY)?;
        let prefix =
            self.required_text(&fields, "prefix", "give the first part of the DNS name `<prefix>-<index>`");
        let visibility = fields.get("visibility");
        let visibility = visibility
            .and_then(|field| self.choice(&path.key("visibility"), field, "visibility", &keys::VISIBILITIES));
        Some(Discovery { prefix: prefix?, visibility: visibility.unwrap_or_default() })
    }

    fn kill_signal(&mut self, fields: &Fields<'_, '_>) -> KillSignal {
        let Some(field) = fields.get("kill-signal") else { return KillSignal::default() };
        let path = fields.path.key("kill-signal");
        self.choice(&path, field, "kill signal", &keys::KILL_SIGNALS).unwrap_or_default()
    }

    fn transport_encryption(&mut self, fields: &Fields<'_, '_>) -> Vec<TransportEncryption> {
        let Some(field) = fields.get("transport-encryption") else { return Vec::new() };
        let path = fields.path.key("transport-encryption");
        let mut all = Vec::new();
        for (index, node) in self.list(&path, field).unwrap_or_default().iter().enumerate() {
            let at = path.index(index);
            let Some(fields) = self.fields(at, Field::entry(node), &keys::ENCRYPTION) else {
                continue;
            };
            let name =
                self.required_text(&fields, "name", "name it; its files are called `<name>.crt` and so on");
            let kind = self.required(&fields, "type", "write `type: TLS` or `type: KEYSTORE`");
            let kind = kind.and_then(|field| {
                self.choice(&at.key("type"), field, "transport encryption type", &keys::ENCRYPTION_KINDS)
            });
            let (Some(name), Some(kind)) = (name, kind) else { continue };
            all.push(TransportEncryption { name, kind });
        }
        all
    }
}
