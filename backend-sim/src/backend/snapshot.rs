//! Snapshots: answers to the engine's question what is alive.
//!
//! Invariant: a snapshot covers every launch that was asked for, and every living launch of the same instances. A
//! snapshot of an old state says how old it is.

use plan_core::engine::{End, Expected, Found, Incarnation, Number, Seen, Sighting, Snapshot};

use crate::cluster::Cluster;
use crate::latency::{ANSWER, ECHO, NEXT_PART, take};
use crate::runtime::{Happening, Runtime};
use crate::task::{Life, Task};

use super::Backend;
use super::seen::unreachable;

/// The most instances in one part of a snapshot.
const PART: usize = 1000;

impl Backend {
    pub(super) fn reconcile(
        &mut self,
        cluster: &mut Cluster,
        runtime: &mut Runtime<'_>,
        number: Number,
        expected: &[Expected],
    ) {
        let shown = self.shows;
        // Observations of a node that are held back are not in a snapshot either.
        let view = |cluster: &Cluster, task: &Task| -> Option<Sighting> {
            let frozen = cluster.nodes[task.node as usize].frozen.map(|(since, _)| since);
            match (shown, frozen) {
                (None, None) => Some(view(cluster, task)),
                (shown, frozen) => told_at(task, shown.into_iter().chain(frozen).min().unwrap_or_default()),
            }
        };
        let mut found: Vec<(Incarnation, Found)> = Vec::with_capacity(expected.len());
        let mut asked: Vec<u32> = Vec::new();
        for Expected { of: incarnation, node } in expected {
            let id = cluster.roster.id(&incarnation.instance);
            asked.extend(id);
            let task = id.and_then(|id| cluster.find(id, incarnation.launch, &incarnation.task));
            let is = task.map(|nth| &cluster.tasks[nth as usize]).filter(|task| !task.forgotten);
            let name = node;
            let node = cluster.node_id(name.as_str()).map(|id| &cluster.nodes[id as usize]);
            let gone = node.is_some_and(|node| node.gone && node.frozen.is_none());
            found.push((
                incarnation.clone(),
                match is.and_then(|task| view(cluster, task)) {
                    Some(seen) => Found::Seen(seen),
                    // Whatever ran there is gone.
                    None if gone => {
                        let words = format!("{name} is gone for good");
                        Found::Seen(Sighting::from(Seen::Ended(End::Gone)).saying(words))
                    }
                    None => Found::Absent,
                },
            ));
        }
        asked.sort_unstable();
        asked.dedup();
        for &id in &asked {
            let past = |task: &Task| {
                shown.is_some()
                    && view(cluster, task).is_some_and(|seen| !matches!(seen.seen, Seen::Ended(_)))
            };
            for (_, task) in cluster.tasks_of(id).filter(|(_, task)| task.lives() || past(task)) {
                let of = Incarnation {
                    installation: self.installation.clone(),
                    instance: cluster.roster.name(id).clone(),
                    task: task.name.clone(),
                    launch: task.launch,
                };
                if let (false, Some(seen)) = (expected.iter().any(|one| one.of == of), view(cluster, task)) {
                    found.push((of, Found::Seen(seen)));
                }
            }
        }
        let oldest = cluster.nodes.iter().filter_map(|node| node.frozen).map(|(since, _)| since);
        let oldest = oldest.chain(shown).min();
        let after = oldest.and_then(|time| {
            self.commanded.iter().filter(|(at, _)| *at >= time).map(|(_, launch)| *launch).min()
        });
        let as_of = after.map_or(number, |launch| launch.min(number));
        let session = runtime.session;
        let mut at = runtime.now() + take(&mut runtime.choose, "snapshot", number, &ANSWER);
        self.reconciles += 1;
        let echoes = self.echoes.contains(&self.reconciles);
        let mut parts = found.chunks(PART).peekable();
        while let Some(part) = parts.next() {
            let last = parts.peek().is_none();
            let snapshot = Snapshot::new(number, as_of, part.to_vec()).with_last(last);
            let snapshot = Box::new(snapshot);
            if echoes {
                runtime.answer_at(at + ECHO, Happening::Part { session, snapshot: snapshot.clone() });
            }
            runtime.answer_at(at, Happening::Part { session, snapshot });
            at += NEXT_PART;
        }
    }
}

/// What the backend knows of a task.
fn view(cluster: &Cluster, task: &Task) -> Sighting {
    let node = &cluster.nodes[task.node as usize];
    match task.life {
        Life::Ended(_) if task.end_known => task.seen(node),
        _ if node.silent => unreachable(node),
        _ => task.seen(node),
    }
}

/// What was known of a task at a time; `None` if the task did not exist then.
fn told_at(task: &Task, time: u64) -> Option<Sighting> {
    task.told.iter().rev().find(|told| told.time <= time).map(|told| told.seen.clone())
}
