//! The questions and answers of gates, and what must hold for acts because of them.
//!
//! Invariant: the checks follow from the questions and answers as they pass, and from the records. They do not use what
//! the engine makes of an answer, except the reason that it gives for a step that waits.

use std::collections::{BTreeMap, BTreeSet};

use plan_core::engine::records::PodRecord;
use plan_core::engine::{
    Answer, Ask, Check as Asking, Key, Number, Reason, Record, Ruling, StepRef, TaskState, Time,
};
use plan_core::plan::{GateLayout, PodModel};
use plan_core::spec::{Goal, InstanceName, TaskName};

use crate::violation::CheckName;

use super::batch::{Act, Batch};
use super::members::How;
use super::scene::{Run, Scene, Verdict};

const SECOND: u64 = 1_000_000;
/// How much longer than its command may take an answer is waited for. A gate that does not deny is asked again within
/// the same time (docs/decisions/0018-one-list-of-rules.md).
const OVERDUE: u64 = 5 * SECOND;
const ASKED_AGAIN: u64 = 60 * SECOND;
/// How many questions of one gate of an instance are remembered.
const REMEMBERED: usize = 64;

/// The questions and answers of a session.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    session: u32,
    /// The questions by instance and command, in the order in which they were asked.
    questions: BTreeMap<(InstanceName, String), Vec<Question>>,
    /// When steps acted last.
    acted: BTreeMap<StepRef, u64>,
}

/// A question.
#[derive(Debug, Clone)]
struct Question {
    id: Number,
    task: TaskName,
    launch: Number,
    at: u64,
    /// Until then the question has to be answered, or asked again.
    until: u64,
    answer: Option<Answered>,
}

/// An answer.
#[derive(Debug, Clone, Copy)]
struct Answered {
    ruling: Ruling,
    /// When it was true.
    at: u64,
}

impl Asked {
    /// A question leaves.
    pub(super) fn ask(&mut self, scene: &Scene<'_>, ask: &Ask) {
        if self.session != scene.session {
            self.session = scene.session;
            self.questions.clear();
        }
        let Asking::Command { cmd, timeout } = &ask.check else { return };
        let all = self.questions.entry((ask.instance.clone(), cmd.clone())).or_default();
        if all.len() == REMEMBERED {
            all.remove(0);
        }
        let until = scene.time + u64::from(timeout.0) * SECOND + OVERDUE;
        let (id, task, launch) = (ask.id, ask.task.clone(), ask.launch);
        all.push(Question { id, task, launch, at: scene.time, until, answer: None });
    }

    /// An answer arrives.
    pub(super) fn answered(&mut self, now: u64, id: Number, answer: &Answer) {
        let question = self.questions.values_mut().flatten().find(|question| question.id == id);
        if let Some(question) = question {
            question.answer = Some(Answered { ruling: answer.ruling, at: answer.at.0 });
            question.until = now + ASKED_AGAIN;
        }
    }

    fn of<'q>(&'q self, scene: &Scene<'_>, instance: &InstanceName, cmd: &str) -> &'q [Question] {
        let all = self.questions.get(&(instance.clone(), cmd.to_owned()));
        all.filter(|_| self.session == scene.session).map(Vec::as_slice).unwrap_or_default()
    }

    /// A step acts on a member that is up only when each of its gates has allowed it. The answer is not too old, is
    /// about the running launch, came after the last act of the step, and no denial came since.
    pub(super) fn acts(&mut self, scene: &Scene<'_>, batch: &Batch<'_>, acts: &[Act<'_>]) -> Verdict {
        for act in acts {
            let last = self.acted.insert(act.step, scene.time).unwrap_or_default();
            let Some(run) = scene.run(act.step.run).filter(|run| !batch.changes_run(run.record.number))
            else {
                continue;
            };
            let phase = &run.layout.phases[act.step.phase as usize];
            let pod = &run.model.pods()[phase.pod as usize];
            if scene.how(pod, act.before) != How::Up
                || scene.how(pod, act.after) == How::Down
                || scene.repairs(act.before)
            {
                continue;
            }
            for gate in phase.gates_before(act.step.step).iter() {
                self.allows(scene, &run, act, gate, last)?;
            }
        }
        Ok(())
    }

    /// Whether a gate has allowed an act of a step whose last act was at this time.
    fn allows(
        &self,
        scene: &Scene<'_>,
        run: &Run<'_>,
        act: &Act<'_>,
        gate: &GateLayout,
        last: u64,
    ) -> Verdict {
        let pod = &run.model.pods()[run.layout.phases[act.step.phase as usize].pod as usize];
        let beside = |record| gate.beside.iter().find_map(|&task| runs(pod, record, task));
        let there = beside(act.before).filter(|of| beside(act.after).as_ref() == Some(of));
        // If the task does not run, the gate is not asked.
        let Some((task, launch)) = there else { return Ok(()) };
        let all = self.of(scene, act.instance, &gate.cmd).iter();
        let all = all.filter(|of| of.task == task && of.launch == launch && of.at >= last);
        let answers: Vec<Answered> = all.filter_map(|of| of.answer).collect();
        let oldest = scene.time.saturating_sub(u64::from(gate.max_age.0) * SECOND);
        let allows = |of: &Answered| of.ruling == Ruling::Allow && of.at >= oldest;
        let allowed = answers.iter().rposition(allows);
        // If another step asks the same command, nobody knows which step it denied.
        let denied = answers.iter().rposition(|of| of.ruling == Ruling::Deny);
        let denied = denied.filter(|_| is_asked_once(scene, run, act, &gate.cmd));
        if allowed.is_some() && allowed > denied {
            return Ok(());
        }
        let expected = format!(
            "{} acts when `{}` allows it beside {task} (launch {launch}), no longer than {} s ago",
            scene.step_name(run, act.step.phase, act.step.step),
            gate.cmd,
            gate.max_age.0
        );
        let answers = answers.iter().map(|of| format!("{:?} at {}", of.ruling, Time::from_micros(of.at)));
        let found =
            format!("it acts; answers since it last did: [{}]", answers.collect::<Vec<_>>().join(", "));
        scene.violation(CheckName::Gate, expected, found)
    }

    /// The last question of each gate of each instance in this session.
    fn latest<'q>(&'q self, scene: &Scene<'_>) -> impl Iterator<Item = (&'q InstanceName, &'q Question)> {
        let present = self.session == scene.session;
        let all = self.questions.iter().filter(move |_| present);
        all.filter_map(|((of, _), all)| Some((of, all.last()?)))
    }

