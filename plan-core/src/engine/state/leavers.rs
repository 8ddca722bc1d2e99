//! Leavers: instances that the target does not have.
//!
//! Invariant: leavers leave one after the other, the highest index of a pod first.

use crate::engine::at::At;
use crate::engine::bug::Bug;
use crate::engine::state::State;
use crate::spec::InstanceName;

impl State {
    /// Whether an instance does not belong to the target.
    pub(in crate::engine) fn is_leaver(&self, at: At) -> bool {
        self.service.uninstalling || self.pod_model(at.pod).is_none_or(|pod| at.index >= pod.count)
    }

    /// The next instance to leave: of pods that the target does not have first, then of the others in reverse
    /// order, the highest index first (SDK rule R64).
    pub(in crate::engine) fn next_leaver(&self) -> Option<At> {
        let declared = self.model.pods().len();
        let last = |pod: usize| {
            let instances = self.pods[pod].iter().enumerate();
            let known = instances.filter(|(_, instance)| instance.record.is_some());
            let mut known = known.map(|(index, _)| At { pod: pod as u32, index: index as u32 });
            if self.bug(Bug::LowestLeaves) {
                return known.find(|&at| self.is_leaver(at));
            }
            // If the last instance of a pod stays, all instances of the pod do.
            known.next_back().filter(|&at| self.is_leaver(at))
        };
        let mut pods = (declared..self.pods.len()).chain((0..declared).rev());
        pods.find_map(last)
    }

    /// The instances that leave, in their order.
    pub(in crate::engine) fn leavers(&self) -> Vec<InstanceName> {
        let declared = self.model.pods().len();
        let pods = (declared..self.pods.len()).chain((0..declared).rev());
        let leavers = pods.flat_map(|pod| {
            let instances = self.pods[pod].iter().enumerate().rev();
            let known = instances.filter(|(_, instance)| instance.record.is_some());
            let known = known.map(move |(index, _)| At { pod: pod as u32, index: index as u32 });
            known.filter(|&at| self.is_leaver(at))
        });
        leavers.map(|at| self.name(at)).collect()
    }
}
