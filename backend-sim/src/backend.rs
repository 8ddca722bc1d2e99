//! The backend: carries out commands on the cluster, and says what it sees of it.
//!
//! Invariant: a launch number is carried out at most once; an end is told until the engine's records hold
//! it; a task's end frees nothing; a question for room stands until it is answered with room or given back.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use plan_core::engine::{
    Command, Fit, FitAnswer, Found, Grant, Handle, Incarnation, InstallationId, Launch, LaunchAnswer, Number,
    Outcome, Seen, Snapshot,
};
use plan_core::plan::Demand;
use plan_core::spec::placement::Census;
use plan_core::spec::{InstanceName, Seconds, TaskName};
use smol_str::format_smolstr;

use crate::checks::{Check, Violation};
use crate::choose::Site;
use crate::cluster::{Cluster, Reservation};
use crate::fault::LaunchFault;
use crate::node::{Lacks, Room};
use crate::queue::Class;
use crate::task::{Life, Task, take};
use crate::trace::What;
use crate::world::{Happening, World};

const MILLI: u64 = 1000;
/// From a command until its answer is there.
const ANSWER: [u64; 4] = [10 * MILLI, MILLI, 300 * MILLI, 3_000 * MILLI];
/// From what happens until the engine sees it.
const OBSERVE: [u64; 4] = [20 * MILLI, MILLI, 200 * MILLI, 2_000 * MILLI];
/// One in so many observations is told twice.
const AGAIN: u32 = 8;
/// A silent node is noticed after so long.
const NOTICE: [u64; 2] = [10_000 * MILLI, 1_000 * MILLI];
/// A grant of a session that is over is kept for so long.
const HOLD: u64 = 60_000 * MILLI;
/// A part of a snapshot speaks of at most so many instances.
const PART: usize = 1000;
/// So many nodes are named in a reason.
const NAMED: usize = 4;

struct Open {
    fit: Box<Fit>,
    instance: u32,
    /// When it was asked, by the backend's count.
    asked: u64,
    told: Option<String>,
}

#[derive(Default)]
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
}

impl Backend {
    pub(crate) fn new(installation: InstallationId, faults: Vec<(u32, u32, LaunchFault)>) -> Self {
        Self { installation: Some(installation), faults, ..Self::default() }
    }

    pub(crate) fn execute(
        &mut self,
        cluster: &mut Cluster,
        world: &mut World<'_>,
        command: Command,
    ) -> Result<(), Violation> {
        self.count += 1;
        match command {
            Command::Fit(fit) => self.fit(cluster, world, fit),
            Command::Withdraw { instance, launch } => self.withdraw(cluster, &instance, launch),
            Command::Launch(launch) => self.launch(cluster, world, &launch)?,
            Command::Kill { instance, launch, task, grace } => {
                self.kill(cluster, world, &instance, launch, &task, grace);
            }
            Command::Reconcile { number, expected } => {
                let expected: Vec<_> = expected.into_iter().map(|one| one.of).collect();
                self.reconcile(cluster, world, number, &expected);
            }
            // A command that this simulator does not know yet is not answered.
            _ => {}
        }
        self.look_again(cluster, world);
        Ok(())
    }

