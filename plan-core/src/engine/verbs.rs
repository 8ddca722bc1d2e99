//! Verbs: what operators want of plans (C§2.8).
//!
//! Invariant: every verb has an answer in every state: done, already so, or refused with the reason. One
//! that is refused or already so changes nothing but the audit.

use std::sync::Arc;

use crate::plan::Status;
use crate::spec::{PhaseName, PlanName};

use super::digest::Digest;
use super::effects::{Refusal, Reply, Write};
use super::input::{Part, Request, Verb};
use super::reason::Reason;
use super::record::{
    AuditRecord, Key, Mark, Number, Parameters, Purpose, Record, RunKind, RunOutcome, Stage, StepMark,
    StepRef,
};
use super::state::{At, is_complete};
use super::turn::Turn;

/// What of a run a verb is for.
#[derive(Clone, Copy)]
enum Scope {
    Plan,
    Phase(u32),
    Step(StepRef),
}

type Answer = Result<Reply, Refusal>;

impl Turn<'_> {
    /// Carries out a verb, once.
    pub(super) fn verb(&mut self, request: Request) -> Reply {
        let Request { id, who, verb } = request;
        if let Some(earlier) = self.state.audit.values().find(|audit| audit.request == id) {
            return earlier.reply.clone();
        }
        let words = verb.to_string();
        let reply = self.carry_out(verb).unwrap_or_else(Reply::Refused);
        let number = self.number();
        let audit = AuditRecord { number, request: id, who, at: self.now, verb: words, reply: reply.clone() };
        let audit = Arc::new(audit);
        self.put(None, Record::Audit(audit.clone()), Digest::of(&*audit));
        self.state.audit.insert(number, audit);
        while self.state.audit.len() > AuditRecord::KEPT {
            let Some((number, oldest)) = self.state.audit.pop_first() else { break };
            self.digest.replace(Digest::of(&*oldest), Digest::default());
            self.effects.writes.push(Write::Delete(Key::Audit(number)));
        }
        reply
    }

    fn carry_out(&mut self, verb: Verb) -> Answer {
        if !self.state.model.plans().contains_key(verb.plan()) {
            return Err(Refusal::NoPlan(verb.plan().clone()));
        }
        match verb {
            Verb::Start { plan, parameters } => self.start(&plan, parameters),
            Verb::Stop { plan } => self.stop(&plan),
            Verb::Interrupt { plan, phase } => self.interrupt(&plan, phase),
            Verb::Continue { plan, phase } => self.proceed(&plan, phase),
            Verb::ForceComplete { plan, part } => self.force_complete(&plan, &part),
            Verb::Restart { plan, part } => self.restart(&plan, &part),
        }
    }

    fn start(&mut self, plan: &PlanName, parameters: Parameters) -> Answer {
        if let Some(bad) = parameters.keys().find(|name| !is_variable_name(name)) {
            return Err(Refusal::Parameter(bad.clone()));
        }
        if self.state.run_of(plan).is_some() {
            return Err(Refusal::Running(plan.clone()));
        }
        let layout = self.state.model.plans().get(plan).ok_or_else(|| Refusal::NoPlan(plan.clone()))?.clone();
        let parameters = (!parameters.is_empty()).then(|| Arc::new(parameters));
        self.begin_run(&layout, RunKind::Side, parameters);
        Ok(Reply::Done)
    }

    fn stop(&mut self, plan: &PlanName) -> Answer {
        let Some(run) = self.state.run_of(plan) else { return Ok(Reply::AlreadySo) };
        let number = run.number();
        if self.state.service.converging == number {
            let since = self.number();
            self.mark(number, Scope::Plan, |mark| {
                mark.interrupted = true;
                mark.since = since;
            });
            self.derive_plan(number);
            return Ok(Reply::Done);
        }
        let wanted = self.orders_wanted(number);
        self.end_run(number, RunOutcome::Stopped);
        for (at, launch) in wanted {
            self.withdraw(at, launch, Reason::NotWanted);
        }
        Ok(Reply::Done)
    }

    /// The orders of a run that only ask for room.
    fn orders_wanted(&self, run: Number) -> Vec<(At, Number)> {
        let wanted = self.session.fits.iter().filter_map(|(launch, fitting)| {
            let order = self.state.record(fitting.at)?.order(*launch)?;
            let serves = matches!(order.purpose, Purpose::Step(step) if step.run == run);
            (serves && order.stage == Stage::Wanted).then_some((fitting.at, *launch))
        });
        wanted.collect()
    }

    fn interrupt(&mut self, plan: &PlanName, phase: Option<PhaseName>) -> Answer {
        let scope = self.phase_scope(plan, phase)?;
        let Some(run) = self.state.run_of(plan) else {
            return match self.state.ended_run(plan) {
                Some(_) => Ok(Reply::AlreadySo),
                None => Err(Refusal::NeverRun(plan.clone())),
            };
        };
        let (interrupted, status) = match scope {
            Scope::Phase(phase) => {
                (run.progress.phase(phase).is_interrupted(), run.progress.phase_status(phase))
            }
            _ => (run.progress.is_interrupted(), run.progress.status()),
        };
        if interrupted || status == Status::Complete {
            return Ok(Reply::AlreadySo);
        }
        self.mark(run.number(), scope, |mark| mark.interrupted = true);
        self.consider_hurt();
        Ok(Reply::Done)
    }

    fn proceed(&mut self, plan: &PlanName, phase: Option<PhaseName>) -> Answer {
        let scope = self.phase_scope(plan, phase)?;
        if self.state.run_of(plan).is_none() {
            return match self.state.ended_run(plan) {
                None => Err(Refusal::NeverRun(plan.clone())),
                Some(ended) if is_complete(ended) => Ok(Reply::AlreadySo),
                Some(_) => {
                    self.reopen(plan);
                    Ok(Reply::Done)
                }
            };
        }
        let Some(run) = self.state.run_of(plan) else { return Ok(Reply::AlreadySo) };
        let number = run.number();
        match scope {
            Scope::Phase(phase) if run.progress.phase(phase).is_interrupted() => {
                self.mark(number, scope, |mark| mark.interrupted = false);
                self.sweep(number);
            }
            Scope::Phase(phase) => {
                let Some(canary) = run.progress.phase(phase).canary().filter(|canary| canary.is_holding())
                else {
                    return Ok(Reply::AlreadySo);
                };
                let mut canary = canary.clone();
                let step = canary.steps[canary.released as usize];
                canary.released += 1;
                self.change_run(number, |run| {
                    run.canaries.insert(phase, canary.clone());
                });
                self.with_progress(number, |run| {
                    let layout = run.layout.clone();
                    run.progress.set_canary(&layout, phase, Some(canary));
                });
                self.derive_part(number, phase, Some(step));
                self.sweep(number);
            }
            _ if run.progress.is_interrupted() => {
                self.mark(number, scope, |mark| mark.interrupted = false);
                self.sweep(number);
            }
            _ => return Ok(Reply::AlreadySo),
        }
        Ok(Reply::Done)
    }

    fn force_complete(&mut self, plan: &PlanName, part: &Part) -> Answer {
        let run = self.state.run_of(plan).map(|run| run.number());
        let Some(number) = run else {
            let Some(ended) = self.state.ended_run(plan) else { return Err(Refusal::NeverRun(plan.clone())) };
            self.scope(plan, ended.number, part)?;
            return if is_complete(ended) {
                Ok(Reply::AlreadySo)
            } else {
                Err(Refusal::NeverRun(plan.clone()))
            };
        };
        let scope = self.scope(plan, number, part)?;
        if self.status_of(number, scope) == Some(Status::Complete) {
            return Ok(Reply::AlreadySo);
        }
        let now = self.number();
        self.mark_seq(number, scope, |mark| mark.forced = now);
        self.derive_scope(number, scope);
        let over: Vec<_> = self
            .orders_wanted(number)
            .into_iter()
            .filter(|(at, launch)| self.serves_complete_step(*at, *launch))
            .collect();
        for (at, launch) in over {
            self.withdraw(at, launch, Reason::NotWanted);
        }
        Ok(Reply::Done)
    }

    fn serves_complete_step(&self, at: At, launch: Number) -> bool {
        let order = self.state.record(at).and_then(|record| record.order(launch));
        order.is_some_and(|order| match order.purpose {
            Purpose::Step(step) => !self.state.is_incomplete(step),
            Purpose::Recovery => false,
        })
    }

    fn restart(&mut self, plan: &PlanName, part: &Part) -> Answer {
        let running = self.state.run_of(plan).map(|run| run.number());
        let number = match running {
            Some(number) => number,
            None => {
                let Some(ended) = self.state.ended_run(plan) else {
                    return Err(Refusal::NeverRun(plan.clone()));
                };
                // A part that is not there refuses the verb before anything is changed.
                self.scope(plan, ended.number, part)?;
                self.reopen(plan).ok_or_else(|| Refusal::NeverRun(plan.clone()))?
            }
        };
        let scope = self.scope(plan, number, part)?;
        if running.is_some() && self.status_of(number, scope) == Some(Status::Pending) {
            return Ok(Reply::AlreadySo);
        }
        // A single step whose launch is ordered and was not seen yet counts with that launch.
        let since = self.unseen_launch(scope);
        let since = if let Some(launch) = since { launch } else { self.number() };
        self.mark_seq(number, scope, |mark| mark.since = since);
        if !matches!(scope, Scope::Step(_)) {
            self.mark(number, scope, |mark| mark.interrupted = false);
        }
        self.forget_failures(number, scope);
        self.derive_scope(number, scope);
        self.sweep(number);
        Ok(Reply::Done)
    }

    fn unseen_launch(&self, scope: Scope) -> Option<Number> {
        let Scope::Step(step) = scope else { return None };
        let at = self.step_at(step)?;
        let record = self.state.record(at)?;
        let order = record.orders.iter().rev().find(|order| order.purpose == Purpose::Step(step))?;
        let mut occupants = record.slots.iter().filter_map(|slot| slot.occupant.as_ref());
        let unseen = order.stage != Stage::Given
            || occupants.any(|occupant| {
                occupant.launch == order.launch && occupant.state == super::record::TaskState::Launching
            });
        unseen.then_some(order.launch)
    }

    /// A restart begins anew: waits and refusals of the tasks in its scope are forgotten.
    fn forget_failures(&mut self, number: Number, scope: Scope) {
        let Some(run) = self.state.run(number) else { return };
        let layout = run.layout.clone();
        let phases: Vec<u32> = match scope {
            Scope::Plan => (0..layout.phases.len() as u32).collect(),
            Scope::Phase(phase) => vec![phase],
            Scope::Step(step) => vec![step.phase],
        };
        for phase in phases {
            let of = &layout.phases[phase as usize];
            let steps = match scope {
                Scope::Step(step) => step.step..step.step + 1,
                _ => 0..of.steps.len() as u32,
            };
            for step in steps {
                let at = At { pod: of.pod, index: of.steps[step as usize].instance };
                for &task in of.tasks(step).iter() {
                    let name = self.state.task_model(at.pod, task).name.clone();
                    let known = self.state.record(at).and_then(|record| record.task(&name));
                    if known.is_some_and(|task| task.failures > 0 || task.never.is_some()) {
                        self.delay(at, &name, None);
                        let task = self.record_mut(at).task_mut(&name);
                        task.failures = 0;
                        task.never = None;
                        // Other steps speak of the task too.
                        self.touch(at);
                    }
                }
            }
        }
    }

    fn phase_scope(&self, plan: &PlanName, phase: Option<PhaseName>) -> Result<Scope, Refusal> {
        match phase {
            None => Ok(Scope::Plan),
            Some(phase) => self.phase(plan, phase.as_str()).map(Scope::Phase),
        }
    }

    fn phase(&self, plan: &PlanName, phase: &str) -> Result<u32, Refusal> {
        let layout = self.state.model.plans().get(plan).ok_or_else(|| Refusal::NoPlan(plan.clone()))?;
        let at = layout.phases.iter().position(|known| known.name == *phase);
        let missing = || Refusal::NoPhase { plan: plan.clone(), phase: phase.to_owned() };
        at.map(|at| at as u32).ok_or_else(missing)
    }

    fn scope(&self, plan: &PlanName, run: Number, part: &Part) -> Result<Scope, Refusal> {
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
        let layout = self.state.model.plans().get(plan).ok_or_else(|| Refusal::NoPlan(plan.clone()))?;
        let of = &layout.phases[phase as usize];
        let missing =
            || Refusal::NoStep { plan: plan.clone(), phase: of.name.to_string(), step: wanted.to_owned() };
        if let Some(position) = wanted.strip_prefix('#') {
            let position = position.parse().ok().filter(|&at: &u32| (at as usize) < of.steps.len());
            return position.ok_or_else(missing);
        }
        let named: Vec<u32> =
            (0..of.steps.len() as u32).filter(|&step| self.state.step_name(of, step) == wanted).collect();
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

    fn status_of(&self, number: Number, scope: Scope) -> Option<Status> {
        let progress = &self.state.run(number)?.progress;
        Some(match scope {
            Scope::Plan => progress.status(),
            Scope::Phase(phase) => progress.phase_status(phase),
            Scope::Step(step) => progress.phase(step.phase).step(step.step),
        })
    }

    fn step_at(&self, step: StepRef) -> Option<At> {
        let layout = self.state.run(step.run)?.phase(step.phase);
        Some(At { pod: layout.pod, index: layout.steps[step.step as usize].instance })
    }

    fn with_progress(&mut self, number: Number, change: impl FnOnce(&mut super::state::Run)) {
        if let Some(run) = self.state.run_mut(number) {
            let old = run.progress.status();
            change(run);
            let new = run.progress.status();
            if old != new {
                self.event(super::effects::Event::Plan { run: number, change: (old, new) });
                if new == Status::Complete {
                    self.completed.push(number);
                }
            }
        }
    }

    /// Changes the mark of a plan or a phase, and what follows from an interruption.
    fn mark(&mut self, number: Number, scope: Scope, change: impl FnOnce(&mut Mark)) {
        let mut interrupted = false;
        self.change_run(number, |run| {
            let mark = match scope {
                Scope::Phase(phase) => run.phases.entry(phase).or_default(),
                _ => &mut run.mark,
            };
            change(mark);
            interrupted = mark.interrupted;
        });
        self.with_progress(number, |run| {
            let layout = run.layout.clone();
            match scope {
                Scope::Phase(phase) => run.progress.set_phase_interrupted(&layout, phase, interrupted),
                _ => run.progress.set_interrupted(&layout, interrupted),
            }
        });
    }

    /// Changes the numbers of a mark, at any level.
    fn mark_seq(&mut self, number: Number, scope: Scope, change: impl FnOnce(&mut Mark)) {
        let Scope::Step(step) = scope else { return self.mark(number, scope, change) };
        let Some(at) = self.step_at(step) else { return };
        let record = self.record_mut(at);
        let nth = record.steps.iter().position(|mark| mark.step == step).unwrap_or_else(|| {
            record.steps.push(StepMark { step, forced: 0, since: 0 });
            record.steps.len() - 1
        });
        let own = &mut record.steps[nth];
        let mut mark = Mark { interrupted: false, forced: own.forced, since: own.since };
        change(&mut mark);
        (own.forced, own.since) = (mark.forced, mark.since);
    }

    fn derive_scope(&mut self, number: Number, scope: Scope) {
        match scope {
            Scope::Plan => self.derive_plan(number),
            Scope::Phase(phase) => self.derive_part(number, phase, None),
            Scope::Step(step) => self.derive_part(number, step.phase, Some(step.step)),
        }
    }

    fn derive_plan(&mut self, number: Number) {
        let phases = self.state.run(number).map_or(0, |run| run.layout.phases.len() as u32);
        for phase in 0..phases {
            self.derive_part(number, phase, None);
        }
    }

    /// Derives the statuses of a phase's steps, or of one, anew.
    fn derive_part(&mut self, number: Number, phase: u32, one: Option<u32>) {
        let Some(nth) = self.state.active.iter().position(|run| run.number() == number) else { return };
        let layout = self.state.active[nth].layout.clone();
        let of = &layout.phases[phase as usize];
        let steps = one.map_or(0..of.steps.len() as u32, |step| step..step + 1);
        for step in steps {
            let at = At { pod: of.pod, index: of.steps[step as usize].instance };
            self.derive_step(nth, at, StepRef { run: number, phase, step });
        }
    }

    /// Goes through all phases of a run.
    fn sweep(&mut self, number: Number) {
        let phases = self.state.run(number).map_or(0, |run| run.layout.phases.len() as u32);
        self.session.agenda.sweeps.extend((0..phases).map(|phase| ((number, phase), 0)));
        self.consider_hurt();
    }
}

