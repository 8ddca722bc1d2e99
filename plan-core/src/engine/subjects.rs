//! What the tests of the zoo ask: engines with a fault, and for the test of the list of rules (`tests/zoo/wakers.rs`) all
//! subjects, with the rules that keep them waiting.
//!
//! Invariant: reading changes nothing. A normal build does not have this file.

use std::collections::BTreeMap;

use super::Engine;
use super::at::At;
use super::bug::{Bug, Switch};
use super::record::{Record, StepRef};
use super::recover::RecoverError;
use super::rules::{Question, RULES, Rule, Subject, objection};
use super::time::Wall;
use super::waker::Waker;
use crate::plan::Status;

impl Engine {
    /// The engine with a fault. An engine that is recovered from its records has no fault.
    #[must_use]
    pub fn with_bug(mut self, bug: Bug) -> Self {
        self.zoo = Switch::on(bug);
        if let Some(state) = &mut self.state {
            state.set_bugs(self.zoo);
        }
        self
    }

    /// Recovers an engine with a fault, as [`Engine::recover`] does.
    ///
    /// # Errors
    /// As [`Engine::recover`].
    pub fn recover_with_bug(
        records: impl IntoIterator<Item = Record>,
        bug: Bug,
    ) -> Result<Self, RecoverError> {
        Self::recover_as(records, Switch::on(bug))
    }

    /// The rules by name, each with the kinds of subjects that it keeps waiting, and the names of its wakers.
    pub fn rules() -> Vec<(&'static str, Vec<&'static str>, Vec<String>)> {
        let names = |rule: &Rule| rule.wakes.iter().map(|waker| format!("{waker:?}")).collect();
        RULES.iter().map(|rule| (rule.name, rule.kinds().collect(), names(rule))).collect()
    }

    /// The engine in which a waker wakes nobody.
    #[must_use]
    pub fn deaf_to(mut self, waker: &str) -> Self {
        let waker = Waker::ALL.into_iter().find(|known| format!("{known:?}") == waker);
        self.zoo = waker.map_or(self.zoo, Switch::deaf_to);
        if let Some(state) = &mut self.state {
            state.set_bugs(self.zoo);
        }
        self
    }

    /// Whether nothing is left to consider.
    pub fn is_at_rest(&self) -> bool {
        self.session.reconciliation.all_asked() && self.session.agenda.is_empty()
    }

    /// All subjects at a time, each with the rule that keeps it waiting, or `None` if it may act.
    pub fn subjects(&self, wall: Wall) -> BTreeMap<String, Option<&'static str>> {
        let mut all = BTreeMap::new();
        let Some(state) = &self.state else { return all };
        let mut add = |name: String, question: &Question<'_>| {
            all.insert(name, objection(question, &self.session).map(|(rule, _)| rule.name));
        };
        for run in state.active() {
            for (phase, layout) in (0..).zip(&run.layout.phases) {
                for (step, of) in (0..).zip(&layout.steps) {
                    let at = At { pod: layout.pod, index: of.instance };
                    let of = StepRef { run: run.number(), phase, step };
                    if run.progress.phase(phase).step(step) != Status::Complete {
                        add(format!("{of:?}"), &Question::of_step(state, run, at, of));
                    }
                }
            }
        }
        if let Some(question) = Question::of_farewell(state, &self.session.farewell) {
            add("farewell of the service".to_owned(), &question);
        }
        for (pod, instances) in (0..).zip(state.pods()) {
            for (index, instance) in (0..).zip(instances) {
                let (at, record) = (At { pod, index }, instance.record().map(|record| &**record));
                let name = state.name(at);
                let brings_back = state.recovery_tasks(&self.session, at).unwrap_or_default();
                for (record, slot) in record.iter().flat_map(|r| r.slots().iter().map(move |slot| (r, slot)))
                {
                    let Some(question) = Question::of_slot(state, at, record, slot) else { continue };
                    let Subject::Recovery { main, .. } = question.subject else { continue };
                    let may = objection(&question, &self.session).is_none();
                    if !may || brings_back.iter().any(|task| task.task == *main.name()) {
                        add(format!("recovery of {name} {}", slot.set()), &question);
                    }
                }
                if state.next_leaver() == Some(at) || record.is_some() && state.is_leaver(at) {
                    add(format!("leaving of {name}"), &Question::of_leaver(state, at));
                }
                if let Some(question) = Question::of_move(state, at, self.time(wall)) {
                    add(format!("move of {name}"), &question);
                }
            }
        }
        all
    }
}
