//! The backend: carries out commands on the cluster, and says what it sees of it.
//!
//! Invariant: a launch number is carried out at most once; an end is told until the engine's records hold
//! it; a task's end frees nothing; a question for room stands until it is answered with room or given back; a
//! place is held until it is released or its node is gone.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use plan_core::engine::{
    Command, End, Expected, Fit, FitAnswer, Found, Grant, Handle, Incarnation, InstallationId, Launch,
    LaunchAnswer, Number, Outcome, Release, ReleaseAnswer, Seen, Snapshot, Wall,
};
use plan_core::spec::placement::Census;
use plan_core::spec::{InstanceName, NodeFacts, Seconds, TaskName};
use smol_str::format_smolstr;

use crate::choose::{Choose as _, Site};
use crate::cluster::{Cluster, Judges, Reservation};
use crate::fault::LaunchFault;
use crate::latency::{ANSWER, BEFORE, CATCHES_UP, ECHO, HOLD, NEXT_PART, NOTICE, OBSERVE, RELEASE, take};
use crate::node::{Lacks, Ports, Room};
use crate::queue::Class;
use crate::task::{Life, Task, Telling};
use crate::trace::What;
use crate::world::{Happening, World};

/// One in so many releases is answered "not yet".
const NOT_YET: u32 = 8;
/// One in so many observations is told twice.
const AGAIN: u32 = 8;
/// A part of a snapshot speaks of at most so many instances.
const PART: usize = 1000;
/// So many nodes are named in a reason.
const NAMED: usize = 4;

#[derive(Clone)]
struct Open {
    fit: Box<Fit>,
    instance: u32,
    /// When it was asked, by the backend's count.
    asked: u64,
    told: Option<Refused>,
}

/// Why there is no room.
#[derive(Clone, PartialEq)]
enum Refused {
    /// Not now.
    Retry(String),
    /// Its node is gone for good.
    Gone(String),
}

#[derive(Default, Clone)]
pub(crate) struct Backend {
    installation: Option<InstallationId>,
    open: BTreeMap<Number, Open>,
    /// Counts what the backend does.
    count: u64,
    serial: u64,
    /// Of each instance, how many launches were told.
    launches: BTreeMap<u32, u32>,
    /// Of each instance, when the last answer arrives.
    answered: BTreeMap<u32, u64>,
    faults: Vec<(u32, u32, LaunchFault)>,
    /// Whether room was freed since open questions were looked at.
    freed: bool,
    /// Releases on silent nodes, with their sessions.
    releases: Vec<(u32, Release)>,
    /// Whether the past is kept, for faults that show it.
    pub(crate) remembers: bool,
    /// When launches were commanded, where the past is kept.
    commanded: Vec<(u64, Number)>,
    /// What is shown is how things were then.
    pub(crate) shows: Option<u64>,
    /// For how long room that is granted may be used.
    pub(crate) grants: Option<u64>,
    /// Whether any node with room is named.
    pub(crate) judges: Judges,
    /// The answers to these questions of what lives are told once more, a little later.
    pub(crate) echoes: Vec<u32>,
    /// How many such questions there were.
    reconciles: u32,
    /// Nothing is told of these instances.
    pub(crate) skipped: BTreeMap<u32, u64>,
}

impl Backend {
    pub(crate) fn new(installation: InstallationId, faults: Vec<(u32, u32, LaunchFault)>) -> Self {
        Self { installation: Some(installation), faults, ..Self::default() }
    }

