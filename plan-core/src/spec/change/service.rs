//! The comparison of the service itself and of its plans.

use super::compare::{At, Comparer};
use super::{Change, ChangeVerdict, matches};
use crate::spec::gate::{Gate, Gates};
use crate::spec::names::PlanName;
use crate::spec::plan::{PhaseSpec, PlanSpec};
use crate::spec::service::{ReplacementFailurePolicy, SchedulerSpec, ServiceSpec};
use crate::spec::units::Seconds;

/// The ZooKeeper ensemble if a file names none (SDK rule R7).
const ZOOKEEPER: &str = "master.mesos:2181";

/// The changes from one specification to another, in the order of a file. Each says what it does to a service that is
/// deployed as `old`. The list is empty if the specifications are equal, including every order that has a meaning.
///
/// ```
/// # fn read(text: &str) -> plan_core::spec::ServiceSpec {
/// #     use plan_core::spec::{Files, ReadOptions, Source, read};
/// #     let env = std::collections::BTreeMap::new();
/// #     let options = ReadOptions { env: &env, strict_variables: true, files: Files::Skip };
/// #     read(Source { file: "svc.yml", text }, &options).spec.unwrap()
/// # }
/// use plan_core::spec::{ChangeVerdict, changes};
///
/// let old = read("{name: x, pods: {web: {count: 2, tasks: {t: {goal: RUNNING, cmd: ./a, cpus: 1}}}}}");
/// let new = read("{name: x, pods: {web: {count: 1, tasks: {t: {goal: RUNNING, cmd: ./b, cpus: 1}}}}}");
/// let found = changes(&old, &new);
/// assert_eq!(found[0].to_string(), "pods.web.count: 2 → 1 (refused)");
/// assert!(found[0].why.as_ref().is_some_and(|why| why.contains("allow-decommission")));
/// assert_eq!((found[1].field, found[1].verdict), ("pods.*.tasks.*.cmd", ChangeVerdict::Restarts));
/// ```
pub fn changes(old: &ServiceSpec, new: &ServiceSpec) -> Vec<Change> {
    let mut comparer = Comparer::default();
    comparer.service(old, new);
    comparer.found
}

/// The plan that brings changes about in a service that is deployed: the first whose `on-change` names one of the
/// changes, else `update`, else `deploy`. Before its first deployment is complete, a service always uses `deploy`.
pub fn converging_plan<'a>(new: &'a ServiceSpec, found: &[Change]) -> Option<&'a PlanName> {
    let named = |plan: &PlanSpec| {
        plan.on_change.iter().any(|entry| found.iter().any(|change| matches(entry, change)))
    };
    let called = |name: &str| new.plans().get_key_value(name).map(|(name, _)| name);
    let first = new.plans().iter().find(|(_, plan)| named(plan)).map(|(name, _)| name);
    first.or_else(|| called(PlanName::UPDATE)).or_else(|| called(PlanName::DEPLOY))
}

impl Comparer {
    fn service(&mut self, old: &ServiceSpec, new: &ServiceSpec) {
        let root = At::Root;
        let ServiceSpec { name, web_url, scheduler: _, replacement_failure_policy, pods, plans } = old;
        self.value(&root.key("name"), name, &new.name, ToString::to_string);
        self.maybe(&root.key("web-url"), web_url.as_ref(), new.web_url.as_ref(), Clone::clone);
        self.scheduler(old, new);
        let policy = root.key("replacement-failure-policy");
        self.policy(&policy, replacement_failure_policy.as_ref(), new.replacement_failure_policy.as_ref());
        let at = root.key("pods");
        for (name, pod) in pods {
            self.pod = Some(name.clone());
            self.pod(&at.name(name.as_str()), Some(pod), new.pods.get(name));
        }
        for (name, pod) in new.pods.iter().filter(|(name, _)| !pods.contains_key(*name)) {
            self.pod = Some(name.clone());
            self.pod(&at.name(name.as_str()), None, Some(pod));
        }
        self.pod = None;
        self.order(&at, &names(pods), &names(&new.pods));
        // A generated plan differs only as the pods do.
        if old.has_generated_plan() && new.has_generated_plan() {
            return;
        }
        let at = root.key("plans");
        self.named(&at, plans, &new.plans, phases, Self::plan);
        self.order(&at, &names(plans), &names(&new.plans));
    }

