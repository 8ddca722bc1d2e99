//! A snapshot of a service for `run`, which shows it as lines, on a screen, and at its end.
//!
//! Invariant: a snapshot is read from the engine between two inputs, and has only durable state.

use std::collections::BTreeMap;

use plan_core::engine::{Engine, PlanView, Tree};
use plan_core::plan::Status;
use plan_host::converging;

/// The most reasons that are shown.
const REASONS: usize = 8;

/// A service at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Snapshot {
    /// The plan that brings the target about, or has done so; `None` before there is a service.
    pub(super) main: Option<PlanView>,
    /// The other plans that are at work.
    pub(super) others: Vec<PlanView>,
    /// The reasons of steps that are not complete.
    pub(super) whys: Vec<String>,
    /// Whether all launched tasks are known to run.
    pub(super) heard: bool,
}

impl Snapshot {
    /// The present snapshot of a service.
    pub(super) fn of(engine: &Engine) -> Self {
        let main = converging(engine).map(|(plan, _)| plan.to_string());
        let names = engine.plan_names();
        let others = names.iter().filter(|name| Some(*name) != main.as_ref());
        let active = |plan: &PlanView| {
            let idle = matches!(plan.status, Status::Waiting | Status::Complete);
            !plan.phases.is_empty() && !idle
        };
        let others = others.filter_map(|name| engine.plan(name)).filter(active).collect();
        let main = main.and_then(|name| engine.plan(&name));
        let mut whys = Vec::new();
        if main.as_ref().is_some_and(|main| main.status != Status::Complete) {
            for (instance, _) in engine.pods() {
                whys.extend(engine.why(&instance).iter().map(plan_api::words::line));
                if whys.len() >= REASONS {
                    break;
                }
            }
            whys.truncate(REASONS);
        }
        Self { main, others, whys, heard: engine.has_heard() }
    }

    /// The status of the plan that brings the target about.
    pub(super) fn status(&self) -> Option<Status> {
        self.main.as_ref().map(|main| main.status)
    }

    /// All plans in it.
    pub(super) fn plans(&self) -> impl Iterator<Item = &PlanView> {
        self.main.iter().chain(&self.others)
    }

    /// The plans as trees.
    pub(super) fn trees(&self) -> Vec<Tree> {
        self.plans().map(Tree::from).collect()
    }

    /// The statuses of all steps, by `plan / phase / step`.
    fn steps(&self) -> BTreeMap<(String, u32, u32), (String, Status)> {
        let mut steps = BTreeMap::new();
        for plan in self.plans() {
            for (p, phase) in (0..).zip(&plan.phases) {
                for (s, step) in (0..).zip(&phase.steps) {
                    let name = format!("{} / {} / {}", plan.name, phase.name, step.name);
                    steps.insert((plan.name.clone(), p, s), (name, step.status));
                }
            }
        }
        steps
    }

    /// The changes since an earlier snapshot, of each step and of each plan.
    pub(super) fn changes(&self, before: &Self) -> Vec<Change> {
        let old = before.steps();
        let mut changes = Vec::new();
        for (key, (name, status)) in self.steps() {
            let was = old.get(&key).filter(|(was, _)| *was == name).map(|(_, status)| *status);
            // A step that never began is not a change.
            if was != Some(status) && !(was.is_none() && status == Status::Pending) {
                changes.push(Change { what: name, status });
            }
        }
        let old: BTreeMap<&str, Status> =
            before.plans().map(|plan| (plan.name.as_str(), plan.status)).collect();
        for plan in self.plans() {
            let was = old.get(plan.name.as_str());
            if was != Some(&plan.status) && !(was.is_none() && plan.status == Status::Pending) {
                changes.push(Change { what: plan.name.clone(), status: plan.status });
            }
        }
        // Finished work of recovery and removals is not shown any more.
        for plan in &before.others {
            if self.plans().all(|now| now.name != plan.name) {
                changes.push(Change { what: plan.name.clone(), status: Status::Complete });
            }
        }
        changes
    }
}

/// A change of a status.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(super) struct Change {
    /// What has the status, such as `deploy / hello-phase / hello-0:[init]`.
    pub(super) what: String,
    /// The new one.
    pub(super) status: Status,
}
