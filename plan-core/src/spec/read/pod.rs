//! Pods (SDK rules R9 to R12, R25 to R33). An unknown key of a pod is a warning: the SDK ignored such keys (SDK rule
//! R1), and specifications that are in use have some.

use indexmap::IndexMap;

use super::fields::{Field, Fields, Flag, Reader};
use crate::spec::diagnostic::{Code, Diagnostic, Path};
use crate::spec::keys;
use crate::spec::names::{PodName, ResourceSetName, TaskName};
use crate::spec::placement::PlacementRule;
use crate::spec::pod::{
    ExternalVolume, HostVolume, IpcMode, Network, PodSpec, PortMapping, RLimit, RLimitName, Seccomp, Secret,
};

impl Reader<'_> {
    pub(super) fn pod(&mut self, path: &Path<'_>, name: &PodName, field: Field<'_>) -> PodSpec {
        let mut pod = PodSpec::new(0);
        let Some(fields) = self.fields(*path, field, &keys::POD) else { return pod };
        if self.required(&fields, "count", "say how many instances the pod has, as `count: 1`").is_some() {
            let count = self.number(&fields, "count");
            pod.count = count.and_then(|count| u32::try_from(count).ok()).unwrap_or(0);
        }
        pod.image = self.text(&fields, "image");
        pod.placement = self.placement(&fields);
        pod.networks = self.map(&fields, "networks", Self::network);
        pod.rlimits = self.rlimits(&fields);
        pod.uris = self.texts(&fields, "uris");
        pod.volumes = self.volumes(&fields);
        pod.host_volumes = self.map(&fields, "host-volumes", Self::host_volume);
        pod.external_volumes = self.map(&fields, "external-volumes", Self::external_volume);
        pod.secrets = self.map(&fields, "secrets", Self::secret);
        pod.pre_reserved_role =
            self.text(&fields, "pre-reserved-role").filter(|role| !role.is_empty() && role != "*");
        pod.share_pid_namespace = self.flag(&fields, "share-pid-namespace", Flag::False);
        pod.allow_decommission = self.flag(&fields, "allow-decommission", Flag::False);
        pod.seccomp = self.seccomp(&fields);
        pod.ipc_mode = self.ipc_mode(&fields);
        pod.shm_size = self.megabytes(&fields, "shm-size");
        self.declared_sets(&fields, &mut pod);
        self.tasks(&fields, name, &mut pod);
        pod
    }

    fn declared_sets(&mut self, fields: &Fields<'_, '_>, pod: &mut PodSpec) {
        let Some(field) = fields.get("resource-sets") else { return };
        let path = fields.path.key("resource-sets");
        for (key, field) in self.named(&path, field) {
            let at = path.key(&key.text);
            if let Some(name) = self.name::<ResourceSetName>(&at, key.span, &key.text) {
                let set = self.resource_set(&at, field);
                pod.resource_sets.insert(name, set);
            }
        }
    }

    fn tasks(&mut self, fields: &Fields<'_, '_>, pod_name: &PodName, pod: &mut PodSpec) {
        let help = "declare a task: `tasks: {<name>: {goal: RUNNING, cmd: …, cpus: …, memory: …}}`";
        let Some(field) = self.required(fields, "tasks", help) else { return };
        let path = fields.path.key("tasks");
        for (key, field) in self.named(&path, field) {
            let at = path.key(&key.text);
            if let Some(name) = self.name::<TaskName>(&at, key.span, &key.text) {
                self.task(&at, pod_name, name, field, pod);
            }
        }
    }

    /// Reads a mapping from names to values.
    fn map<T>(
        &mut self,
        fields: &Fields<'_, '_>,
        key: &str,
        mut read: impl FnMut(&mut Self, &Path<'_>, Field<'_>) -> Option<T>,
    ) -> IndexMap<String, T> {
        let Some(field) = fields.get(key) else { return IndexMap::new() };
        let path = fields.path.key(key);
        let mut map = IndexMap::new();
        for (key, field) in self.named(&path, field) {
            if let Some(value) = read(self, &path.key(&key.text), field) {
                map.insert(key.text.clone(), value);
            }
        }
        map
    }

    fn placement(&mut self, fields: &Fields<'_, '_>) -> Option<PlacementRule> {
        let field = fields.get("placement")?;
        let at = fields.path.key("placement");
        let text = self.scalar(&at, field)?;
        match PlacementRule::parse(text) {
            Ok(rule) => rule,
            Err(error) => {
                let told = error.to_string();
                // This error says what to write too.
                let (message, help) =
                    match told.split_once("; write ").or_else(|| told.split_once(": write ")) {
                        Some((message, help)) => (message.to_owned(), format!("write {help}")),
                        None => (told, "write `field:OPERATOR:value`, as `hostname:UNIQUE`".to_owned()),
                    };
                let place = self.inside(field.place, text, error.range());
                self.error(Code::Placement, &at, place, message, help);
                None
            }
        }
    }

    fn network(&mut self, path: &Path<'_>, field: Field<'_>) -> Option<Network> {
        let fields = self.fields(*path, field, &keys::NETWORK)?;
        let host = self.port_list(&fields, "host-ports");
        let container = self.port_list(&fields, "container-ports");
        if host.len() != container.len() {
            let message =
                format!("{} host ports are mapped to {} container ports", host.len(), container.len());
            let help = "write as many `host-ports` as `container-ports`";
            self.error(Code::PortMapping, path, field.place, message, help);
        }
        let ports = host.into_iter().zip(container);
        let ports = ports.map(|(host, container)| PortMapping { host, container }).collect();
        Some(Network { ports, labels: self.labels(&fields) })
    }

    fn port_list(&mut self, fields: &Fields<'_, '_>, key: &str) -> Vec<u16> {
        let Some(field) = fields.get(key) else { return Vec::new() };
        let path = fields.path.key(key);
        let nodes = self.list(&path, field).unwrap_or_default();
        let ports = nodes.iter().enumerate().map(|(index, node)| {
            let number = self.whole(&path.index(index), Field::entry(node), fields.bounds(key));
            // A stand-in for a wrong port keeps the two lists equally long.
            number.and_then(|number| u16::try_from(number).ok()).unwrap_or(1)
        });
        ports.collect()
    }

    fn rlimits(&mut self, fields: &Fields<'_, '_>) -> IndexMap<RLimitName, RLimit> {
        let Some(field) = fields.get("rlimits") else { return IndexMap::new() };
        let path = fields.path.key("rlimits");
        let mut limits = IndexMap::new();
        for (key, field) in self.named(&path, field) {
            let at = path.key(&key.text);
            let limit = self.rlimit(&at, field);
            match RLimitName::ALL.iter().find(|name| name.as_str() == key.text) {
                Some(name) => {
                    limits.extend(limit.map(|limit| (*name, limit)));
                }
                None => {
                    let message = format!("`{}` is not a limit that Linux knows", key.text);
                    let all = RLimitName::ALL.iter().map(|name| name.as_str());
                    let problem = Diagnostic::error(Code::RLimit, at, message).span(key.span);
                    let mut problem = problem.nearest(&key.text, all);
                    problem.help.get_or_insert_with(|| {
                        "limits are called as in setrlimit(2), as `RLIMIT_NOFILE`".into()
                    });
                    self.report(problem);
                }
            }
        }
        limits
    }

    fn rlimit(&mut self, path: &Path<'_>, field: Field<'_>) -> Option<RLimit> {
        let fields = self.fields(*path, field, &keys::RLIMIT)?;
        let given = (fields.get("soft").is_some(), fields.get("hard").is_some());
        if given == (false, false) {
            return Some(RLimit::Unlimited);
        }
        if given != (true, true) {
            let message = "`soft` and `hard` are given both or not at all";
            self.error(Code::RLimit, path, field.place, message, "give both, or leave out both for no limit");
            return None;
        }
        let soft = self.number(&fields, "soft")?;
        let hard = self.number(&fields, "hard")?;
        match (u64::try_from(soft), u64::try_from(hard)) {
            (Ok(soft), Ok(hard)) => Some(RLimit::Limited { soft, hard }),
            (Err(_), Err(_)) => Some(RLimit::Unlimited),
            _ => {
                let message = "-1, for no limit, is given for one of `soft` and `hard` only";
                self.error(Code::RLimit, path, field.place, message, "write -1 for both, or for none");
                None
            }
        }
    }

    fn host_volume(&mut self, path: &Path<'_>, field: Field<'_>) -> Option<HostVolume> {
        let fields = self.fields(*path, field, &keys::HOST_VOLUME)?;
        let host_path = self.required_text(&fields, "host-path", "give an absolute path of the node");
        let container_path =
            self.required_text(&fields, "container-path", "say where the tasks see the volume");
        let mode = fields.get("mode");
        let mode =
            mode.and_then(|field| self.choice(&path.key("mode"), field, "host volume mode", &keys::MODES));
        Some(HostVolume {
            host_path: host_path?,
            container_path: container_path?,
            mode: mode.unwrap_or_default(),
        })
    }

    fn external_volume(&mut self, path: &Path<'_>, field: Field<'_>) -> Option<ExternalVolume> {
        let fields = self.fields(*path, field, &keys::EXTERNAL_VOLUME)?;
        if let Some(field) = self.required(&fields, "type", "write `type: DOCKER`") {
            self.choice(&path.key("type"), field, "external volume type", &keys::EXTERNAL_TYPES);
        }
        let container_path =
            self.required_text(&fields, "container-path", "say where the tasks see the volume");
        let driver = self.required_text(&fields, "driver-name", "name the volume driver, as `pxd`");
        let options = self.driver_options(&fields);
        let volume_name = self.text(&fields, "volume-name").filter(|name| !name.is_empty());
        let mode = fields.get("volume-mode");
        let mode =
            mode.and_then(|field| self.choice(&path.key("volume-mode"), field, "volume mode", &keys::MODES));
        let mode = mode.unwrap_or_default();
        Some(ExternalVolume { container_path: container_path?, driver: driver?, options, volume_name, mode })
    }

    fn secret(&mut self, path: &Path<'_>, field: Field<'_>) -> Option<Secret> {
        let fields = self.fields(*path, field, &keys::SECRET)?;
        let secret = self.required_text(
            &fields,
            "secret",
            "give its path in the secret store, as `hello-world/password`",
        );
        let (env_key, file) = (self.text(&fields, "env-key"), self.text(&fields, "file"));
        Some(Secret { secret: secret?, env_key, file })
    }

    fn seccomp(&mut self, fields: &Fields<'_, '_>) -> Option<Seccomp> {
        let unconfined = self.flag(fields, "seccomp-unconfined", Flag::False);
        let profile = self.text(fields, "seccomp-profile-name").filter(|profile| !profile.is_empty());
        match (unconfined, profile) {
            (true, Some(_)) => {
                let message = "seccomp-unconfined and seccomp-profile-name cannot be given at the same time";
                let place = fields.get("seccomp-profile-name").map_or(fields.place, |field| field.place);
                let at = fields.path.key("seccomp-profile-name");
                self.error(Code::Seccomp, &at, place, message, "leave one of them out");
                None
            }
            (true, None) => Some(Seccomp::Unconfined),
            (false, profile) => profile.map(Seccomp::Profile),
        }
    }

    pub(super) fn ipc_mode(&mut self, fields: &Fields<'_, '_>) -> Option<IpcMode> {
        let field = fields.get("ipc-mode")?;
        self.choice(&fields.path.key("ipc-mode"), field, "ipc-mode", &keys::IPC_MODES)
    }
}
