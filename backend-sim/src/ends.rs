//! How a run ends: what runs, in which configuration, what is held, and which debts remain.
//!
//! Invariant: two runs with the same result have equal ends, whatever happened on the way. Numbers, nodes and times are
//! not a part of an end.

use std::collections::{BTreeMap, BTreeSet};

use plan_core::plan::ContentHash;
use plan_core::spec::{Goal, InstanceName, TaskName};

use crate::checks::{GivenUp, Tally};
use crate::cluster::Cluster;
use crate::store::RecordStore;
use crate::task::Life;

/// The state of a run, from which its end is made.
pub(crate) struct Stand<'a> {
    pub(crate) cluster: &'a Cluster,
    /// What is held.
    pub(crate) tally: &'a Tally,
    pub(crate) store: &'a RecordStore,
    /// What an operator gave up.
    pub(crate) given_up: &'a GivenUp,
    /// Whether the finished tasks must be the same.
    pub(crate) with_done: bool,
    /// Whether the service is all that its target says.
    pub(crate) complete: bool,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    /// The living tasks.
    lives: BTreeMap<(InstanceName, TaskName), Living>,
    /// The tasks that reached a goal `FINISH` or `ONCE`.
    done: BTreeSet<(InstanceName, TaskName)>,
    /// Whether `done` must be the same. A `ONCE` task is done under whatever target the service had then.
    with_done: bool,
    /// By instance, how many places are held.
    places: BTreeMap<InstanceName, usize>,
    /// How many debts there are.
    debts: usize,
    /// Whether the service is all that its target says.
    complete: bool,
    /// How often each task was launched. This may differ between equal ends.
    launches: BTreeMap<(InstanceName, TaskName), u32>,
}

/// How a task lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Living {
    conf: ContentHash,
    ready: bool,
    paused: bool,
    launches: u32,
}

impl End {
    /// The end of a run.
    pub(crate) fn of(stand: &Stand<'_>) -> Self {
        let Stand { cluster, given_up, .. } = *stand;
        let (mut lives, mut done, mut launches) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        for task in &cluster.tasks {
            let key = (cluster.roster.name(task.instance).clone(), task.name.clone());
            *launches.entry(key.clone()).or_default() += 1;
            if task.attained && task.config.spec.goal != Goal::Running {
                done.insert(key.clone());
            }
            if task.lives() && !given_up.launches.contains(&(task.launch, task.name.clone())) {
                let (conf, ready) = (task.conf, task.life == Life::Running { ready: true });
                let living = Living { conf, ready, paused: task.paused, launches: 1 };
                lives.entry(key).and_modify(|living: &mut Living| living.launches += 1).or_insert(living);
            }
        }
        let mut places = BTreeMap::new();
        for (handle, place) in stand.tally.places(cluster).filter(|(_, place)| place.named) {
            if !given_up.handles.contains(handle) {
                *places.entry(place.instance.clone()).or_default() += 1;
            }
        }
        Self {
            lives,
            done,
            with_done: stand.with_done,
            places,
            debts: stand.store.debts().count(),
            complete: stand.complete,
            launches,
        }
    }

    /// A task that the other run launched more often than this one, by more than the allowed number.
    pub(crate) fn launched_less(&self, other: &Self, more: u32) -> Option<(String, String)> {
        let mut launches = other.launches.iter();
        let (key, count, most) = launches.find_map(|(key, &count)| {
            let most = self.launches.get(key).copied().unwrap_or_default().saturating_add(more);
            (count > most).then_some((key, count, most))
        })?;
        let expected = format!("{}-{} is launched {most} times at most", key.0, key.1);
        Some((expected, format!("it is launched {count} times")))
    }

    /// The difference to another end: what was expected, and what was found.
    pub(crate) fn difference(&self, other: &Self) -> Option<(String, String)> {
        let words = |living: Option<&Living>| match living {
            None => "does not live".to_owned(),
            Some(Living { conf, ready, paused, launches }) => {
                let ready = if *ready { "is ready" } else { "is not ready" };
                let paused = if *paused { ", paused" } else { "" };
                let more = if *launches == 1 { String::new() } else { format!(", {launches} times") };
                format!("{ready} with configuration {}{paused}{more}", &conf.to_string()[..8])
            }
        };
        let keys: BTreeSet<_> = self.lives.keys().chain(other.lives.keys()).collect();
        for key in keys {
            let (expected, found) = (self.lives.get(key), other.lives.get(key));
            if expected != found {
                let name = format!("{}-{}", key.0, key.1);
                return Some((format!("{name} {}", words(expected)), format!("it {}", words(found))));
            }
        }
        let names: BTreeSet<_> = self.places.keys().chain(other.places.keys()).collect();
        for name in names {
            let count = |of: &Self| of.places.get(name).copied().unwrap_or_default();
            if count(self) != count(other) {
                let expected = format!("{} places are held for {name}", count(self));
                return Some((expected, format!("{} are", count(other))));
            }
        }
        if self.debts != other.debts {
            return Some((format!("{} debts are left", self.debts), format!("{} are", other.debts)));
        }
        if self.with_done && other.with_done && self.done != other.done {
            let odd = self.done.symmetric_difference(&other.done).next()?;
            let words = |of: &Self| if of.done.contains(odd) { "was done" } else { "was not done" };
            return Some((format!("{}-{} {}", odd.0, odd.1, words(self)), format!("it {}", words(other))));
        }
        if self.complete != other.complete {
            let words = |of: &Self| if of.complete { "all is complete" } else { "not all is complete" };
            return Some((words(self).to_owned(), words(other).to_owned()));
        }
        None
    }
}
