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

    /// The instances of a pod that have a record.
    fn known(&self, pod: usize) -> impl DoubleEndedIterator<Item = At> + '_ {
        let instances = self.pods[pod].iter().enumerate();
        let known = instances.filter(|(_, instance)| instance.is_known());
        known.map(move |(index, _)| At { pod: pod as u32, index: index as u32 })
    }

    /// The pods in the order in which their instances leave: those that the target does not have, then the others in
    /// reverse order.
    fn in_leaving_order(&self) -> impl Iterator<Item = usize> + use<> {
        let declared = self.model.pods().len();
        (declared..self.pods.len()).chain((0..declared).rev())
    }

    /// The next instance to leave: of pods that the target does not have first, then of the others in reverse
    /// order, the highest index first (SDK rule R64).
    pub(in crate::engine) fn next_leaver(&self) -> Option<At> {
        self.in_leaving_order().find_map(|pod| {
            let mut known = self.known(pod);
            if self.bug(Bug::LowestLeaves) {
                return known.find(|&at| self.is_leaver(at));
            }
            // If the last instance of a pod stays, all instances of the pod do.
            known.next_back().filter(|&at| self.is_leaver(at))
        })
    }

    /// The instances that leave, in their order.
    pub(in crate::engine) fn leavers(&self) -> Vec<InstanceName> {
        let all = self.in_leaving_order().flat_map(|pod| self.known(pod).rev());
        all.filter(|&at| self.is_leaver(at)).map(|at| self.name(at)).collect()
    }

    /// The instances of an earlier state that leave under the target of this one, in their order. Those that have left
    /// already are among them: they were the first.
    pub(in crate::engine) fn leavers_of(&self, before: &Self) -> Vec<InstanceName> {
        let leaving = self.leavers();
        let stays = |name: &InstanceName| self.at(name).is_some_and(|at| !self.is_leaver(at));
        let all = (0..before.pods.len()).rev().flat_map(|pod| before.known(pod).rev());
        let gone = all.map(|at| before.name(at)).filter(|name| !stays(name) && !leaving.contains(name));
        gone.chain(leaving.iter().cloned()).collect()
    }
}
