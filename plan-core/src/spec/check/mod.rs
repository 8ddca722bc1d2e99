//! The rules of a service that its types cannot express (SDK rules R6 to R43). Invariant: a file, a builder and a
//! stored specification are judged by these same rules, in the same words. A place is a path; a reader that has a text
//! finds the line.

mod graph;
mod network;
mod plan;
mod pod;
mod resources;
mod task;

use std::collections::{BTreeMap, BTreeSet};

pub(super) use network::BRIDGE;

use super::diagnostic::{Code, Diagnostic, Path};
use super::names::{PodName, ResourceSetName};
use super::resources::ResourceSet;
use super::service::ServiceDraft;

/// What the reader of a file knows about where the parts of a service came from. Empty for a builder.
#[derive(Debug, Default)]
pub(super) struct Origins {
    /// The paths at which the reader has reported an error. The values there are stand-ins, about which nothing more is
    /// reported.
    broken: BTreeSet<String>,
    /// The resource sets that the file writes inside a task.
    inline: BTreeSet<(PodName, ResourceSetName)>,
    /// Whether the plan `deploy` was generated. Then every problem of the plan is one of the pods.
    generated: bool,
}

impl Origins {
    #[cfg(feature = "yaml")]
    pub(super) fn break_at(&mut self, path: &str) {
        self.broken.insert(path.to_owned());
    }

    #[cfg(feature = "yaml")]
    pub(super) fn write_inline(&mut self, pod: PodName, set: ResourceSetName) {
        self.inline.insert((pod, set));
    }

    pub(super) fn generate(&mut self) {
        self.generated = true;
    }

    /// Whether the value at a path, or at a beginning of the path, is a stand-in.
    fn is_broken(&self, path: &str) -> bool {
        if self.broken.is_empty() {
            return false;
        }
        let ends = path.match_indices(['.', '[']).map(|(at, _)| at).chain([path.len()]);
        ends.into_iter().any(|end| self.broken.contains(&path[..end]))
    }

    /// Whether a value below a path is a stand-in.
    fn is_broken_below(&self, path: &str) -> bool {
        let below = self.broken.range(path.to_owned()..).take_while(|broken| broken.starts_with(path));
        below.into_iter().any(|broken| broken[path.len()..].starts_with(['.', '[']))
    }
}

/// All problems of a service.
pub(super) fn check(parts: &ServiceDraft, origins: &Origins) -> Vec<Diagnostic> {
    let mut checker = Checker { parts, origins, found: Vec::new() };
    checker.service();
    checker.found
}

struct Checker<'a> {
    parts: &'a ServiceDraft,
    origins: &'a Origins,
    found: Vec<Diagnostic>,
}

