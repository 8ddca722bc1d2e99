//! Services. Invariant: a [`ServiceSpec`] contains everything that it names, as every way to make one checks it.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::check::{Origins, check};
use super::diagnostic::{Code, Diagnostic, Path};
use super::names::{PhaseName, PlanName, PodName, ServiceName};
use super::plan::{PhaseSpec, PlanSpec};
use super::pod::PodSpec;
use super::problem::{Checked, Problem, SpecError};
use super::units::Seconds;

/// A service: pods of tasks, and plans. It is checked, and cannot be changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", try_from = "ServiceDraft")]
pub struct ServiceSpec {
    pub(super) name: ServiceName,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) web_url: Option<String>,
    #[serde(skip_serializing_if = "SchedulerSpec::is_empty")]
    pub(super) scheduler: SchedulerSpec,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) replacement_failure_policy: Option<ReplacementFailurePolicy>,
    pub(super) pods: IndexMap<PodName, PodSpec>,
    pub(super) plans: IndexMap<PlanName, PlanSpec>,
}

/// How the scheduler presents itself (SDK rule R7).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct SchedulerSpec {
    /// The principal; the default is `<name>-principal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// The ZooKeeper ensemble: `host:port`, separated by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zookeeper: Option<String>,
    /// The unix user of all tasks; the default is `root`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// The user of tasks if a file names none (SDK rule R7).
const USER: &str = "root";

impl SchedulerSpec {
    /// The unix user of all tasks, if it is another than the default: a default that is spelled out changes nothing.
    pub fn other_user(&self) -> Option<&str> {
        self.user.as_deref().filter(|user| *user != USER)
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// When an instance that is down is replaced without an operator (SDK rule R8). In a service without a policy, only an
/// operator replaces instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReplacementFailurePolicy {
    /// How long an instance may be down before it counts as lost. Never 0, which would replace every instance at its
    /// first failure.
    #[serde(rename = "permanent-failure-timeout-secs")]
    pub permanent_failure_timeout: Seconds,
    /// The least time between two such replacements, so that the loss of many instances does not move all of them at
    /// once.
    #[serde(rename = "min-replace-delay-secs")]
    pub min_replace_delay: Seconds,
}

impl Default for ReplacementFailurePolicy {
    fn default() -> Self {
        Self { permanent_failure_timeout: Seconds(1200), min_replace_delay: Seconds(600) }
    }
}

/// The parts of a service before they are checked. [`ServiceSpec::edit`] lets a program change them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a specification, which is an object")]
#[non_exhaustive]
pub struct ServiceDraft {
    /// The service's name. A service that is deployed keeps its name.
    pub name: ServiceName,
    /// The page that the orchestrator's own UI links to.
    #[serde(default)]
    pub web_url: Option<String>,
    /// How the scheduler presents itself.
    #[serde(default)]
    pub scheduler: SchedulerSpec,
    /// When a lost instance is replaced without an operator. `None` leaves replacements to the operator.
    #[serde(default)]
    pub replacement_failure_policy: Option<ReplacementFailurePolicy>,
    /// The pods, in declared order.
    pub pods: IndexMap<PodName, PodSpec>,
    /// The plans, in declared order. Without any, a plan `deploy` is generated.
    #[serde(default)]
    pub plans: IndexMap<PlanName, PlanSpec>,
}

impl ServiceDraft {
    /// The service, with all its problems. There is no service if one of the problems is an error.
    pub(super) fn checked(mut self, mut origins: Origins) -> (Option<ServiceSpec>, Vec<Diagnostic>) {
        if self.plans.is_empty() {
            origins.generate();
            self.plans.extend([generated(&self.pods)]);
        }
        self.tidy();
        let found = check(&self, &origins);
        let Self { name, web_url, scheduler, replacement_failure_policy, pods, plans } = self;
        let good = !found.iter().any(Diagnostic::is_error);
        let spec = ServiceSpec { name, web_url, scheduler, replacement_failure_policy, pods, plans };
        (good.then_some(spec), found)
    }
}

impl ServiceDraft {
    /// Removes empty texts, which a template may leave: they stand for the default.
    fn tidy(&mut self) {
        let SchedulerSpec { principal, zookeeper, user } = &mut self.scheduler;
        for text in [principal, zookeeper, user] {
            text.take_if(|text| text.is_empty());
        }
        for pod in self.pods.values_mut() {
            pod.pre_reserved_role.take_if(|role| role.is_empty() || role == "*");
            for volume in pod.external_volumes.values_mut() {
                volume.volume_name.take_if(|name| name.is_empty());
            }
        }
    }
}

/// The plan of a service without plans (SDK rule R42): serial phases, one for each pod, with one step per instance
/// that launches all of its tasks.
fn generated(pods: &IndexMap<PodName, PodSpec>) -> (PlanName, PlanSpec) {
    // Every pod name is a phase name.
    let phase = |pod: &PodName| Some((PhaseName::new(pod.as_str()).ok()?, PhaseSpec::new(pod.clone())));
    let phases = pods.keys().filter_map(phase).collect();
    let plan = PlanSpec { phases, ..PlanSpec::default() };
    (PlanName::deploy(), plan)
}

impl TryFrom<ServiceDraft> for ServiceSpec {
    type Error = String;

