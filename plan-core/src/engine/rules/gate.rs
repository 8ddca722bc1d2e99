//! The rule of gates: commands that are asked right before a step acts.
//!
//! Invariant: a step that repairs a member asks no gate, as a gate is about a member that is up. No act rests on an
//! answer that is too old, or that is about another launch.

use std::time::Duration;

use crate::engine::ask::{Answer, Ask, Check, Ruling};
use crate::engine::at::At;
use crate::engine::bug::Bug;
use crate::engine::effects::Command;
use crate::engine::reason::{Reason, Verdict};
use crate::engine::record::{Number, StepRef, TaskState};
use crate::engine::session::Session;
use crate::engine::session::questions::GateOfStep;
use crate::engine::state::Run;
use crate::engine::time::Time;
use crate::engine::transition::Transition;
use crate::engine::waker::Waker;
use crate::plan::GateLayout;
use crate::spec::TaskName;

use super::keeper::{Keeper, Whom, Woken};
use super::subject::{Question, Subject};

/// How much longer than the command's timeout the engine waits for an answer.
const ANSWERED_AFTER: Duration = Duration::from_secs(5);

pub(super) fn gates_before(q: &Question<'_>, session: &Session) -> Verdict {
    let Subject::Step { run, step } = q.subject else { return Verdict::Allow };
    let objects = gates(q, run, step).find_map(|(gate, _, task, launch)| {
        let asked = session.questions.beside(gate, q.state.launch_asked(launch), &task);
        if asked.is_some_and(|asked| asked.allows() || asked.denies() && q.state.bug(Bug::GateDenyIgnored)) {
            return None;
        }
        let (ruling, words) = asked.and_then(|asked| asked.last()).unzip();
        let until = asked.and_then(|asked| asked.until());
        let reason = Reason::Gate { task, ruling, words: words.flatten(), until };
        Some(if ruling == Some(Ruling::Deny) { Verdict::Deny(reason) } else { Verdict::Defer(reason) })
    });
    objects.unwrap_or(Verdict::Allow)
}

/// The gates of a step that can be asked: each with the task beside which it is asked, and the launch of the task.
fn gates<'a>(
    q: &Question<'a>,
    run: &'a Run,
    step: StepRef,
) -> impl Iterator<Item = (GateOfStep, &'a GateLayout, TaskName, Number)> {
    let gates = run.phase(step.phase).gates_before(step.step);
    let q = *q;
    let asks = !gates.is_empty() && !repairs(&q, run, step);
    let numbered = (0..).zip(gates.iter()).take_while(move |_| asks);
    numbered.filter_map(move |(nth, gate)| {
        let record = q.record?;
        let runs = |&task: &u32| {
            let name = &q.state.task_model(q.at.pod, task).name;
            let of = record.living().find(|occupant| occupant.task == *name)?;
            let runs = matches!(of.state, TaskState::Running { .. }) && of.silent.is_none();
            runs.then(|| (name.clone(), of.launch))
        };
        let (task, launch) = gate.beside.iter().find_map(runs)?;
        Some((GateOfStep { step, nth }, gate, task, launch))
    })
}

/// Whether a step brings back a task that is down.
fn repairs(q: &Question<'_>, run: &Run, step: StepRef) -> bool {
    let Some(record) = q.record else { return true };
    let tasks = run.phase(step.phase).tasks(step.step);
    let dead = |task: &u32| {
        let model = q.state.task_model(q.at.pod, *task);
        record.slots().iter().any(|slot| {
            let lives = slot.occupant().is_some_and(|occupant| occupant.may_live());
            let main = q.state.main_task(record, slot.set()).filter(|_| !lives);
            main.is_some_and(|main| *slot.set() == model.set || *main.name() == model.name)
        })
    };
    q.state.is_down(q.at) || tasks.iter().any(dead)
}

/// Asks the gates, and remembers their answers.
pub(super) struct Gate;

impl Keeper for Gate {
    fn input_comes(&self, transition: &mut Transition<'_>) {
        if !transition.bug(Bug::GateOldAnswer) {
            transition.session.questions.forget_old(transition.now);
        }
    }

    /// Asks those gates of the step that are due.
    fn keeps(&self, transition: &mut Transition<'_>, at: At, step: StepRef) {
        let Some(run) = transition.state.run(step.run) else { return };
        let question = Question::of_step(transition.state, run, at, step);
        let due = gates(&question, run, step).filter(|(gate, _, task, launch)| {
            let asked =
                transition.session.questions.beside(*gate, transition.state.launch_asked(*launch), task);
            asked.is_none_or(|asked| asked.is_due())
        });
        let due = due.map(|(gate, layout, task, launch)| {
            let check = Check::Command { cmd: layout.cmd.to_string(), timeout: layout.timeout };
            (gate, task, launch, check, Duration::from_secs(u64::from(layout.timeout.0)))
        });
        let due: Vec<_> = due.collect();
        for (gate, task, launch, check, timeout) in due {
            let id = transition.writes.number();
            let by = transition.now.after(timeout.saturating_add(ANSWERED_AFTER));
            transition.session.questions.ask(
                gate,
                (transition.state.launch_asked(launch), task.clone()),
                id,
                by,
            );
            let ask = Ask { id, instance: transition.name(at), task, launch, check };
            transition.command(Command::Ask(Box::new(ask)));
        }
    }

    /// While an answer is awaited, the order keeps its room.
    fn keeps_room(&self, session: &Session, step: StepRef) -> bool {
        session.questions.is_open(step)
    }

    fn acts(&self, transition: &mut Transition<'_>, step: StepRef) {
        transition.session.questions.forget(step);
    }

    fn completes(&self, transition: &mut Transition<'_>, step: StepRef) {
        transition.session.questions.forget(step);
    }

    fn run_ended(&self, transition: &mut Transition<'_>, run: Number) {
        transition.session.questions.forget_run(run);
    }

    fn laid_out(&self, transition: &mut Transition<'_>) -> Woken {
        self.forgive(transition, &|_| true)
    }

    /// Forgets the answers that did not allow, so that the gates are asked again.
    fn forgive(&self, transition: &mut Transition<'_>, meant: &dyn Fn(StepRef) -> bool) -> Woken {
        let forgiven = transition.session.questions.forgive(meant).into_iter();
        forgiven.map(|step| (Waker::Answered, Whom::Step(step))).collect()
    }

    fn answered(&self, transition: &mut Transition<'_>, id: Number, answer: &Answer) -> Option<StepRef> {
        let gate = transition.session.questions.gate_of(id)?;
        let run = transition.state.run(gate.step.run);
        let layout = run
            .and_then(|run| run.phase(gate.step.phase).gates_before(gate.step.step).get(gate.nth as usize));
        let age = Duration::from_micros(transition.wall.0.saturating_sub(answer.at.0));
        let left =
            layout.and_then(|layout| Duration::from_secs(u64::from(layout.max_age.0)).checked_sub(age));
        let fresh = left.map(|left| transition.now.after(left));
        let said = (answer.ruling, answer.words.clone());
        transition.session.questions.answered(id, said, fresh, transition.now);
        Some(gate.step)
    }

    fn first_due(&self, session: &Session) -> Option<Time> {
        session.questions.first_due()
    }

    fn next_due(&self, transition: &mut Transition<'_>) -> Option<StepRef> {
        while let Some(gate) = transition.session.questions.next_due(transition.now) {
            if !transition.bug(Bug::GateOverdueForgotten) {
                return Some(gate.step);
            }
        }
        None
    }
}
