//! Whose it is to bring back what ended in a slot: a step's, or recovery's.
//!
//! Invariant: this follows from records alone (`docs/decisions/0014-whose-a-set-is.md`).

use crate::engine::at::At;
use crate::engine::reason::Verdict;
use crate::engine::record::{PodRecord, Slot, StepRef, TaskRecord};
use crate::engine::state::State;
use crate::plan::{ContentHash, Status};

use super::list::RULES;
use super::rule::Judge;
use super::subject::Question;
use super::subject::Subject;

/// What brings back a task that does not run any more in its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Owner {
    /// An incomplete step that nothing but time, room or its own act keeps waiting.
    Step,
    /// Recovery, with this configuration.
    Recovery(ContentHash),
    /// A step that may not act yet. No known good configuration exists for recovery.
    Later,
}

impl Owner {
    /// What brings back the RUNNING task of a slot that does not live.
    pub(in crate::engine) fn of(state: &State, at: At, slot: &Slot, main: &TaskRecord) -> Self {
        let mut waits = false;
        for run in state.active() {
            for &phase in run.layout.phases_of(at.pod) {
                let layout = run.phase(phase);
                for step in layout.steps_of(at.index) {
                    let speaks = layout.tasks(step).iter().any(|&task| {
                        let model = state.task_model(at.pod, task);
                        model.set == *slot.set() || model.name == *main.name()
                    });
                    if !speaks || run.progress.phase(phase).step(step) == Status::Complete {
                        continue;
                    }
                    let of = StepRef { run: run.number(), phase, step };
                    if !leaves_to_recovery(&Question::of_step(state, run, at, of)) {
                        return Self::Step;
                    }
                    waits = true;
                }
            }
        }
        let record = state.record(at);
        match (record.and_then(|record| state.comes_back_as(record, main)), main.last()) {
            (Some(good), _) => Self::Recovery(state.known_good(at, main, good)),
            (None, Some(last)) if !waits => Self::Recovery(last.conf),
            _ => Self::Later,
        }
    }
}

/// Whether a rule keeps a step waiting that leaves what ended in the step's slots to recovery.
fn leaves_to_recovery(question: &Question<'_>) -> bool {
    RULES.iter().filter(|rule| rule.lets_recover).any(|rule| match rule.judge {
        Judge::Records(judge) => judge(question) != Verdict::Allow,
        // The test of the table makes sure that there is none.
        Judge::Session(_) => false,
    })
}

impl<'a> Question<'a> {
    /// The question about what recovery brings back in a slot. `None` if no RUNNING task was launched there.
    pub(in crate::engine) fn of_slot(
        state: &'a State,
        at: At,
        record: &'a PodRecord,
        slot: &'a Slot,
    ) -> Option<Self> {
        let main = state.main_task(record, slot.set())?;
        let lives = slot.occupant().is_some_and(|occupant| occupant.may_live());
        let conf = match (Owner::of(state, at, slot, main), main.last()) {
            (Owner::Recovery(conf), _) => Some(conf),
            // A task obeys an operator's verb, or the loss of its node, even if its configuration was never known to be
            // good.
            (Owner::Later, Some(last)) if lives || main.paused() => Some(last.conf),
            _ => None,
        };
        Some(Self { state, at, record: Some(record), subject: Subject::Recovery { slot, main, conf } })
    }
}
