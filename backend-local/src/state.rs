//! What the backend knows now: rooms, runs, questions, sessions.
//!
//! Invariant: all of it is changed under one lock, without waiting; what must survive is on disk before anybody is told
//! of it. Questions and unused grants are the session's, and go with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plan_core::engine::{
    End, Expected, Fit, FitAnswer, Found, Handle, Incarnation, Number, Outcome, Release, Seen, Snapshot,
};
use plan_core::spec::{InstanceName, NodeName, TaskName};
use tokio::sync::{Notify, mpsc};

use crate::layout::RunFolder;
use crate::room::{Health, NoRoom, Rooms, ServiceKey};
use crate::run::Order;

/// A part of a snapshot speaks of at most so many launches.
const PART: usize = 1000;

/// A launch of a task, of whatever service.
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
    /// Whether the engine's records hold its end.
    pub(crate) told: bool,
    /// Whether it waits to be told.
    queued: bool,
    /// Rings when it is to end before it began.
    pub(crate) cancel: Arc<Notify>,
    pub(crate) cancelled: bool,
}

impl Run {
    pub(crate) fn new(folder: RunFolder, order: Arc<Order>, phase: Phase) -> Self {
        Self {
            folder,
            node: order.node.clone(),
            handle: order.handle.clone(),
            order,
            phase,
            told: false,
            queued: false,
            cancel: Arc::new(Notify::new()),
            cancelled: false,
        }
    }

    pub(crate) fn lives(&self) -> bool {
        !matches!(self.phase, Phase::Ended(_))
    }
}

/// How far a launch is.
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

/// Something to say to the engine.
#[derive(Debug)]
pub(crate) enum Say {
    Outcome(Outcome),
    Snapshot(Snapshot),
    /// How this run is when it is its turn.
    Observe(RunKey),
    /// Nothing is known of this one: it has ended.
    Unknown(RunKey, End),
}

/// A service's session, and what is open in it.
#[derive(Debug, Default)]
pub(crate) struct Service {
    session: Option<(u64, mpsc::UnboundedSender<Say>)>,
    open: BTreeMap<(InstanceName, Number), Open>,
    /// Releases on nodes of which nothing is heard.
    pub(crate) releases: Vec<Release>,
}

/// A question for room.
#[derive(Debug)]
struct Open {
    fit: Box<Fit>,
    /// When it was asked, by the count of commands.
    asked: u64,
    told: Option<NoRoom>,
}

/// All of it.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) rooms: Rooms,
    runs: BTreeMap<ServiceKey, BTreeMap<(InstanceName, Number, TaskName), Run>>,
    services: BTreeMap<ServiceKey, Service>,
    /// Counts commands.
    pub(crate) count: u64,
    serial: u64,
    sessions: u64,
}

impl State {
    pub(crate) fn new(rooms: Rooms) -> Self {
        Self { rooms, runs: BTreeMap::new(), services: BTreeMap::new(), count: 0, serial: 0, sessions: 0 }
    }

    pub(crate) fn service(&mut self, key: &ServiceKey) -> &mut Service {
        self.services.entry(key.clone()).or_default()
    }

    // ---- sessions

    /// Begins a session; what was open in the one before is forgotten.
    pub(crate) fn begin_session(&mut self, key: &ServiceKey, say: mpsc::UnboundedSender<Say>) -> u64 {
        self.sessions += 1;
        let number = self.sessions;
        *self.service(key) = Service { session: Some((number, say)), ..Service::default() };
        self.rooms.forget_grants(key);
        for run in self.runs.get_mut(key).into_iter().flat_map(|runs| runs.values_mut()) {
            run.queued = false;
        }
        let untold: Vec<RunKey> =
            self.runs_of(key).filter(|(_, run)| !run.lives() && !run.told).map(|(key, _)| key).collect();
        for run in untold {
            self.changed(&run);
        }
        self.look_again();
        number
    }

    /// Ends a session, if it is still the one.
    pub(crate) fn end_session(&mut self, key: &ServiceKey, number: u64) {
        if self.is_session(key, number) {
            *self.service(key) = Service::default();
            self.rooms.forget_grants(key);
            self.look_again();
        }
    }

    pub(crate) fn is_session(&self, key: &ServiceKey, number: u64) -> bool {
        let session = self.services.get(key).and_then(|service| service.session.as_ref());
        session.is_some_and(|(current, _)| *current == number)
    }

