//! A service as the text of a file. Invariant: the text reads as the same service, and leaves out what a file may leave
//! out. Each type is taken apart without `..`, so that code that forgets a field does not compile.

use serde_yaml::{Mapping, Number, Value};

use super::gate::{Gate, Gates};
use super::keys::{
    ENCRYPTION_KINDS, GOALS, IPC_MODES, KILL_SIGNALS, MODES, PHASE_STRATEGIES, PLAN_STRATEGIES, VISIBILITIES,
};
use super::names::TaskName;
use super::plan::{Instances, NamedStep, PhaseSpec, PlanSpec, StepLists, Steps};
use super::pod::{
    ExternalVolume, HostVolume, Network, PodSpec, PortMapping, RLimit, Seccomp, Secret, VolumeMode,
};
use super::resources::{
    Limit, Port, PortChoice, PortRange, ResourceLimits, ResourceSet, Vip, Volume, VolumeKind,
};
use super::service::{ReplacementFailurePolicy, SchedulerSpec, ServiceSpec};
use super::strategy::{PhaseStrategy, PlanStrategy};
use super::task::{
    ConfigFile, Discovery, HealthCheck, KillSignal, ReadinessCheck, TaskSpec, TransportEncryption, Visibility,
};
use super::units::MaxUnavailable;

impl ServiceSpec {
    /// The service as the text of a file. Read with [`Self::config_templates`] and without values, the text gives the
    /// same service again.
    pub fn to_yaml(&self) -> String {
        let value = service(self);
        // Braces that a template would take for a tag are written as escapes. The YAML writer cannot do that, so marks
        // stand for these texts first.
        let mut texts = Vec::new();
        let mark = (0..).map(|at| format!("planwright-braces-{at}-")).find(|mark| !contains(&value, mark));
        let mark = mark.unwrap_or_default();
        let value = protect(value, &mark, &mut texts);
        // Mappings, lists, texts and numbers can all be written.
        let mut written = serde_yaml::to_string(&value).unwrap_or_default();
        for (at, text) in texts.iter().enumerate().rev() {
            written = written.replace(&format!("{mark}{at}"), &escaped(text));
        }
        written
    }

    /// The texts of the config templates that the service's tasks name, by their file names.
    pub fn config_templates(&self) -> std::collections::BTreeMap<String, String> {
        let tasks = self.pods().values().flat_map(|pod| pod.tasks.values());
        let configs = tasks.flat_map(|task| task.configs.values());
        configs.filter_map(|config| Some((config.template.clone(), config.text.clone()?))).collect()
    }
}

/// Whether a text occurs anywhere in a value.
fn contains(value: &Value, part: &str) -> bool {
    match value {
        Value::String(text) => text.contains(part),
        Value::Sequence(values) => values.iter().any(|value| contains(value, part)),
        Value::Mapping(map) => map.iter().any(|(key, value)| contains(key, part) || contains(value, part)),
        _ => false,
    }
}

/// Replaces every text that a template would change by a mark.
fn protect(value: Value, mark: &str, texts: &mut Vec<String>) -> Value {
    match value {
        Value::String(text) if text.contains("{{") => {
            texts.push(text);
            Value::String(format!("{mark}{}", texts.len() - 1))
        }
        Value::Sequence(values) => {
            Value::Sequence(values.into_iter().map(|value| protect(value, mark, texts)).collect())
        }
        Value::Mapping(map) => {
            let entries = map.into_iter();
            let entries = entries.map(|(key, value)| {
                let key = protect(key, mark, texts);
                (key, protect(value, mark, texts))
            });
            Value::Mapping(entries.collect())
        }
        other => other,
    }
}

/// A text in double quotes that JSON and YAML both read, without two braces next to each other.
fn escaped(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default().replace('{', "\\x7b")
}

/// A mapping that is being built. Absent values are left out.
#[derive(Default)]
struct Map(Mapping);

impl Map {
    fn put(&mut self, key: &str, value: impl Into<Value>) {
        self.0.insert(key.into(), value.into());
    }

    fn maybe(&mut self, key: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }

    fn flag(&mut self, key: &str, value: bool, absent: bool) {
        if value != absent {
            self.put(key, value);
        }
    }