    pub(crate) fn execute(&mut self, cluster: &mut Cluster, world: &mut World<'_>, command: Command) {
        self.count += 1;
        match command {
            Command::Fit(fit) => self.fit(cluster, world, fit),
            Command::Withdraw { instance, launch } => self.withdraw(cluster, &instance, launch),
            Command::Launch(launch) => self.launch(cluster, world, &launch),
            Command::Kill { instance, launch, task, grace } => {
                self.kill(cluster, world, &instance, launch, &task, grace);
            }
            Command::Reconcile { number, expected } => self.reconcile(cluster, world, number, &expected),
            Command::Release(release) => self.release(cluster, world, *release),
            Command::Deregister => {
                let at = world.now() + take(&mut world.choose, "deregister", 0, &ANSWER);
                let (session, outcome) = (world.session, Box::new(Outcome::Deregistered));
                world.answer_at(at, Happening::Answer { session, outcome });
            }
            // A command that this simulator does not know yet is not answered.
            _ => {}
        }
        self.look_again(cluster, world);
    }

    /// No launch is answered otherwise any more.
    pub(crate) fn end_faults(&mut self) {
        self.faults.clear();
    }

    /// Answers about one instance arrive in the order in which they were given: each replaces the one before.
    fn answer(&mut self, world: &mut World<'_>, instance: u32, outcome: Outcome) {
        let delay = take(&mut world.choose, "answer", u64::from(instance), &ANSWER);
        let last = self.answered.entry(instance).or_default();
        let at = (world.now() + delay).max(*last);
        *last = at;
        let session = world.session;
        world.answer_at(at, Happening::Answer { session, outcome: Box::new(outcome) });
    }

    // ---- room

    fn fit(&mut self, cluster: &mut Cluster, world: &mut World<'_>, fit: Box<Fit>) {
        let Some(instance) = cluster.roster.id(&fit.instance) else { return };
        // A question that is asked again replaces the one before.
        self.open
            .retain(|_, open| open.instance != instance || open.fit.launch == fit.launch || fit.at.is_some());
        let open = Open { fit, instance, asked: self.count, told: None };
        self.consider(cluster, world, open);
    }

    /// Answers a question if there is something new to say, and keeps it if there is no room.
    fn consider(&mut self, cluster: &mut Cluster, world: &mut World<'_>, mut open: Open) {
        let (instance, launch) = (open.instance, open.fit.launch);
        let name = open.fit.instance.clone();
        match self.try_fit(cluster, world, &open) {
            Ok(mut grant) => {
                let until = self.grants.map(|lasts| world.now() + lasts);
                grant.until = until.map(Wall);
                if let Some((held, _)) = cluster.held(instance, &grant.handle) {
                    held.until = until;
                }
                let answer = FitAnswer::Fitted(grant);
                self.answer(world, instance, Outcome::Fit { instance: name, launch, answer });
            }
            Err(why) => {
                if open.told.as_ref() != Some(&why) {
                    let answer = match why.clone() {
                        Refused::Retry(why) => FitAnswer::Retry(why),
                        Refused::Gone(why) => FitAnswer::NodeGone(why),
                    };
                    self.answer(world, instance, Outcome::Fit { instance: name, launch, answer });
                    open.told = Some(why);
                }
                self.open.insert(launch, open);
            }
        }
    }

    fn try_fit(
        &mut self,
        cluster: &mut Cluster,
        world: &mut World<'_>,
        open: &Open,
    ) -> Result<Grant, Refused> {
        match &open.fit.at {
            None => self.fit_anywhere(cluster, world, open).map_err(Refused::Retry),
            Some((node, handle)) => self.fit_there(cluster, world, open, node.as_str(), handle),
        }
    }

    /// Room on any node, under a handle of its own.
    fn fit_anywhere(
        &mut self,
        cluster: &mut Cluster,
        world: &mut World<'_>,
        open: &Open,
    ) -> Result<Grant, String> {
        let (fit, id) = (&*open.fit, open.instance);
        let from = fit.from.as_ref().map(|(_, handle)| handle);
        let spare = |held: &Reservation| !held.used && Some(&held.handle) != from;
        let granted = cluster.reservations[id as usize].iter_mut().find(|held| {
            spare(held) && held.launch == fit.launch && cluster.nodes[held.node as usize].is_heard()
        });
        if let Some(held) = granted {
            held.session = world.session;
            return Ok(grant(&cluster.nodes[held.node as usize].facts, &held.handle, held.ports.clone()));
        }
        // What was held for an order that is over.
        self.freed |= cluster.free(id, |held, _| spare(held));
        let node = self.choose_node(cluster, world, open)?;
        let handle = Handle(format_smolstr!("{}@{}", fit.instance, self.count));
        self.reserve(cluster, world, open, node, handle, None)
    }