    /// Says something to the engine of a service, if it listens. It asks again in its next session.
    pub(crate) fn say(&self, key: &ServiceKey, say: Say) {
        if let Some((_, session)) = self.services.get(key).and_then(|service| service.session.as_ref()) {
            // A session that just ended is not told.
            let _ = session.send(say);
        }
    }

    // ---- runs

    pub(crate) fn insert(&mut self, key: RunKey, run: Run) {
        self.runs.entry(key.service).or_default().insert((key.instance, key.launch, key.task), run);
    }

    pub(crate) fn remove(&mut self, key: &RunKey) {
        if let Some(runs) = self.runs.get_mut(&key.service) {
            runs.remove(&key.within());
        }
    }

    pub(crate) fn run(&self, key: &RunKey) -> Option<&Run> {
        self.runs.get(&key.service)?.get(&key.within())
    }

    pub(crate) fn run_mut(&mut self, key: &RunKey) -> Option<&mut Run> {
        self.runs.get_mut(&key.service)?.get_mut(&key.within())
    }

    /// The runs of an instance, in the order of their launches.
    pub(crate) fn runs_of_instance(
        &self,
        service: &ServiceKey,
        instance: &InstanceName,
    ) -> impl DoubleEndedIterator<Item = (RunKey, &Run)> {
        self.runs_of(service).filter(move |(key, _)| key.instance == *instance)
    }

    /// The runs of a service, by instance in the order of their launches.
    pub(crate) fn runs_of(&self, service: &ServiceKey) -> impl DoubleEndedIterator<Item = (RunKey, &Run)> {
        let runs = self.runs.get_key_value(service);
        runs.into_iter().flat_map(|(of, runs)| runs.iter().map(move |(within, run)| (key(of, within), run)))
    }

