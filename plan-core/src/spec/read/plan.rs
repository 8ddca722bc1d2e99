//! Plans and phases (SDK rules R39 to R43), with dependencies between phases.

use indexmap::IndexMap;

use super::fields::{Field, Fields, Reader};
use crate::spec::diagnostic::{Code, Path};
use crate::spec::gate::{Gate, Gates};
use crate::spec::keys;
use crate::spec::names::{PhaseName, PlanName, PodName};
use crate::spec::plan::{PhaseSpec, PlanSpec, Steps};
use crate::spec::strategy::{PhaseStrategy, Sequence};
use crate::spec::units::MaxUnavailable;

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
        let mut plan = PlanSpec::default();
        let Some(fields) = self.fields(*path, field, &keys::PLAN) else {
            return plan;
        };
        plan.on_change = self.texts(&fields, "on-change");
        plan.max_unavailable = self.max_unavailable(&fields);
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
        let strategy: PhaseStrategy = self.strategy(&fields, "phase strategy", &keys::PHASE_STRATEGIES);
        let pod = self.required_name::<PodName>(&fields, "pod", "name the pod that the phase is over");
        let steps = fields.get("steps").map(|field| self.steps(&path.key("steps"), field));
        let depends_on = fields.get("depends-on").map(|field| self.names(&path.key("depends-on"), field));
        let max_unavailable = self.max_unavailable(&fields);
        let gates = self.gates(&fields);
        let takes_names = strategy.sequence() == Sequence::ByDependency;
        // An empty list of steps fits both kinds of phases.
        let steps = match steps {
            Some(Steps::Lists(lists)) if lists.is_empty() && takes_names => Some(Steps::Named(Vec::new())),
            other => other,
        };
        Some(PhaseSpec {
            strategy,
            // The error marks `pod` as broken, so nothing is reported about the stand-in.
            pod: pod.or_else(|| PodName::new("unnamed").ok())?,
            steps: steps.unwrap_or(Steps::AllTasks),
            depends_on: depends_on.unwrap_or_default(),
            max_unavailable,
            gates,
        })
    }

    fn max_unavailable(&mut self, fields: &Fields<'_, '_>) -> Option<MaxUnavailable> {
        let field = fields.get("max-unavailable")?;
        let at = fields.path.key("max-unavailable");
        match self.scalar(&at, field)?.parse() {
            Ok(most) => Some(most),
            Err(error) => {
                let help = "write how many members may be down, as `1`, or a part of them, as `25%`";
                let message = format!("max-unavailable: {error}");
                self.error(Code::Quantity, &at, field.place, message, help);
                None
            }
        }
    }

    /// The gates of a phase's steps, or of one step.
    pub(super) fn gates(&mut self, fields: &Fields<'_, '_>) -> Gates {
        let Some(field) = fields.get("gates") else { return Gates::default() };
        let Some(gates) = self.fields(fields.path.key("gates"), field, &keys::GATES) else {
            return Gates::default();
        };
        Gates { before: gates.get("before").and_then(|field| self.gate(&gates.path.key("before"), field)) }
    }

    fn gate(&mut self, path: &Path<'_>, field: Field<'_>) -> Option<Gate> {
        let fields = self.fields(*path, field, &keys::GATE)?;
        let cmd =
            self.required_text(&fields, "cmd", "give a command that exits with 0 when the step may act");
        let task = fields.get("task").and_then(|field| {
            let at = path.key("task");
            self.scalar(&at, field).and_then(|text| self.name(&at, field.place, text))
        });
        let timeout = self.seconds(&fields, "timeout").unwrap_or(Gate::TIMEOUT);
        let max_age = self.seconds(&fields, "max-age").unwrap_or(Gate::MAX_AGE);
        Some(Gate { cmd: cmd?, task, timeout, max_age })
    }

    fn strategy<T: Copy + Default>(&mut self, fields: &Fields<'_, '_>, what: &str, words: &[(&str, T)]) -> T {
        let found = fields.get("strategy");
        let found = found.and_then(|field| self.choice(&fields.path.key("strategy"), field, what, words));
        found.unwrap_or_default()
    }
}
