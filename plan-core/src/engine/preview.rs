//! What a target would lead to.
//!
//! Invariant: it is what a copy of the engine that takes the target says; nothing is changed, and nothing is
//! decided here.

use std::collections::BTreeSet;

use crate::plan::{Status, TaskModel};
use crate::spec::{Change, ChangeVerdict, InstanceName, TaskName, changes};

use super::Engine;
use super::at::At;
use super::input::{Input, Target};
use super::record::{Number, Record, StepRef};
use super::reply::Reply;
use super::state::State;
use super::view::PlanView;

/// What a target would lead to, from the state at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// What differs from the present target, each with its verdict.
    pub changes: Vec<Change>,
    /// The answer that the target would have.
    pub reply: Reply,
    /// The plan that would run, with what of it is done already; none if the target is refused or the present
    /// one.
    pub plan: Option<PlanView>,
    /// Tasks that would be launched again, and for which fields.
    pub restarts: Vec<Restart>,
    /// Instances that would come.
    pub joins: Vec<InstanceName>,
    /// Tasks of instances that stay which the target does not have: they would end.
    pub ends: Vec<(InstanceName, TaskName)>,
    /// Instances that would go, in their order.
    pub leaves: Vec<InstanceName>,
}

/// A task that a target would launch again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restart {
    /// The instance.
    pub instance: InstanceName,
    /// The task.
    pub task: TaskName,
    /// The fields that differ, as `pods.kafka.tasks.broker.cmd`; none if what runs is of an older target.
    pub fields: Vec<String>,
}

impl Engine {
    /// What a target would lead to. Nothing is changed.
    pub fn preview(&self, target: &Target) -> Preview {
        let mut later = self.clone();
        let changes = match &self.state {
            Some(state) => changes(state.model.spec(), target.model.spec()),
            None => Vec::new(),
        };
        let wall = self.clock.wall;
        let mut target = target.clone();
        target.by = None;
        let reply = later.handle(wall, Input::Target(target)).reply;
        // A target always has an answer.
        let reply = reply.unwrap_or(Reply::AlreadySo);
        let mut preview = Preview {
            changes,
            reply,
            plan: None,
            restarts: Vec::new(),
            joins: Vec::new(),
            ends: Vec::new(),
            leaves: Vec::new(),
        };
        let (Reply::Done, Some(new)) = (&preview.reply, &later.state) else { return preview };
        if let Some(Record::Run(run)) = later.run_record(new.service.converging) {
            preview.plan = later.plan(run.plan.as_str());
        }
        let old = self.state.as_ref();
        let known = |name: &InstanceName| old.and_then(|old| old.record(old.at(name)?));
        for (pod, model) in (0..).zip(new.model.pods()) {
            for index in 0..model.count {
                let name = new.name(At { pod, index });
                let was = old.is_some_and(|old| old.at(&name).is_some_and(|at| !old.is_leaver(at)));
                if !was {
                    preview.joins.push(name);
                    continue;
                }
                let Some(record) = known(&name) else { continue };
                let gone = record.tasks().iter().filter(|task| model.task_index(task.name()).is_none());
                preview.ends.extend(gone.map(|task| (name.clone(), task.name().clone())));
                for task in new.tasks_to_do(At { pod, index }) {
                    if record.task(&task.name).is_none_or(|known| known.last().is_none()) {
                        continue;
                    }
                    let of = |change: &&Change| {
                        change.pod.as_ref() == Some(&model.name)
                            && change.task.as_ref().is_none_or(|of| *of == task.name)
                            && matches!(change.verdict, ChangeVerdict::Restarts | ChangeVerdict::Resizes)
                    };
                    let fields =
                        preview.changes.iter().filter(of).map(|change| change.path.clone()).collect();
                    preview.restarts.push(Restart {
                        instance: name.clone(),
                        task: task.name.clone(),
                        fields,
                    });
                }
            }
        }
        preview.leaves = new.leavers();
        preview
    }

    fn run_record(&self, number: Number) -> Option<Record> {
        let state = self.state.as_ref()?;
        let run = state.run(number).map(|run| run.record.clone());
        run.or_else(|| state.ended.get(&number).cloned()).map(Record::Run)
    }
}

impl State {
    /// The tasks of an instance that the run which brings the target about has to launch.
    fn tasks_to_do(&self, at: At) -> Vec<&TaskModel> {
        let Some(run) = self.run(self.service.converging) else { return Vec::new() };
        let record = self.record(at);
        let mut due: BTreeSet<u32> = BTreeSet::new();
        for &phase in run.layout.phases_of(at.pod) {
            for step in run.phase(phase).steps_of(at.index) {
                let of = StepRef { run: run.number(), phase, step };
                let since = run.record.wanted(record, of).since;
                let tasks = run.phase(phase).tasks(step).iter().copied();
                due.extend(tasks.filter(|&task| {
                    let model = self.task_model(at.pod, task);
                    self.task_status(run, record, model, of, since) != Status::Complete
                }));
            }
        }
        due.into_iter().map(|task| self.task_model(at.pod, task)).collect()
    }
}
