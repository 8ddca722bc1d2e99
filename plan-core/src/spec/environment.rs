//! The environment of tasks (SDK rules R46 to R48): what the scheduler's own environment gives to tasks, and what every
//! task is given. Invariant: both are pure functions of their arguments. The SDK leaves two choices to the order of
//! names. Here the longest pod name wins, and a value for one pod wins over a value for all.

use std::collections::BTreeMap;

use super::names::{PodName, PortName, ServiceName, TaskName};
use super::placement::{Field, NodeFacts};
use super::pod::PodSpec;
use super::resources::{PortChoice, ResourceSet};
use super::service::ServiceSpec;
use super::task::{ConfigFile, TaskSpec};
use super::template::{Missing, Rendered, render};

const PREFIX: &str = "TASKCFG_";
const ALL: &str = "ALL";

/// The values that `TASKCFG_…` variables of the scheduler give to tasks: `TASKCFG_ALL_X` gives `X` to every task,
/// `TASKCFG_<POD>_X` to those of one pod, where `<POD>` is the pod's name in upper case with `_` for every character
/// that is not a letter, digit or `_`.
///
/// ```
/// use std::collections::BTreeMap;
/// use plan_core::spec::Routing;
///
/// let env = BTreeMap::from([("TASKCFG_ALL_A", "1"), ("TASKCFG_DATA_A", "2"), ("TASKCFG_DATA_HOT_A", "3")]
///     .map(|(name, value)| (name.to_owned(), value.to_owned())));
/// let pods = ["data".parse()?, "data-hot".parse()?, "web".parse()?];
/// let routing = Routing::new(&env, &pods);
/// let value = |pod: usize| routing.values(&pods[pod])["A"];
/// assert_eq!([value(0), value(1), value(2)], ["2", "3", "1"]);
/// // In the SDK, `data` gets a variable `HOT_A` too.
/// assert_eq!(routing.ambiguous()[0].pods[0].as_str(), "data-hot");
/// # Ok::<(), plan_core::spec::NameError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Routing<'a> {
    all: BTreeMap<&'a str, &'a str>,
    pods: BTreeMap<String, BTreeMap<&'a str, &'a str>>,
    ambiguous: Vec<Ambiguous<'a>>,
}

/// A variable whose name fits more than one pod, or a pod and `ALL`.
#[derive(Debug, Clone)]
pub struct Ambiguous<'a> {
    /// The variable, as `TASKCFG_DATA_HOT_A`.
    pub variable: &'a str,
    /// The pods that get the variable. There are several only if their names differ in case and signs alone.
    pub pods: Vec<&'a PodName>,
    /// The name of the variable in the tasks.
    pub key: &'a str,
    /// What would get the variable if these pods did not exist: the name of another pod, in upper case, or `ALL`.
    pub instead_of: String,
}

impl<'a> Routing<'a> {
    /// The routing of an environment to these pods.
    pub fn new(env: &'a BTreeMap<String, String>, pods: impl IntoIterator<Item = &'a PodName>) -> Self {
        let mut routing = Self::default();
        let routed = env.range(PREFIX.to_owned()..).take_while(|(name, _)| name.starts_with(PREFIX));
        let mut routed = routed.peekable();
        if routed.peek().is_none() {
            return routing;
        }
        let mut owners: BTreeMap<String, Vec<&PodName>> = BTreeMap::new();
        for pod in pods {
            owners.entry(env_name(pod.as_str())).or_default().push(pod);
        }
        for (variable, value) in routed {
            let rest = &variable[PREFIX.len()..];
            // Every prefix that ends before a `_` may be a pod's name. The longest comes first.
            let ends = rest.match_indices('_').map(|(at, _)| at).filter(|at| at + 1 < rest.len());
            let mut fits = ends.filter(|at| rest[..*at] == *ALL || owners.contains_key(&rest[..*at]));
            let Some(longest) = fits.next_back() else { continue };
            let (owner, key) = (&rest[..longest], &rest[longest + 1..]);
            // A pod called `all` gets the values for all.
            if owner == ALL {
                routing.all.insert(key, value);
            } else {
                routing.pods.entry(owner.to_owned()).or_default().insert(key, value);
                if let Some(shorter) = fits.next_back() {
                    let pods = owners[owner].clone();
                    let instead_of = rest[..shorter].to_owned();
                    routing.ambiguous.push(Ambiguous { variable, pods, key, instead_of });
                }
            }
        }
        routing
    }

    /// The variables that the tasks of a pod get.
    pub fn values(&self, pod: &PodName) -> BTreeMap<&'a str, &'a str> {
        let mut values = self.all.clone();
        values.extend(self.pods.get(&env_name(pod.as_str())).into_iter().flatten());
        values
    }

