//! The top level of a file (SDK rules R6 to R8).

use indexmap::IndexMap;

use super::fields::{Field, Reader};
use super::tree::{Node, Value};
use crate::spec::diagnostic::{Code, Path};
use crate::spec::keys;
use crate::spec::names::{PodName, ServiceName};
use crate::spec::pod::PodSpec;
use crate::spec::service::{ReplacementFailurePolicy, SchedulerSpec, ServiceDraft};

impl Reader<'_> {
    /// The parts of the service that a tree describes; `None` only if it describes no service at all.
    pub(super) fn service(&mut self, tree: &Node) -> Option<ServiceDraft> {
        let root = Path::Root;
        let whole = Field::entry(tree);
        if matches!(tree.value, Value::Null) {
            let help = "a specification has at least `name` and `pods`";
            self.error(Code::Empty, &root, tree.span, "the file is empty", help);
            return None;
        }
        let mut fields = self.fields(root, whole, &keys::SERVICE)?;
        // A missing key is reported at the beginning of the file, not for the whole file.
        fields.place.end = fields.place.start;
        let name = self.required_name::<ServiceName>(
            &fields,
            "name",
            "give the service's name, as `name: hello-world`",
        );
        // Every problem of the name is an error, so the stand-in never gets into a service.
        let name = name.or_else(|| ServiceName::new("unnamed").ok())?;
        let web_url = self.text(&fields, "web-url").filter(|url| !url.is_empty());
        let scheduler =
            fields.get("scheduler").and_then(|field| self.scheduler(&root.key("scheduler"), field));
        let policy = fields.get("replacement-failure-policy");
        let policy = policy.and_then(|field| self.policy(&root.key("replacement-failure-policy"), field));
        let pods = self.required(&fields, "pods", "declare a pod: `pods: {<name>: {count: 1, tasks: …}}`");
        let pods = pods.map(|field| self.pods(&root.key("pods"), field)).unwrap_or_default();
        let plans =
            fields.get("plans").map(|field| self.plans(&root.key("plans"), field)).unwrap_or_default();
        let scheduler = scheduler.unwrap_or_default();
        Some(ServiceDraft { name, web_url, scheduler, replacement_failure_policy: policy, pods, plans })
    }

    fn scheduler(&mut self, path: &Path<'_>, field: Field<'_>) -> Option<SchedulerSpec> {
        let fields = self.fields(*path, field, &keys::SCHEDULER)?;
        // An empty text, which a template may leave, is the default.
        let mut text = |key| self.text(&fields, key).filter(|text| !text.is_empty());
        Some(SchedulerSpec { principal: text("principal"), zookeeper: text("zookeeper"), user: text("user") })
    }

    fn policy(&mut self, path: &Path<'_>, field: Field<'_>) -> Option<ReplacementFailurePolicy> {
        let fields = self.fields(*path, field, &keys::REPLACEMENT)?;
        let default = ReplacementFailurePolicy::default();
        let timeout = self.seconds(&fields, "permanent-failure-timeout-secs");
        let delay = self.seconds(&fields, "min-replace-delay-secs");
        Some(ReplacementFailurePolicy {
            permanent_failure_timeout: timeout.unwrap_or(default.permanent_failure_timeout),
            min_replace_delay: delay.unwrap_or(default.min_replace_delay),
        })
    }

    fn pods(&mut self, path: &Path<'_>, field: Field<'_>) -> IndexMap<PodName, PodSpec> {
        let mut pods = IndexMap::new();
        for (key, field) in self.named(path, field) {
            let at = path.key(&key.text);
            if let Some(name) = self.name::<PodName>(&at, key.span, &key.text) {
                let pod = self.pod(&at, &name, field);
                pods.insert(name, pod);
            }
        }
        pods
    }
}
