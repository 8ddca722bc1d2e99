//! Instances and their tasks, as they are shown.
//!
//! Invariant: a view borrows the record, and says nothing else than the record. What a record looks like on disk does not
//! show.

use std::sync::Arc;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::engine::record::{
    Launched, Never, Number, Occupant, Order, Place, PodRecord, Reached, Relocation, Slot, TaskRecord,
    Trouble,
};
use crate::engine::time::Time;
use crate::spec::{ResourceSetName, TaskName};

/// An instance, as it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PodView<'a>(&'a PodRecord);

impl<'a> From<&'a PodRecord> for PodView<'a> {
    fn from(record: &'a PodRecord) -> Self {
        Self(record)
    }
}

impl<'a> PodView<'a> {
    /// The record itself.
    pub(in crate::engine) fn record(self) -> &'a PodRecord {
        self.0
    }

    /// Where the instance lives. It stays there until a relocation frees it.
    pub fn place(self) -> Option<&'a Arc<Place>> {
        self.0.place()
    }

    /// The orders that are not launched yet, and those whose tasks are in a slot.
    pub fn orders(self) -> &'a [Order] {
        self.0.orders()
    }

    /// The order with this number.
    pub fn order(self, launch: Number) -> Option<&'a Order> {
        self.0.order(launch)
    }

    /// How many orders are not launched yet.
    pub fn standing_orders(self) -> usize {
        self.0.standing_orders()
    }

    /// One slot for each resource set that was used.
    pub fn slots(self) -> &'a [Slot] {
        self.0.slots()
    }

    /// The slot of a resource set.
    pub fn slot(self, set: &ResourceSetName) -> Option<&'a Slot> {
        self.0.slot(set)
    }

    /// The tasks that may live.
    pub fn living(self) -> impl Iterator<Item = &'a Occupant> {
        self.0.living()
    }

    /// The tasks that were ordered at least once.
    pub fn tasks(self) -> impl Iterator<Item = TaskHistory<'a>> {
        self.0.tasks().iter().map(TaskHistory)
    }

    /// What is known of a task, if it was ordered at least once.
    pub fn task(self, name: &TaskName) -> Option<TaskHistory<'a>> {
        self.0.task(name).map(TaskHistory)
    }

    /// The relocation, if the instance may move. With the next launch the instance gives up what it has at its place.
    pub fn relocation(self) -> Option<Relocation> {
        self.0.relocation()
    }
}

impl Serialize for PodView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut view = serializer.serialize_struct("PodView", 5)?;
        view.serialize_field("place", &self.place())?;
        view.serialize_field("relocation", &self.relocation())?;
        view.serialize_field("orders", self.orders())?;
        view.serialize_field("slots", self.slots())?;
        view.serialize_field("tasks", &self.tasks().collect::<Vec<_>>())?;
        view.end()
    }
}

/// What is known of a task of an instance, over all its launches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskHistory<'a>(&'a TaskRecord);

impl<'a> TaskHistory<'a> {
    /// The task.
    pub fn name(self) -> &'a TaskName {
        self.0.name()
    }

    /// The latest launch.
    pub fn last(self) -> Option<Launched> {
        self.0.last()
    }

    /// The latest launch that reached the task's goal. Its configuration is the last known good one. For a `ONCE` task
    /// it says that the task is done.
    pub fn reached(self) -> Option<Reached> {
        self.0.reached()
    }

    /// How often in a row the task ended without being asked to.
    pub fn failures(self) -> u32 {
        self.0.failures()
    }

    /// The task is not launched before this time.
    pub fn delayed_until(self) -> Option<Time> {
        self.0.delayed_until()
    }

    /// The backend's refusal for good, if it refused the task.
    pub fn never(self) -> Option<&'a Arc<Never>> {
        self.0.never()
    }

    /// Since when the task does not run as it should, though it ran or was launched. A silent node counts.
    pub fn down(self) -> Option<Time> {
        self.0.down()
    }

    /// Whether an operator wants the task paused.
    pub fn paused(self) -> bool {
        self.0.paused()
    }

    /// How the task last ended without being asked to, or was refused, with the backend's words. It is kept over the
    /// next launches, until the task reaches its goal.
    pub fn trouble(self) -> Option<&'a Arc<Trouble>> {
        self.0.trouble()
    }
}

impl Serialize for TaskHistory<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut view = serializer.serialize_struct("TaskHistory", 9)?;
        view.serialize_field("name", self.name())?;
        view.serialize_field("last", &self.last())?;
        view.serialize_field("reached", &self.reached())?;
        view.serialize_field("failures", &self.failures())?;
        view.serialize_field("delayed-until", &self.delayed_until())?;
        view.serialize_field("never", &self.never())?;
        view.serialize_field("down", &self.down())?;
        view.serialize_field("paused", &self.paused())?;
        view.serialize_field("trouble", &self.trouble())?;
        view.end()
    }
}
