//! Plans and phases (C§1.11), with dependencies between phases.

use indexmap::IndexMap;

use super::fields::{Field, Fields, Reader};
use crate::spec::diagnostic::Path;
use crate::spec::keys;
use crate::spec::names::{PhaseName, PlanName, PodName};
use crate::spec::plan::{PhaseSpec, PhaseStrategy, PlanSpec, PlanStrategy, Steps};

impl Reader<'_> {
    pub(super) fn plans(&mut self, path: &Path<'_>, field: Field<'_>) -> IndexMap<PlanName, PlanSpec> {
        let mut plans = IndexMap::new();
        for (key, field) in self.named(path, field) {
            let at = path.key(&key.text);
            if let Some(name) = self.name::<PlanName>(&at, key.span, &key.text) {
                let plan = self.plan(&at, field);
                plans.insert(name, plan);
            }
        }
        plans
    }

    fn plan(&mut self, path: &Path<'_>, field: Field<'_>) -> PlanSpec {
        let mut plan =
            PlanSpec { strategy: PlanStrategy::Serial, phases: IndexMap::new(), on_change: Vec::new() };
        let Some(fields) = self.fields(*path, field, &keys::PLAN) else {
            return plan;
        };
        plan.on_change = self.texts(&fields, "on-change");
        plan.strategy = self.strategy(&fields, "plan strategy", &keys::PLAN_STRATEGIES);
        let help = "declare a phase: `phases: {<name>: {pod: <pod>}}`";
        let Some(field) = self.required(&fields, "phases", help) else { return plan };
        let phases = fields.path.key("phases");
        for (key, field) in self.named(&phases, field) {
            let at = phases.key(&key.text);
            let name = self.name::<PhaseName>(&at, key.span, &key.text);
            let phase = self.phase(&at, field);
            plan.phases.extend(name.zip(phase));
        }
        plan
    }

    fn phase(&mut self, path: &Path<'_>, field: Field<'_>) -> Option<PhaseSpec> {
        let fields = self.fields(*path, field, &keys::PHASE)?;
        let strategy = self.strategy(&fields, "phase strategy", &keys::PHASE_STRATEGIES);
        let pod = self.required_name::<PodName>(&fields, "pod", "name the pod that the phase is over");
        let steps = fields.get("steps").map(|field| self.steps(&path.key("steps"), field));
        let depends_on = fields.get("depends-on").map(|field| self.names(&path.key("depends-on"), field));
        // No steps at all are of either kind.
        let steps = match steps {
            Some(Steps::Lists(lists)) if lists.is_empty() && strategy == PhaseStrategy::Dependency => {
                Some(Steps::Named(Vec::new()))
            }
            other => other,
        };
        Some(PhaseSpec {
            strategy,
            // The error breaks what stands at `pod`, so that nothing is said of the stand-in.
            pod: pod.or_else(|| PodName::new("unnamed").ok())?,
            steps: steps.unwrap_or(Steps::AllTasks),
            depends_on: depends_on.unwrap_or_default(),
        })
    }

    fn strategy<T: Copy + Default>(&mut self, fields: &Fields<'_, '_>, what: &str, words: &[(&str, T)]) -> T {
        let found = fields.get("strategy");
        let found = found.and_then(|field| self.choice(&fields.path.key("strategy"), field, what, words));
        found.unwrap_or_default()
    }
}