    fn scheduler(&mut self, old: &ServiceSpec, new: &ServiceSpec) {
        let root = At::Root;
        let at = root.key("scheduler");
        let SchedulerSpec { principal, zookeeper, user } = old.scheduler();
        let after = new.scheduler();
        let mut text = |key, old: &Option<String>, new: &Option<String>, verdict| {
            if old != new {
                self.put_as(Some(verdict), &at.key(key), old.clone(), new.clone());
            }
        };
        let effective = |spec: &ServiceSpec| {
            let given = spec.scheduler().principal.clone();
            given.unwrap_or_else(|| format!("{}-principal", spec.name()))
        };
        let same = effective(old) == effective(new);
        let verdict = if same { ChangeVerdict::Live } else { ChangeVerdict::Refused };
        text("principal", principal, &after.principal, verdict);
        let same = shares_host(
            zookeeper.as_deref().unwrap_or(ZOOKEEPER),
            after.zookeeper.as_deref().unwrap_or(ZOOKEEPER),
        );
        let verdict = if same { ChangeVerdict::Live } else { ChangeVerdict::Refused };
        text("zookeeper", zookeeper, &after.zookeeper, verdict);
        let same = old.scheduler().other_user() == after.other_user();
        let verdict = if same { ChangeVerdict::Live } else { ChangeVerdict::Refused };
        text("user", user, &after.user, verdict);
    }

    fn policy(
        &mut self,
        at: &At<'_>,
        old: Option<&ReplacementFailurePolicy>,
        new: Option<&ReplacementFailurePolicy>,
    ) {
        let parts = |policy: &ReplacementFailurePolicy| {
            let ReplacementFailurePolicy { permanent_failure_timeout, min_replace_delay } = *policy;
            (permanent_failure_timeout, min_replace_delay)
        };
        let ((old_timeout, old_delay), (new_timeout, new_delay)) =
            (old.map(parts).unzip(), new.map(parts).unzip());
        let shown = Seconds::to_string;
        let timeout = at.key("permanent-failure-timeout-secs");
        self.maybe(&timeout, old_timeout.as_ref(), new_timeout.as_ref(), shown);
        self.maybe(&at.key("min-replace-delay-secs"), old_delay.as_ref(), new_delay.as_ref(), shown);
    }

    fn plan(&mut self, at: &At<'_>, old: &PlanSpec, new: &PlanSpec) {
        let PlanSpec { strategy, phases, on_change, max_unavailable } = old;
        self.value(&at.key("strategy"), strategy, &new.strategy, |strategy| strategy.as_str().to_owned());
        self.value(&at.key("on-change"), on_change, &new.on_change, |entries| entries.join(", "));
        let most = at.key("max-unavailable");
        self.maybe(&most, max_unavailable.as_ref(), new.max_unavailable.as_ref(), ToString::to_string);
        let at = at.key("phases");
        self.named(&at, phases, &new.phases, |phase| format!("over {}", phase.pod), Self::phase);
        self.order(&at, &names(phases), &names(&new.phases));
    }

    fn phase(&mut self, at: &At<'_>, old: &PhaseSpec, new: &PhaseSpec) {
        let PhaseSpec { strategy, pod, steps, depends_on, max_unavailable, gates } = old;
        self.value(&at.key("strategy"), strategy, &new.strategy, |strategy| strategy.as_str().to_owned());
        self.value(&at.key("pod"), pod, &new.pod, ToString::to_string);
        self.value(&at.key("steps"), steps, &new.steps, super::json);
        self.value(&at.key("depends-on"), depends_on, &new.depends_on, |names| {
            names.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ")
        });
        let most = at.key("max-unavailable");
        self.maybe(&most, max_unavailable.as_ref(), new.max_unavailable.as_ref(), ToString::to_string);
        let Gates { before } = gates;
        let at = at.key("gates");
        let cmd = |gate: &Gate| gate.cmd.clone();
        self.part(&at.key("before"), before.as_ref(), new.gates.before.as_ref(), cmd, Self::gate);
    }

    fn gate(&mut self, at: &At<'_>, old: &Gate, new: &Gate) {
        let Gate { cmd, task, timeout, max_age } = old;
        self.value(&at.key("cmd"), cmd, &new.cmd, Clone::clone);
        self.maybe(&at.key("task"), task.as_ref(), new.task.as_ref(), ToString::to_string);
        self.value(&at.key("timeout"), timeout, &new.timeout, Seconds::to_string);
        self.value(&at.key("max-age"), max_age, &new.max_age, Seconds::to_string);
    }
}

fn phases(plan: &PlanSpec) -> String {
    let names: Vec<&str> = plan.phases.keys().map(AsRef::as_ref).collect();
    format!("phases {}", names.join(", "))
}

/// The names of a map, in declared order.
pub(super) fn names<K: Clone, V>(map: &indexmap::IndexMap<K, V>) -> Vec<K> {
    map.keys().cloned().collect()
}

/// Whether two lists of `host:port`, each with an optional path at its end, share a host. Then both are one ensemble,
/// which was changed host by host.
fn shares_host(old: &str, new: &str) -> bool {
    let parts = |list: &str| {
        let (hosts, path) = list.split_once('/').unwrap_or((list, ""));
        let hosts: Vec<String> = hosts.split(',').map(|host| host.trim().to_owned()).collect();
        (hosts, path.trim_end_matches('/').to_owned())
    };
    let ((old, old_path), (new, new_path)) = (parts(old), parts(new));
    old_path == new_path && old.iter().any(|host| new.contains(host))
}
