//! Previews: what a target would lead to.
//!
//! Invariant: a preview is taken from a copy of the engine that takes the target. The engine itself does not change,
//! and no decision is made here.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::plan::{Status, TaskModel};
use crate::spec::{Change, ChangeVerdict, InstanceName, TaskName, changes};

use super::Engine;
use super::at::At;
use super::input::{Input, Target};
use super::record::{Number, Record, StepRef};
use super::reply::Reply;
use super::state::State;
use super::view::PlanView;

/// What a target would lead to, from the present state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Preview {
    /// The changes from the present target, each with its verdict.
    pub changes: Vec<Change>,
    /// The reply that the target would get.
    pub reply: Reply,
    /// The plan that would run, with the steps that are done already. `None` if the target is refused or is the present
    /// one.
    pub plan: Option<PlanView>,
    /// The tasks that would be launched again, and because of which fields.
    pub restarts: Vec<Restart>,
    /// The instances that would be new.
    pub joins: Vec<InstanceName>,
    /// The tasks that would end because the target does not have them, of instances that stay.
    pub ends: Vec<(InstanceName, TaskName)>,
    /// The instances that would leave, in the order in which they leave.
    pub leaves: Vec<InstanceName>,
}

/// A task that a target would launch again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Restart {
    /// The instance.
    pub instance: InstanceName,
    /// The task.
    pub task: TaskName,
    /// The fields that differ, as `pods.kafka.tasks.broker.cmd`. Empty if the task runs a configuration from before the
    /// present target.
    pub fields: Vec<String>,
}

impl Engine {
    /// What a target would lead to. The engine does not change.
    pub fn preview(&self, target: &Target) -> Preview {
        let mut later = self.clone();
        let changes = match &self.state {
            Some(state) => changes(state.model().spec(), target.model.spec()),
            None => Vec::new(),
        };
        let wall = self.clock.wall;
        let mut target = target.clone();
        target.by = None;
        let reply = later.handle(wall, Input::Target(target)).reply;
        // The engine replies to every target.
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
        if let Some(Record::Run(run)) = later.run_record(new.service().converging) {
            preview.plan = later.plan(run.plan.as_str());
        }
        let old = self.state.as_ref();
        let known = |name: &InstanceName| old.and_then(|old| old.record(old.at(name)?));
        for (pod, model) in (0..).zip(new.model().pods()) {
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
        preview.leaves = old.map_or_else(Vec::new, |old| new.leavers_of(old));
        preview
    }

    fn run_record(&self, number: Number) -> Option<Record> {
        let state = self.state.as_ref()?;
        let run = state.run(number).map(|run| run.record.clone());
        run.or_else(|| state.ended().get(&number).cloned()).map(Record::Run)
    }
}

impl State {
    /// The tasks of an instance that the run for the target has to launch.
    fn tasks_to_do(&self, at: At) -> Vec<&TaskModel> {
        let Some(run) = self.run(self.service().converging) else { return Vec::new() };
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