    fn all<'a, K: AsRef<str> + 'a, V: 'a>(
        &mut self,
        key: &str,
        items: impl IntoIterator<Item = (&'a K, &'a V)>,
        mut write: impl FnMut(&'a V) -> Value,
    ) {
        let map: Mapping =
            items.into_iter().map(|(name, item)| (name.as_ref().into(), write(item))).collect();
        if !map.is_empty() {
            self.put(key, map);
        }
    }
}

/// A number, if the YAML writer prints it as it is; otherwise a text, which reads as the same number.
fn number(text: &impl ToString) -> Value {
    let text = text.to_string();
    let parsed = text.parse::<Number>().ok().filter(|number| number.to_string() == text);
    parsed.map_or(Value::String(text), Value::Number)
}

fn word<T: PartialEq>(words: &[(&'static str, T)], value: &T) -> &'static str {
    words.iter().find(|(_, other)| other == value).map_or("", |(word, _)| word)
}

fn list<T: AsRef<str>>(names: &[T]) -> Value {
    names.iter().map(|name| Value::from(name.as_ref())).collect()
}

fn pairs<'a>(
    pairs: impl IntoIterator<Item = (&'a String, &'a String)>,
    between: char,
    after: &str,
) -> Option<String> {
    let all: Vec<_> = pairs.into_iter().map(|(key, value)| format!("{key}{between}{value}")).collect();
    (!all.is_empty()).then(|| all.join(after))
}

fn service(spec: &ServiceSpec) -> Value {
    let ServiceSpec { name, web_url, scheduler, replacement_failure_policy, pods, plans } = spec;
    let mut map = Map::default();
    map.put("name", name.as_str());
    map.maybe("web-url", web_url.as_deref());
    let SchedulerSpec { principal, zookeeper, user } = scheduler;
    let mut scheduler = Map::default();
    scheduler.maybe("principal", principal.as_deref());
    scheduler.maybe("zookeeper", zookeeper.as_deref());
    scheduler.maybe("user", user.as_deref());
    if !scheduler.0.is_empty() {
        map.put("scheduler", scheduler.0);
    }
    map.maybe("replacement-failure-policy", replacement_failure_policy.as_ref().map(policy));
    map.all("pods", pods, pod);
    if !spec.has_generated_plan() {
        map.all("plans", plans, plan);
    }
    map.0.into()
}

fn policy(policy: &ReplacementFailurePolicy) -> Value {
    let ReplacementFailurePolicy { permanent_failure_timeout, min_replace_delay } = *policy;
    let default = ReplacementFailurePolicy::default();
    let mut map = Map::default();
    for (key, value, default) in [
        ("permanent-failure-timeout-secs", permanent_failure_timeout, default.permanent_failure_timeout),
        ("min-replace-delay-secs", min_replace_delay, default.min_replace_delay),
    ] {
        map.maybe(key, Some(value.0).filter(|seconds| *seconds != default.0));
    }
    map.0.into()
}

fn pod(pod: &PodSpec) -> Value {
    let PodSpec {
        count,
        tasks,
        resource_sets,
        placement,
        image,
        networks,
        rlimits,
        uris,
        volumes,
        host_volumes,
        external_volumes,
        secrets,
        pre_reserved_role,
        share_pid_namespace,
        allow_decommission,
        seccomp,
        ipc_mode,
        shm_size,
    } = pod;
    let mut map = Map::default();
    map.put("count", *count);
    map.maybe("placement", placement.as_ref().map(|rule| rule.to_file()));
    map.maybe("image", image.as_deref());
    map.all("networks", networks, network);
    let rlimits: Mapping =
        rlimits.iter().map(|(name, limit)| (name.as_str().into(), rlimit(limit))).collect();
    if !rlimits.is_empty() {
        map.put("rlimits", rlimits);
    }
    if !uris.is_empty() {
        map.put("uris", list(uris));
    }
    self::volumes(&mut map, volumes);
    map.all("host-volumes", host_volumes, host_volume);
    map.all("external-volumes", external_volumes, external_volume);
    map.all("secrets", secrets, secret);
    map.maybe("pre-reserved-role", pre_reserved_role.as_deref());
    map.flag("share-pid-namespace", *share_pid_namespace, false);
    map.flag("allow-decommission", *allow_decommission, false);
    match seccomp {
        None => {}
        Some(Seccomp::Unconfined) => map.put("seccomp-unconfined", true),
        Some(Seccomp::Profile(profile)) => map.put("seccomp-profile-name", profile.as_str()),
    }
    map.maybe("ipc-mode", ipc_mode.as_ref().map(|mode| word(&IPC_MODES, mode)));
    map.maybe("shm-size", shm_size.map(|size| size.get()));
    let declared = resource_sets.iter().filter(|(name, _)| pod.owner(name).is_none());
    map.all("resource-sets", declared, |set| {
        let mut map = Map::default();
        resources(&mut map, set);
        map.0.into()
    });
    let tasks: Mapping = tasks
        .iter()
        .map(|(name, task)| {
            let set = &task.resource_set;
            let own = resource_sets.get(set).filter(|_| pod.owner(set).is_some());
            (name.as_str().into(), self::task(task, own))
        })
        .collect();
    map.put("tasks", tasks);
    map.0.into()
}

fn network(network: &Network) -> Value {
    let Network { ports, labels } = network;
    let mut map = Map::default();
    if !ports.is_empty() {
        let both = |PortMapping { host, container }: &PortMapping| (Value::from(*host), (*container).into());
        let (host, container): (Vec<Value>, Vec<Value>) = ports.iter().map(both).unzip();
        map.put("host-ports", host);
        map.put("container-ports", container);
    }
    map.maybe("labels", pairs(labels.iter().map(|(key, value)| (key, value)), ':', ","));
    map.0.into()
}

fn rlimit(limit: &RLimit) -> Value {
    let mut map = Map::default();
    match limit {
        RLimit::Unlimited => {
            map.put("soft", -1);
            map.put("hard", -1);
        }
        RLimit::Limited { soft, hard } => {
            map.put("soft", *soft);
            map.put("hard", *hard);
        }
    }
    map.0.into()
}

fn host_volume(volume: &HostVolume) -> Value {
    let HostVolume { host_path, container_path, mode } = volume;
    let mut map = Map::default();
    map.put("host-path", host_path.as_str());
    map.put("container-path", container_path.as_str());
    map.maybe("mode", self::mode(*mode));
    map.0.into()
}

fn mode(mode: VolumeMode) -> Option<&'static str> {
    (mode != VolumeMode::default()).then(|| word(&MODES, &mode))
}

fn external_volume(volume: &ExternalVolume) -> Value {
    let ExternalVolume { container_path, driver, options, volume_name, mode } = volume;
    let mut map = Map::default();
    map.put("type", "DOCKER");
    map.put("container-path", container_path.as_str());
    map.put("driver-name", driver.as_str());
    map.maybe("driver-options", pairs(options.iter().map(|(key, value)| (key, value)), '=', ";"));
    map.maybe("volume-name", volume_name.as_deref());
    map.maybe("volume-mode", self::mode(*mode));
    map.0.into()
}

fn secret(secret: &Secret) -> Value {
    let Secret { secret, env_key, file } = secret;
    let mut map = Map::default();
    map.put("secret", secret.as_str());
    map.maybe("env-key", env_key.as_deref());
    map.maybe("file", file.as_deref());
    map.0.into()
}

fn task(task: &TaskSpec, own: Option<&ResourceSet>) -> Value {
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
    } = task;
    let mut map = Map::default();
    map.put("goal", word(&GOALS, goal));
    map.put("cmd", cmd.as_str());
    map.flag("essential", *essential, true);
    map.all("env", env, |value| value.as_str().into());
    map.all("configs", configs, |config| {
        // The text is in another file: [`ServiceSpec::config_templates`].
        let ConfigFile { template, dest, render, text: _ } = config;
        let mut map = Map::default();
        map.put("template", template.as_str());
        map.put("dest", dest.as_str());
        map.flag("render", *render, true);
        map.0.into()
    });
    match own {
        Some(set) => resources(&mut map, set),
        None => map.put("resource-set", resource_set.as_str()),
    }
    map.maybe("health-check", health_check.as_ref().map(self::health_check));
    map.maybe("readiness-check", readiness_check.as_ref().map(self::readiness_check));
    if let Some(Discovery { prefix, visibility }) = discovery {
        let mut found = Map::default();
        found.put("prefix", prefix.as_str());
        if *visibility != Visibility::default() {
            found.put("visibility", word(&VISIBILITIES, visibility));
        }
        map.put("discovery", found.0);
    }
    map.maybe("labels", pairs(labels, ':', ","));
    if kill_grace_period.0 != 0 {
        map.put("kill-grace-period", kill_grace_period.0);
    }
    if *kill_signal != KillSignal::default() {
        map.put("kill-signal", word(&KILL_SIGNALS, kill_signal));
    }
    if !transport_encryption.is_empty() {
        let all = transport_encryption.iter().map(|TransportEncryption { name, kind }| {
            let mut map = Map::default();
            map.put("name", name.as_str());
            map.put("type", word(&ENCRYPTION_KINDS, kind));
            Value::from(map.0)
        });
        map.put("transport-encryption", all.collect::<Value>());
    }
    map.maybe("ipc-mode", ipc_mode.as_ref().map(|mode| word(&IPC_MODES, mode)));
    map.maybe("shm-size", shm_size.map(|size| size.get()));
    map.0.into()
}

