//! The record of one instance of a pod.
//!
//! Invariant: fields are private. Everyone reads a record by the methods here, and [`changes`] alone changes it.

mod changes;
mod parts;
mod rare;

use std::num::NonZeroU64;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Number, Place, StepRef};
use crate::engine::time::Time;
use crate::spec::{ResourceSetName, TaskName};

pub(in crate::engine) use changes::Occupied;
pub use parts::*;
use rare::{OfPod, OfTask, Rare};

/// The record of one instance of a pod.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
#[non_exhaustive]
pub struct PodRecord {
    /// Where the instance lives. It stays there until a recorded relocation frees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<Arc<Place>>,
    /// The orders that are not launched yet, and those whose tasks are in a slot.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    orders: Vec<Order>,
    /// One slot for each resource set that was used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    slots: Vec<Slot>,
    /// The tasks that were ordered at least once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tasks: Vec<TaskRecord>,
    /// What most instances do not have.
    #[serde(flatten)]
    rare: Rare<OfPod>,
}

/// A slot: one resource set of one instance. The tasks that name the set take turns in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Slot {
    /// The resource set.
    set: ResourceSetName,
    /// The task in the slot. It stays here after its end, until another task takes the slot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    occupant: Option<Occupant>,
    /// The order that will take the slot. No order has the number 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    act: Option<NonZeroU64>,
}

/// The record of a task of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct TaskRecord {
    /// The task.
    name: TaskName,
    /// The latest launch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last: Option<Launched>,
    /// The latest launch that reached the task's goal. Its configuration is the last known good one. For a `ONCE` task
    /// it says that the task is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reached: Option<Reached>,
    /// What most tasks do not have.
    #[serde(flatten)]
    rare: Rare<OfTask>,
}

/// What operators asked for one step. Numbers come from the counter; 0 is never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StepMark {
    /// The step.
    pub step: StepRef,
    /// When the step was forced to be complete.
    #[serde(default)]
    pub forced: Number,
    /// The first launch that counts for the step.
    #[serde(default)]
    pub since: Number,
}

impl PodRecord {
    /// Where the instance lives. It stays there until a recorded relocation frees it.
    pub fn place(&self) -> Option<&Arc<Place>> {
        self.place.as_ref()
    }

    /// The orders that are not launched yet, and those whose tasks are in a slot.
    pub fn orders(&self) -> &[Order] {
        &self.orders
    }

    /// One slot for each resource set that was used.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The tasks that were ordered at least once.
    pub fn tasks(&self) -> &[TaskRecord] {
        &self.tasks
    }

    /// What operators asked for single steps.
    pub fn steps(&self) -> &[StepMark] {
        &self.rare.steps
    }

    /// The relocation, if the instance may move. With the next launch the instance gives up what it has at its place.
    pub fn relocation(&self) -> Option<Relocation> {
        self.rare.relocation
    }

    /// The order with this number.
    pub fn order(&self, launch: Number) -> Option<&Order> {
        self.orders.iter().find(|order| order.launch == launch)
    }

    /// The record of a task.
    pub fn task(&self, name: &TaskName) -> Option<&TaskRecord> {
        self.tasks.iter().find(|task| task.name == *name)
    }

    /// The slot of a resource set.
    pub fn slot(&self, set: &ResourceSetName) -> Option<&Slot> {
        self.slots.iter().find(|slot| slot.set == *set)
    }

    /// The tasks that may live.
    pub fn living(&self) -> impl Iterator<Item = &Occupant> {
        self.slots.iter().filter_map(|slot| slot.occupant.as_ref()).filter(|occupant| occupant.may_live())
    }

    /// How many orders are not launched yet.
    pub fn standing_orders(&self) -> usize {
        self.standing().count()
    }

    /// The orders that are not launched yet.
    pub(in crate::engine) fn standing(&self) -> impl Iterator<Item = &Order> {
        self.orders.iter().filter(|order| order.stage != OrderStage::Launched)
    }
}

impl Slot {
    /// The resource set.
    pub fn set(&self) -> &ResourceSetName {
        &self.set
    }

    /// The task in the slot. It stays here after its end, until another task takes the slot.
    pub fn occupant(&self) -> Option<&Occupant> {
        self.occupant.as_ref()
    }

    /// The order that will take the slot.
    pub fn act(&self) -> Option<Number> {
        self.act.map(NonZeroU64::get)
    }
}

impl TaskRecord {
    /// The task.
    pub fn name(&self) -> &TaskName {
        &self.name
    }

    /// The latest launch.
    pub fn last(&self) -> Option<Launched> {
        self.last
    }

    /// The latest launch that reached the task's goal. Its configuration is the last known good one. For a `ONCE` task
    /// it says that the task is done.
    pub fn reached(&self) -> Option<Reached> {
        self.reached
    }

    /// How often in a row the task ended without being asked to.
    pub fn failures(&self) -> u32 {
        self.rare.failures
    }

    /// The task is not launched before this time. Only a wake after that time removes it.
    pub fn delayed_until(&self) -> Option<Time> {
        self.rare.delayed_until
    }

    /// The backend's refusal for good, if it refused the task.
    pub fn never(&self) -> Option<&Arc<Never>> {
        self.rare.never.as_ref()
    }

    /// Since when the task does not run as it should, though it ran or was launched. A silent node counts.
    pub fn down(&self) -> Option<Time> {
        self.rare.down
    }

    /// The first launch that an operator's restart accepts; 0 accepts any.
    pub fn since(&self) -> Number {
        self.rare.since
    }

    /// The last launch after `reached` with another configuration than `reached`; 0 is none. If there is one, `reached`
    /// still names the last known good configuration, but completes no step any more.
    pub fn other(&self) -> Number {
        self.rare.other
    }

    /// Whether an operator wants the task paused.
    pub fn paused(&self) -> bool {
        self.rare.paused
    }

    /// How the task last ended without being asked to, or was refused, with the backend's words. It is kept over the
    /// next launches, until the task reaches its goal.
    pub fn trouble(&self) -> Option<&Arc<Trouble>> {
        self.rare.trouble.as_ref()
    }

    /// The record of a task that was not launched yet.
    fn new(name: TaskName) -> Self {
        Self { name, last: None, reached: None, rare: Rare::default() }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}
