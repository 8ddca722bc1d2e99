//! What is told when the engine asks what lives.
//!
//! Invariant: a snapshot speaks of all that was asked for, and of all that lives of the same instances; what it shows of
//! the past it calls the past.

use plan_core::engine::{End, Expected, Found, Incarnation, Number, Seen, Snapshot};

use crate::cluster::Cluster;
use crate::latency::{ANSWER, ECHO, NEXT_PART, take};
use crate::task::{Life, Task};
use crate::world::{Happening, World};

use super::Backend;

/// A part of a snapshot speaks of at most so many instances.
const PART: usize = 1000;

impl Backend {
    pub(super) fn reconcile(
        &mut self,
        cluster: &mut Cluster,
        world: &mut World<'_>,
        number: Number,
        expected: &[Expected],
    ) {
        let shown = self.shows;
        // What is held back of a node is not in a snapshot either.
        let view = |cluster: &Cluster, task: &Task| -> Option<Seen> {
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
            let node = cluster.node_id(node.as_str()).map(|id| &cluster.nodes[id as usize]);
            let gone = node.is_some_and(|node| node.gone && node.frozen.is_none());
            found.push((
                incarnation.clone(),
                match is.and_then(|task| view(cluster, task)) {
                    Some(seen) => Found::Seen(seen.into()),
                    // Whatever was there, it is there no more.
                    None if gone => Found::Seen(Seen::Ended(End::Gone).into()),
                    None => Found::Absent,
                },
            ));
        }
        asked.sort_unstable();
        asked.dedup();
        for &id in &asked {
            let past =
                |task: &Task| shown.is_some() && !matches!(view(cluster, task), None | Some(Seen::Ended(_)));
            for (_, task) in cluster.tasks_of(id).filter(|(_, task)| task.lives() || past(task)) {
                let of = Incarnation {
                    installation: self.installation.clone(),
                    instance: cluster.roster.name(id).clone(),
                    task: task.name.clone(),
                    launch: task.launch,
                };
                if let (false, Some(seen)) = (expected.iter().any(|one| one.of == of), view(cluster, task)) {
                    found.push((of, Found::Seen(seen.into())));
                }
            }
        }
        let oldest = cluster.nodes.iter().filter_map(|node| node.frozen).map(|(since, _)| since);
        let oldest = oldest.chain(shown).min();
        let after = oldest.and_then(|time| {
            self.commanded.iter().filter(|(at, _)| *at >= time).map(|(_, launch)| *launch).min()
        });
        let as_of = after.map_or(number, |launch| launch.min(number));
        let session = world.session;
        let mut at = world.now() + take(&mut world.choose, "snapshot", number, &ANSWER);
        self.reconciles += 1;
        let echoes = self.echoes.contains(&self.reconciles);
        let mut parts = found.chunks(PART).peekable();
        while let Some(part) = parts.next() {
            let last = parts.peek().is_none();
            let snapshot = Snapshot { of: number, as_of, found: part.to_vec(), last };
            let snapshot = Box::new(snapshot);
            if echoes {
                world.answer_at(at + ECHO, Happening::Part { session, snapshot: snapshot.clone() });
            }
            world.answer_at(at, Happening::Part { session, snapshot });
            at += NEXT_PART;
        }
    }
}

/// What the backend knows of a task.
fn view(cluster: &Cluster, task: &Task) -> Seen {
    match task.life {
        Life::Ended(_) if task.end_known => task.seen(),
        _ if cluster.nodes[task.node as usize].silent => Seen::Unreachable,
        _ => task.seen(),
    }
}

/// What was known of a task at a time; none of one that was not there yet.
fn told_at(task: &Task, time: u64) -> Option<Seen> {
    task.told.iter().rev().find(|told| told.time <= time).map(|told| told.seen)
}