    fn try_from(parts: ServiceDraft) -> Result<Self, String> {
        let (spec, found) = parts.checked(Origins::default());
        spec.ok_or_else(|| {
            let errors: Vec<_> = found.iter().filter(|one| one.is_error()).map(ToString::to_string).collect();
            errors.join("; ")
        })
    }
}

/// Builds a service in code. [`ServiceBuilder::build`] checks it by the rules for files.
///
/// ```
/// use plan_core::spec::{Goal, PodSpec, ResourceSet, ServiceSpec, TaskSpec};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let resources = ResourceSet { cpus: Some("0.1".parse()?), ..ResourceSet::default() };
/// let pod = PodSpec::new(3)
///     .resource_set("hello-resources".parse()?, resources)
///     .task("server".parse()?, TaskSpec::new(Goal::Running, "./serve", "hello-resources".parse()?));
/// let service = ServiceSpec::builder("hello-world".parse()?).pod("hello".parse()?, pod).build();
/// assert!(service.is_ok_and(|service| service.plans().contains_key("deploy")));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ServiceBuilder {
    name: ServiceName,
    web_url: Option<String>,
    scheduler: SchedulerSpec,
    replacement_failure_policy: Option<ReplacementFailurePolicy>,
    pods: Vec<(PodName, PodSpec)>,
    plans: Vec<(PlanName, PlanSpec)>,
}

impl ServiceBuilder {
    /// Adds a pod, after those that the service has.
    #[must_use]
    pub fn pod(mut self, name: PodName, pod: PodSpec) -> Self {
        self.pods.push((name, pod));
        self
    }

    /// Adds a plan, after those that the service has. If no plan is added, a plan `deploy` is generated.
    #[must_use]
    pub fn plan(mut self, name: PlanName, plan: PlanSpec) -> Self {
        self.plans.push((name, plan));
        self
    }

    /// Sets how the scheduler presents itself.
    #[must_use]
    pub fn scheduler(mut self, scheduler: SchedulerSpec) -> Self {
        self.scheduler = scheduler;
        self
    }

    /// Sets the replacement policy.
    #[must_use]
    pub fn replacement_failure_policy(mut self, policy: ReplacementFailurePolicy) -> Self {
        self.replacement_failure_policy = Some(policy);
        self
    }

    /// Sets the page that the orchestrator's UI links to.
    #[must_use]
    pub fn web_url(mut self, url: impl Into<String>) -> Self {
        self.web_url = Some(url.into());
        self
    }

