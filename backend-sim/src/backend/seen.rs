//! Observations of tasks and nodes, told as they happen.
//!
//! Invariant: no observation of a silent node is told, and an end is told until the engine's records have it.

use plan_core::engine::{End, Seen, Sighting, Words};
use plan_room::Health;

use crate::choose::{Choose as _, Site};
use crate::cluster::Cluster;
use crate::fault::end_words;
use crate::latency::{NOTICE, OBSERVE, take};
use crate::node::Node;
use crate::queue::Class;
use crate::runtime::{Happening, Runtime};
use crate::task::Telling;
use crate::trace::What;

use super::Backend;
use super::launches::end_it;

/// One in this many observations is told twice.
const AGAIN: u32 = 8;

impl Backend {
    /// Tells the engine how a task is, if its node is heard of.
    pub(crate) fn observe(&mut self, cluster: &mut Cluster, runtime: &mut Runtime<'_>, nth: u32) {
        self.observe_later(cluster, runtime, nth, 0);
    }

    fn observe_later(&mut self, cluster: &mut Cluster, runtime: &mut Runtime<'_>, nth: u32, later: u64) {
        if cluster.node_of(nth).silent {
            return;
        }
        let task = &mut cluster.tasks[nth as usize];
        task.end_known = !task.lives();
        let seen = cluster.seen(nth);
        self.send(cluster, runtime, nth, seen, later);
    }

    fn send(
        &mut self,
        cluster: &mut Cluster,
        runtime: &mut Runtime<'_>,
        task: u32,
        seen: Sighting,
        later: u64,
    ) {
        self.serial += 1;
        let (session, serial, time) = (runtime.session, self.serial, runtime.now());
        let of = &mut cluster.tasks[task as usize];
        let entity = u64::from(of.instance);
        if self.remembers {
            of.told.push(Telling { time, serial, seen: seen.clone() });
        }
        if self.skipped.contains_key(&of.instance) {
            return;
        }
        let delay = later + take(&mut runtime.choose, "observe", entity, &OBSERVE);
        let again = runtime.choose.choose(Site::new("observe-again", entity), AGAIN) == AGAIN - 1;
        let observe = Happening::Observe { session, task, serial, seen: seen.clone() };
        runtime.queue.after(delay, Class::Answer, observe);
        if again {
            let delay = delay + OBSERVE[3];
            runtime.queue.after(delay, Class::Answer, Happening::Observe { session, task, serial, seen });
        }
    }

    /// A task is reported as lost, and lives on.
    pub(crate) fn lose(&mut self, cluster: &mut Cluster, runtime: &mut Runtime<'_>, nth: u32) {
        let seen = Sighting::from(Seen::Ended(End::Lost)).saying(&*end_words(End::Lost));
        self.send(cluster, runtime, nth, seen, 0);
    }

    /// Nothing is heard of a node any more.
    pub(crate) fn silence(&mut self, cluster: &mut Cluster, runtime: &mut Runtime<'_>, node: u32) {
        cluster.nodes[node as usize].silent = true;
        self.book.set_health(&cluster.nodes[node as usize].facts.name, Health::Silent);
        let later = take(&mut runtime.choose, "notice", u64::from(node), &NOTICE);
        for nth in 0..cluster.tasks.len() as u32 {
            let task = &cluster.tasks[nth as usize];
            if task.node == node && task.lives() {
                let seen = unreachable(&cluster.nodes[node as usize]);
                self.send(cluster, runtime, nth, seen, later);
            }
        }
    }

    /// A node is heard again. Commands to it from the meantime are carried out now.
    pub(crate) fn back(&mut self, cluster: &mut Cluster, runtime: &mut Runtime<'_>, node: u32) {
        cluster.nodes[node as usize].silent = false;
        self.book.set_health(&cluster.nodes[node as usize].facts.name, Health::Heard);
        for nth in 0..cluster.tasks.len() as u32 {
            let task = &mut cluster.tasks[nth as usize];
            if task.node != node {
                continue;
            }
            let kill = task.kill_waits.take();
            if !task.forgotten {
                self.observe(cluster, runtime, nth);
            }
            if let Some(grace) = kill.filter(|_| cluster.tasks[nth as usize].lives()) {
                end_it(cluster, runtime, nth, grace);
            }
        }
        self.release_waiting(cluster, runtime, node);
        self.look_again(cluster, runtime);
    }

    /// A node is gone for good, with everything on it. Its tasks have ended already.
    pub(crate) fn gone(&mut self, cluster: &mut Cluster, runtime: &mut Runtime<'_>, node: u32) {
        let at = &mut cluster.nodes[node as usize];
        (at.gone, at.silent) = (true, false);
        let name = at.facts.name.clone();
        self.book.set_health(&name, Health::Gone);
        let later = take(&mut runtime.choose, "notice", u64::from(node), &NOTICE);
        for nth in 0..cluster.tasks.len() as u32 {
            let task = &mut cluster.tasks[nth as usize];
            if task.node == node && !task.forgotten {
                if task.lives() {
                    let words = Words::some(format!("{name} is gone for good"));
                    task.ends(End::Gone, words.clone());
                    let (task, launch, end) = (task.name.clone(), task.launch, End::Gone);
                    let instance = cluster.roster.name(cluster.tasks[nth as usize].instance).clone();
                    runtime.tell(|| What::Ended { instance, task, launch, end, words });
                }
                self.observe_later(cluster, runtime, nth, later);
            }
        }
        self.book.clear_node(&name);
        self.release_waiting(cluster, runtime, node);
        self.look_again(cluster, runtime);
    }

    /// Tells the latest observations of an instance. Those in between are dropped.
    pub(crate) fn unskip(&mut self, cluster: &mut Cluster, runtime: &mut Runtime<'_>, instance: u32) {
        self.skipped.remove(&instance);
        for at in 0..cluster.of_instance[instance as usize].len() {
            let nth = cluster.of_instance[instance as usize][at];
            // Also tasks that were told long ago, since the engine may have asked for them again.
            if cluster.tasks[nth as usize].lives() {
                self.tell_present(cluster, runtime, nth);
            } else {
                self.observe(cluster, runtime, nth);
            }
        }
    }

    /// Tells the observations of a node that were held back, and then the present state, since the held ones belong to
    /// a session that may be over.
    pub(crate) fn thawed(&mut self, cluster: &mut Cluster, runtime: &mut Runtime<'_>, node: u32) {
        for nth in 0..cluster.tasks.len() as u32 {
            if cluster.tasks[nth as usize].node == node {
                self.tell_present(cluster, runtime, nth);
            }
        }
    }

    pub(super) fn tell_present(&mut self, cluster: &mut Cluster, runtime: &mut Runtime<'_>, nth: u32) {
        let task = &cluster.tasks[nth as usize];
        if task.forgotten {
            return;
        }
        if cluster.node_of(nth).silent {
            let seen = unreachable(cluster.node_of(nth));
            self.send(cluster, runtime, nth, seen, 0);
        } else {
            self.observe(cluster, runtime, nth);
        }
    }
}

/// The observation of a task on a silent node.
pub(super) fn unreachable(node: &Node) -> Sighting {
    Sighting::from(Seen::Unreachable).saying(format!("{} does not answer", node.facts.name))
}
