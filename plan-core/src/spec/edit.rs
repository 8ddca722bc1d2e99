//! Changes of a specification in code. Invariant: the result is checked by the rules for files, with the same messages.

use super::check::Origins;
use super::problem::{Checked, SpecError};
use super::service::{ServiceDraft, ServiceSpec, checked};

impl ServiceSpec {
    /// A copy of the service with a change. The specification itself does not change.
    ///
    /// A service that declares no plan has a plan that follows from its pods. As long as `change` does not touch this
    /// plan, it covers the pods that are added, and no pod that is removed.
    ///
    /// ```
    /// use plan_core::spec::ServiceSpec;
    ///
    /// let text = "name: hello\npods:\n  web:\n    count: 1\n    tasks:\n      \
    ///             server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}\n";
    /// let spec = ServiceSpec::from_yaml(text)?.strict()?;
    /// let three = spec.edit(|service| service.pods["web"].count = 3)?.strict()?;
    /// assert_eq!((spec.pods()["web"].count, three.pods()["web"].count), (1, 3));
    ///
    /// let error = spec.edit(|service| service.pods["web"].tasks.clear()).expect_err("no task");
    /// assert!(error.to_string().contains(" pods.web"), "{error}");
    /// # Ok::<(), plan_core::spec::SpecError>(())
    /// ```
    ///
    /// # Errors
    /// The changed service breaks a rule. The error has all problems, each with its path in the specification.
    pub fn edit(&self, change: impl FnOnce(&mut ServiceDraft)) -> Result<Checked<Self>, SpecError> {
        let mut draft = ServiceDraft::from(self.clone());
        let follows = self.has_generated_plan();
        change(&mut draft);
        let same_plans = draft.plans == self.plans
            && draft
                .plans
                .values()
                .zip(self.plans.values())
                .all(|(a, b)| a.phases.keys().eq(b.phases.keys()));
        if follows && same_plans {
            draft.plans.clear();
        }
        let (spec, found) = draft.checked(Origins::default());
        checked(spec, &found)
    }
}

impl From<ServiceSpec> for ServiceDraft {
    fn from(spec: ServiceSpec) -> Self {
        let ServiceSpec { name, web_url, scheduler, replacement_failure_policy, pods, plans } = spec;
        Self { name, web_url, scheduler, replacement_failure_policy, pods, plans }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Diagnostic, PodSpec};

    fn spec(plans: &str) -> ServiceSpec {
        let text = format!(
            "name: hello\npods:\n  web:\n    count: 1\n    tasks:\n      \
             server: {{goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}}\n{plans}"
        );
        ServiceSpec::from_yaml(&text).unwrap().strict().unwrap()
    }

    fn phases(spec: &ServiceSpec) -> Vec<String> {
        spec.plans()["deploy"].phases.keys().map(ToString::to_string).collect()
    }

    fn add(draft: &mut ServiceDraft) {
        let pod: PodSpec = draft.pods["web"].clone();
        draft.pods.insert("api".parse().unwrap(), pod);
    }

    #[test]
    fn a_plan_that_was_generated_follows_the_pods() {
        let more = spec("").edit(add).unwrap().strict().unwrap();
        assert_eq!(phases(&more), ["web", "api"]);
        let own = spec("plans: {deploy: {strategy: parallel, phases: {web: {pod: web}}}}\n");
        assert_eq!(phases(&own.edit(add).unwrap().ignore_warnings()), ["web"]);
    }

    #[test]
    fn an_edit_is_judged_in_the_words_of_a_file() {
        let good = spec("");
        let edited = good.edit(|draft| draft.pods["web"].tasks.clear()).unwrap_err();
        let builder = ServiceSpec::builder("hello".parse().unwrap());
        let mut pod = good.pods()["web"].clone();
        pod.tasks.clear();
        let built = builder.pod("web".parse().unwrap(), pod).build().unwrap_err();
        let words: Vec<String> = built.iter().map(Diagnostic::to_string).collect();
        let told = edited.to_string();
        assert!(words.iter().all(|words| told.contains(words.as_str())), "{told} and {words:?}");
    }

    #[test]
    fn an_edit_that_changes_nothing_gives_the_same() {
        for plans in
            ["", "plans: {deploy: {phases: {web: {pod: web}}}, again: {phases: {web: {pod: web}}}}\n"]
        {
            let one = spec(plans);
            assert_eq!(one.edit(|_| ()).unwrap().ignore_warnings(), one);
        }
    }
}