    /// Room where an instance lives.
    fn fit_there(
        &mut self,
        cluster: &mut Cluster,
        world: &World<'_>,
        open: &Open,
        name: &str,
        handle: &Handle,
    ) -> Result<Grant, Refused> {
        let (fit, id) = (&*open.fit, open.instance);
        let none = || Refused::Retry(format!("there is no node {name}"));
        let node = cluster.node_id(name).ok_or_else(none)?;
        let at = &cluster.nodes[node as usize];
        if at.gone {
            return Err(Refused::Gone(format!("{name} is gone for good")));
        }
        if at.silent {
            return Err(Refused::Retry(format!("nothing is heard of {name}, where it lives")));
        }
        let count = self.count;
        if let Some((held, node)) = cluster.held(id, handle) {
            // The record names it from now on at the latest.
            held.firm.get_or_insert(count);
            held.launch = fit.launch;
            held.session = world.session;
            let ports = held.grant(node, fit.launch, &fit.demand).map_err(Refused::Retry)?;
            return Ok(grant(&node.facts, handle, ports));
        }
        self.reserve(cluster, world, open, node, handle.clone(), Some(count)).map_err(Refused::Retry)
    }

    fn reserve(
        &mut self,
        cluster: &mut Cluster,
        world: &World<'_>,
        open: &Open,
        node: u32,
        handle: Handle,
        firm: Option<u64>,
    ) -> Result<Grant, String> {
        let fit = &open.fit;
        let room = Room::of(&fit.demand, &fit.volumes);
        let at = &cluster.nodes[node as usize];
        if !at.free.holds(room) {
            return Err(format!("{}: {}", at.facts.name, Lacks { wanted: room, free: at.free }));
        }
        let ports = at
            .ports(&fit.demand, &Ports::new())
            .map_err(|port| format!("{}: port {port} is taken", at.facts.name))?;
        let reservation = Reservation {
            handle,
            node,
            sets: fit.demand.clone(),
            volumes: fit.volumes.clone(),
            room,
            ports,
            changes: Vec::new(),
            launch: fit.launch,
            until: None,
            session: world.session,
            firm,
            used: firm.is_some(),
        };
        let grant = grant(&at.facts, &reservation.handle, reservation.ports.clone());
        cluster.reserve(open.instance, reservation);
        Ok(grant)
    }

    /// A node that has room and fits the placement: by default the one with the fewest instances.
    fn choose_node(&self, cluster: &Cluster, world: &mut World<'_>, open: &Open) -> Result<u32, String> {
        let fit = &*open.fit;
        let room = Room::of(&fit.demand, &fit.volumes);
        let census = fit.placement.as_ref().map(|_| self.census(cluster, open));
        let judge = fit.placement.as_deref().filter(|_| self.judges == Judges::Both).zip(census.as_deref());
        let mut good: Vec<(u32, u32)> = Vec::new();
        for (nth, node) in (0..).zip(&cluster.nodes) {
            let fits = node.is_heard()
                && node.free.holds(room)
                && judge.is_none_or(|(rule, census)| rule.allows(&node.facts, census))
                && node.ports(&fit.demand, &Ports::new()).is_ok();
            if fits {
                good.push((node.instances, nth));
            }
        }
        if good.is_empty() {
            return Err(no_room(cluster, fit, room, census.as_deref()));
        }
        good.sort_unstable();
        let nth = world.choose.choose(Site::new("node", u64::from(open.instance)), good.len() as u32);
        Ok(good[nth as usize].1)
    }

