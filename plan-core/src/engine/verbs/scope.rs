//! Scopes: the part of a run that a verb is about, and its marks.
//!
//! Invariant: a mark and what follows from it change together.

use crate::engine::at::At;
use crate::engine::effects::Event;
use crate::engine::input::Part;
use crate::engine::record::{Mark, Number, StepRef};
use crate::engine::reply::Refusal;
use crate::engine::rules::Whom;
use crate::engine::state::{Run, State};
use crate::engine::transition::Transition;
use crate::engine::waker::Waker;
use crate::plan::Status;
use crate::spec::{PhaseName, PlanName};

/// The part of a run that a verb is about.
#[derive(Clone, Copy)]
pub(super) enum Scope {
    Plan,
    Phase(u32),
    Step(StepRef),
}

impl Transition<'_> {
    /// Changes the progress of a run, and reports the changed statuses of the plan and of a phase.
    pub(super) fn with_progress(&mut self, number: Number, scope: Scope, change: impl FnOnce(&mut Run)) {
        let Some(run) = self.state.run_mut(number) else { return };
        let phase = match scope {
            Scope::Phase(phase) => Some((phase, run.progress.phase_status(phase))),
            _ => None,
        };
        let old = run.progress.status();
        change(run);
        let new = run.progress.status();
        let changed = phase.map(|(phase, old)| (phase, (old, run.progress.phase_status(phase))));
        if let Some((phase, change)) = changed.filter(|(_, (old, new))| old != new) {
            self.event(Event::Phase { run: number, phase, change });
        }
        if old != new {
            self.event(Event::Plan { run: number, change: (old, new) });
            if new == Status::Complete {
                self.note_complete(number);
            }
        }
    }

    /// Changes the mark of a plan or a phase, and what follows from an interruption.
    pub(super) fn mark(&mut self, number: Number, scope: Scope, change: impl FnOnce(&mut Mark)) {
        let mut interrupted = false;
        self.change_run(number, |run| {
            let mark = match scope {
                Scope::Phase(phase) => run.phases.entry(phase).or_default(),
                _ => &mut run.mark,
            };
            change(mark);
            interrupted = mark.interrupted;
        });
        self.with_progress(number, scope, |run| {
            let layout = run.layout.clone();
            match scope {
                Scope::Phase(phase) => run.progress.set_phase_interrupted(&layout, phase, interrupted),
                _ => run.progress.set_interrupted(&layout, interrupted),
            }
        });
    }

    /// Changes the numbers of a mark, at any level.
    pub(super) fn mark_seq(&mut self, number: Number, scope: Scope, change: impl FnOnce(&mut Mark)) {
        let Scope::Step(step) = scope else { return self.mark(number, scope, change) };
        let Some(at) = self.state.step_at(step) else { return };
        self.record_mut(at).mark(step, change);
    }

    /// Derives the statuses of the steps of a part of a run anew.
    pub(super) fn derive_scope(&mut self, number: Number, scope: Scope) {
        let Some(nth) = self.state.active().iter().position(|run| run.number() == number) else { return };
        let mut steps = self.state.steps_in(number, scope);
        if let Scope::Step(step) = scope {
            steps.extend(self.state.later_steps(step));
        }
        for step in steps {
            if let Some(at) = self.state.step_at(step) {
                self.derive_step(nth, at, step);
                self.awaken(Waker::Progress, Whom::StepsOf(at));
            }
        }
    }
}

impl State {
    /// The steps of a part of a run.
    pub(super) fn steps_in(&self, number: Number, scope: Scope) -> Vec<StepRef> {
        let Some(run) = self.run(number) else { return Vec::new() };
        let of_phase = |phase: u32| {
            let steps = 0..run.phase(phase).steps.len() as u32;
            steps.map(move |step| StepRef { run: number, phase, step })
        };
        match scope {
            Scope::Plan => (0..run.layout.phases.len() as u32).flat_map(of_phase).collect(),
            Scope::Phase(phase) => of_phase(phase).collect(),
            Scope::Step(step) => vec![step],
        }
    }

    pub(super) fn phase_scope(&self, plan: &PlanName, phase: Option<PhaseName>) -> Result<Scope, Refusal> {
        match phase {
            None => Ok(Scope::Plan),
            Some(phase) => self.phase(plan, phase.as_str()).map(Scope::Phase),
        }
    }

    fn phase(&self, plan: &PlanName, phase: &str) -> Result<u32, Refusal> {
        let layout = self.model().plans().get(plan).ok_or_else(|| Refusal::NoPlan(plan.clone()))?;
        let at = layout.phases.iter().position(|known| known.name == *phase);
        let missing = || Refusal::NoPhase { plan: plan.clone(), phase: phase.to_owned() };
        at.map(|at| at as u32).ok_or_else(missing)
    }

    pub(super) fn scope(&self, plan: &PlanName, run: Number, part: &Part) -> Result<Scope, Refusal> {
        match part {
            Part::Plan => Ok(Scope::Plan),
            Part::Phase(phase) => self.phase(plan, phase.as_str()).map(Scope::Phase),
            Part::Step(name, wanted) => {
                let phase = self.phase(plan, name.as_str())?;
                let step = self.find_step(plan, phase, wanted)?;
                Ok(Scope::Step(StepRef { run, phase, step }))
            }
        }
    }

    /// A step by its name, or by `#` and its position.
    fn find_step(&self, plan: &PlanName, phase: u32, wanted: &str) -> Result<u32, Refusal> {
        let layout = self.model().plans().get(plan).ok_or_else(|| Refusal::NoPlan(plan.clone()))?;
        let of = &layout.phases[phase as usize];
        let missing =
            || Refusal::NoStep { plan: plan.clone(), phase: of.name.to_string(), step: wanted.to_owned() };
        if let Some(position) = wanted.strip_prefix('#') {
            let position = position.parse().ok().filter(|&at: &u32| (at as usize) < of.steps.len());
            return position.ok_or_else(missing);
        }
        let named: Vec<u32> =
            (0..of.steps.len() as u32).filter(|&step| self.step_name(of, step) == wanted).collect();
        match named.as_slice() {
            [] => Err(missing()),
            [step] => Ok(*step),
            [first, ..] => Err(Refusal::AmbiguousStep {
                phase: of.name.to_string(),
                step: wanted.to_owned(),
                count: named.len() as u32,
                first: *first,
            }),
        }
    }

    pub(super) fn status_of(&self, number: Number, scope: Scope) -> Option<Status> {
        let progress = &self.run(number)?.progress;
        Some(match scope {
            Scope::Plan => progress.status(),
            Scope::Phase(phase) => progress.phase_status(phase),
            Scope::Step(step) => progress.phase(step.phase).step(step.step),
        })
    }

    pub(super) fn step_at(&self, step: StepRef) -> Option<At> {
        let layout = self.run(step.run)?.phase(step.phase);
        Some(At { pod: layout.pod, index: layout.steps[step.step as usize].instance })
    }

    /// The later steps of the same instance and phase, if a step may become urgent when the one before it is complete.
    fn later_steps(&self, step: StepRef) -> Vec<StepRef> {
        let Some(run) = self.run(step.run) else { return Vec::new() };
        if !run.progress.phase(step.phase).asks_urgency() {
            return Vec::new();
        }
        let layout = run.phase(step.phase);
        let steps = layout.steps_of(layout.steps[step.step as usize].instance);
        steps.filter(|&other| other > step.step).map(|other| StepRef { step: other, ..step }).collect()
    }
}
