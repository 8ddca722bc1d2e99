//! How a run ends: whether all is complete, what must hold then, and the report.
//!
//! Invariant: what is reported follows from the records, the cluster and what was counted.

use plan_core::engine::{Engine, Key, Record, Why};
use plan_core::plan::Status;
use plan_core::spec::PlanName;

use crate::ends::{End, Stand};
use crate::report::{Report, SimulationOutcome};
use crate::violation::CheckName;

use super::Sim;

impl Sim<'_> {
    pub(super) fn whys(&self, engine: &Engine) -> Vec<Why> {
        let instances = (0..self.cluster.roster.len()).map(|id| self.cluster.roster.name(id));
        instances.flat_map(|name| engine.why(name)).collect()
    }

    /// The plan that makes the service what its target says.
    fn converging(&self) -> PlanName {
        let run = self.store.service().and_then(|service| self.store.get(&Key::Run(service.converging)));
        match run {
            Some(Record::Run(run)) => run.plan.clone(),
            _ => PlanName::deploy(),
        }
    }

    /// The plans that are to be complete.
    fn wanted(&self) -> Vec<PlanName> {
        let mut wanted = vec![PlanName::deploy()];
        let started = self.scenario.plan.iter().map(|(plan, _)| plan.clone());
        for plan in std::iter::once(self.converging()).chain(started) {
            if !wanted.contains(&plan) {
                wanted.push(plan);
            }
        }
        wanted
    }

    /// Whether the service is all that its target says, and the plan that was started is complete.
    pub(crate) fn is_complete(&self, engine: &Engine) -> bool {
        if self.deregistered {
            return engine.model().is_none();
        }
        let done = |plan: &PlanName| engine.plan_status(plan.as_str()) == Some(Status::Complete);
        let started = self.scenario.plan.as_ref().is_none_or(|(plan, _)| done(plan));
        let submitted = self.next == self.scenario.then.len();
        submitted && started && done(&self.converging())
    }

    /// How the run has come to stand.
    pub(crate) fn end(&self) -> End {
        End::of(&Stand {
            cluster: &self.cluster,
            tally: &self.tally,
            store: &self.store,
            given_up: &self.checker.given_up,
            with_done: !self.scenario.is_timed(),
            complete: self.engine.as_ref().is_some_and(|engine| self.is_complete(engine)),
        })
    }

    /// What must hold at the end of a run.
    pub(crate) fn check_end(&mut self) {
        let at_rest = self.is_at_rest();
        if self.violation.is_some() || !at_rest {
            return;
        }
        let Some(engine) = &self.engine else { return };
        let complete = self.is_complete(engine);
        if self.scenario.checks.others
            && let Some(scene) = self.scene()
        {
            self.violation = self.checker.rest(&scene, complete).err();
        }
        if let (Some(reference), None) = (self.reference, &self.violation) {
            let end = self.end();
            // What operators do at times may come to more than it does without faults.
            let acts = self.scenario.verbs.len() + self.scenario.targets.len();
            let more = u32::try_from(self.faults.len() + acts).unwrap_or(u32::MAX);
            if let Some((expected, found)) = reference.difference(&end) {
                self.violate(CheckName::SameEnd, expected, found);
            } else if let Some((expected, found)) = reference.launched_less(&end, more) {
                self.violate(CheckName::Launches, expected, found);
            }
        }
    }

    pub(super) fn report(mut self, came_to_rest: bool) -> Report {
        if came_to_rest {
            self.check_end();
        }
        let wanted = self.wanted();
        let engine = self.engine.take().unwrap_or_default();
        let complete = self.is_complete(&engine);
        let completed_at =
            wanted.iter().map(|plan| self.completed.get(plan.as_str()).copied()).max().flatten();
        let completed_at = completed_at.filter(|_| complete);
        let mut plans: Vec<_> = wanted.iter().filter_map(|plan| engine.plan(plan.as_str())).collect();
        let by_itself = PlanName::RESERVED.into_iter().filter_map(|plan| engine.plan(plan));
        plans.extend(by_itself.filter(|plan| !plan.phases.is_empty()));
        let whys = self.whys(&engine);
        let outcome = match self.violation.take() {
            Some(violation) => SimulationOutcome::Violation(violation),
            None if complete => SimulationOutcome::Complete,
            None => SimulationOutcome::Incomplete { waits: whys.clone() },
        };
        self.counts.launches = self.cluster.tasks.len() as u64;
        self.counts.points = self.crashes.passed();
        Report {
            outcome,
            plans,
            tasks: engine.tasks(),
            whys,
            time: self.runtime.now(),
            completed_at,
            counts: self.counts,
            faults: self.faults,
            replies: self.replies,
            trace: self.runtime.trace.kept.unwrap_or_default(),
            choices: Vec::new(),
            digest: self.digest,
        }
    }
}
