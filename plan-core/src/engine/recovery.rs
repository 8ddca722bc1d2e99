//! Recovery: brings back tasks that do not run any more and that no step brings back.
//!
//! Invariant: recovery displaces no tasks except those that come back together with an essential one, and launches no
//! configuration that was not launched before (`docs/decisions/0014-whose-a-set-is.md`).

use crate::plan::ContentHash;

use super::at::At;
use super::bug::Bug;
use super::reason::{Reason, Verdict};
use super::record::{OrderedTask, PodRecord, Purpose, Slot, TaskRecord};
use super::rules::{Question, Subject, eligible};
use super::session::Session;
use super::state::State;
use super::transition::Transition;

impl State {
    /// The tasks that recovery launches now, if any: RUNNING tasks that ended, that an operator wants restarted, paused
    /// or resumed, or whose instance moves.
    pub(super) fn recovery_tasks(&self, session: &Session, at: At) -> Option<Vec<OrderedTask>> {
        let state = self;
        let record = state.record(at)?;
        let moves = record.relocation().is_some();
        let mut tasks = Vec::new();
        let mut essential = false;
        for slot in record.slots() {
            let Some(question) = Question::of_slot(state, at, record, slot) else { continue };
            let Subject::Recovery { main, conf: Some(conf), .. } = question.subject else { continue };
            if eligible(&question, session) != Verdict::Allow || state.is_set_of_any(&tasks, conf) {
                continue;
            }
            if slot.occupant().is_none_or(|occupant| !occupant.may_live()) {
                essential |= state.confs().get(&conf).is_some_and(|config| config.spec.essential);
            }
            let paused = main.paused() && !state.bug(Bug::PauseForgotten);
            tasks.push(OrderedTask { task: main.name().clone(), conf, paused });
        }
        if tasks.is_empty() {
            return None;
        }
        let free = |slot: &&Slot| {
            let act = slot.act().and_then(|act| record.order(act));
            act.is_none_or(|order| state.gives_way(order, None))
        };
        let down = |slot: &&Slot| slot.occupant().is_none_or(|occupant| !occupant.may_live());
        let fits = |slot: &Slot, conf, with: &[OrderedTask]| {
            state.in_the_way(record, slot, conf).is_none() && !state.is_set_of_any(with, conf)
        };
        if essential && !moves && !state.bug(Bug::GroupIgnored) {
            for slot in record.slots().iter().filter(free).filter(|slot| !down(slot)) {
                let Some(main) = state.main_task(record, slot.set()) else { continue };
                let runs = slot.occupant().is_some_and(|occupant| occupant.task == *main.name());
                let named = tasks.iter().any(|ordered| ordered.task == *main.name());
                if !runs || named || main.paused() || state.is_on_its_way(record, slot, main) {
                    continue;
                }
                let conf = state.comes_back_as(record, main);
                if let Some(conf) = conf.filter(|&conf| fits(slot, conf, &tasks)) {
                    tasks.push(OrderedTask { task: main.name().clone(), conf, paused: false });
                }
            }
        }
        Some(tasks)
    }

    /// Whether one of these tasks uses the resource set of a configuration.
    fn is_set_of_any(&self, with: &[OrderedTask], conf: ContentHash) -> bool {
        let set = |conf: &ContentHash| self.confs().get(conf).map(|config| &config.spec.resource_set);
        with.iter().any(|ordered| set(&ordered.conf) == set(&conf))
    }

    /// Whether the task in a slot was launched for a step that is not complete, and is not up yet. Then it belongs to
    /// that step.
    fn is_on_its_way(&self, record: &PodRecord, slot: &Slot, task: &TaskRecord) -> bool {
        slot.occupant().is_some_and(|occupant| {
            let order = record.order(occupant.launch).map(|order| order.purpose);
            let up = task.reached().is_some_and(|reached| reached.launch >= occupant.launch);
            !up && matches!(order, Some(Purpose::Step(step)) if self.is_served(step, record, occupant.launch))
        })
    }
}

impl Transition<'_> {
    /// Brings back the tasks of an instance that do not run any more and that no step brings back.
    pub(super) fn consider_recovery(&mut self, at: At) {
        let Some(tasks) = self.state.recovery_tasks(self.session, at) else { return };
        for order in self.state.asking(at, &tasks) {
            self.withdraw(at, order, Reason::NotWanted);
        }
        self.withdraw_others(at);
        // The tasks keep the parameters of their last launch.
        let record = self.state.record(at);
        let parameters = tasks.iter().find_map(|ordered| {
            let last = record?.task(&ordered.task)?.last()?;
            record?.order(last.launch)?.parameters.clone()
        });
        self.begin(at, Purpose::Recovery, tasks, parameters);
    }
}
