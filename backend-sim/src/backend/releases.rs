//! Gives places back.
//!
//! Invariant: a place that a task uses is not given back, as every backend promises. A place that is released on a
//! silent node is freed when the node is heard again, or is gone.

use plan_core::engine::{CommandOutcome, Release, ReleaseAnswer};

use crate::choose::{Choose as _, Site};
use crate::cluster::Cluster;
use crate::latency::{RELEASE, take};
use crate::runtime::{Happening, Runtime};
use crate::task::Task;

use super::Backend;

/// One in this many releases is answered "not yet".
const NOT_YET: u32 = 8;

impl Backend {
    pub(super) fn release(&mut self, cluster: &mut Cluster, runtime: &mut Runtime<'_>, release: Release) {
        let Some(id) = cluster.roster.id(&release.instance) else { return };
        let silent =
            cluster.node_id(release.node.as_str()).is_some_and(|id| cluster.nodes[id as usize].silent);
        if silent {
            self.releases.push((runtime.session, release));
        } else {
            self.free_and_answer(cluster, runtime, id, &release);
        }
    }

    fn free_and_answer(&mut self, cluster: &Cluster, runtime: &mut Runtime<'_>, id: u32, release: &Release) {
        let entity = u64::from(id);
        let answer = if let Some(user) = user(cluster, id, release) {
            ReleaseAnswer::Retry(format!("{} (launch {}) lives there", user.name, user.launch).into())
        } else if runtime.choose.choose(Site::new("release-not-yet", entity), NOT_YET) == NOT_YET - 1 {
            ReleaseAnswer::Retry("the backend is busy".into())
        } else {
            self.free(release);
            ReleaseAnswer::Done
        };
        let at = runtime.now() + take(&mut runtime.choose, "release", entity, &RELEASE);
        let (session, outcome) = (runtime.session, CommandOutcome::Release { debt: release.debt, answer });
        runtime.answer_at(at, Happening::Answer { session, outcome: Box::new(outcome) });
    }

    /// Releases on a silent node that were not answered.
    pub(super) fn release_waiting(&mut self, cluster: &mut Cluster, runtime: &mut Runtime<'_>, node: u32) {
        let name = cluster.nodes[node as usize].facts.name.clone();
        let (here, others) = std::mem::take(&mut self.releases)
            .into_iter()
            .partition::<Vec<_>, _>(|(_, release)| release.node == name);
        self.releases = others;
        for (session, release) in here {
            let Some(id) = cluster.roster.id(&release.instance) else { continue };
            if session == runtime.session {
                self.free_and_answer(cluster, runtime, id, &release);
            } else if user(cluster, id, &release).is_none() {
                self.free(&release);
            }
        }
    }
}

/// The task that is alive in a place to be released, as far as the backend knows. A task that the backend reported as
/// lost does not count.
fn user<'c>(cluster: &'c Cluster, id: u32, release: &Release) -> Option<&'c Task> {
    let mut living = cluster.tasks_of(id).filter(|(_, task)| task.lives() && task.lost.is_none());
    living.find(|(_, task)| task.handle == release.handle).map(|(_, task)| task)
}
