//! Launches of tasks, and their states.
//!
//! Invariant: a run goes forward only, and ends once.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use plan_core::engine::{Address, End, Handle, Incarnation, Number, Seen, Sighting, Words};
use plan_core::spec::{InstanceName, NodeName, TaskName};
use plan_room::Book;
use tokio::sync::Notify;

use crate::layout::RunFolder;
use crate::room::{Health, ServiceKey};
use crate::run::{Exit, Order};

/// The key of a launch of a task of any service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RunKey {
    pub(crate) service: ServiceKey,
    pub(crate) instance: InstanceName,
    pub(crate) launch: Number,
    pub(crate) task: TaskName,
}

impl RunKey {
    fn within(&self) -> (InstanceName, Number, TaskName) {
        (self.instance.clone(), self.launch, self.task.clone())
    }

    pub(crate) fn incarnation(&self) -> Incarnation {
        Incarnation {
            installation: self.service.1.clone(),
            instance: self.instance.clone(),
            task: self.task.clone(),
            launch: self.launch,
        }
    }
}

/// A launch of a task.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) folder: RunFolder,
    pub(crate) node: NodeName,
    pub(crate) handle: Handle,
    pub(crate) order: Arc<Order>,
    pub(crate) phase: Phase,
    words: RunWords,
    /// Where the task is reached while it runs.
    address: Arc<Address>,
    /// Whether the engine's records have its end.
    pub(crate) told: bool,
    /// Whether it waits to be told.
    queued: bool,
    /// Rings when the task is told to end before it began.
    pub(crate) cancel: Arc<Notify>,
    pub(crate) cancelled: bool,
}

impl Run {
    pub(crate) fn new(folder: RunFolder, order: Arc<Order>, phase: Phase, address: Address) -> Self {
        Self {
            folder,
            node: order.node.clone(),
            handle: order.handle.clone(),
            order,
            phase,
            words: RunWords::default(),
            address: Arc::new(address),
            told: false,
            queued: false,
            cancel: Arc::new(Notify::new()),
            cancelled: false,
        }
    }

    pub(crate) fn lives(&self) -> bool {
        !matches!(self.phase, Phase::Ended(_))
    }

    /// The run has ended, for this reason.
    pub(crate) fn ended(mut self, exit: &Exit) -> Self {
        (self.phase, self.words.end) = (Phase::Ended(exit.end()), Words::some(&exit.why));
        self
    }

    /// The observation of the run. If its node is silent, it is what was known before.
    pub(crate) fn seen(&self, book: &Book<ServiceKey>) -> Sighting {
        let health = book.health(&self.node).unwrap_or(Health::Heard);
        let plain = Sighting::from;
        let node = &self.node;
        let silent = || plain(Seen::Unreachable).saying(format!("nothing is heard of {node}"));
        let gone = || plain(Seen::Ended(End::Gone)).saying(format!("{node} was lost, and is gone for good"));
        match (self.phase, health) {
            // It went with its node.
            (Phase::Ended(End::Gone), Health::Silent) => silent().at(self.address.clone()),
            (Phase::Ended(End::Gone), _) => gone(),
            (Phase::Ended(end), _) => plain(Seen::Ended(end)).with_words(self.words.end.clone()),
            (_, Health::Gone) => gone(),
            (_, Health::Silent) => silent().at(self.address.clone()),
            (Phase::Preparing | Phase::Starting, Health::Heard) => plain(Seen::Starting),
            (Phase::Running { ready }, Health::Heard) => {
                plain(Seen::Running { ready }).with_words(self.words.of_checks()).at(self.address.clone())
            }
        }
    }
}

/// The words about a run.
#[derive(Debug, Clone, Default)]
struct RunWords {
    end: Option<Words>,
    health: Option<Words>,
    readiness: Option<Words>,
}

impl RunWords {
    fn of_checks(&self) -> Option<Words> {
        match (&self.health, &self.readiness) {
            (Some(one), Some(other)) => Some(format!("{one}; {other}").into()),
            (one, other) => one.as_ref().or(other.as_ref()).cloned(),
        }
    }
}

/// A check of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CheckKind {
    Health,
    Readiness,
}

impl fmt::Display for CheckKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Health => "health",
            Self::Readiness => "readiness",
        })
    }
}

/// The state of a launch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Its sandbox is made; there is no process yet.
    Preparing,
    /// Its shim was started.
    Starting,
    /// It runs.
    Running {
        /// Whether its readiness check passes.
        ready: bool,
    },
    /// Nothing of it is left.
    Ended(End),
}