fn health_check(check: &HealthCheck) -> Value {
    let HealthCheck { cmd, interval, grace_period, max_consecutive_failures, delay, timeout } = check;
    let mut map = Map::default();
    map.put("cmd", cmd.as_str());
    map.put("interval", interval.0);
    map.put("grace-period", grace_period.0);
    map.put("max-consecutive-failures", max_consecutive_failures.get());
    map.put("delay", delay.0);
    map.put("timeout", timeout.0);
    map.0.into()
}

fn readiness_check(check: &ReadinessCheck) -> Value {
    let ReadinessCheck { cmd, interval, delay, timeout } = check;
    let mut map = Map::default();
    map.put("cmd", cmd.as_str());
    map.put("interval", interval.0);
    if delay.0 != 0 {
        map.put("delay", delay.0);
    }
    map.put("timeout", timeout.0);
    map.0.into()
}

fn resources(map: &mut Map, set: &ResourceSet) {
    let ResourceSet { cpus, gpus, memory, ports, volumes, limits } = set;
    map.maybe("cpus", cpus.as_ref().map(number));
    map.maybe("gpus", gpus.as_ref().map(number));
    map.maybe("memory", memory.map(|size| size.get()));
    if !ports.is_empty() {
        let all = ports.iter().map(|(name, port)| (name.as_str().into(), self::port(name.as_str(), port)));
        map.put("ports", all.collect::<Mapping>());
    }
    self::volumes(map, volumes);
    let ResourceLimits { cpus, memory } = limits;
    let mut limits = Map::default();
    limits.maybe(
        "cpus",
        cpus.map(|limit| match limit {
            Limit::Unlimited => "unlimited".into(),
            Limit::AtMost(share) => number(&share),
        }),
    );
    limits.maybe(
        "memory",
        memory.map(|limit| match limit {
            Limit::Unlimited => Value::from("unlimited"),
            Limit::AtMost(size) => size.get().into(),
        }),
    );
    if !limits.0.is_empty() {
        map.put("resource-limits", limits.0);
    }
}

