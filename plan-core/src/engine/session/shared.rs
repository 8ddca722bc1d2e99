//! The tasks that the latest order of each pod launches. The next order of the pod most often launches the same.
//!
//! Invariant: nothing depends on what is here. Orders with the same tasks share one list if they can.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::record::OrderedTask;

/// The tasks that the latest order of each pod launches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::engine) struct Shared(BTreeMap<u32, Arc<[OrderedTask]>>);

impl Shared {
    /// The tasks of an order of this pod, as a list that is shared with the pod's latest order if that has the same.
    pub(in crate::engine) fn tasks(&mut self, pod: u32, tasks: Vec<OrderedTask>) -> Arc<[OrderedTask]> {
        let latest = self.0.entry(pod).or_default();
        if **latest != *tasks {
            *latest = tasks.into();
        }
        latest.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::ContentHash;

    #[test]
    fn the_same_tasks_of_a_pod_are_one_list() {
        let tasks = |conf: u8| {
            vec![OrderedTask {
                task: "broker".parse().unwrap(),
                conf: ContentHash::of(&[conf]),
                paused: false,
            }]
        };
        let mut shared = Shared::default();
        let (first, second, third) =
            (shared.tasks(0, tasks(1)), shared.tasks(0, tasks(1)), shared.tasks(0, tasks(2)));
        assert!(Arc::ptr_eq(&first, &second) && !Arc::ptr_eq(&first, &third));
        assert_eq!((&*first, &*third), (&*tasks(1), &*tasks(2)));
    }
}