impl Checker<'_> {
    fn report(&mut self, diagnostic: Diagnostic) {
        if !self.origins.is_broken(&diagnostic.path) {
            self.found.push(diagnostic);
        }
    }

    fn error(&mut self, code: Code, path: &Path<'_>, message: impl Into<String>, help: impl Into<String>) {
        self.report(Diagnostic::error(code, path, message).help(help));
    }

    fn is_broken(&self, path: &Path<'_>) -> bool {
        self.origins.is_broken(&path.to_string())
    }

    fn is_broken_below(&self, path: &Path<'_>) -> bool {
        self.origins.is_broken_below(&path.to_string())
    }

    fn service(&mut self) {
        let root = Path::Root;
        let parts = self.parts;
        if let Some(url) = &parts.web_url
            && !is_uri(url)
        {
            let message = format!("`{url}` is not a URL");
            self.error(Code::WebUrl, &root.key("web-url"), message, "write it as in `https://example.com/`");
        }
        let folded = parts.name.as_str().chars().filter(|c| *c != '/').count();
        if folded > MAX_DNS {
            let message = format!(
                "a service name has at most {MAX_DNS} characters without its slashes, this one has {folded}"
            );
            let help = "it becomes a part of DNS names: shorten it";
            self.error(Code::Name, &root.key("name"), message, help);
        }
        if parts.replacement_failure_policy.is_some_and(|policy| policy.permanent_failure_timeout.0 == 0) {
            let policy = root.key("replacement-failure-policy");
            let message =
                "a permanent-failure-timeout-secs of 0 would replace every instance at its first failure";
            let help = "give the seconds after which an instance is lost, as 1200";
            self.error(Code::Quantity, &policy.key("permanent-failure-timeout-secs"), message, help);
        }
        let pods = root.key("pods");
        if parts.pods.is_empty() && !self.is_broken_below(&pods) {
            self.error(
                Code::NoPods,
                &pods,
                "the service has no pod",
                "declare a pod: `pods: {<name>: {count: 1, tasks: …}}`",
            );
        }
        for (name, pod) in &parts.pods {
            self.pod(&pods.key(name.as_str()), name, pod);
        }
        self.prefixed(&pods);
        self.advertised(&pods);
        self.prefixes(&pods);
        self.plans(&root.key("plans"));
    }

    /// Warns if a placement rule counts other instances than in the SDK. The SDK counts every task whose name begins
    /// with the pod's name and a dash; here a pod is counted by its whole name (SDK rule R37).
    fn prefixed(&mut self, pods: &Path<'_>) {
        let mut names: Vec<&str> = self.parts.pods.keys().map(PodName::as_str).collect();
        names.sort_unstable();
        for (name, pod) in &self.parts.pods {
            if pod.placement.as_ref().is_none_or(|rule| rule.fields().is_empty()) {
                continue;
            }
            let prefix = format!("{name}-");
            let first = names.partition_point(|other| *other < prefix.as_str());
            if let Some(other) = names.get(first).filter(|other| other.starts_with(&prefix)) {
                let message = format!(
                    "the DC/OS SDK counts instances of `{other}` as ones of `{name}`; here they are not"
                );
                let help = format!("to keep `{name}` apart from them, rename one of the pods or add a rule");
                let at = pods.key(name.as_str());
                let warning = Diagnostic::warning(Code::CountedPrefix, at.key("placement"), message);
                self.report(warning.help(help));
            }
        }
    }

    /// The names of advertised ports differ across a service (SDK rule R22).
    fn advertised(&mut self, pods: &Path<'_>) {
        let mut first: BTreeMap<&str, String> = BTreeMap::new();
        let mut again: Vec<(String, &str, String)> = Vec::new();
        for (pod_name, pod) in &self.parts.pods {
            let pod_path = pods.key(pod_name.as_str());
            for (set_name, set) in &pod.resource_sets {
                self.at_set(&pod_path, pod_name, set_name, |_, path| {
                    for (port, _) in set.ports.iter().filter(|(_, port)| port.advertise) {
                        let place = path.key("ports").key(port.as_str()).to_string();
                        if let Some(other) = first.get(port.as_str()) {
                            again.push((place, port.as_str(), other.clone()));
                        } else {
                            first.insert(port.as_str(), place);
                        }
                    }
                });
            }
        }
        // There is one problem for all names, at the first of them, with a list.
        let names: BTreeSet<&str> = again.iter().map(|(_, name, _)| *name).collect();
        let names = names.into_iter().collect::<Vec<_>>().join(", ");
        if let Some((place, name, other)) = again.first() {
            let message = format!("the service has advertised ports of the same name: {names}");
            let help = format!("rename the port; `{name}` is also at {other}");
            self.report(Diagnostic::error(Code::DuplicateAdvertised, place, message).help(help));
        }
    }

    /// Calls a function with the path at which a resource set is written.
    fn at_set<R>(
        &mut self,
        pod_path: &Path<'_>,
        pod: &PodName,
        set: &ResourceSetName,
        then: impl FnOnce(&mut Self, &Path<'_>) -> R,
    ) -> R {
        let inline = self.origins.inline.contains(&(pod.clone(), set.clone()));
        match set.as_str().strip_suffix(INLINE_SUFFIX).filter(|_| inline) {
            Some(task) => {
                let tasks = pod_path.key("tasks");
                then(self, &tasks.key(task))
            }
            None => {
                let sets = pod_path.key("resource-sets");
                then(self, &sets.key(set.as_str()))
            }
        }
    }
}

/// The longest label of a DNS name.
const MAX_DNS: usize = 63;

/// The end of the name of a task's inline resource set (SDK rule R15).
pub(super) const INLINE_SUFFIX: &str = "-resource-set";

/// Whether a set holds something besides volumes (SDK rule R20).
fn holds_something(set: &ResourceSet) -> bool {
    set.cpus.is_some() || set.gpus.is_some() || set.memory.is_some() || !set.ports.is_empty()
}

/// Whether a text has only characters that a URI can have. The fetcher checks the rest.
fn is_uri(text: &str) -> bool {
    let bad = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '<' | '>' | '"' | '{' | '}' | '|' | '\\' | '^' | '`')
    };
    !text.is_empty() && !text.contains(bad)
}

/// The items that equal an earlier item, each with the index of the first one.
fn repeated<T: Ord>(items: &[T]) -> Vec<(usize, usize)> {
    let mut first = BTreeMap::new();
    let again = items.iter().enumerate().filter_map(|(at, item)| {
        let earlier = *first.entry(item).or_insert(at);
        (earlier != at).then_some((at, earlier))
    });
    again.collect()
}