    /// Answers about one instance arrive in the order in which they were given: each replaces the one before.
    fn answer(&mut self, world: &mut World<'_>, instance: u32, outcome: Outcome) {
        let delay = take(world.choose, "answer", u64::from(instance), &ANSWER);
        let last = self.answered.entry(instance).or_default();
        let at = (world.now() + delay).max(*last);
        *last = at;
        let session = world.session;
        world.queue.at(at, Class::Answer, Happening::Answer { session, outcome: Box::new(outcome) });
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
            Ok(grant) => {
                let answer = FitAnswer::Fitted(grant);
                self.answer(world, instance, Outcome::Fit { instance: name, launch, answer });
            }
            Err(why) => {
                if open.told.as_ref() != Some(&why) {
                    let answer = FitAnswer::Retry(why.clone());
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
    ) -> Result<Grant, String> {
        let (fit, id) = (&*open.fit, open.instance);
        let Some((node, handle)) = &fit.at else {
            if let Some(held) = &mut cluster.reservations[id as usize]
                && held.launch == fit.launch
                && !cluster.nodes[held.node as usize].silent
            {
                held.session = world.session;
                return Ok(grant(&cluster.nodes[held.node as usize].facts, held));
            }
            // What was held for an order that is over.
            if cluster.reservations[id as usize].is_some() {
                cluster.free(id);
                self.freed = true;
            }
            let node = self.choose_node(cluster, world, open)?;
            let handle = Handle(format_smolstr!("{}@{}", fit.instance, self.count));
            return self.reserve(cluster, world, open, node, handle, None);
        };
        let node = cluster.node_id(node.as_str()).ok_or_else(|| format!("there is no node {node}"))?;
        if cluster.nodes[node as usize].silent {
            return Err(format!(
                "nothing is heard of {}, where it lives",
                cluster.nodes[node as usize].facts.name
            ));
        }
        let count = self.count;
        match &mut cluster.reservations[id as usize] {
            Some(held) if held.handle == *handle && held.node == node => {
                // The record names it from now on at the latest.
                held.firm.get_or_insert(count);
                held.launch = fit.launch;
                held.session = world.session;
                grow(&mut cluster.nodes[node as usize], held, &fit.demand)?;
                Ok(grant(&cluster.nodes[node as usize].facts, held))
            }
            held => {
                let was_held = held.is_some();
                if was_held {
                    cluster.free(id);
                    self.freed = true;
                }
                self.reserve(cluster, world, open, node, handle.clone(), Some(count))
            }
        }
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
        let ports =
            at.ports(&fit.demand).map_err(|port| format!("{}: port {port} is taken", at.facts.name))?;
        let reservation = Reservation {
            handle,
            node,
            sets: fit.demand.clone(),
            volumes: fit.volumes.clone(),
            room,
            ports,
            launch: fit.launch,
            session: world.session,
            firm,
        };
        let grant = grant(&at.facts, &reservation);
        cluster.reserve(open.instance, reservation);
        Ok(grant)
    }

    /// A node that has room and fits the placement: by default the one with the fewest instances.
    fn choose_node(&self, cluster: &Cluster, world: &mut World<'_>, open: &Open) -> Result<u32, String> {
        let fit = &*open.fit;
        let room = Room::of(&fit.demand, &fit.volumes);
        let census = fit.placement.as_ref().map(|_| self.census(cluster, open));
        let judge = fit.placement.as_deref().zip(census.as_deref());
        let mut good: Vec<(u32, u32)> = Vec::new();
        for (nth, node) in (0..).zip(&cluster.nodes) {
            let fits = !node.silent
                && node.free.holds(room)
                && judge.is_none_or(|(rule, census)| rule.allows(&node.facts, census))
                && node.ports(&fit.demand).is_ok();
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
        for (id, held) in (0..).zip(&cluster.reservations) {
            let Some(held) = held else { continue };
            if id == open.instance || held.firm.is_some_and(|firm| firm <= open.asked) {
                continue;
            }
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
        census
    }

    fn withdraw(&mut self, cluster: &mut Cluster, instance: &InstanceName, launch: Number) {
        let Some(id) = cluster.roster.id(instance) else { return };
        self.open.remove(&launch);
        let held = cluster.reservations[id as usize].as_ref();
        if held.is_some_and(|held| held.launch == launch && held.firm.is_none()) {
            cluster.free(id);
            self.freed = true;
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

    // ---- launches

    fn launch(
        &mut self,
        cluster: &mut Cluster,
        world: &mut World<'_>,
        launch: &Launch,
    ) -> Result<(), Violation> {
        let Some(id) = cluster.roster.id(&launch.instance) else { return Ok(()) };
        self.make_firm(cluster, world, id, launch);
        let answer = match self.known(cluster, world, id, launch)? {
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
                        self.carry_out(cluster, world, id, launch)?;
                        LaunchAnswer::Unknown
                    }
                    None => self.carry_out(cluster, world, id, launch)?,
                }
            }
        };
        let (instance, launch) = (launch.instance.clone(), launch.launch);
        self.answer(world, id, Outcome::Launch { instance, launch, answer });
        Ok(())
    }

    /// A launch says that a record names its handle: whatever else the launch comes to.
    fn make_firm(&mut self, cluster: &mut Cluster, world: &World<'_>, id: u32, launch: &Launch) {
        let Some(held) = &mut cluster.reservations[id as usize] else { return };
        if held.handle == launch.handle && held.firm.is_none() {
            // One of a session before this was in the records when this session's questions were asked.
            let known_before = held.session < world.session;
            held.firm = Some(if known_before { 0 } else { self.count });
            self.freed |= known_before;
        }
    }

    /// The answer to a launch that was carried out before.
    fn known(
        &self,
        cluster: &Cluster,
        world: &mut World<'_>,
        id: u32,
        launch: &Launch,
    ) -> Result<Option<LaunchAnswer>, Violation> {
        let mut tasks = cluster.tasks_of(id).filter(|(_, task)| task.launch == launch.launch);
        let Some((_, first)) = tasks.next() else { return Ok(None) };
        if first.forgotten && tasks.all(|(_, task)| task.forgotten) {
            return Err(Violation {
                check: Check::LaunchedAgain,
                time: world.now(),
                expected: "a launch is never given again once it was seen ended".to_owned(),
                found: format!("{} is told to launch {} again", launch.instance, launch.launch),
            });
        }
        world.tell(|| What::Again { instance: launch.instance.clone(), launch: launch.launch });
        Ok(Some(LaunchAnswer::Done))
    }

    fn carry_out(
        &mut self,
        cluster: &mut Cluster,
        world: &mut World<'_>,
        id: u32,
        launch: &Launch,
    ) -> Result<LaunchAnswer, Violation> {
        let Some(node) = cluster.node_id(launch.node.name.as_str()) else {
            return Ok(LaunchAnswer::Retry(format!("there is no node {}", launch.node.name)));
        };
        if cluster.nodes[node as usize].silent {
            return Ok(LaunchAnswer::Retry(format!("nothing is heard of {}", launch.node.name)));
        }
        match &mut cluster.reservations[id as usize] {
            Some(held) if held.handle == launch.handle && held.node == node => held.launch = launch.launch,
            _ => return Ok(LaunchAnswer::Retry(format!("{} is not held any more", launch.handle.0))),
        }
        for task in &launch.tasks {
            let (name, set) = (&task.config.task, &task.config.spec.resource_set);
            let in_the_way = cluster
                .tasks_of(id)
                .find(|(_, old)| old.lives() && (old.name == *name || old.config.spec.resource_set == *set));
            if let Some((_, old)) = in_the_way {
                return Err(Violation {
                    check: if old.name == *name { Check::OneLive } else { Check::OneInSet },
                    time: world.now(),
                    expected: format!("one task at a time in `{set}` of {}", launch.instance),
                    found: format!(
                        "{name} is launched (launch {}) while {} (launch {}) lives",
                        launch.launch, old.name, old.launch
                    ),
                });
            }
            let task = Task {
                instance: id,
                name: name.clone(),
                launch: launch.launch,
                conf: task.conf,
                config: task.config.clone(),
                node,
                life: Life::Launched,
                attained: false,
                killing: false,
                end_known: false,
                forgotten: false,
            };
            let nth = cluster.tasks.len() as u32;
            go_on(&task, nth, world);
            cluster.tasks.push(task);
            cluster.of_instance[id as usize].push(nth);
        }
        Ok(LaunchAnswer::Done)
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
        let task = &mut cluster.tasks[nth as usize];
        if cluster.nodes[task.node as usize].silent {
            return;
        }
        if task.lives() {
            if !task.killing {
                task.killing = true;
                let (end, delay) = task.killed(world.choose, u64::from(id), u64::from(grace.0) * 1_000_000);
                world.queue.after(delay, Class::World, Happening::End { task: nth, end });
            }
        } else if !task.forgotten {
            self.observe(cluster, world, nth);
        }
    }

    // ---- what is seen

    /// Tells the engine how a task is, if its node is heard of.
    pub(crate) fn observe(&mut self, cluster: &mut Cluster, world: &mut World<'_>, nth: u32) {
        let task = &mut cluster.tasks[nth as usize];
        if cluster.nodes[task.node as usize].silent {
            return;
        }
        task.end_known = !task.lives();
        let seen = task.seen();
        let entity = u64::from(task.instance);
        self.send(world, nth, entity, seen, 0);
    }

    fn send(&mut self, world: &mut World<'_>, task: u32, entity: u64, seen: Seen, later: u64) {
        self.serial += 1;
        let (session, serial) = (world.session, self.serial);
        let delay = later + take(world.choose, "observe", entity, &OBSERVE);
        world.queue.after(delay, Class::Answer, Happening::Observe { session, task, serial, seen });
        if world.choose.choose(Site::new("observe-again", entity), AGAIN) == AGAIN - 1 {
            let delay = delay + OBSERVE[3];
            world.queue.after(delay, Class::Answer, Happening::Observe { session, task, serial, seen });
        }
    }

    /// Nothing is heard of a node any more.
    pub(crate) fn silence(&mut self, cluster: &mut Cluster, world: &mut World<'_>, node: u32) {
        cluster.nodes[node as usize].silent = true;
        let later = take(world.choose, "notice", u64::from(node), &NOTICE);
        for nth in 0..cluster.tasks.len() as u32 {
            let task = &cluster.tasks[nth as usize];
            if task.node == node && task.lives() {
                self.send(world, nth, u64::from(task.instance), Seen::Unreachable, later);
            }
        }
    }

    /// A node is heard again.
    pub(crate) fn back(&mut self, cluster: &mut Cluster, world: &mut World<'_>, node: u32) {
        cluster.nodes[node as usize].silent = false;
        for nth in 0..cluster.tasks.len() as u32 {
            let task = &cluster.tasks[nth as usize];
            if task.node == node && !task.forgotten {
                self.observe(cluster, world, nth);
            }
        }
        self.freed = true;
        self.look_again(cluster, world);
    }

    fn reconcile(
        &mut self,
        cluster: &mut Cluster,
        world: &mut World<'_>,
        number: Number,
        expected: &[Incarnation],
    ) {
        let mut found: Vec<(Incarnation, Found)> = Vec::with_capacity(expected.len());
        let mut asked: Vec<u32> = Vec::new();
        for incarnation in expected {
            let id = cluster.roster.id(&incarnation.instance);
            asked.extend(id);
            let task = id.and_then(|id| cluster.find(id, incarnation.launch, &incarnation.task));
            let is = task.map(|nth| &cluster.tasks[nth as usize]).filter(|task| !task.forgotten);
            found.push((
                incarnation.clone(),
                is.map_or(Found::Absent, |task| Found::Seen(view(cluster, task))),
            ));
        }
        asked.sort_unstable();
        asked.dedup();
        for &id in &asked {
            for (_, task) in cluster.tasks_of(id).filter(|(_, task)| task.lives()) {
                let Some(installation) = self.installation.clone() else { continue };
                let of = Incarnation {
                    installation,
                    instance: cluster.roster.name(id).clone(),
                    task: task.name.clone(),
                    launch: task.launch,
                };
                if !expected.contains(&of) {
                    found.push((of, Found::Seen(view(cluster, task))));
                }
            }
        }
        let session = world.session;
        let mut delay = take(world.choose, "snapshot", number, &ANSWER);
        let mut parts = found.chunks(PART).peekable();
        while let Some(part) = parts.next() {
            let last = parts.peek().is_none();
            let snapshot = Snapshot { of: number, as_of: number, found: part.to_vec(), last };
            let snapshot = Box::new(snapshot);
            world.queue.after(delay, Class::Answer, Happening::Part { session, snapshot });
            delay += MILLI;
        }
    }

    // ---- sessions

    /// The engine is gone: open questions go with it.
    pub(crate) fn session_over(&mut self) {
        self.open.clear();
    }

    /// The engine is here again: ends that its records may not hold are told again.
    pub(crate) fn session_begins(&mut self, cluster: &mut Cluster, world: &mut World<'_>) {
        for nth in 0..cluster.tasks.len() as u32 {
            let task = &cluster.tasks[nth as usize];
            if task.end_known && !task.forgotten {
                self.observe(cluster, world, nth);
            }
        }
        let session = world.session;
        world.queue.after(HOLD, Class::World, Happening::Expire { session });
    }

    /// Grants of sessions before this one that nobody asked for again are freed.
    pub(crate) fn expire(&mut self, cluster: &mut Cluster, world: &mut World<'_>, session: u32) {
        for id in 0..cluster.roster.len() {
            let held = cluster.reservations[id as usize].as_ref();
            if held.is_some_and(|held| held.firm.is_none() && held.session < session) {
                cluster.free(id);
                self.freed = true;
            }
        }
        self.look_again(cluster, world);
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

/// What comes next in a task's life is set.
pub(crate) fn go_on(task: &Task, nth: u32, world: &mut World<'_>) {
    if let Some((life, delay)) = task.next(world.choose, u64::from(task.instance)) {
        world.queue.after(delay, Class::World, Happening::Life { task: nth, life });
    }
}

fn grant(node: &Arc<plan_core::spec::NodeFacts>, held: &Reservation) -> Grant {
    Grant { node: node.clone(), ports: held.ports.clone(), handle: held.handle.clone(), until: None }
}

/// Makes a reservation as large as a demand, if the node has the rest.
fn grow(node: &mut crate::node::Node, held: &mut Reservation, demand: &[Demand]) -> Result<(), String> {
    let same = |one: &Demand| {
        held.sets.iter().any(|old| {
            old.set == one.set
                && (Arc::ptr_eq(&old.resources, &one.resources) || old.resources == one.resources)
        })
    };
    if demand.iter().all(same) {
        return Ok(());
    }
    let others = held.sets.iter().filter(|old| demand.iter().all(|one| one.set != old.set));
    let sets: Arc<[Demand]> = others.chain(demand).cloned().collect();
    let room = Room::of(&sets, &held.volumes);
    let more = room.minus(held.room);
    if !node.free.holds(more) {
        return Err(format!("{}: {}", node.facts.name, Lacks { wanted: more, free: node.free }));
    }
    node.free = node.free.plus(held.room).minus(room);
    held.room = room;
    held.sets = sets;
    Ok(())
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
            _ if node.silent => write!(why, "nothing is heard of it"),
            Some((rule, census)) if !rule.allows(&node.facts, census) => {
                write!(why, "{}", rule.judge(&node.facts, census))
            }
            _ if !node.free.holds(room) => write!(why, "{}", Lacks { wanted: room, free: node.free }),
            _ => match node.ports(&fit.demand) {
                Err(port) => write!(why, "its port for `{port}` is taken"),
                Ok(_) => write!(why, "it would do"),
            },
        };
    }
    why
}