    /// All runs.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (RunKey, &Run)> {
        self.runs.iter().flat_map(|(of, runs)| runs.iter().map(move |(within, run)| (key(of, within), run)))
    }

    /// A run is another than before, or is to be told again.
    pub(crate) fn changed(&mut self, key: &RunKey) {
        let listens = self.services.get(&key.service).is_some_and(|service| service.session.is_some());
        if let Some(run) = self.run_mut(key).filter(|_| listens)
            && !std::mem::replace(&mut run.queued, true)
        {
            self.say(&key.service, Say::Observe(key.clone()));
        }
    }

    /// Tells the end of a run that nothing is known of.
    pub(crate) fn observe_unknown(&self, key: &RunKey, end: End) {
        self.say(&key.service, Say::Unknown(key.clone(), end));
    }

    /// Takes a run forward, and tells of it; never back from its end.
    pub(crate) fn set_phase(&mut self, key: &RunKey, phase: Phase) {
        let Some(run) = self.run_mut(key).filter(|run| run.lives() && run.phase != phase) else { return };
        run.phase = phase;
        self.changed(key);
        if matches!(phase, Phase::Ended(_)) {
            self.look_again();
        }
    }

    /// Its turn to be told: how it is, and the number of this observation.
    pub(crate) fn take_turn(&mut self, key: &RunKey) -> Option<(Seen, u64)> {
        let run = self.run_mut(key)?;
        run.queued = false;
        let run = self.run(key)?;
        let seen = self.view(run);
        Some((seen, self.next_serial()))
    }

    /// A number above all before it.
    pub(crate) fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// How a run is seen: where nothing is heard of its node, only what was known before.
    pub(crate) fn view(&self, run: &Run) -> Seen {
        let health = self.rooms.health(&run.node).unwrap_or(Health::Heard);
        match (run.phase, health) {
            // Its node took it along.
            (Phase::Ended(End::Gone), Health::Silent) => Seen::Unreachable,
            (Phase::Ended(end), _) => Seen::Ended(end),
            (_, Health::Gone) => Seen::Ended(End::Gone),
            (_, Health::Silent) => Seen::Unreachable,
            (Phase::Preparing | Phase::Starting, Health::Heard) => Seen::Starting,
            (Phase::Running { ready }, Health::Heard) => Seen::Running { ready },
        }
    }

    // ---- questions

    pub(crate) fn ask(&mut self, key: &ServiceKey, fit: Box<Fit>) {
        let asked = self.count;
        let of = (fit.instance.clone(), fit.launch);
        let elsewhere = fit.at.is_none();
        let open = &mut self.service(key).open;
        // A question that is asked again replaces the one before.
        open.retain(|(instance, launch), _| *instance != of.0 || *launch != of.1 && !elsewhere);
        open.insert(of.clone(), Open { fit, asked, told: None });
        self.consider(key, &of);
    }

    pub(crate) fn withdraw(&mut self, key: &ServiceKey, instance: &InstanceName, launch: Number) {
        self.service(key).open.remove(&(instance.clone(), launch));
        if self.rooms.withdraw(key, instance, launch) {
            self.look_again();
        }
    }

    /// Whether any question for room stands.
    pub(crate) fn is_asked(&self) -> bool {
        self.services.values().any(|service| !service.open.is_empty())
    }

    /// Looks at all open questions again.
    pub(crate) fn look_again(&mut self) {
        let all: Vec<_> = self
            .services
            .iter()
            .flat_map(|(key, service)| service.open.keys().map(move |of| (key.clone(), of.clone())))
            .collect();
        for (key, of) in all {
            self.consider(&key, &of);
        }
    }

    /// Answers a question if there is something new to say; with room, it is answered for good.
    fn consider(&mut self, key: &ServiceKey, of: &(InstanceName, Number)) {
        let Some(mut open) = self.service(key).open.remove(of) else { return };
        let answer = match self.rooms.fit(key, &open.fit, open.asked, self.count) {
            Ok(grant) => Some(FitAnswer::Fitted(grant)),
            Err(why) if open.told.as_ref() == Some(&why) => {
                self.service(key).open.insert(of.clone(), open);
                None
            }
            Err(why) => {
                open.told = Some(why.clone());
                self.service(key).open.insert(of.clone(), open);
                Some(match why {
                    NoRoom::Retry(why) => FitAnswer::Retry(why),
                    NoRoom::Gone(why) => FitAnswer::NodeGone(why),
                })
            }
        };
        if let Some(answer) = answer {
            let (instance, launch) = of.clone();
            self.say(key, Say::Outcome(Outcome::Fit { instance, launch, answer }));
        }
    }

    // ---- what there is

    /// Answers how these launches are, and what else there is of their instances.
    pub(crate) fn reconcile(&mut self, service: &ServiceKey, number: Number, expected: &[Expected]) {
        let mut found: Vec<(Incarnation, Found)> = Vec::with_capacity(expected.len());
        let mut asked = BTreeSet::new();
        for Expected { of, node } in expected {
            let run = RunKey {
                service: (service.0.clone(), of.installation.clone()),
                instance: of.instance.clone(),
                launch: of.launch,
                task: of.task.clone(),
            };
            let gone = self.rooms.health(node) == Some(Health::Gone);
            let is = match self.run(&run) {
                Some(run) => Found::Seen(self.view(run)),
                // Whatever was there, it is there no more.
                None if gone => Found::Seen(Seen::Ended(End::Gone)),
                None => Found::Absent,
            };
            found.push((of.clone(), is));
            asked.insert(&of.instance);
        }
        let others = self.runs().filter(|(key, run)| {
            run.lives()
                && key.service.0 == service.0
                && (key.service.1 != service.1 || asked.contains(&key.instance))
        });
        let others: Vec<_> = others
            .map(|(key, run)| (key.incarnation(), Found::Seen(self.view(run))))
            .filter(|(of, _)| !expected.iter().any(|one| one.of == *of))
            .collect();
        found.extend(others);
        let mut parts = found.chunks(PART).map(<[_]>::to_vec).collect::<Vec<_>>();
        if parts.is_empty() {
            parts.push(Vec::new());
        }
        let last = parts.len() - 1;
        for (nth, found) in parts.into_iter().enumerate() {
            // Commands are carried out in order, so that all before this one show.
            let snapshot = Snapshot { of: number, as_of: number, found, last: nth == last };
            self.say(service, Say::Snapshot(snapshot));
        }
    }

    /// Forgets all that a service has.
    pub(crate) fn forget_service(&mut self, key: &ServiceKey) {
        self.runs.remove(key);
        self.rooms.forget_service(key);
        let service = self.service(key);
        service.open.clear();
        service.releases.clear();
        self.look_again();
    }

    /// Takes the releases that waited for a node.
    pub(crate) fn take_releases(&mut self, node: &NodeName) -> Vec<(ServiceKey, Release)> {
        let mut taken = Vec::new();
        for (key, service) in &mut self.services {
            let (here, others): (Vec<_>, Vec<_>) =
                std::mem::take(&mut service.releases).into_iter().partition(|release| release.node == *node);
            service.releases = others;
            taken.extend(here.into_iter().map(|release| (key.clone(), release)));
        }
        taken
    }
}

fn key(of: &ServiceKey, (instance, launch, task): &(InstanceName, Number, TaskName)) -> RunKey {
    RunKey { service: of.clone(), instance: instance.clone(), launch: *launch, task: task.clone() }
}