    /// Whether no variable is routed.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty() && self.pods.is_empty()
    }

    /// The variables whose names fit more than one pod, or a pod and `ALL`.
    pub fn ambiguous(&self) -> &[Ambiguous<'a>] {
        &self.ambiguous
    }
}

/// A name as a part of an environment variable's name: in upper case, with `_` for every character that is not a
/// letter, digit or `_`.
fn env_name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

/// Where a task of a service runs. Together with the specification, this determines its environment.
#[derive(Debug, Clone, Copy)]
pub struct TaskPlace<'a> {
    /// The service.
    pub service: &'a ServiceSpec,
    /// The pod.
    pub pod: &'a PodName,
    /// The index of the pod's instance.
    pub index: u32,
    /// The task.
    pub task: &'a TaskName,
    /// The node, once it is known.
    pub node: Option<&'a NodeFacts>,
    /// The numbers of the dynamic ports, once they were picked.
    pub ports: &'a BTreeMap<PortName, u16>,
    /// The parameters of the plan that launches the task.
    pub parameters: &'a BTreeMap<String, String>,
    /// How the scheduler and its service are reached.
    pub addresses: &'a Addresses,
}

/// How the scheduler and its service are reached. Only the program that runs the scheduler knows this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// The scheduler's host, `SCHEDULER_API_HOSTNAME`. `None` leaves the variable out.
    pub api_host: Option<String>,
    /// The scheduler's port, `SCHEDULER_API_PORT`. `None` leaves the variable out.
    pub api_port: Option<u16>,
    /// What follows the service's name in `FRAMEWORK_HOST`.
    pub service_domain: String,
    /// What follows the service's name in `FRAMEWORK_VIP_HOST`.
    pub vip_domain: String,
}

impl Default for Addresses {
    /// The domains of the SDK.
    fn default() -> Self {
        Self {
            api_host: None,
            api_port: None,
            service_domain: "autoip.dcos.thisdcos.directory".to_owned(),
            vip_domain: "l4lb.thisdcos.directory".to_owned(),
        }
    }
}

/// The environment of a task, without its secrets: the backend adds their values (`secrets[].env-key`), and the
/// variables of its own sandbox.
///
/// | variable | value | needs |
/// | --- | --- | --- |
/// | those of `env:` | as written, TASKCFG values laid over them | |
/// | plan parameters | those that the plan was started with, over `env:` | the plan |
/// | `TASK_NAME` | `<pod>-<index>-<task>` | |
/// | the task's name | `true` | |
/// | `POD_INSTANCE_INDEX` | the index | |
/// | `FRAMEWORK_NAME` | the service's name | |
/// | `FRAMEWORK_HOST` | `<service>.autoip.dcos.thisdcos.directory` | [`Addresses`] |
/// | `FRAMEWORK_VIP_HOST` | `<service>.l4lb.thisdcos.directory` | [`Addresses`] |
/// | `SCHEDULER_API_HOSTNAME`, `SCHEDULER_API_PORT` | how the scheduler is reached | [`Addresses`] |
/// | `PLACEMENT_REFERENCED_REGION`, `…_ZONE` | whether the placement rule speaks of it | |
/// | `REGION`, `ZONE` | of the node, if it says them | the node |
/// | the ports' `env-key`s | their numbers | picked ports, for dynamic ones |
/// | `CONFIG_TEMPLATE_<NAME>` | `config-templates/<name>,<dest>` | |
///
/// A lower row of the table wins over a higher one. The environment is empty if the service has no such task.
pub fn task_environment(place: &TaskPlace<'_>) -> BTreeMap<String, String> {
    let Some(pod) = place.service.pods().get(place.pod) else { return BTreeMap::new() };
    let Some(task) = pod.tasks.get(place.task) else { return BTreeMap::new() };
    let mentions = |field| pod.placement.as_ref().is_some_and(|rule| rule.mentions(&field));
    launch_environment(&LaunchPlace {
        service: place.service.name(),
        pod: place.pod,
        index: place.index,
        task: place.task,
        spec: task,
        resources: pod.resource_sets.get(&task.resource_set),
        region_referenced: mentions(Field::Region),
        zone_referenced: mentions(Field::Zone),
        node: place.node,
        ports: place.ports,
        parameters: place.parameters,
        addresses: place.addresses,
    })
}

/// Where a task is launched, for a backend, which has the task's configuration and not the whole specification.
#[derive(Debug, Clone, Copy)]
pub struct LaunchPlace<'a> {
    /// The service.
    pub service: &'a ServiceName,
    /// The pod.
    pub pod: &'a PodName,
    /// The index of the pod's instance.
    pub index: u32,
    /// The task.
    pub task: &'a TaskName,
    /// The declaration of the task.
    pub spec: &'a TaskSpec,
    /// The task's resource set.
    pub resources: Option<&'a ResourceSet>,
    /// Whether the placement rule names the region.
    pub region_referenced: bool,
    /// Whether the placement rule names the zone.
    pub zone_referenced: bool,
    /// The node, once it is known.
    pub node: Option<&'a NodeFacts>,
    /// The numbers of the dynamic ports, once they were picked.
    pub ports: &'a BTreeMap<PortName, u16>,
    /// The parameters of the plan that launches the task.
    pub parameters: &'a BTreeMap<String, String>,
    /// How the scheduler and its service are reached.
    pub addresses: &'a Addresses,
}

