//! The questions of gates, and their answers.
//!
//! Invariant: an answer belongs to one question about one launch. An answer that allows is forgotten when it is too
//! old, one that denies stands until an operator takes it back, and any other leads to the same question again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::timers::Timers;
use crate::engine::ask::Ruling;
use crate::engine::record::{Number, StepRef};
use crate::engine::time::Time;
use crate::engine::words::Words;
use crate::spec::TaskName;

/// The wait before a gate that did not allow is asked again. Each further wait is twice as long.
const ASK_AGAIN: Duration = Duration::from_secs(5);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(60);

/// A gate of a step, by its position among the step's gates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::engine) struct GateOfStep {
    /// The step.
    pub(in crate::engine) step: StepRef,
    /// The position of the gate.
    pub(in crate::engine) nth: u32,
}

/// The questions of this session.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in crate::engine) struct Questions {
    gates: BTreeMap<GateOfStep, Asked>,
    /// The open questions, by number.
    open: BTreeMap<Number, GateOfStep>,
    /// When the answer of a gate is overdue, or when the gate is asked again.
    due: Timers<GateOfStep>,
    /// Until when each answer that allows holds.
    fresh: BTreeSet<(Time, GateOfStep)>,
}

/// A gate that was asked.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::engine) struct Asked {
    /// The launch beside which the gate was asked, and its task: a launch may be of several.
    beside: (Number, TaskName),
    stand: Stand,
    /// The last answer.
    last: Option<(Ruling, Option<Words>)>,
    /// How often in a row the gate did not allow.
    tries: u32,
}

/// The state of a gate.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Stand {
    /// The gate is asked, under this number.
    Open(Number),
    /// The gate allows until this time.
    Allows(Time),
    /// The gate denies.
    Denies,
    /// The gate is asked again at this time.
    Waits(Time),
    /// The gate is to be asked.
    Due,
}

impl Asked {
    /// Whether the gate allows.
    pub(in crate::engine) fn allows(&self) -> bool {
        matches!(self.stand, Stand::Allows(_))
    }

    /// Whether the gate denies.
    pub(in crate::engine) fn denies(&self) -> bool {
        self.stand == Stand::Denies
    }

    /// Whether the gate is to be asked.
    pub(in crate::engine) fn is_due(&self) -> bool {
        self.stand == Stand::Due
    }

    /// When the gate is asked again, if time alone leads to that.
    pub(in crate::engine) fn until(&self) -> Option<Time> {
        match self.stand {
            Stand::Waits(until) => Some(until),
            _ => None,
        }
    }

    /// The last answer, if it did not allow.
    pub(in crate::engine) fn last(&self) -> Option<(Ruling, Option<Words>)> {
        self.last.clone()
    }
}

impl Questions {
    /// The state of a gate beside this task of a launch; `None` if the gate was not asked there.
    pub(in crate::engine) fn beside(
        &self,
        gate: GateOfStep,
        launch: Number,
        task: &TaskName,
    ) -> Option<&Asked> {
        self.gates.get(&gate).filter(|asked| asked.beside.0 == launch && asked.beside.1 == *task)
    }

    /// Notes that a gate is asked beside a task of a launch, and that the answer is overdue after this time.
    pub(in crate::engine) fn ask(
        &mut self,
        gate: GateOfStep,
        beside: (Number, TaskName),
        id: Number,
        by: Time,
    ) {
        let before = self.take(gate).filter(|asked| asked.beside == beside);
        let (last, tries) = before.map(|asked| (asked.last, asked.tries)).unwrap_or_default();
        self.gates.insert(gate, Asked { beside, stand: Stand::Open(id), last, tries });
        self.open.insert(id, gate);
        self.due.set(gate, by);
    }

    /// The gate of an open question.
    pub(in crate::engine) fn gate_of(&self, id: Number) -> Option<GateOfStep> {
        self.open.get(&id).copied()
    }

    /// Whether a gate of a step is asked and not answered yet.
    pub(in crate::engine) fn is_open(&self, step: StepRef) -> bool {
        self.of_step(step).any(|(_, asked)| matches!(asked.stand, Stand::Open(_)))
    }