    /// A gate that did not answer, or neither allowed nor denied, is asked again in time.
    pub(super) fn asked_in_time(&self, scene: &Scene<'_>) -> Verdict {
        let over = self.latest(scene).filter(|(_, question)| question.until < scene.time);
        for instance in over.map(|(instance, _)| instance).collect::<BTreeSet<_>>() {
            for why in scene.engine.why(instance) {
                let Reason::Gate { task, ruling, .. } = &why.reason else { continue };
                let open = |(of, question): (&InstanceName, &Question)| {
                    of == instance && question.task == *task && question.until >= scene.time
                };
                if *ruling != Some(Ruling::Deny) && !self.latest(scene).any(open) {
                    return scene.violation(
                        CheckName::Gate,
                        "a gate that did not answer is asked again in its time, and so is one that defers",
                        format!("{instance}: {why}; it is not asked again"),
                    );
                }
            }
        }
        Ok(())
    }

    /// When nothing more will happen, a step that waits for a gate was denied, or waits for an answer that may come.
    pub(super) fn rest(&self, scene: &Scene<'_>) -> Verdict {
        let now = scene.time;
        for id in 0..scene.cluster.roster.len() {
            let name = scene.cluster.roster.name(id);
            for why in scene.engine.why(name) {
                let Reason::Gate { task, ruling, until, .. } = &why.reason else { continue };
                let mut latest =
                    self.latest(scene).filter(|(of, question)| *of == name && question.task == *task);
                let clears = match ruling {
                    Some(Ruling::Deny) => {
                        latest.any(|(_, of)| of.answer.is_some_and(|answer| answer.ruling == Ruling::Deny))
                    }
                    // A run may end before the time of the next question.
                    _ => {
                        until.is_some_and(|until| until.as_micros() > now)
                            || latest.any(|(_, of)| of.answer.is_none() && of.until > now)
                    }
                };
                if !clears {
                    return scene.violation(
                        CheckName::Gate,
                        "who waits for a gate was denied, or has asked and is to be answered",
                        format!("{name}: {why}"),
                    );
                }
            }
        }
        Ok(())
    }
}

/// The launch of a task that runs on a node that is heard of.
fn runs(pod: &PodModel, record: &PodRecord, task: u32) -> Option<(TaskName, Number)> {
    let name = &pod.tasks[task as usize].name;
    let of = record.living().find(|occupant| occupant.task == *name)?;
    let heard = matches!(of.state, TaskState::Running { .. }) && of.silent.is_none();
    heard.then(|| (name.clone(), of.launch))
}

/// Whether no other step of a member asks the same command in a current run.
fn is_asked_once(scene: &Scene<'_>, run: &Run<'_>, act: &Act<'_>, cmd: &str) -> bool {
    let runs = scene.store.records().filter_map(|record| match record {
        Record::Run(of) if of.outcome.is_none() => scene.run(of.number),
        _ => None,
    });
    let pod = &act.instance.pod;
    let steps = runs.map(|of| {
        let phases = of.layout.phases.iter().filter(|phase| of.model.pods()[phase.pod as usize].name == *pod);
        let steps =
            phases.flat_map(|phase| phase.steps_of(act.instance.index).map(move |step| (phase, step)));
        steps.filter(|(phase, step)| phase.gates_before(*step).iter().any(|gate| *gate.cmd == *cmd)).count()
    });
    run.record.outcome.is_none() && steps.sum::<usize>() == 1
}

impl Scene<'_> {
    /// Whether a task with the goal RUNNING ended in a slot of a member, so that a step may bring it back.
    fn repairs(&self, record: &PodRecord) -> bool {
        let dead = record.slots().iter().filter(|slot| slot.occupant().is_none_or(|of| !of.may_live()));
        dead.map(|slot| slot.set()).any(|set| {
            let launched = record.tasks().iter().filter_map(|task| task.last());
            let mut known = launched.filter_map(|last| self.store.get(&Key::Conf(last.conf)));
            known.any(|known| match known {
                Record::Conf(of) => of.spec.goal == Goal::Running && of.spec.resource_set == *set,
                _ => false,
            })
        })
    }
}
