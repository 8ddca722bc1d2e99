//! Verbs: what operators want of plans (C§2.8).
//!
//! Invariant: every verb has an answer in every state: done, already so, or refused with the reason. One
//! that is refused or already so changes nothing but the audit.

use std::sync::Arc;

use crate::plan::Status;
use crate::spec::{PhaseName, PlanName, TaskName};

use super::digest::Digest;
use super::effects::{Event, Refusal, Reply};
use super::input::{Author, Part, Request, Verb};
use super::reason::Reason;
use super::record::{
    AuditRecord, Key, Mark, Number, Parameters, Purpose, Record, RunKind, RunOutcome, Stage, StepMark,
    StepRef,
};
use super::runs::Interrupted;
use super::state::{At, Run, is_complete};
use super::turn::Turn;
use super::zoo::Bug;

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
        if let Some(earlier) = self.said(&id) {
            return earlier;
        }
        let words = verb.to_string();
        let reply = self.carry_out(verb).unwrap_or_else(Reply::Refused);
        self.note(Author { id, who }, words, reply)
    }

    /// The reply that a request had before.
    pub(super) fn said(&self, request: &str) -> Option<Reply> {
        let mut audits = self.state.audit.values().filter(|_| !self.bug(Bug::RequestTwice));
        let earlier = audits.find(|audit| audit.request == request);
        earlier.map(|audit| audit.reply.clone())
    }

    /// Notes what was asked, by whom, and what came of it.
    pub(super) fn note(&mut self, by: Author, words: String, reply: Reply) -> Reply {
        let Author { id, who } = by;
        let number = self.number();
        let audit = AuditRecord { number, request: id, who, at: self.now, verb: words, reply: reply.clone() };
        let audit = Arc::new(audit);
        self.put(None, Record::Audit(audit.clone()), Digest::of(&*audit));
        self.state.audit.insert(number, audit);
        while self.state.audit.len() > AuditRecord::KEPT {
            let Some((number, oldest)) = self.state.audit.pop_first() else { break };
            self.delete(Key::Audit(number), Digest::of(&*oldest));
        }
        reply
    }

    fn carry_out(&mut self, verb: Verb) -> Answer {
        if self.state.service.uninstalling && !matches!(verb, Verb::GiveUp { .. } | Verb::Uninstall) {
            return Err(Refusal::Uninstalling);
        }
        if let Some(plan) = verb.plan().filter(|plan| !self.state.model.plans().contains_key(*plan)) {
            let refusal = if super::is_reserved(plan) { Refusal::ByItself } else { Refusal::NoPlan };
            return Err(refusal(plan.clone()));
        }
        match verb {
            Verb::Start { plan, parameters } => self.start(&plan, parameters),
            Verb::Stop { plan } => self.stop(&plan),
            Verb::Interrupt { plan, phase } => self.interrupt(&plan, phase),
            Verb::Continue { plan, phase } => self.proceed(&plan, phase),
            Verb::ForceComplete { plan, part } => self.force_complete(&plan, &part),
            Verb::Restart { plan, part } => self.restart(&plan, &part),
            Verb::RestartPod { instance, tasks } => self.restart_pod(&instance, &tasks),
            Verb::ReplacePod { instance } => self.replace_pod(&instance),
            Verb::PausePod { instance, tasks } => self.pause_pod(&instance, &tasks, true),
            Verb::ResumePod { instance, tasks } => self.pause_pod(&instance, &tasks, false),
            Verb::GiveUp { debt } => self.give_up(debt),
            Verb::Uninstall => self.uninstall(),
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
        self.begin_run(&layout, RunKind::Side, parameters, Interrupted::default());
        Ok(Reply::Done)
    }

    fn stop(&mut self, plan: &PlanName) -> Answer {
        let Some(run) = self.state.run_of(plan) else { return Ok(Reply::AlreadySo) };
        let number = run.number();
        if self.state.service.converging == number {
            if is_stopped(run) {
                return Ok(Reply::AlreadySo);
            }
            let since = self.number();
            self.mark(number, Scope::Plan, |mark| {
                mark.interrupted = true;
                mark.since = since;
            });
            self.derive_scope(number, Scope::Plan);
            let standing = self.standing(number, Scope::Plan);
            self.drop_unwanted(standing);
            self.consider_hurt();
            return Ok(Reply::Done);
        }
        let standing = self.standing(number, Scope::Plan);
        self.end_run(number, RunOutcome::Stopped);
        self.drop_unwanted(standing);
        Ok(Reply::Done)
    }

    /// The orders that only ask for room for steps of a part of a run.
    fn standing(&self, number: Number, scope: Scope) -> Vec<(At, Number)> {
        let steps = self.steps_in(number, scope).into_iter().filter_map(|step| {
            let record = self.state.record(self.step_at(step)?)?;
            let mut orders = record.orders.iter();
            let order = orders.find(|o| o.stage == Stage::Wanted && o.purpose == Purpose::Step(step))?;
            Some((self.step_at(step)?, order.launch))
        });
        steps.collect()
    }

    /// Withdraws those of these orders that are wanted no more.
    fn drop_unwanted(&mut self, standing: Vec<(At, Number)>) {
        for (at, launch) in standing {
            let order = self.state.record(at).and_then(|record| record.order(launch));
            if order.is_some_and(|order| self.state.still_wanted(order).is_err()) {
                self.withdraw(at, launch, Reason::NotWanted);
            }
        }
    }

    /// The steps of a part of a run.
    fn steps_in(&self, number: Number, scope: Scope) -> Vec<StepRef> {
        let Some(run) = self.state.run(number) else { return Vec::new() };
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
        let number = run.number();
        let on = !self.bug(Bug::InterruptIgnored);
        self.mark(number, scope, |mark| mark.interrupted = on);
        let standing = self.standing(number, scope);
        self.drop_unwanted(standing);
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
                    let number = self.reopen(plan)?;
                    self.mark(number, Scope::Plan, |mark| mark.interrupted = false);
                    self.sweep(number);
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
                self.with_progress(number, scope, |run| {
                    let layout = run.layout.clone();
                    run.progress.set_canary(&layout, phase, Some(canary));
                });
                self.derive_scope(number, Scope::Step(StepRef { run: number, phase, step }));
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
        let number = match self.state.run_of(plan) {
            Some(run) => run.number(),
            None => {
                let Some(ended) = self.state.ended_run(plan) else {
                    return Err(Refusal::NeverRun(plan.clone()));
                };
                self.scope(plan, ended.number, part)?;
                if is_complete(ended) {
                    return Ok(Reply::AlreadySo);
                }
                self.reopen(plan)?
            }
        };
        let scope = self.scope(plan, number, part)?;
        if self.status_of(number, scope) == Some(Status::Complete) {
            return Ok(Reply::AlreadySo);
        }
        let now = self.number();
        self.mark_seq(number, scope, |mark| mark.forced = now);
        self.derive_scope(number, scope);
        let standing = self.standing(number, scope);
        self.drop_unwanted(standing);
        Ok(Reply::Done)
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
                self.reopen(plan)?
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
        // A force of a later number would still stand above it.
        let forced = self.state.run(step.run)?.record.wanted(Some(record), step).forced_at;
        (unseen && order.launch > forced).then_some(order.launch)
    }

    /// A restart begins anew: waits and refusals of the tasks in its scope are forgotten.
    fn forget_failures(&mut self, number: Number, scope: Scope) {
        for step in self.steps_in(number, scope) {
            let (Some(at), Some(run)) = (self.step_at(step), self.state.run(number)) else { continue };
            let tasks = run.phase(step.phase).tasks(step.step).clone();
            for &task in tasks.iter() {
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

    /// Changes how far a run is, and tells what became of the plan and of a phase.
    fn with_progress(&mut self, number: Number, scope: Scope, change: impl FnOnce(&mut Run)) {
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
                self.completed.push(number);
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
        self.with_progress(number, scope, |run| {
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

    /// Derives the statuses of the steps of a part of a run anew.
    fn derive_scope(&mut self, number: Number, scope: Scope) {
        let Some(nth) = self.state.active.iter().position(|run| run.number() == number) else { return };
        let mut steps = self.steps_in(number, scope);
        if let Scope::Step(step) = scope {
            steps.extend(self.later_steps(step));
        }
        for step in steps {
            if let Some(at) = self.step_at(step) {
                self.derive_step(nth, at, step);
                self.consider_steps_of(at);
            }
        }
    }

    /// The steps of the same instance and phase that come after one, where they may be urgent once it is
    /// complete.
    fn later_steps(&self, step: StepRef) -> Vec<StepRef> {
        let Some(run) = self.state.run(step.run) else { return Vec::new() };
        if !run.progress.phase(step.phase).asks_urgency() {
            return Vec::new();
        }
        let layout = run.phase(step.phase);
        let steps = layout.steps_of(layout.steps[step.step as usize].instance);
        steps.filter(|&other| other > step.step).map(|other| StepRef { step: other, ..step }).collect()
    }

    /// Goes through all phases of a run.
    pub(super) fn sweep(&mut self, number: Number) {
        let phases = self.state.run(number).map_or(0, |run| run.layout.phases.len() as u32);
        self.session.agenda.sweeps.extend((0..phases).map(|phase| ((number, phase), 0)));
        self.consider_hurt();
    }
}

/// Whether nothing of a run was done since it was stopped: it is interrupted, and all of it is still to be done.
fn is_stopped(run: &Run) -> bool {
    let phases = 0..run.layout.phases.len() as u32;
    let mut steps = phases.flat_map(|phase| run.progress.phase(phase).steps());
    run.progress.is_interrupted() && steps.all(|status| *status == Status::Pending)
}

/// `[A-Za-z_][A-Za-z0-9_]*` (C§2.8).
fn is_variable_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn only(tasks: &[TaskName]) -> String {
    tasks.iter().map(|task| format!(" -t {task}")).collect()
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
            Self::RestartPod { instance, tasks } => write!(f, "pod restart {instance}{}", only(tasks)),
            Self::ReplacePod { instance } => write!(f, "pod replace {instance}"),
            Self::PausePod { instance, tasks } => write!(f, "pod pause {instance}{}", only(tasks)),
            Self::ResumePod { instance, tasks } => write!(f, "pod resume {instance}{}", only(tasks)),
            Self::GiveUp { debt } => write!(f, "give-up {debt}"),
            Self::Uninstall => f.write_str("uninstall"),
        }
    }
}