    /// Takes the answer to an open question. An answer that allows holds until `fresh`; `None` says that it was too old
    /// when it came.
    pub(in crate::engine) fn answered(
        &mut self,
        id: Number,
        (ruling, words): (Ruling, Option<Words>),
        fresh: Option<Time>,
        now: Time,
    ) {
        let Some(gate) = self.open.remove(&id) else { return };
        self.due.remove(&gate);
        let Some(asked) = self.gates.get_mut(&gate) else { return };
        match (ruling, fresh) {
            (Ruling::Allow, Some(until)) => {
                (asked.stand, asked.last, asked.tries) = (Stand::Allows(until), None, 0);
                self.fresh.insert((until, gate));
            }
            (Ruling::Deny, _) => (asked.stand, asked.last) = (Stand::Denies, Some((ruling, words))),
            (Ruling::Allow | Ruling::Defer | Ruling::Inconclusive, _) => {
                let wait = ASK_AGAIN.saturating_mul(1 << asked.tries.min(10)).min(LONGEST);
                let until = now.after(wait);
                asked.tries = asked.tries.saturating_add(1);
                asked.stand = Stand::Waits(until);
                asked.last = Some((ruling, words)).filter(|_| ruling != Ruling::Allow);
                self.due.set(gate, until);
            }
        }
    }

    /// The first gate that is due to be asked again, or whose answer is overdue. A later answer to the overdue question
    /// is ignored.
    pub(in crate::engine) fn next_due(&mut self, now: Time) -> Option<GateOfStep> {
        let gate = self.due.pop_due(now)?;
        if let Some(asked) = self.gates.get_mut(&gate) {
            if let Stand::Open(id) = asked.stand {
                self.open.remove(&id);
            }
            asked.stand = Stand::Due;
        }
        Some(gate)
    }

    /// When the first gate is due.
    pub(in crate::engine) fn first_due(&self) -> Option<Time> {
        self.due.first()
    }

    /// Forgets answers that allowed and are too old now.
    pub(in crate::engine) fn forget_old(&mut self, now: Time) {
        while let Some(&(until, gate)) = self.fresh.first() {
            if until >= now {
                return;
            }
            self.take(gate);
        }
    }

    /// Forgets the questions of a step, as it has acted or is complete.
    pub(in crate::engine) fn forget(&mut self, step: StepRef) {
        if self.gates.is_empty() {
            return;
        }
        let gates: Vec<GateOfStep> = self.of_step(step).map(|(gate, _)| gate).collect();
        gates.into_iter().for_each(|gate| drop(self.take(gate)));
    }

    /// Forgets answers that did not allow, for all steps that `meant` selects. Returns these steps.
    pub(in crate::engine) fn forgive(&mut self, meant: impl Fn(StepRef) -> bool) -> BTreeSet<StepRef> {
        let objects = |asked: &Asked| matches!(asked.stand, Stand::Denies | Stand::Waits(_) | Stand::Due);
        let gates = self.gates.iter().filter(|(gate, asked)| meant(gate.step) && objects(asked));
        let gates: Vec<GateOfStep> = gates.map(|(gate, _)| *gate).collect();
        gates.iter().for_each(|&gate| drop(self.take(gate)));
        gates.into_iter().map(|gate| gate.step).collect()
    }

    /// Forgets the questions of a run.
    pub(in crate::engine) fn forget_run(&mut self, run: Number) {
        let gates: Vec<GateOfStep> = self.gates.keys().filter(|gate| gate.step.run == run).copied().collect();
        gates.into_iter().for_each(|gate| drop(self.take(gate)));
    }

    fn of_step(&self, step: StepRef) -> impl Iterator<Item = (GateOfStep, &Asked)> {
        let all = GateOfStep { step, nth: 0 }..=GateOfStep { step, nth: u32::MAX };
        self.gates.range(all).map(|(gate, asked)| (*gate, asked))
    }