    /// Where the others are: what the engine said, and what was granted that it did not know of.
    fn census(&self, cluster: &Cluster, open: &Open) -> Arc<Census> {
        let mut census = open.fit.census.clone();
        let Some(rule) = open.fit.placement.as_deref() else { return census };
        let fields = rule.fields();
        let pods = rule.pods();
        for (id, all) in (0..).zip(&cluster.reservations) {
            if id == open.instance {
                continue;
            }
            for held in all.iter().filter(|held| held.firm.is_none_or(|firm| firm > open.asked)) {
                let name = &cluster.roster.name(id).pod;
                let facts = &cluster.nodes[held.node as usize].facts;
                if *name == open.fit.instance.pod {
                    for field in &fields {
                        if let Some(value) = facts.value(field) {
                            Arc::make_mut(&mut census).add(field, value);
                        }
                    }
                }
                if pods.contains(name) {
                    Arc::make_mut(&mut census).add_host(name, &facts.name);
                }
            }
        }
        census
    }

    fn withdraw(&mut self, cluster: &mut Cluster, instance: &InstanceName, launch: Number) {
        let Some(id) = cluster.roster.id(instance) else { return };
        self.open.remove(&launch);
        self.freed |= cluster.free(id, |held, _| held.launch == launch && !held.used);
        for held in &mut cluster.reservations[id as usize] {
            let before = held.room;
            held.forget_change(&mut cluster.nodes[held.node as usize], launch);
            self.freed |= held.room != before;
        }
    }

    /// Room was freed: open questions are looked at again.
    pub(crate) fn look_again(&mut self, cluster: &mut Cluster, world: &mut World<'_>) {
        while std::mem::take(&mut self.freed) {
            for (_, open) in std::mem::take(&mut self.open) {
                self.consider(cluster, world, open);
            }
        }
    }

    /// Whether a question for room of an instance stands.
    pub(crate) fn is_asked(&self, instance: u32) -> bool {
        self.open.values().any(|open| open.instance == instance)
    }

    /// The questions for room that stand, by launch.
    pub(crate) fn questions(&self) -> impl Iterator<Item = &Fit> {
        self.open.values().map(|open| &*open.fit)
    }

    // ---- launches

    fn launch(&mut self, cluster: &mut Cluster, world: &mut World<'_>, launch: &Launch) {
        let Some(id) = cluster.roster.id(&launch.instance) else { return };
        if self.remembers {
            self.commanded.push((world.now(), launch.launch));
        }
        self.make_firm(cluster, world, id, launch);
        let answer = match known(cluster, world, id, launch) {
            Some(answer) => answer,
            None => {
                let told = self.launches.entry(id).or_default();
                *told += 1;
                let nth = *told;
                let fault =
                    self.faults.iter().find(|(of, at, _)| *of == id && *at == nth).map(|fault| fault.2);
                match fault {
                    Some(LaunchFault::Refuse) => {
                        LaunchAnswer::Retry("the backend refused it: a fault".to_owned())
                    }
                    Some(LaunchFault::Never) => {
                        LaunchAnswer::Never("the backend calls it invalid: a fault".to_owned())
                    }
                    Some(LaunchFault::UnknownLost) => LaunchAnswer::Unknown,
                    Some(LaunchFault::UnknownDone) => {
                        carry_out(cluster, world, id, launch, self.remembers);
                        LaunchAnswer::Unknown
                    }
                    None => carry_out(cluster, world, id, launch, self.remembers),
                }
            }
        };
        let (instance, launch) = (launch.instance.clone(), launch.launch);
        self.answer(world, id, Outcome::Launch { instance, launch, answer });
    }