/// The environment of a task, as in [`task_environment`].
pub fn launch_environment(place: &LaunchPlace<'_>) -> BTreeMap<String, String> {
    let task = place.spec;
    let mut env = BTreeMap::new();
    let mut put = |name: &str, value: &dyn std::fmt::Display| env.insert(name.to_owned(), value.to_string());
    for (name, value) in task.env.iter().chain(place.parameters) {
        put(name, value);
    }
    let name = format!("{}-{}-{}", place.pod, place.index, place.task);
    put("TASK_NAME", &name);
    put(&name, &true);
    put("POD_INSTANCE_INDEX", &place.index);
    let service = place.service.as_str();
    put("FRAMEWORK_NAME", &service);
    let addresses = place.addresses;
    let host = host_name(place.service);
    put("FRAMEWORK_HOST", &format_args!("{host}.{}", addresses.service_domain));
    put("FRAMEWORK_VIP_HOST", &format_args!("{host}.{}", addresses.vip_domain));
    if let Some(host) = &addresses.api_host {
        put("SCHEDULER_API_HOSTNAME", host);
    }
    if let Some(port) = &addresses.api_port {
        put("SCHEDULER_API_PORT", port);
    }
    put("PLACEMENT_REFERENCED_REGION", &place.region_referenced);
    put("PLACEMENT_REFERENCED_ZONE", &place.zone_referenced);
    if let Some(region) = place.node.and_then(|node| node.region.as_ref()) {
        put("REGION", region);
    }
    if let Some(zone) = place.node.and_then(|node| node.zone.as_ref()) {
        put("ZONE", zone);
    }
    for (name, port) in place.resources.iter().flat_map(|set| set.ports.iter()) {
        let number = match port.number {
            PortChoice::Static(number) => Some(number.get()),
            PortChoice::Dynamic(_) => place.ports.get(name).copied(),
        };
        if let (Some(key), Some(number)) = (&port.env_key, number) {
            put(key, &number);
        }
    }
    // A program that fills in templates itself is told of templates alone.
    for (name, config) in task.configs.iter().filter(|(_, config)| config.render) {
        let key = format!("CONFIG_TEMPLATE_{}", env_name(name));
        put(&key, &format_args!("config-templates/{name},{}", config.dest));
    }
    env
}

/// The environment of a task wherever it runs, with stand-ins for what only the place knows: for what is asked before the
/// task has a place.
pub(super) fn any_environment(
    service: &ServiceName,
    (pod_name, pod): (&PodName, &PodSpec),
    (task_name, task): (&TaskName, &TaskSpec),
) -> BTreeMap<String, String> {
    let resources = pod.resource_sets.get(&task.resource_set);
    let ports =
        resources.iter().flat_map(|set| set.ports.iter().map(|(name, _)| (name.clone(), 1))).collect();
    let addresses = Addresses { api_host: Some("any".to_owned()), api_port: Some(1), ..Addresses::default() };
    let mut env = launch_environment(&LaunchPlace {
        service,
        pod: pod_name,
        index: 0,
        task: task_name,
        spec: task,
        resources,
        region_referenced: false,
        zone_referenced: false,
        node: None,
        ports: &ports,
        parameters: &BTreeMap::new(),
        addresses: &addresses,
    });
    let secrets = pod.secrets.values().filter_map(|secret| secret.env_key.clone());
    let of_place = ["REGION", "ZONE"].map(ToOwned::to_owned);
    env.extend(secrets.chain(of_place).map(|name| (name, "any".to_owned())));
    env
}

/// A service's name as a part of host names: without slashes, and with dashes for dots (SDK rule R48).
pub fn host_name(service: &ServiceName) -> String {
    service.as_str().replace('/', "").replace('.', "-")
}

/// A config file as its task finds it: the template, rendered with the task's environment by the renderer for
/// specifications. A variable without a value is empty, and reported in the diagnostics. If the template's text is
/// missing, the file is empty.
///
/// A file that is no template (`render: false`) is its own text.
pub fn render_config(config: &ConfigFile, env: &BTreeMap<String, String>) -> Rendered {
    let text = config.text.as_deref().unwrap_or_default();
    match config.render {
        true => render(text, env, Missing::Refuse),
        false => Rendered::literal(text),
    }
}