/// All known launches.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    of: BTreeMap<ServiceKey, BTreeMap<(InstanceName, Number, TaskName), Run>>,
}

impl Runs {
    pub(crate) fn insert(&mut self, key: RunKey, run: Run) {
        self.of.entry(key.service).or_default().insert((key.instance, key.launch, key.task), run);
    }

    pub(crate) fn remove(&mut self, key: &RunKey) {
        if let Some(runs) = self.of.get_mut(&key.service) {
            runs.remove(&key.within());
        }
    }

    /// Forgets all launches of a service.
    pub(super) fn forget(&mut self, service: &ServiceKey) {
        self.of.remove(service);
    }

    pub(crate) fn get(&self, key: &RunKey) -> Option<&Run> {
        self.of.get(&key.service)?.get(&key.within())
    }

    pub(crate) fn get_mut(&mut self, key: &RunKey) -> Option<&mut Run> {
        self.of.get_mut(&key.service)?.get_mut(&key.within())
    }

    /// The runs of an instance, in the order of their launches.
    pub(crate) fn of_instance(
        &self,
        service: &ServiceKey,
        instance: &InstanceName,
    ) -> impl DoubleEndedIterator<Item = (RunKey, &Run)> {
        self.of_service(service).filter(move |(key, _)| key.instance == *instance)
    }

    /// The runs of a service, by instance in the order of their launches.
    pub(crate) fn of_service(&self, service: &ServiceKey) -> impl DoubleEndedIterator<Item = (RunKey, &Run)> {
        let runs = self.of.get_key_value(service);
        runs.into_iter().flat_map(|(of, runs)| runs.iter().map(move |(within, run)| (key(of, within), run)))
    }

    /// All runs.
    pub(crate) fn all(&self) -> impl Iterator<Item = (RunKey, &Run)> {
        self.of.iter().flat_map(|(of, runs)| runs.iter().map(move |(within, run)| (key(of, within), run)))
    }

    /// A session begins. Nothing waits to be told.
    pub(super) fn listen(&mut self, service: &ServiceKey) {
        for run in self.of.get_mut(service).into_iter().flat_map(BTreeMap::values_mut) {
            run.queued = false;
        }
    }

    /// Marks a run to be told. Returns false if it already waits for that.
    pub(super) fn queue(&mut self, key: &RunKey) -> bool {
        self.get_mut(key).is_some_and(|run| !std::mem::replace(&mut run.queued, true))
    }

    /// It is told now.
    pub(super) fn take_turn(&mut self, key: &RunKey) -> Option<&Run> {
        let run = self.get_mut(key)?;
        run.queued = false;
        Some(run)
    }

    /// Takes a run forward, never back from its end. Returns whether the run changed.
    pub(super) fn set_phase(&mut self, key: &RunKey, phase: Phase) -> bool {
        let run = self.get_mut(key).filter(|run| run.lives() && run.phase != phase);
        run.map(|run| run.phase = phase).is_some()
    }

    /// A run has ended. Returns whether that is new.
    pub(super) fn end(&mut self, key: &RunKey, exit: &Exit) -> bool {
        let run = self.get_mut(key).filter(|run| run.lives());
        run.map(|run| *run = run.clone().ended(exit)).is_some()
    }

    /// Sets the last message of a check, or that it passed. Returns whether that is new. Messages that differ only in
    /// numbers are the same. Otherwise a check that counts would be told, and written, each time that it runs.
    pub(super) fn set_check(&mut self, key: &RunKey, kind: CheckKind, words: Option<Words>) -> bool {
        let Some(run) = self.get_mut(key).filter(|run| run.lives()) else { return false };
        let said = match kind {
            CheckKind::Health => &mut run.words.health,
            CheckKind::Readiness => &mut run.words.readiness,
        };
        let same = match (&*said, &words) {
            (Some(old), Some(new)) => without_digits(old).eq(without_digits(new)),
            (old, new) => old == new,
        };
        if !same {
            *said = words;
        }
        !same
    }
}

fn key(of: &ServiceKey, (instance, launch, task): &(InstanceName, Number, TaskName)) -> RunKey {
    RunKey { service: of.clone(), instance: instance.clone(), launch: *launch, task: task.clone() }
}

fn without_digits(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|char| !char.is_ascii_digit())
}