fn port(name: &str, port: &Port) -> Value {
    let Port { number, env_key, advertise, vip } = port;
    let mut map = Map::default();
    let (number, ranges) = match number {
        PortChoice::Static(number) => (number.get(), &[][..]),
        PortChoice::Dynamic(ranges) => (0, &ranges[..]),
    };
    map.put("port", number);
    map.maybe("env-key", env_key.as_deref());
    map.flag("advertise", *advertise, false);
    if let Some(Vip { prefix, port }) = vip {
        let mut found = Map::default();
        found.put("port", port.get());
        found.maybe("prefix", Some(prefix.as_str()).filter(|prefix| *prefix != name));
        map.put("vip", found.0);
    }
    if !ranges.is_empty() {
        let all = ranges.iter().map(|PortRange { begin, end }| {
            let mut map = Map::default();
            map.put("begin", *begin);
            map.put("end", *end);
            Value::from(map.0)
        });
        map.put("ranges", all.collect::<Value>());
    }
    map.0.into()
}

/// Writes one volume as `volume`, and several as `volumes` with their paths as keys.
fn volumes(map: &mut Map, volumes: &[Volume]) {
    match volumes {
        [] => {}
        [one] => map.put("volume", volume(one)),
        all => {
            let all = all.iter().map(|one| (one.path.as_str().into(), volume(one)));
            map.put("volumes", all.collect::<Mapping>());
        }
    }
}