    fn take(&mut self, gate: GateOfStep) -> Option<Asked> {
        let asked = self.gates.remove(&gate)?;
        match asked.stand {
            Stand::Open(id) => drop(self.open.remove(&id)),
            Stand::Allows(until) => drop(self.fresh.remove(&(until, gate))),
            Stand::Denies | Stand::Waits(_) | Stand::Due => {}
        }
        self.due.remove(&gate);
        Some(asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GATE: GateOfStep = GateOfStep { step: StepRef { run: 7, phase: 0, step: 2 }, nth: 0 };

    fn task(name: &str) -> TaskName {
        name.parse().unwrap()
    }

    fn main_of(launch: Number) -> (Number, TaskName) {
        (launch, task("main"))
    }

    fn beside(questions: &Questions, launch: Number) -> Option<&Asked> {
        questions.beside(GATE, launch, &task("main"))
    }

    fn asked() -> Questions {
        let mut questions = Questions::default();
        questions.ask(GATE, main_of(3), 10, Time::from_micros(100));
        questions
    }

    fn stand(questions: &Questions) -> Option<Stand> {
        beside(questions, 3).map(|asked| asked.stand)
    }

    #[test]
    fn what_an_answer_leads_to() {
        let seconds = |seconds: u64| Time::from_micros(50 + seconds * 1_000_000);
        for (ruling, fresh, then) in [
            (Ruling::Allow, Some(Time::from_micros(60)), Stand::Allows(Time::from_micros(60))),
            (Ruling::Allow, None, Stand::Waits(seconds(5))),
            (Ruling::Defer, None, Stand::Waits(seconds(5))),
            (Ruling::Inconclusive, Some(Time::from_micros(60)), Stand::Waits(seconds(5))),
            (Ruling::Deny, None, Stand::Denies),
        ] {
            let mut questions = asked();
            assert!(questions.is_open(GATE.step));
            questions.answered(11, (Ruling::Allow, None), Some(Time::from_micros(60)), Time::from_micros(50));
            assert_eq!(stand(&questions), Some(Stand::Open(10)), "another's answer");
            questions.answered(10, (ruling, None), fresh, Time::from_micros(50));
            assert_eq!(stand(&questions), Some(then), "{ruling:?}");
            assert_eq!(questions.first_due(), beside(&questions, 3).and_then(Asked::until));
        }
    }

    #[test]
    fn what_allows_is_forgotten_when_it_is_too_old_and_says_nothing_of_another_launch() {
        let mut questions = asked();
        questions.answered(10, (Ruling::Allow, None), Some(Time::from_micros(60)), Time::from_micros(50));
        assert!(beside(&questions, 4).is_none());
        assert!(questions.beside(GATE, 3, &task("aide")).is_none(), "another task of the launch");
        questions.forget_old(Time::from_micros(60));
        assert!(beside(&questions, 3).is_some_and(Asked::allows));
        questions.forget_old(Time::from_micros(61));
        assert_eq!(questions, Questions::default());
    }

    #[test]
    fn what_is_overdue_is_asked_again_and_its_answer_is_nobodys() {
        let mut questions = asked();
        assert_eq!(
            (questions.next_due(Time::from_micros(99)), questions.next_due(Time::from_micros(100))),
            (None, Some(GATE))
        );
        assert!(beside(&questions, 3).is_some_and(Asked::is_due) && questions.gate_of(10).is_none());
    }

    #[test]
    fn each_answer_that_does_not_allow_is_waited_for_twice_as_long() {
        let mut questions = asked();
        let mut waits = Vec::new();
        for id in 10..16 {
            questions.ask(GATE, main_of(3), id, Time::from_micros(100));
            questions.answered(id, (Ruling::Defer, None), None, Time::from_micros(0));
            waits.extend(questions.first_due().map(|due| due.as_micros() / 1_000_000));
        }
        assert_eq!(waits, [5, 10, 20, 40, 60, 60]);
        assert_eq!(questions.forgive(|step| step.run == 7), BTreeSet::from([GATE.step]));
        assert_eq!(questions, Questions::default());
    }
}
