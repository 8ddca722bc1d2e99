//! The rules of a pod (SDK rules R9 to R12, R24 to R26, R30, R33).

use super::{Checker, is_uri, repeated};
use crate::spec::diagnostic::{Code, Path};
use crate::spec::names::PodName;
use crate::spec::pod::{IpcMode, PodSpec, RLimit, Seccomp};

/// The largest count. A mistyped count must not fill the memory.
const MAX_COUNT: u32 = 2_000_000;

impl Checker<'_> {
    pub(super) fn pod(&mut self, path: &Path<'_>, name: &PodName, pod: &PodSpec) {
        if pod.count > MAX_COUNT {
            let message =
                format!("{} instances are more than {MAX_COUNT}, the most that a pod can have", pod.count);
            self.error(Code::Count, &path.key("count"), message, "lower the count");
        }
        let tasks = path.key("tasks");
        if pod.tasks.is_empty() && !self.is_broken_below(&tasks) {
            self.error(
                Code::NoTasks,
                &tasks,
                "the pod has no task",
                "declare a task: `tasks: {<name>: {goal: RUNNING, cmd: …, cpus: …, memory: …}}`",
            );
        }
        if pod.image.as_deref().is_some_and(|image| image.trim().is_empty()) {
            self.error(
                Code::Image,
                &path.key("image"),
                "the image has no name",
                "name an image, or leave out `image`",
            );
        }
        if let Some(Seccomp::Profile(profile)) = &pod.seccomp
            && profile.trim().is_empty()
        {
            let help = "name a profile, or leave out `seccomp-profile-name`";
            self.error(
                Code::Seccomp,
                &path.key("seccomp-profile-name"),
                "the seccomp profile has no name",
                help,
            );
        }
        if pod.ipc_mode == Some(IpcMode::ShareParent) {
            let help = "a pod has no parent to share with: write PRIVATE here, and SHARE_PARENT at its tasks";
            self.error(
                Code::SharedMemory,
                &path.key("ipc-mode"),
                "a pod's ipc-mode cannot be SHARE_PARENT",
                help,
            );
        }
        let uris = path.key("uris");
        for (at, uri) in pod.uris.iter().enumerate().filter(|(_, uri)| !is_uri(uri)) {
            let message = format!("`{uri}` is not a URI");
            self.error(Code::Uri, &uris.index(at), message, "write spaces as `%20`");
        }
        let rlimits = path.key("rlimits");
        for (limit, value) in &pod.rlimits {
            if let RLimit::Limited { hard, .. } = value
                && i64::try_from(*hard).is_err()
            {
                let message = format!("the hard limit {hard} of {} is too large", limit.as_str());
                let help = "make it unlimited";
                self.error(Code::RLimit, &rlimits.key(limit.as_str()).key("hard"), message, help);
            }
            if let RLimit::Limited { soft, hard } = value
                && soft > hard
            {
                let message =
                    format!("the soft limit {soft} of {} is above the hard one, {hard}", limit.as_str());
                self.error(
                    Code::RLimit,
                    &rlimits.key(limit.as_str()).key("soft"),
                    message,
                    "lower `soft` or raise `hard`",
                );
            }
        }
        self.networks(path, pod);
        self.other_volumes(path, pod);
        self.secrets(path, pod);
        self.volumes(path, &pod.volumes);
        for (set_name, set) in &pod.resource_sets {
            self.at_set(path, name, set_name, |checker, set_path| checker.resource_set(set_path, set));
        }
        for (task_name, task) in &pod.tasks {
            let at = tasks.key(task_name.as_str());
            self.task(&at, path, pod, task);
            self.config_variables(&at, (name, pod), (task_name, task));
        }
    }

    fn other_volumes(&mut self, path: &Path<'_>, pod: &PodSpec) {
        let host_volumes = path.key("host-volumes");
        for (name, volume) in &pod.host_volumes {
            let at = host_volumes.key(name);
            if !volume.host_path.starts_with('/') {
                let message = format!("the host path `{}` is not absolute", volume.host_path);
                self.error(Code::HostVolume, &at.key("host-path"), message, "begin it with `/`");
            }
            self.container_path(Code::HostVolume, &at.key("container-path"), &volume.container_path);
        }
        let external_volumes = path.key("external-volumes");
        for (name, volume) in &pod.external_volumes {
            let at = external_volumes.key(name);
            if volume.container_path.trim().is_empty() {
                let help = "say where the tasks see the volume";
                self.error(
                    Code::ExternalVolume,
                    &at.key("container-path"),
                    "the container path is empty",
                    help,
                );
            }
            if volume.driver.trim().is_empty() {
                let help = "name the volume driver, as `pxd`";
                self.error(
                    Code::ExternalVolume,
                    &at.key("driver-name"),
                    "the volume driver has no name",
                    help,
                );
            }
            let bad = |text: &str| text.contains([';', '=']) || text.trim() != text;
            for (key, value) in &volume.options {
                if key.is_empty() || bad(key) || bad(value) {
                    let message = format!("the driver option `{key}={value}` cannot be written in a file");
                    let help = "leave out `;`, `=` and blanks around it";
                    self.error(Code::ExternalVolume, &at.key("driver-options"), message, help);
                }
            }
            if volume.options.iter().any(|(key, _)| key == "name") {
                self.error(
                    Code::ExternalVolume,
                    &at.key("driver-options"),
                    "the option `name` cannot be given to a volume driver",
                    "use `volume-name`",
                );
            }
            let names: Vec<&str> = volume.options.iter().map(|(key, _)| key.as_str()).collect();
            for (index, _) in repeated(&names) {
                let message = format!("the driver option `{}` is given twice", names[index]);
                self.error(Code::ExternalVolume, &at.key("driver-options"), message, "leave one of them out");
            }
        }
    }

    fn container_path(&mut self, code: Code, path: &Path<'_>, text: &str) {
        if text.trim().is_empty() {
            self.error(code, path, "the container path is empty", "say where the tasks see the volume");
        } else if text.starts_with('/') {
            let message = format!("the container path `{text}` is absolute");
            self.error(code, path, message, "leave out the `/` at its beginning: it is below the sandbox");
        }
    }

    fn secrets(&mut self, path: &Path<'_>, pod: &PodSpec) {
        let secrets = path.key("secrets");
        for (name, secret) in &pod.secrets {
            let at = secrets.key(name);
            if secret.secret.trim().is_empty() {
                let help = "give its path in the secret store, as `hello-world/password`";
                self.error(Code::Secret, &at.key("secret"), "the secret has no path", help);
            }
            if secret.env_key.as_deref().is_some_and(|key| key.trim().is_empty()) {
                let help = "name an environment variable, or leave out `env-key`";
                self.error(
                    Code::Secret,
                    &at.key("env-key"),
                    "the secret's environment variable has no name",
                    help,
                );
            }
            if let Some(file) = &secret.file
                && !is_secret_file(file)
            {
                let message = format!("`{file}` is not a relative path for a secret's file");
                let help =
                    "write names of letters, digits, `_`, `-` and `.` with single slashes between them";
                self.error(Code::Secret, &at.key("file"), message, help);
            }
        }
    }
}

fn is_secret_file(file: &str) -> bool {
    let name_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    file.split('/').all(|name| !name.is_empty() && name != ".." && name.chars().all(name_char))
}