    /// A launch says that a record names its handle: whatever else the launch comes to.
    fn make_firm(&mut self, cluster: &mut Cluster, world: &World<'_>, id: u32, launch: &Launch) {
        let count = self.count;
        let Some((held, _)) = cluster.held(id, &launch.handle) else { return };
        // One of a session before this was in the records when this session's questions were asked.
        let known_before = held.session < world.session;
        if held.firm.is_none() {
            held.firm = Some(if known_before { 0 } else { count });
            self.freed |= known_before;
        }
        held.session = world.session;
    }

    fn kill(
        &mut self,
        cluster: &mut Cluster,
        world: &mut World<'_>,
        instance: &InstanceName,
        launch: Number,
        name: &TaskName,
        grace: Seconds,
    ) {
        let Some(id) = cluster.roster.id(instance) else { return };
        let Some(nth) = cluster.find(id, launch, name) else { return };
        if cluster.node_of(nth).silent {
            cluster.tasks[nth as usize].kill_waits = Some(grace);
        } else if cluster.tasks[nth as usize].lives() {
            end_it(cluster, world, nth, grace);
        } else {
            // Who is told to end what has ended is told so.
            self.observe(cluster, world, nth);
        }
    }

    // ---- releases

    fn release(&mut self, cluster: &mut Cluster, world: &mut World<'_>, release: Release) {
        let Some(id) = cluster.roster.id(&release.instance) else { return };
        let silent =
            cluster.node_id(release.node.as_str()).is_some_and(|id| cluster.nodes[id as usize].silent);
        if silent {
            self.releases.push((world.session, release));
        } else {
            self.free_and_answer(cluster, world, id, &release);
        }
    }

    fn free_and_answer(&mut self, cluster: &mut Cluster, world: &mut World<'_>, id: u32, release: &Release) {
        let entity = u64::from(id);
        let later = world.choose.choose(Site::new("release-not-yet", entity), NOT_YET) == NOT_YET - 1;
        let answer = if later {
            ReleaseAnswer::Retry("the backend is busy".to_owned())
        } else {
            self.freed |= cluster.free(id, |held, _| held.handle == release.handle);
            ReleaseAnswer::Done
        };
        let at = world.now() + take(&mut world.choose, "release", entity, &RELEASE);
        let (session, outcome) = (world.session, Outcome::Release { debt: release.debt, answer });
        world.answer_at(at, Happening::Answer { session, outcome: Box::new(outcome) });
    }

    /// Releases on a node that were not answered, as nothing was heard of it.
    fn release_waiting(&mut self, cluster: &mut Cluster, world: &mut World<'_>, node: u32) {
        let name = cluster.nodes[node as usize].facts.name.clone();
        let (here, others) = std::mem::take(&mut self.releases)
            .into_iter()
            .partition::<Vec<_>, _>(|(_, release)| release.node == name);
        self.releases = others;
        for (session, release) in here {
            let Some(id) = cluster.roster.id(&release.instance) else { continue };
            if session == world.session {
                self.free_and_answer(cluster, world, id, &release);
            } else {
                self.freed |= cluster.free(id, |held, _| held.handle == release.handle);
            }
        }
    }

    // ---- what is seen

    /// Tells the engine how a task is, if its node is heard of.
    pub(crate) fn observe(&mut self, cluster: &mut Cluster, world: &mut World<'_>, nth: u32) {
        self.observe_later(cluster, world, nth, 0);
    }

    fn observe_later(&mut self, cluster: &mut Cluster, world: &mut World<'_>, nth: u32, later: u64) {
        if cluster.node_of(nth).silent {
            return;
        }
        let task = &mut cluster.tasks[nth as usize];
        task.end_known = !task.lives();
        let seen = task.seen();
        self.send(cluster, world, nth, seen, later);
    }

