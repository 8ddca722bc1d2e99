//! One instance of a pod, as it is remembered.
//!
//! Invariant: it is read here by whoever holds it, and changes in [`changes`] alone, by named steps.

mod changes;
mod parts;

use std::num::NonZeroU64;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Number, Place, StepRef, is_never};
use crate::engine::time::Time;
use crate::spec::{ResourceSetName, TaskName};

pub(in crate::engine) use changes::Occupied;
pub use parts::*;

/// One instance of a pod.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct PodRecord {
    /// Where it lives; it stays there until a recorded permission frees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<Arc<Place>>,
    /// Orders that stand, and those whose tasks are in a slot.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    orders: Vec<Order>,
    /// The resource sets that were used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    slots: Vec<Slot>,
    /// The tasks that were ordered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tasks: Vec<TaskRecord>,
    /// What operators said of single steps.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    steps: Vec<StepMark>,
    /// It may, and shall, go elsewhere: what it has at its place is given up with the next launch.
    #[serde(skip_serializing_if = "Option::is_none")]
    permission: Option<Permission>,
}

/// One resource set of one instance; the tasks that name it take turns in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Slot {
    /// The resource set.
    set: ResourceSetName,
    /// The task in it, or the last one that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    occupant: Option<Occupant>,
    /// The order that will displace it. No order has the number 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    act: Option<NonZeroU64>,
}

/// What is remembered of a task of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TaskRecord {
    /// The task.
    name: TaskName,
    /// What was launched last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last: Option<Launched>,
    /// The latest launch that attained the task's goal: the last known good configuration, and the memory
    /// of `ONCE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reached: Option<Reached>,
    /// How often in a row it ended without being asked to.
    #[serde(default, skip_serializing_if = "is_zero")]
    failures: u32,
    /// It is not launched before this time. Only the wake that finds the time over takes it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delayed_until: Option<Time>,
    /// The backend refused it for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    never: Option<Arc<Never>>,
    /// Since when it does not run as it shall, though it did or was to; silence counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    down: Option<Time>,
    /// Only launches from this one on are what an operator wants to run; 0 is any.
    #[serde(default, skip_serializing_if = "is_never")]
    since: Number,
    /// The last launch with another configuration than `reached` has, ordered after it; 0 is none. What was reached
    /// before is the last known good, and completes nothing any more.
    #[serde(default, skip_serializing_if = "is_never")]
    other: Number,
    /// Whether an operator wants it paused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    paused: bool,
    /// How it last ended without being asked to, or was refused, and what its backend said. It stays when the task is
    /// launched again, until it attains its goal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trouble: Option<Arc<Trouble>>,
}

/// What operators said of one step. Numbers come from the counter; 0 is never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StepMark {
    /// The step.
    pub step: StepRef,
    /// When it was forced.
    #[serde(default)]
    pub forced: Number,
    /// From which launch on it counts.
    #[serde(default)]
    pub since: Number,
}

impl PodRecord {
    /// Where it lives; it stays there until a recorded permission frees it.
    pub fn place(&self) -> Option<&Arc<Place>> {
        self.place.as_ref()
    }

    /// Orders that stand, and those whose tasks are in a slot.
    pub fn orders(&self) -> &[Order] {
        &self.orders
    }

    /// The resource sets that were used.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The tasks that were ordered.
    pub fn tasks(&self) -> &[TaskRecord] {
        &self.tasks
    }

    /// What operators said of single steps.
    pub fn steps(&self) -> &[StepMark] {
        &self.steps
    }

    /// Whether it may, and shall, go elsewhere: what it has at its place is given up with the next launch.
    pub fn permission(&self) -> Option<Permission> {
        self.permission
    }

    /// The order with this number.
    pub fn order(&self, launch: Number) -> Option<&Order> {
        self.orders.iter().find(|order| order.launch == launch)
    }

    /// What is remembered of a task.
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

    /// How many orders are not given yet.
    pub fn standing_orders(&self) -> usize {
        self.standing().count()
    }

    /// The orders that are not given yet.
    pub(in crate::engine) fn standing(&self) -> impl Iterator<Item = &Order> {
        self.orders.iter().filter(|order| order.stage != Stage::Given)
    }
}

impl Slot {
    /// The resource set.
    pub fn set(&self) -> &ResourceSetName {
        &self.set
    }

    /// The task in it, or the last one that was.
    pub fn occupant(&self) -> Option<&Occupant> {
        self.occupant.as_ref()
    }

    /// The order that will displace it.
    pub fn act(&self) -> Option<Number> {
        self.act.map(NonZeroU64::get)
    }
}

impl TaskRecord {
    /// The task.
    pub fn name(&self) -> &TaskName {
        &self.name
    }

    /// What was launched last.
    pub fn last(&self) -> Option<Launched> {
        self.last
    }

    /// The latest launch that attained the task's goal: the last known good configuration, and the memory
    /// of `ONCE`.
    pub fn reached(&self) -> Option<Reached> {
        self.reached
    }

    /// How often in a row it ended without being asked to.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// It is not launched before this time. Only the wake that finds the time over takes it out.
    pub fn delayed_until(&self) -> Option<Time> {
        self.delayed_until
    }

    /// The backend refused it for good.
    pub fn never(&self) -> Option<&Arc<Never>> {
        self.never.as_ref()
    }

    /// Since when it does not run as it shall, though it did or was to; silence counts.
    pub fn down(&self) -> Option<Time> {
        self.down
    }

    /// Only launches from this one on are what an operator wants to run; 0 is any.
    pub fn since(&self) -> Number {
        self.since
    }

    /// The last launch with another configuration than `reached` has, ordered after it; 0 is none. What was reached
    /// before is the last known good, and completes nothing any more.
    pub fn other(&self) -> Number {
        self.other
    }

    /// Whether an operator wants it paused.
    pub fn paused(&self) -> bool {
        self.paused
    }

    /// How it last ended without being asked to, or was refused, and what its backend said. It stays when the task is
    /// launched again, until it attains its goal.
    pub fn trouble(&self) -> Option<&Arc<Trouble>> {
        self.trouble.as_ref()
    }

    /// A task that was not launched yet.
    fn new(name: TaskName) -> Self {
        Self {
            name,
            last: None,
            reached: None,
            failures: 0,
            delayed_until: None,
            never: None,
            down: None,
            since: 0,
            other: 0,
            paused: false,
            trouble: None,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}
