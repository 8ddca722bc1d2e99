//! How a run ends: what runs, in which configuration, and what is held and owed.
//!
//! Invariant: it is the same for two runs that came to the same, whatever happened on the way; numbers, nodes
//! and times are no part of it.

use std::collections::{BTreeMap, BTreeSet};

use plan_core::plan::ContentHash;
use plan_core::spec::{Goal, InstanceName, TaskName};
use plan_room::Book;

use crate::checks::GivenUp;
use crate::cluster::Cluster;
use crate::store::Store;
use crate::task::Life;

/// How a run stands: what its end is made of.
pub(crate) struct Stand<'a> {
    pub(crate) cluster: &'a Cluster,
    /// What is held.
    pub(crate) book: &'a Book<()>,
    pub(crate) store: &'a Store,
    /// What nobody cares for any more.
    pub(crate) given_up: &'a GivenUp,
    /// Whether what was done is to be the same.
    pub(crate) with_done: bool,
    /// Whether the service is all that its target says.
    pub(crate) complete: bool,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    /// What lives.
    lives: BTreeMap<(InstanceName, TaskName), Living>,
    /// What attained a goal that is to end.
    done: BTreeSet<(InstanceName, TaskName)>,
    /// Whether `done` is to be the same: what is done once is done by whatever the service was then.
    with_done: bool,
    /// By instance, how many places are held.
    places: BTreeMap<InstanceName, usize>,
    /// How much is owed.
    debts: usize,
    /// Whether the service is all that its target says.
    complete: bool,
    /// How often each task was launched; it is no part of what is to be the same.
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
    /// How a run has come to stand.
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
        for held in stand.book.of_owner(&()).filter(|held| held.is_used()) {
            if !given_up.handles.contains(held.handle()) {
                *places.entry(held.instance().clone()).or_default() += 1;
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

    /// A task that another end has launched more often than this one and so many times more.
    pub(crate) fn launched_less(&self, other: &Self, more: u32) -> Option<(String, String)> {
        let mut launches = other.launches.iter();
        let (key, count, most) = launches.find_map(|(key, &count)| {
            let most = self.launches.get(key).copied().unwrap_or_default().saturating_add(more);
            (count > most).then_some((key, count, most))
        })?;
        let expected = format!("{}-{} is launched {most} times at most", key.0, key.1);
        Some((expected, format!("it is launched {count} times")))
    }

    /// What of another end is not as in this one: what was expected, and what is.
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