    fn send(&mut self, cluster: &mut Cluster, world: &mut World<'_>, task: u32, seen: Seen, later: u64) {
        self.serial += 1;
        let (session, serial, time) = (world.session, self.serial, world.now());
        let of = &mut cluster.tasks[task as usize];
        let entity = u64::from(of.instance);
        if self.remembers {
            of.told.push(Telling { time, serial, seen });
        }
        if self.skipped.contains_key(&of.instance) {
            return;
        }
        let delay = later + take(&mut world.choose, "observe", entity, &OBSERVE);
        world.queue.after(delay, Class::Answer, Happening::Observe { session, task, serial, seen });
        if world.choose.choose(Site::new("observe-again", entity), AGAIN) == AGAIN - 1 {
            let delay = delay + OBSERVE[3];
            world.queue.after(delay, Class::Answer, Happening::Observe { session, task, serial, seen });
        }
    }

    /// A task is told to be lost, and lives on.
    pub(crate) fn lose(&mut self, cluster: &mut Cluster, world: &mut World<'_>, nth: u32) {
        self.send(cluster, world, nth, Seen::Ended(End::Lost), 0);
    }

    /// Nothing is heard of a node any more.
    pub(crate) fn silence(&mut self, cluster: &mut Cluster, world: &mut World<'_>, node: u32) {
        cluster.nodes[node as usize].silent = true;
        let later = take(&mut world.choose, "notice", u64::from(node), &NOTICE);
        for nth in 0..cluster.tasks.len() as u32 {
            let task = &cluster.tasks[nth as usize];
            if task.node == node && task.lives() {
                self.send(cluster, world, nth, Seen::Unreachable, later);
            }
        }
    }

    /// A node is heard again: what it was told meanwhile is done now.
    pub(crate) fn back(&mut self, cluster: &mut Cluster, world: &mut World<'_>, node: u32) {
        cluster.nodes[node as usize].silent = false;
        for nth in 0..cluster.tasks.len() as u32 {
            let task = &mut cluster.tasks[nth as usize];
            if task.node != node {
                continue;
            }
            let kill = task.kill_waits.take();
            if !task.forgotten {
                self.observe(cluster, world, nth);
            }
            if let Some(grace) = kill.filter(|_| cluster.tasks[nth as usize].lives()) {
                end_it(cluster, world, nth, grace);
            }
        }
        self.release_waiting(cluster, world, node);
        self.freed = true;
        self.look_again(cluster, world);
    }

    /// A node is gone for good, with all that was there. Its tasks have ended already.
    pub(crate) fn gone(&mut self, cluster: &mut Cluster, world: &mut World<'_>, node: u32) {
        let at = &mut cluster.nodes[node as usize];
        (at.gone, at.silent) = (true, false);
        let later = take(&mut world.choose, "notice", u64::from(node), &NOTICE);
        for nth in 0..cluster.tasks.len() as u32 {
            let task = &mut cluster.tasks[nth as usize];
            if task.node == node && !task.forgotten {
                if task.lives() {
                    task.enter(Life::Ended(End::Gone));
                    let (task, launch, end) = (task.name.clone(), task.launch, End::Gone);
                    let instance = cluster.roster.name(cluster.tasks[nth as usize].instance).clone();
                    world.tell(|| What::Ended { instance, task, launch, end });
                }
                self.observe_later(cluster, world, nth, later);
            }
        }
        for id in 0..cluster.roster.len() {
            cluster.free(id, |held, _| held.node == node);
        }
        self.release_waiting(cluster, world, node);
        self.freed = true;
        self.look_again(cluster, world);
    }

    /// Of an instance, the latest is told: what was between is told to nobody.
    pub(crate) fn unskip(&mut self, cluster: &mut Cluster, world: &mut World<'_>, instance: u32) {
        self.skipped.remove(&instance);
        for at in 0..cluster.of_instance[instance as usize].len() {
            let nth = cluster.of_instance[instance as usize][at];
            // Also what was told long ago: it may have been asked for again.
            if cluster.tasks[nth as usize].lives() {
                self.tell_present(cluster, world, nth);
            } else {
                self.observe(cluster, world, nth);
            }
        }
    }