    /// The service.
    ///
    /// # Errors
    /// The service breaks a rule. The error has all problems, including warnings. The warnings of a good service are
    /// dropped here; [`ServiceBuilder::checked`] returns them.
    pub fn build(self) -> Result<ServiceSpec, Vec<Diagnostic>> {
        let (spec, found) = self.judged();
        spec.ok_or(found)
    }

    /// The service with its warnings.
    ///
    /// # Errors
    /// The service breaks a rule. The error has all problems, including warnings.
    pub fn checked(self) -> Result<Checked<ServiceSpec>, SpecError> {
        let (spec, found) = self.judged();
        checked(spec, &found)
    }

    fn judged(self) -> (Option<ServiceSpec>, Vec<Diagnostic>) {
        let Self { name, web_url, scheduler, replacement_failure_policy, pods, plans } = self;
        let mut twice = Vec::new();
        let pods = once(pods, "pod", &Path::Root.key("pods"), &mut twice);
        let plans = once(plans, "plan", &Path::Root.key("plans"), &mut twice);
        let parts = ServiceDraft { name, web_url, scheduler, replacement_failure_policy, pods, plans };
        let (spec, mut found) = parts.checked(Origins::default());
        found.splice(0..0, twice.iter().cloned());
        (spec.filter(|_| twice.is_empty()), found)
    }
}

/// Checks a service that does not come from a text.
pub(super) fn checked(
    spec: Option<ServiceSpec>,
    found: &[Diagnostic],
) -> Result<Checked<ServiceSpec>, SpecError> {
    let problems = found.iter().map(Problem::from).collect();
    match spec {
        Some(spec) => Ok(Checked::new(spec, problems)),
        None => Err(SpecError::new(problems)),
    }
}

fn once<K: std::hash::Hash + Eq + AsRef<str>, V>(
    items: Vec<(K, V)>,
    what: &str,
    path: &Path<'_>,
    twice: &mut Vec<Diagnostic>,
) -> IndexMap<K, V> {
    let mut map = IndexMap::with_capacity(items.len());
    for (name, item) in items {
        if map.contains_key(&name) {
            let message = format!("the {what} `{}` is added twice", name.as_ref());
            let problem = Diagnostic::error(Code::DuplicateName, path.key(name.as_ref()), message);
            twice.push(problem.help("rename one of them"));
        } else {
            map.insert(name, item);
        }
    }
    map
}

impl ServiceSpec {
    /// Begins a service.
    pub fn builder(name: ServiceName) -> ServiceBuilder {
        ServiceBuilder {
            name,
            web_url: None,
            scheduler: SchedulerSpec::default(),
            replacement_failure_policy: None,
            pods: Vec::new(),
            plans: Vec::new(),
        }
    }

    /// The service's name.
    pub fn name(&self) -> &ServiceName {
        &self.name
    }

    /// The page that the orchestrator's own UI links to.
    pub fn web_url(&self) -> Option<&str> {
        self.web_url.as_deref()
    }

    /// How the scheduler presents itself.
    pub fn scheduler(&self) -> &SchedulerSpec {
        &self.scheduler
    }

    /// When lost instances are replaced without an operator. `None` leaves replacements to the operator.
    pub fn replacement_failure_policy(&self) -> Option<&ReplacementFailurePolicy> {
        self.replacement_failure_policy.as_ref()
    }

    /// The pods, in declared order.
    pub fn pods(&self) -> &IndexMap<PodName, PodSpec> {
        &self.pods
    }

    /// Whether the only plan is the one that would be generated.
    pub(super) fn has_generated_plan(&self) -> bool {
        let (name, plan) = generated(&self.pods);
        // The order of phases has a meaning, and the equality of maps ignores it.
        let is_same = |found: &PlanSpec| *found == plan && found.phases.keys().eq(plan.phases.keys());
        self.plans.len() == 1 && self.plans.get(&name).is_some_and(is_same)
    }

    /// The plans, in declared order. There is always a plan `deploy`.
    pub fn plans(&self) -> &IndexMap<PlanName, PlanSpec> {
        &self.plans
    }
}