/// `[A-Za-z_][A-Za-z0-9_]*` (C§2.8).
fn is_variable_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

impl std::fmt::Display for Verb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let part = |f: &mut std::fmt::Formatter<'_>, part: &Part| match part {
            Part::Plan => Ok(()),
            Part::Phase(phase) => write!(f, " {phase}"),
            Part::Step(phase, step) => write!(f, " {phase} {step}"),
        };
        match self {
            Self::Start { plan, parameters } => {
                write!(f, "start {plan}")?;
                parameters.keys().try_for_each(|name| write!(f, " -p {name}"))
            }
            Self::Stop { plan } => write!(f, "stop {plan}"),
            Self::Interrupt { plan, phase: None } => write!(f, "interrupt {plan}"),
            Self::Interrupt { plan, phase: Some(phase) } => write!(f, "interrupt {plan} {phase}"),
            Self::Continue { plan, phase: None } => write!(f, "continue {plan}"),
            Self::Continue { plan, phase: Some(phase) } => write!(f, "continue {plan} {phase}"),
            Self::ForceComplete { plan, part: of } => {
                write!(f, "force-complete {plan}")?;
                part(f, of)
            }
            Self::Restart { plan, part: of } => {
                write!(f, "restart {plan}")?;
                part(f, of)
            }
        }
    }
}