    /// What was held back of a node is told: so is the present, for what was held back was told in a session
    /// that may be over.
    pub(crate) fn thawed(&mut self, cluster: &mut Cluster, world: &mut World<'_>, node: u32) {
        for nth in 0..cluster.tasks.len() as u32 {
            if cluster.tasks[nth as usize].node == node {
                self.tell_present(cluster, world, nth);
            }
        }
    }

    fn tell_present(&mut self, cluster: &mut Cluster, world: &mut World<'_>, nth: u32) {
        let task = &cluster.tasks[nth as usize];
        if task.forgotten {
            return;
        }
        if cluster.node_of(nth).silent {
            self.send(cluster, world, nth, Seen::Unreachable, 0);
        } else {
            self.observe(cluster, world, nth);
        }
    }

    fn reconcile(
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
                    Some(seen) => Found::Seen(seen),
                    // Whatever was there, it is there no more.
                    None if gone => Found::Seen(Seen::Ended(End::Gone)),
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
                let Some(installation) = self.installation.clone() else { continue };
                let of = Incarnation {
                    installation,
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

    // ---- sessions

    /// The engine is gone: open questions go with it.
    pub(crate) fn session_over(&mut self) {
        self.open.clear();
    }

    /// The next session begins with the past.
    pub(crate) fn rewind(&mut self, world: &mut World<'_>) {
        let before = take(&mut world.choose, "rewind", 0, &BEFORE);
        self.shows = Some(world.now().saturating_sub(before));
    }

    /// The engine is here again: ends that its records may not hold are told again.
    pub(crate) fn session_begins(&mut self, cluster: &mut Cluster, world: &mut World<'_>) {
        let session = world.session;
        if let Some(time) = self.shows {
            for task in 0..cluster.tasks.len() as u32 {
                let told = cluster.tasks[task as usize]
                    .told
                    .iter()
                    .rev()
                    .find(|told| told.time <= time && told.serial > 0);
                if let Some(&Telling { serial, seen, .. }) = told {
                    let entity = u64::from(cluster.tasks[task as usize].instance);
                    let delay = take(&mut world.choose, "observe", entity, &OBSERVE);
                    world.queue.after(
                        delay,
                        Class::Answer,
                        Happening::Observe { session, task, serial, seen },
                    );
                }
            }
            world.queue.after(CATCHES_UP, Class::World, Happening::Renew { session });
        } else {
            for nth in 0..cluster.tasks.len() as u32 {
                let task = &cluster.tasks[nth as usize];
                if task.end_known && !task.forgotten {
                    self.observe(cluster, world, nth);
                }
            }
        }
        world.queue.after(HOLD, Class::World, Happening::Expire { session });
    }

    /// The present is shown again.
    pub(crate) fn renew(&mut self, cluster: &mut Cluster, world: &mut World<'_>) {
        self.shows = None;
        for nth in 0..cluster.tasks.len() as u32 {
            self.tell_present(cluster, world, nth);
        }
    }

    /// Grants of sessions before this one that nobody asked for again are freed.
    pub(crate) fn expire(&mut self, cluster: &mut Cluster, world: &mut World<'_>, session: u32) {
        for id in 0..cluster.roster.len() {
            self.freed |= cluster.free(id, |held, _| !held.used && held.session < session);
        }
        self.look_again(cluster, world);
    }
}

/// The answer to a launch that was carried out before.
fn known(cluster: &Cluster, world: &mut World<'_>, id: u32, launch: &Launch) -> Option<LaunchAnswer> {
    cluster.tasks_of(id).find(|(_, task)| task.launch == launch.launch)?;
    world.tell(|| What::Again { instance: launch.instance.clone(), launch: launch.launch });
    Some(LaunchAnswer::Done)
}

fn carry_out(
    cluster: &mut Cluster,
    world: &mut World<'_>,
    id: u32,
    launch: &Launch,
    remembers: bool,
) -> LaunchAnswer {
    let name = &launch.node.name;
    let Some(node) = cluster.node_id(name.as_str()) else {
        return LaunchAnswer::Retry(format!("there is no node {name}"));
    };
    match &cluster.nodes[node as usize] {
        node if node.gone => return LaunchAnswer::Retry(format!("{name} is gone for good")),
        node if node.silent => return LaunchAnswer::Retry(format!("nothing is heard of {name}")),
        _ => {}
    }
    match cluster.held(id, &launch.handle) {
        Some((held, at)) if held.node == node => {
            held.launch = launch.launch;
            held.used = true;
            held.take_change(at, launch.launch);
        }
        _ => return LaunchAnswer::Retry(format!("{} is not held any more", launch.handle.0)),
    }
    // A snapshot shows it from now on, though nothing was told of it yet.
    let arrived = Telling { time: world.now(), serial: 0, seen: Seen::Starting };
    for task in &launch.tasks {
        let task = Task {
            instance: id,
            name: task.config.task.clone(),
            launch: launch.launch,
            conf: task.conf,
            config: task.config.clone(),
            node,
            handle: launch.handle.clone(),
            paused: task.paused,
            life: Life::Launched,
            attained: false,
            killing: false,
            kill_waits: None,
            end_known: false,
            lost: None,
            forgotten: false,
            heard: (0, 0),
            believed_silent: false,
            told: if remembers { vec![arrived] } else { Vec::new() },
        };
        let nth = cluster.tasks.len() as u32;
        go_on(&task, nth, world);
        cluster.tasks.push(task);
        cluster.of_instance[id as usize].push(nth);
    }
    LaunchAnswer::Done
}

/// A task is told to end.
fn end_it(cluster: &mut Cluster, world: &mut World<'_>, nth: u32, grace: Seconds) {
    let task = &mut cluster.tasks[nth as usize];
    if !task.killing {
        task.killing = true;
        let entity = u64::from(task.instance);
        let (end, delay) = task.killed(&mut world.choose, entity, u64::from(grace.0) * 1_000_000);
        world.queue.after(delay, Class::World, Happening::End { task: nth, end });
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

/// What comes next in a task's life is set.
pub(crate) fn go_on(task: &Task, nth: u32, world: &mut World<'_>) {
    if let Some((life, delay)) = task.next(&mut world.choose, u64::from(task.instance)) {
        world.queue.after(delay, Class::World, Happening::Life { task: nth, life });
    }
}

fn grant(node: &Arc<NodeFacts>, handle: &Handle, ports: Ports) -> Grant {
    Grant { node: node.clone(), ports, handle: handle.clone(), until: None }
}

/// Why no node will do.
fn no_room(cluster: &Cluster, fit: &Fit, room: Room, census: Option<&Census>) -> String {
    let mut why = String::new();
    for (nth, node) in cluster.nodes.iter().enumerate() {
        if nth == NAMED {
            let _ = write!(why, "; and {} more nodes", cluster.nodes.len() - NAMED);
            break;
        }
        let name = &node.facts.name;
        let _ = write!(why, "{}{name}: ", if nth == 0 { "" } else { "; " });
        let rule = fit.placement.as_deref().zip(census);
        let _ = match rule {
            _ if node.gone => write!(why, "it is gone for good"),
            _ if node.silent => write!(why, "nothing is heard of it"),
            Some((rule, census)) if !rule.allows(&node.facts, census) => {
                write!(why, "{}", rule.judge(&node.facts, census))
            }
            _ if !node.free.holds(room) => write!(why, "{}", Lacks { wanted: room, free: node.free }),
            _ => match node.ports(&fit.demand, &Ports::new()) {
                Err(port) => write!(why, "its port for `{port}` is taken"),
                Ok(_) => write!(why, "it would do"),
            },
        };
    }
    why
}
