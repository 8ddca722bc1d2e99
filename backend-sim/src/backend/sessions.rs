//! Ends and begins sessions with the engine.
//!
//! Invariant: open questions end with their session. The next session tells what the engine may not know.

use plan_core::engine::Held;
use plan_room::{Health, Kept};

use crate::cluster::Cluster;
use crate::latency::{BEFORE, CATCHES_UP, HOLD, OBSERVE, take};
use crate::queue::Class;
use crate::runtime::{Happening, Runtime};
use crate::task::Telling;

use super::Backend;

impl Backend {
    /// The engine is gone, and its open questions end.
    pub(crate) fn session_over(&mut self) {
        self.questions.clear();
    }

    /// Holds the places that records name, whether anything was launched there or not.
    pub(crate) fn take_up(&mut self, held: &[Held]) {
        for Held { instance, place, demand, volumes, .. } in held {
            if self.book.health(&place.node.name) == Some(Health::Gone) {
                continue;
            }
            let kept = Kept {
                handle: place.handle.clone(),
                instance: instance.clone(),
                node: place.node.clone(),
                sets: demand.clone(),
                volumes: volumes.clone(),
                ports: place.ports.clone(),
            };
            self.book.restore(&(), kept);
        }
    }

    /// The next session begins with an old state.
    pub(crate) fn rewind(&mut self, runtime: &mut Runtime<'_>) {
        let before = take(&mut runtime.choose, "rewind", 0, &BEFORE);
        self.shows = Some(runtime.now().saturating_sub(before));
    }

    /// The engine is back. Ends that its records may not have are told again.
    pub(crate) fn session_begins(&mut self, cluster: &mut Cluster, runtime: &mut Runtime<'_>) {
        let session = runtime.session;
        if let Some(time) = self.shows {
            for task in 0..cluster.tasks.len() as u32 {
                let told = cluster.tasks[task as usize]
                    .told
                    .iter()
                    .rev()
                    .find(|told| told.time <= time && told.serial > 0);
                if let Some(Telling { serial, seen, .. }) = told.cloned() {
                    let entity = u64::from(cluster.tasks[task as usize].instance);
                    let delay = take(&mut runtime.choose, "observe", entity, &OBSERVE);
                    runtime.queue.after(
                        delay,
                        Class::Answer,
                        Happening::Observe { session, task, serial, seen },
                    );
                }
            }
            runtime.queue.after(CATCHES_UP, Class::Cluster, Happening::Renew { session });
        } else {
            for nth in 0..cluster.tasks.len() as u32 {
                let task = &cluster.tasks[nth as usize];
                if task.end_known && !task.forgotten {
                    self.observe(cluster, runtime, nth);
                }
            }
        }
        runtime.queue.after(HOLD, Class::Cluster, Happening::Expire { session });
    }

    /// The backend shows the present state again.
    pub(crate) fn renew(&mut self, cluster: &mut Cluster, runtime: &mut Runtime<'_>) {
        self.shows = None;
        for nth in 0..cluster.tasks.len() as u32 {
            self.tell_present(cluster, runtime, nth);
        }
    }

    /// Frees grants of earlier sessions that nobody asked for again.
    pub(crate) fn expire(&mut self, cluster: &mut Cluster, runtime: &mut Runtime<'_>, session: u32) {
        self.book.forget_grants(&(), u64::from(session));
        self.look_if_freed(cluster, runtime);
    }
}