fn volume(volume: &Volume) -> Value {
    let Volume { path, kind, size } = volume;
    let mut map = Map::default();
    map.put("path", path.as_str());
    match kind {
        VolumeKind::Root => map.put("type", "ROOT"),
        VolumeKind::Mount(profiles) => {
            map.put("type", "MOUNT");
            if !profiles.is_empty() {
                map.put("profiles", list(profiles));
            }
        }
    }
    map.put("size", size.get());
    map.0.into()
}

fn plan(plan: &PlanSpec) -> Value {
    let PlanSpec { strategy, phases, on_change, max_unavailable } = plan;
    let mut map = Map::default();
    if *strategy != PlanStrategy::default() {
        map.put("strategy", word(&PLAN_STRATEGIES, strategy));
    }
    let phases = phases.iter().map(|(name, one)| (name.as_str().into(), phase(one)));
    map.put("phases", phases.collect::<Mapping>());
    if !on_change.is_empty() {
        map.put("on-change", list(on_change));
    }
    map.maybe("max-unavailable", max_unavailable.map(self::max_unavailable));
    map.0.into()
}

fn phase(phase: &PhaseSpec) -> Value {
    let PhaseSpec { strategy, pod, steps, depends_on, max_unavailable, gates } = phase;
    let mut map = Map::default();
    if *strategy != PhaseStrategy::default() {
        map.put("strategy", word(&PHASE_STRATEGIES, strategy));
    }
    map.put("pod", pod.as_str());
    match steps {
        Steps::AllTasks => {}
        Steps::Lists(lists) => map.put("steps", lists.iter().map(step_lists).collect::<Value>()),
        Steps::Named(steps) => map.put("steps", steps.iter().map(named_step).collect::<Value>()),
    }
    if !depends_on.is_empty() {
        map.put("depends-on", list(depends_on));
    }
    map.maybe("max-unavailable", max_unavailable.map(self::max_unavailable));
    map.maybe("gates", self::gates(gates));
    map.0.into()
}

fn step_lists(lists: &StepLists) -> Value {
    let StepLists { instance, steps } = lists;
    let steps: Value = steps.iter().map(|tasks| list(tasks)).collect();
    Mapping::from_iter([(self::instance(*instance), steps)]).into()
}

fn named_step(step: &NamedStep) -> Value {
    let NamedStep { name, instance, tasks, depends_on, gates } = step;
    let mut map = Map::default();
    map.put("name", name.as_str());
    map.put("instance", self::instance(*instance));
    map.put("tasks", list(tasks));
    if !depends_on.is_empty() {
        map.put("depends-on", list(depends_on));
    }
    map.maybe("gates", self::gates(gates));
    map.0.into()
}

fn instance(instance: Instances) -> Value {
    match instance {
        Instances::Index(index) => Value::from(index),
        Instances::Default => "default".into(),
    }
}

fn max_unavailable(most: MaxUnavailable) -> Value {
    match most {
        MaxUnavailable::Count(count) => count.get().into(),
        MaxUnavailable::Percent(_) => most.to_string().into(),
    }
}

fn gates(gates: &Gates) -> Option<Value> {
    let Gates { before } = gates;
    let mut map = Map::default();
    map.maybe("before", before.as_ref().map(gate));
    (!map.0.is_empty()).then(|| map.0.into())
}

fn gate(gate: &Gate) -> Value {
    let Gate { cmd, task, timeout, max_age } = gate;
    let mut map = Map::default();
    map.put("cmd", cmd.as_str());
    map.maybe("task", task.as_ref().map(TaskName::as_str));
    map.maybe("timeout", Some(timeout.0).filter(|seconds| *seconds != Gate::TIMEOUT.0));
    map.maybe("max-age", Some(max_age.0).filter(|seconds| *seconds != Gate::MAX_AGE.0));
    map.0.into()
}
