//! What was done for a step.
//!
//! Invariant: steps are judged by the launches that the cluster has carried out, and not by their statuses.

use plan_core::engine::{Key, Record, RunKind, StepRef};
use plan_core::plan::{PhaseLayout, Status};
use plan_core::spec::Goal;

use crate::violation::CheckName;

use super::scene::{Run, Scene, Verdict};

impl Scene<'_> {
    /// The instance of a step, by number.
    pub(super) fn instance(&self, run: &Run<'_>, phase: &PhaseLayout, step: u32) -> Option<u32> {
        let pod = &run.model.pods()[phase.pod as usize].name;
        self.cluster.roster.at(pod, phase.steps[step as usize].instance)
    }

    /// Whether the cluster's history has, for each task of a step, a launch that reached the goal with the step's
    /// configuration, and, if asked, no later launch with another one.
    pub(super) fn was_done(&self, run: &Run<'_>, phase: &PhaseLayout, step: u32, also_last: bool) -> bool {
        let Some(instance) = self.instance(run, phase, step) else { return false };
        let pod = &run.model.pods()[phase.pod as usize];
        phase.tasks(step).iter().all(|&task| {
            let task = &pod.tasks[task as usize];
            let side = run.record.kind == RunKind::Side;
            let any_conf = side || task.goal == Goal::Once;
            let since = if side { run.record.number } else { 0 };
            let mut launches = self.cluster.tasks_of(instance).rev().filter(|(_, t)| t.name == task.name);
            let mut other_after = false;
            launches.any(|(_, launch)| {
                let right = any_conf || launch.conf == task.conf;
                let done = launch.attained && right && launch.launch >= since && !(also_last && other_after);
                other_after |= !right;
                done
            })
        })
    }

    /// Whether an operator forced a step, its phase or its plan in this run. Ended runs do not show that.
    pub(super) fn is_forced(&self, run: &Run<'_>, phase: &PhaseLayout, step: StepRef) -> bool {
        let instance = self.instance(run, phase, step.step);
        let record = instance.and_then(|instance| self.pod(self.cluster.roster.name(instance)));
        let by_step = record
            .is_some_and(|record| record.steps().iter().any(|mark| mark.step == step && mark.forced > 0));
        let run = run.record;
        by_step || run.mark.forced > 0 || run.phases.get(&step.phase).is_some_and(|mark| mark.forced > 0)
    }

    pub(super) fn step_name(&self, run: &Run<'_>, phase: u32, step: u32) -> String {
        let layout = run.layout;
        let of = &layout.phases[phase as usize];
        format!("{} / {} / {}", layout.name, of.name, of.step_name(run.model, step))
    }

    /// Every COMPLETE step that nobody forced was done.
    pub(crate) fn complete_is_true(&self) -> Verdict {
        for (name, layout) in self.model.plans() {
            let Some(Record::Plan(_, plan)) = self.store.get(&Key::Plan(name.clone())) else { continue };
            // A step that was complete under another specification, or in another run, says nothing about this run.
            let converging = self.store.service().map(|service| service.converging);
            let run = self.run(plan.latest).filter(|run| {
                let (run, side) = (run.record, run.record.kind == RunKind::Side);
                let present = side || run.outcome.is_none() || Some(run.number) == converging;
                run.spec == self.model.hash() && present
            });
            let Some(run) = run else { continue };
            let Some(view) = self.engine.plan(name.as_str()) else { continue };
            for (phase_at, (phase, shown)) in (0..).zip(layout.phases.iter().zip(&view.phases)) {
                for (step_at, step) in (0..).zip(&shown.steps) {
                    let claims = step.status == Status::Complete && !step.forced;
                    let of = StepRef { run: run.record.number, phase: phase_at, step: step_at };
                    if claims
                        && !self.is_forced(&run, phase, of)
                        && !self.was_done(&run, phase, step_at, true)
                    {
                        return self.violation(
                            CheckName::CompleteIsTrue,
                            "a COMPLETE step has a launch that attained its goal with its configuration",
                            format!("{} has none", self.step_name(&run, phase_at, step_at)),
                        );
                    }
                }
            }
        }
        Ok(())
    }
}
