//! The loop: the next event, the engine's answer to it, the commit, the commands, the checks.
//!
//! Invariant: a command leaves only after a commit under the newest epoch; an engine that crashed is recovered
//! from the store, under a new epoch, and from nothing else. A fork of a run goes on as the run would have.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use plan_core::engine::{
    Author, Command, DECOMMISSION, Digest, Effects, End as TaskEnd, Engine, Event, Found, Input,
    InstallationId, Key, Observation, Order, RECOVERY, Reason, Record, Refusal, Reply, Request, RunOutcome,
    Seen, Target, UNINSTALL, Verb, Wall, Why, Write,
};
use plan_core::plan::{Model, Status};
use plan_core::spec::{PhaseName, PlanName};
use smol_str::{SmolStr, format_smolstr};

use crate::backend::{Backend, go_on};
use crate::checks::{Check, Checker, Checks, Scene, Violation};
use crate::choose::{Benign, Choose, Chooser, Recorded, Replay, Seeded};
use crate::cluster::Cluster;
use crate::ends::End;
use crate::fault::{CrashPoint, Fault};
use crate::heal::{self, Stage};
use crate::operator::{Act, Operator, Sight};
use crate::queue::{Class, Queue};
use crate::report::{Counts, Outcome, Report};
use crate::scenario::{Choices, Scenario, ScenarioError};
use crate::store::Store;
use crate::task::{Life, take};
use crate::trace::{Trace, What};
use crate::watch::Batch;
use crate::world::{Happening, World};
use crate::{chance, ends};

/// The plan that a service is made by.
const DEPLOY: &str = "deploy";
/// The name that the simulator gives the installation.
const INSTALLATION: &str = "sim";
/// The name of another installation.
const OTHER: &str = "other";
/// From when a task of another installation is seen until it ends.
const FOREIGN_ENDS: u64 = 5_000_000;
/// From a crash until the engine is back.
pub(crate) const RESTART: [u64; 4] = [2_000_000, 100_000, 15_000_000, 90_000_000];
/// An operator who watches canaries acts after so long.
const REACTION: u64 = 1_000_000;
/// An engine that was replaced is woken once so long after.
const OLD_WAKE: u64 = 1_000_000;

/// Runs a scenario with the choices that it names.
///
/// # Errors
/// A fault or a plan names something that is not there, or the recorded choices are of another run.
pub fn run(scenario: &Scenario) -> Result<Report, ScenarioError> {
    match &scenario.choices {
        Choices::Benign => run_with(scenario, &mut Benign),
        Choices::Seed(seed) => run_with(scenario, &mut Seeded::new(*seed)),
        Choices::Replay(list) => {
            let mut replay = Replay::new(list.iter().cloned());
            let report = run_with(scenario, &mut replay)?;
            replay.finish()?;
            Ok(report)
        }
    }
}

/// Runs a scenario with these choices, whatever it says of them.
///
/// # Errors
/// As [`run`].
pub fn run_with(scenario: &Scenario, choose: &mut dyn Choose) -> Result<Report, ScenarioError> {
    let reference = ends::reference(scenario)?;
    if !scenario.record {
        return Sim::new(scenario, Chooser::Given(choose), reference.as_ref())?.run();
    }
    let mut recorded = Recorded::new(choose);
    let mut report = Sim::new(scenario, Chooser::Given(&mut recorded), reference.as_ref())?.run()?;
    report.choices = recorded.into_list();
    Ok(report)
}

/// Runs a scenario with the choices that it names, and with an operator who acts on what it sees: a custom
/// scheduler. How the run ends is not compared with one without faults, as that depends on what it does.
///
/// # Errors
/// As [`run`].
pub fn run_with_operator(scenario: &Scenario, operator: &mut Operator<'_>) -> Result<Report, ScenarioError> {
    let mut benign = Benign;
    let (mut seeded, mut replay);
    let choose: &mut dyn Choose = match &scenario.choices {
        Choices::Benign => &mut benign,
        Choices::Seed(seed) => {
            seeded = Seeded::new(*seed);
            &mut seeded
        }
        Choices::Replay(list) => {
            replay = Replay::new(list.iter().cloned());
            &mut replay
        }
    };
    let mut recorded = Recorded::new(choose);
    let mut sim = Sim::new(scenario, Chooser::Given(&mut recorded), None)?;
    sim.operator = Some(operator);
    let mut report = sim.run()?;
    report.choices = recorded.into_list();
    Ok(report)
}

/// Something that an operator wants; it is said again until there is a reply.
#[derive(Clone)]
struct Wish {
    input: Wanted,
    due: bool,
    reply: Option<Reply>,
}

#[derive(Clone)]
enum Wanted {
    /// The service shall be this one of the scenario's models.
    Target(usize),
    /// It shall be this one.
    Model(Arc<Model>),
    Verb(Request),
}

/// An engine that was replaced, and does not know.
#[derive(Clone)]
struct Old {
    engine: Engine,
    epoch: u64,
    session: u32,
    wake: u64,
    /// The last number that it gave out.
    last: u64,
    /// Whether it was told of a launch with a higher one.
    knows: bool,
}

/// A run.
pub(crate) struct Sim<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) world: World<'a>,
    pub(crate) cluster: Cluster,
    backend: Backend,
    pub(crate) store: Store,
    epoch: u64,
    /// `None` while it is down.
    pub(crate) engine: Option<Engine>,
    old: Option<Old>,
    /// What the service shall be.
    pub(crate) present: Arc<Model>,
    wishes: Vec<Wish>,
    /// An operator who is a program.
    operator: Option<&'a mut Operator<'a>>,
    /// How many of `then` were submitted.
    next: usize,
    faults: Vec<Fault>,
    /// Where the engine crashes.
    crashes: Vec<(CrashPoint, u64)>,
    points: [u64; 4],
    wake: u64,
    /// Whether the engine was woken since it was recovered.
    woken: bool,
    pub(crate) checker: Checker,
    pub(crate) counts: Counts,
    digest: Digest,
    pub(crate) replies: Vec<(String, Reply)>,
    has_canaries: bool,
    plan_started: bool,
    /// Whether the backend was told to forget the service.
    pub(crate) deregistered: bool,
    completed: BTreeMap<PlanName, u64>,
    pub(crate) violation: Option<Violation>,
    /// How this run shall end.
    reference: Option<&'a End>,
    stage: Stage,
    /// Whether nothing is checked but acts, and the end.
    pub(crate) frugal: bool,
    /// Where crashes are tried, the runs that go on from them.
    pub(crate) forks: Option<Vec<Fork<'a>>>,
}

/// A run that goes on from a crash.
pub(crate) struct Fork<'a> {
    pub(crate) point: CrashPoint,
    pub(crate) nth: u64,
    pub(crate) sim: Sim<'a>,
}

impl<'a> Sim<'a> {
    pub(crate) fn new(
        scenario: &'a Scenario,
        choose: Chooser<'a>,
        reference: Option<&'a End>,
    ) -> Result<Self, ScenarioError> {
        let model = &scenario.model;
        let cluster = Cluster::new(scenario.models(), &scenario.shape);
        if let Some((plan, _)) = &scenario.plan
            && !scenario.models().any(|model| model.plans().contains_key(plan))
        {
            let known = model.plans().keys().map(ToString::to_string).collect();
            return Err(ScenarioError::NoPlan { plan: plan.clone(), known });
        }
        let trace = Trace { kept: scenario.trace.then(Vec::new) };
        let mut world = World { queue: Queue::default(), choose, trace, session: 1, awaited: 0 };
        let faults = chance::decide(scenario, &cluster, &mut world.choose);
        let (mut of_launches, mut echoes) = (Vec::new(), Vec::new());
        let mut crashes = Vec::new();
        for (nth, fault) in (0..).zip(&faults) {
            chance::check_names(scenario, &cluster, fault)?;
            match fault {
                Fault::Launch { instance, nth, answer } => {
                    of_launches.extend(cluster.roster.id(instance).map(|id| (id, *nth, *answer)));
                }
                Fault::Crash { point, nth } => crashes.push((*point, *nth)),
                Fault::Echo { nth } => echoes.push(*nth),
                Fault::Random(_) => {}
                timed => {
                    let at = timed.at().unwrap_or_default();
                    world.queue.at(micros(at), Class::Fault, Happening::Fault { nth });
                }
            }
        }
        let mut backend = Backend::new(InstallationId(SmolStr::new_static(INSTALLATION)), of_launches);
        backend.echoes = echoes;
        (backend.grants, backend.judges) = (scenario.shape.grants.map(micros), scenario.shape.judges);
        backend.remembers =
            faults.iter().any(|fault| matches!(fault, Fault::Rewind { .. } | Fault::Freeze { .. }));
        let mut wishes = vec![Wish { input: Wanted::Target(0), due: true, reply: None }];
        for (at, verb) in &scenario.verbs {
            world.queue.at(micros(*at), Class::Operator, Happening::Operate { nth: wishes.len() as u32 });
            wishes.push(Wish::verb(wishes.len(), verb.clone()));
        }
        for (nth, (at, _)) in scenario.targets.iter().enumerate() {
            world.queue.at(micros(*at), Class::Operator, Happening::Operate { nth: wishes.len() as u32 });
            let input = Wanted::Target(1 + scenario.then.len() + nth);
            wishes.push(Wish { input, due: false, reply: None });
        }
        if let Some(at) = scenario.heal {
            let acts = scenario.verbs.iter().map(|(at, _)| *at);
            let acts = acts.chain(scenario.targets.iter().map(|(at, _)| *at));
            let at = acts.max().unwrap_or_default().max(at);
            world.queue.at(micros(at), Class::Fault, Happening::Heal);
        }
        Ok(Self {
            scenario,
            world,
            cluster,
            backend,
            store: Store::default(),
            epoch: 0,
            engine: None,
            old: None,
            present: model.clone(),
            wishes,
            operator: None,
            next: 0,
            faults,
            crashes,
            points: [0; 4],
            wake: 0,
            woken: false,
            checker: Checker::default(),
            counts: Counts::default(),
            digest: Digest::default(),
            replies: Vec::new(),
            has_canaries: scenario
                .models()
                .flat_map(|model| model.plans().values())
                .any(|plan| plan.phases.iter().any(|phase| phase.is_canary())),
            plan_started: false,
            deregistered: false,
            completed: BTreeMap::new(),
            violation: None,
            reference,
            stage: Stage::Chaos,
            frugal: false,
            forks: None,
        })
    }

    /// A run that goes on from here as this one would; it keeps no trace.
    fn fork(&self) -> Self {
        Self {
            scenario: self.scenario,
            world: self.world.fork(),
            cluster: self.cluster.clone(),
            backend: self.backend.clone(),
            store: self.store.clone(),
            epoch: self.epoch,
            engine: None,
            old: self.old.clone(),
            present: self.present.clone(),
            wishes: self.wishes.clone(),
            operator: None,
            next: self.next,
            faults: self.faults.clone(),
            crashes: self.crashes.clone(),
            points: self.points,
            wake: self.wake,
            woken: false,
            checker: self.checker.clone(),
            counts: self.counts.clone(),
            digest: self.digest,
            replies: self.replies.clone(),
            has_canaries: self.has_canaries,
            plan_started: self.plan_started,
            deregistered: self.deregistered,
            completed: BTreeMap::new(),
            violation: None,
            reference: self.reference,
            stage: self.stage,
            frugal: true,
            forks: None,
        }
    }

    fn run(mut self) -> Result<Report, ScenarioError> {
        self.recover();
        while self.step()? {}
        let at_rest = self.is_at_rest();
        Ok(self.report(at_rest))
    }

    /// Goes on to the next event; whether there was one.
    pub(crate) fn step(&mut self) -> Result<bool, ScenarioError> {
        if let Some(mismatch) = self.world.choose.mismatch() {
            return Err(mismatch.clone().into());
        }
        let until = micros(self.scenario.until);
        if self.violation.is_some() || self.stage == Stage::Over {
            return Ok(false);
        }
        if self.world.queue.next_time().is_none_or(|time| time > until) {
            return Ok(false);
        }
        if self.counts.events == self.scenario.most_events {
            let expected = format!("the run ends within {} events", self.scenario.most_events);
            self.violate(Check::Bounded, expected, "it goes on".to_owned());
            return Ok(false);
        }
        self.counts.events += 1;
        if let Some(happening) = self.world.queue.pop() {
            self.happen(happening);
        }
        Ok(true)
    }

    /// Whether nothing more will happen.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.world.queue.next_time().is_none() || self.stage == Stage::Over
    }

    /// Whether the engine lives, was woken, and no answer that it waits for is on its way.
    pub(crate) fn is_quiet(&self) -> bool {
        let now = self.world.now();
        let due = self.world.queue.next_time().is_some_and(|time| time == now);
        self.engine.is_some() && self.woken && self.world.awaited == 0 && !due
    }

    pub(crate) fn violate(&mut self, check: Check, expected: String, found: String) {
        let time = self.world.now();
        self.violation.get_or_insert(Violation { check, time, expected, found });
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Answer { session, outcome } => self.arrives(session, Input::Outcome(*outcome)),
            Happening::Part { session, snapshot } => self.arrives(session, Input::Snapshot(*snapshot)),
            Happening::Observe { session, task, serial, seen } => self.observed(session, task, serial, seen),
            Happening::Renew { session } => {
                if session == self.world.session {
                    self.backend.renew(&mut self.cluster, &mut self.world);
                }
            }
            Happening::Life { task, life } => {
                if self.cluster.tasks[task as usize].lives() {
                    self.enter(task, life);
                    go_on(&self.cluster.tasks[task as usize], task, &mut self.world);
                }
            }
            Happening::End { task, end } => {
                if self.cluster.tasks[task as usize].lives() {
                    self.enter(task, Life::Ended(end));
                }
            }
            Happening::Expire { session } => self.backend.expire(&mut self.cluster, &mut self.world, session),
            Happening::Wake { nth } => {
                if nth == self.wake {
                    self.feed(Input::Wake);
                    self.woken = true;
                }
            }
            Happening::OldWake { nth } => {
                if self.old.as_ref().is_some_and(|old| old.wake == nth) {
                    self.feed_old(Input::Wake);
                }
            }
            Happening::OldStops { epoch } => self.old = self.old.take().filter(|old| old.epoch != epoch),
            Happening::Fault { nth } => self.fault(nth),
            Happening::Back { node } => self.back(node),
            Happening::Thaw { node } => self.thaw(node),
            Happening::Unskip { instance } => {
                self.backend.unskip(&mut self.cluster, &mut self.world, instance);
            }
            Happening::Operate { nth } => {
                self.wishes[nth as usize].due = true;
                self.wish(nth as usize);
            }
            Happening::Foreign { task, serial, seen } => self.foreign(task, serial, seen),
            Happening::Look => self.show(&[]),
            Happening::Recover => self.recover(),
            Happening::Heal => self.heal(),
            Happening::Deadline { stage } => self.deadline(stage),
        }
    }

    /// An answer of a session arrives at the engine whose session it is.
    fn arrives(&mut self, session: u32, input: Input) {
        if session == self.world.session {
            self.world.awaited = self.world.awaited.saturating_sub(1);
            let silent = self.silent_in(&input);
            if self.feed(input) {
                for task in silent {
                    self.cluster.tasks[task as usize].believed_silent = true;
                }
            }
        } else if self.old.as_ref().is_some_and(|old| old.session == session) {
            self.feed_old(input);
        }
    }

    /// The launches that a snapshot says nothing is heard of.
    fn silent_in(&self, input: &Input) -> Vec<u32> {
        let Input::Snapshot(snapshot) = input else { return Vec::new() };
        let silent = |found: &&(_, Found)| matches!(found.1, Found::Seen(Seen::Unreachable));
        let silent = snapshot.found.iter().filter(silent).filter_map(|(of, _)| {
            self.cluster.find(self.cluster.roster.id(&of.instance)?, of.launch, &of.task)
        });
        silent.collect()
    }

    // ---- the cluster

    /// A task goes into a part of its life, and its backend tells.
    fn enter(&mut self, nth: u32, life: Life) {
        let task = &mut self.cluster.tasks[nth as usize];
        task.enter(life);
        if self.world.trace.is_kept() {
            let instance = self.cluster.roster.name(task.instance).clone();
            let (task, launch) = (task.name.clone(), task.launch);
            let told = match life {
                Life::Running { ready: true }
                    if self.cluster.tasks[nth as usize].config.spec.readiness_check.is_some() =>
                {
                    Some(What::Ready { instance, task, launch })
                }
                Life::Running { ready } => Some(What::Runs { instance, task, launch, ready }),
                Life::Ended(end) => Some(What::Ended { instance, task, launch, end }),
                Life::Launched | Life::Starting => None,
            };
            if let Some(told) = told {
                self.world.tell(|| told);
            }
        }
        self.backend.observe(&mut self.cluster, &mut self.world, nth);
    }

    fn observed(&mut self, session: u32, nth: u32, serial: u64, seen: Seen) {
        if session != self.world.session {
            return;
        }
        if let Some((_, until)) = self.cluster.node_of(nth).frozen {
            let held = Happening::Observe { session, task: nth, serial, seen };
            return self.world.queue.at(until + 1, Class::Answer, held);
        }
        let task = &self.cluster.tasks[nth as usize];
        let of = plan_core::engine::Incarnation {
            installation: InstallationId(SmolStr::new_static(INSTALLATION)),
            instance: self.cluster.roster.name(task.instance).clone(),
            task: task.name.clone(),
            launch: task.launch,
        };
        let observation = Observation { of, serial, seen };
        if self.old.is_some() {
            self.feed_old(Input::Observed(observation.clone()));
        }
        let done = self.feed(Input::Observed(observation));
        let task = &mut self.cluster.tasks[nth as usize];
        if done && (session, serial) > task.heard {
            task.heard = (session, serial);
            task.believed_silent = seen == Seen::Unreachable;
        }
        // What the engine has durable is confirmed, and not told again.
        let task = &mut self.cluster.tasks[nth as usize];
        if done && matches!(seen, Seen::Ended(_)) && !task.lives() {
            task.forgotten = true;
        }
    }

    fn fault(&mut self, nth: u32) {
        if self.stage != Stage::Chaos {
            return;
        }
        let Some(fault) = self.faults.get(nth as usize).cloned() else { return };
        if self.befalls(&fault) {
            self.counts.faults += 1;
        } else {
            self.world.tell(|| What::Idle { fault: fault.to_string() });
        }
    }

    /// A fault happens; whether it found something to do.
    fn befalls(&mut self, fault: &Fault) -> bool {
        let text = || What::Fault { fault: fault.to_string() };
        match fault {
            Fault::End { task, how, .. } => {
                let Some(task) = self.living(task) else { return false };
                self.world.tell(text);
                self.enter(task, Life::Ended(*how));
            }
            Fault::Silent { node, lasts, .. } => {
                let Some(id) = self.cluster.node_id(node) else { return false };
                let at = &self.cluster.nodes[id as usize];
                if !at.is_heard() {
                    return false;
                }
                let name = at.facts.name.clone();
                self.world.tell(|| What::Silent { node: name });
                self.backend.silence(&mut self.cluster, &mut self.world, id);
                if let Some(lasts) = lasts {
                    self.world.queue.after(micros(*lasts), Class::World, Happening::Back { node: id });
                }
            }
            Fault::Gone { node, .. } => {
                let Some(id) = self.cluster.node_id(node) else { return false };
                let at = &self.cluster.nodes[id as usize];
                if at.gone {
                    return false;
                }
                let name = at.facts.name.clone();
                self.world.tell(|| What::Gone { node: name });
                self.backend.gone(&mut self.cluster, &mut self.world, id);
            }
            Fault::Freeze { node, lasts, .. } => {
                let Some(id) = self.cluster.node_id(node) else { return false };
                let now = self.world.now();
                let at = &mut self.cluster.nodes[id as usize];
                if at.frozen.is_some() {
                    return false;
                }
                let until = now.saturating_add(micros(*lasts));
                at.frozen = Some((now, until));
                self.world.tell(text);
                self.world.queue.at(until, Class::Fault, Happening::Thaw { node: id });
            }
            Fault::Skip { instance, lasts, .. } => {
                let Some(id) = self.cluster.roster.id(instance) else { return false };
                if self.backend.skipped.contains_key(&id) {
                    return false;
                }
                let until = self.world.now().saturating_add(micros(*lasts));
                self.backend.skipped.insert(id, until);
                self.world.tell(text);
                self.world.queue.at(until, Class::Fault, Happening::Unskip { instance: id });
            }
            Fault::Rewind { .. } => {
                self.world.tell(text);
                self.backend.rewind(&mut self.world);
                if self.engine.is_some() {
                    self.world.end_session();
                    self.backend.session_over();
                    self.backend.session_begins(&mut self.cluster, &mut self.world);
                    self.feed(Input::SessionLost);
                }
            }
            Fault::Second { lasts, .. } => {
                if self.old.is_some() {
                    return false;
                }
                let Some(engine) = self.engine.take() else { return false };
                let (epoch, session, wake) = (self.epoch, self.world.session, self.wake);
                let last = match self.store.get(&Key::Clock) {
                    Some(Record::Clock(clock)) => clock.seq,
                    _ => 0,
                };
                self.old = Some(Old { engine, epoch, session, wake, last, knows: false });
                self.world.queue.after(OLD_WAKE, Class::Timer, Happening::OldWake { nth: wake });
                self.world.queue.after(micros(*lasts), Class::Timer, Happening::OldStops { epoch });
                self.world.tell(|| What::Second { epoch: epoch + 1 });
                self.world.end_session();
                self.backend.session_over();
                self.recover();
            }
            Fault::Undead { task, .. } => {
                let Some(nth) = self.living(task) else { return false };
                self.world.tell(text);
                self.cluster.tasks[nth as usize].lost = Some(self.world.session);
                self.backend.lose(&mut self.cluster, &mut self.world, nth);
            }
            Fault::Foreign { task, .. } => {
                let Some(task) = self.living(task) else { return false };
                self.world.tell(text);
                let ends = Happening::Foreign { task, serial: u64::MAX, seen: Seen::Ended(TaskEnd::Killed) };
                self.world.queue.after(FOREIGN_ENDS, Class::Answer, ends);
                self.foreign(task, u64::MAX - 1, Seen::Running { ready: true });
            }
            Fault::Launch { .. } | Fault::Crash { .. } | Fault::Echo { .. } | Fault::Random(_) => {}
        }
        true
    }

    /// The task that lives under this name, as in `kafka-0-broker`.
    fn living(&self, text: &str) -> Option<u32> {
        let (id, name) = self.cluster.named(self.scenario.models(), text)?;
        let mut tasks = self.cluster.tasks_of(id).rev();
        tasks.find(|(_, task)| task.name == name && task.lives()).map(|(nth, _)| nth)
    }

    /// A task of another installation is seen, which has the name and the number of this one.
    fn foreign(&mut self, nth: u32, serial: u64, seen: Seen) {
        let task = &self.cluster.tasks[nth as usize];
        let of = plan_core::engine::Incarnation {
            installation: InstallationId(SmolStr::new_static(OTHER)),
            instance: self.cluster.roster.name(task.instance).clone(),
            task: task.name.clone(),
            launch: task.launch,
        };
        self.feed(Input::Observed(Observation { of, serial, seen }));
    }

    fn back(&mut self, node: u32) {
        if self.cluster.nodes[node as usize].silent {
            let name = self.cluster.nodes[node as usize].facts.name.clone();
            self.world.tell(|| What::Back { node: name });
            self.backend.back(&mut self.cluster, &mut self.world, node);
        }
    }

    /// What was held back of a node is told, and then the present, to whom it was not held back for.
    fn thaw(&mut self, node: u32) {
        if self.cluster.nodes[node as usize].frozen.take().is_some() {
            self.backend.thawed(&mut self.cluster, &mut self.world, node);
        }
    }

    // ---- the engine

    /// Gives the engine an input. Whether what it came to is durable, and the engine lives.
    fn feed(&mut self, input: Input) -> bool {
        self.feed_for(input, None)
    }

    fn feed_for(&mut self, input: Input, wish: Option<usize>) -> bool {
        let Some(engine) = &mut self.engine else { return false };
        self.counts.inputs += 1;
        let now = self.world.now();
        let gives_up = match &input {
            Input::Verb(Request { verb: Verb::GiveUp { debt }, .. }) => Some(*debt),
            _ => None,
        };
        let verb = match &input {
            Input::Verb(request) => Some(request.verb.clone()),
            _ => None,
        };
        let Effects { writes, commands, events, reply, wake_at } = engine.handle(Wall(now), input);
        let digest = engine.digest();
        self.digest = Digest(self.digest.0.rotate_left(7) ^ digest.0 ^ u128::from(now));
        let deployed = engine.is_deployed();
        let has_writes = !writes.is_empty();
        if has_writes {
            if self.crashes_at(CrashPoint::BeforeCommit) {
                return false;
            }
            self.counts.commits += 1;
            self.look_at(&writes, gives_up);
            self.watch(&Batch { writes: &writes, events: &events, verb: verb.as_ref() });
        }
        // What writes nothing leaves under the newest epoch too.
        if (has_writes || !commands.is_empty())
            && let Err(fenced) = self.store.commit(self.epoch, writes)
        {
            self.violate(Check::Fenced, "the newest engine may write".to_owned(), fenced.to_string());
            return false;
        }
        if has_writes {
            self.find_present();
            if self.crashes_at(CrashPoint::AfterCommit) {
                return false;
            }
        }
        if let (Some(nth), Some(reply)) = (wish, reply) {
            self.replied(nth, reply);
        }
        let seen = self.operator.is_some().then(|| events.clone());
        for event in events {
            self.tell(event);
        }
        for command in commands {
            if self.crashes_at(CrashPoint::BeforeCommand) {
                return false;
            }
            self.carry_out(command);
            if self.crashes_at(CrashPoint::AfterCommand) {
                return false;
            }
        }
        self.wake += 1;
        if let Some(Wall(at)) = wake_at {
            self.world.queue.at(at, Class::Timer, Happening::Wake { nth: self.wake });
        }
        self.go_on_with_targets();
        if deployed && !self.plan_started {
            self.start_plan();
        }
        self.watch_canaries();
        if let Some(events) = seen.filter(|events| !events.is_empty()) {
            self.show(&events);
        }
        self.check(wake_at);
        self.settle();
        self.engine.is_some()
    }

    /// Gives an input to the engine that was replaced: it may write nothing, and so do nothing.
    fn feed_old(&mut self, input: Input) {
        let Some(old) = &mut self.old else { return };
        old.knows |= matches!(&input, Input::Observed(observation) if observation.of.launch > old.last);
        let knows = old.knows;
        let Effects { writes, commands, wake_at, .. } =
            old.engine.handle(Wall(self.world.queue.now()), input);
        let epoch = old.epoch;
        if writes.is_empty() && commands.is_empty() {
            if let Some(Wall(at)) = wake_at {
                old.wake += 1;
                let nth = old.wake;
                self.world.queue.at(at, Class::Timer, Happening::OldWake { nth });
            }
            return;
        }
        self.old = None;
        if knows && self.scenario.checks.others {
            let expected =
                "an engine that was told of a launch newer than all of its own does nothing".to_owned();
            let found = format!("it writes {} records and gives {} commands", writes.len(), commands.len());
            self.violate(Check::Superseded, expected, found);
        }
        match self.store.commit(epoch, writes) {
            Err(_) => self.world.tell(|| What::Fenced { epoch }),
            Ok(()) => {
                let expected = "the store refuses what an engine that was replaced writes".to_owned();
                self.violate(Check::Fenced, expected, format!("it took a batch of epoch {epoch}"));
            }
        }
    }

    fn scene(&self) -> Option<Scene<'_>> {
        Some(Scene {
            scenario: self.scenario,
            time: self.world.now(),
            session: self.world.session,
            model: &self.present,
            store: &self.store,
            cluster: &self.cluster,
            engine: self.engine.as_ref()?,
        })
    }

    /// Looks at a batch that is about to become durable: debts that leave are paid or given up.
    fn look_at(&mut self, writes: &[Write], gives_up: Option<u64>) {
        for write in writes {
            let Write::Delete(key @ Key::Debt(number)) = write else { continue };
            let Some(Record::Debt(debt)) = self.store.get(key).cloned() else { continue };
            if gives_up == Some(*number) {
                let launches = debt.kill.iter().map(|owed| (owed.launch, owed.task.clone()));
                self.checker.given_up.launches.extend(launches);
                self.checker.given_up.handles.extend(debt.release.clone());
            } else if self.scenario.checks.others
                && let Some(Err(violation)) = self.scene().map(|scene| scene.debt_is_paid(&debt))
            {
                self.violation.get_or_insert(violation);
            }
        }
    }

    /// Looks at what is about to be written and said.
    fn watch(&mut self, batch: &Batch<'_>) {
        if !self.scenario.checks.others {
            return;
        }
        let mut watch = std::mem::take(&mut self.checker.watch);
        let verdict = self.scene().map_or(Ok(()), |scene| watch.batch(&scene, batch));
        self.checker.watch = watch;
        if let Err(violation) = verdict {
            self.violation.get_or_insert(violation);
        }
    }

    /// Finds what the service shall be now.
    fn find_present(&mut self) {
        let Some(service) = self.store.service() else { return };
        if service.target != self.present.hash()
            && let Some(Record::Spec(model)) = self.store.get(&Key::Spec(service.target))
        {
            self.present = model.clone();
        }
    }

    fn carry_out(&mut self, command: Command) {
        self.counts.commands += 1;
        if self.scenario.checks.others {
            let mut checker = std::mem::take(&mut self.checker);
            let verdict = self.scene().map_or(Ok(()), |scene| match &command {
                Command::Launch(launch) => checker.launched(&scene, launch),
                Command::Kill { instance, launch, task, .. } => scene.kill_is_wanted(instance, *launch, task),
                Command::Release(release) => scene.release_is_owed(release),
                Command::Deregister => scene.nothing_is_left(&checker.given_up),
                _ => Ok(()),
            });
            self.checker = checker;
            if let Err(violation) = verdict {
                self.violation.get_or_insert(violation);
            }
        }
        match &command {
            Command::Deregister => {
                self.deregistered = true;
                // What was granted and never used goes with the service.
                for id in 0..self.cluster.roster.len() {
                    self.cluster.free(id, |held, _| !held.used);
                }
            }
            Command::Release(release) => {
                let (instance, debt, node) = (&release.instance, release.debt, &release.node);
                self.world.tell(|| What::Released { instance: instance.clone(), debt, node: node.clone() });
            }
            _ => {}
        }
        self.is_still(&command);
        if let Err(violation) = self.backend.execute(&mut self.cluster, &mut self.world, command)
            && self.scenario.checks.others
        {
            self.violation.get_or_insert(violation);
        }
    }

    /// Passes a point at which the engine can crash.
    fn crashes_at(&mut self, point: CrashPoint) -> bool {
        let count = &mut self.points[point as usize];
        *count += 1;
        let nth = *count;
        if self.forks.is_some() {
            let mut sim = self.fork();
            sim.crash(point, nth);
            if let Some(forks) = &mut self.forks {
                forks.push(Fork { point, nth, sim });
            }
        }
        if !self.crashes.contains(&(point, nth)) {
            return false;
        }
        self.counts.faults += 1;
        self.crash(point, nth);
        true
    }

    fn crash(&mut self, point: CrashPoint, nth: u64) {
        self.world.tell(|| What::Crashed { point: SmolStr::new_static(point.name()), nth });
        self.engine = None;
        self.counts.crashes += 1;
        self.world.end_session();
        self.backend.session_over();
        let delay = take(&mut self.world.choose, "restart", 0, &RESTART);
        self.world.queue.after(delay, Class::World, Happening::Recover);
    }

    pub(crate) fn recover(&mut self) {
        self.epoch = self.store.begin_epoch();
        self.woken = false;
        let first = self.store.is_empty();
        match self.scenario.recover(self.store.records().cloned()) {
            Ok(engine) => self.engine = Some(engine),
            Err(error) => {
                let expected = "an engine can be recovered from the store".to_owned();
                return self.violate(Check::RecoverEqualsLive, expected, error.to_string());
            }
        }
        if !first {
            let epoch = self.epoch;
            self.world.tell(|| What::Recovered { epoch });
            // What was told while nobody listened is lost.
            self.world.end_session();
            self.backend.session_begins(&mut self.cluster, &mut self.world);
            self.feed(Input::SessionLost);
        }
        for nth in 0..self.wishes.len() {
            self.wish(nth);
        }
    }

    fn check(&mut self, wake_at: Option<Wall>) {
        let Checks { law1, others, .. } = self.scenario.checks;
        if self.violation.is_some() || self.frugal || !(law1 || others) {
            return;
        }
        let Some(scene) = self.scene() else { return };
        let law = if law1 { scene.recover_equals_live() } else { Ok(()) };
        let wakes = |()| if others { scene.waits_for_no_wake(wake_at) } else { Ok(()) };
        let verdict = law.and_then(wakes);
        let verdict = verdict.and_then(|()| if others { scene.complete_is_true() } else { Ok(()) });
        self.violation = verdict.err();
    }

    // ---- healing (S§3.2)

    /// All faults end, and an operator takes back what was interrupted or paused.
    fn heal(&mut self) {
        self.world.tell(|| What::Healed);
        self.crashes.clear();
        self.backend.end_faults();
        self.old = None;
        for node in 0..self.cluster.nodes.len() as u32 {
            self.thaw(node);
            self.back(node);
        }
        let skipped: Vec<u32> = self.backend.skipped.keys().copied().collect();
        for instance in skipped {
            self.backend.unskip(&mut self.cluster, &mut self.world, instance);
        }
        let mut verbs = Vec::new();
        for record in self.store.records() {
            if let Record::Pod(instance, pod) = record
                && pod.tasks.iter().any(|task| task.paused)
            {
                verbs.push(Verb::ResumePod { instance: instance.clone(), tasks: Vec::new() });
            }
            let Record::Run(run) = record else { continue };
            let Some(layout) = self.present.plans().get(&run.plan) else { continue };
            if run.outcome.is_some() {
                continue;
            }
            let plan = run.plan.clone();
            if run.mark.interrupted {
                verbs.push(Verb::Continue { plan: plan.clone(), phase: None });
            }
            for (&phase, _) in run.phases.iter().filter(|(_, mark)| mark.interrupted) {
                let phase = layout.phases.get(phase as usize).map(|phase| phase.name.clone());
                verbs.push(Verb::Continue { plan: plan.clone(), phase });
            }
        }
        verbs.into_iter().for_each(|verb| self.wish_later(0, verb));
        self.enter_stage(Stage::Converging, heal::bound(self.scenario));
        // It may be so already, and then nothing more happens.
        self.settle();
    }

    fn enter_stage(&mut self, stage: Stage, lasts: u64) {
        self.stage = stage;
        self.world.queue.after(lasts, Class::Fault, Happening::Deadline { stage: stage as u32 });
    }

    /// The service is what it shall be: from now on nothing is done.
    fn settle(&mut self) {
        if self.stage == Stage::Converging && self.is_converged() {
            self.enter_stage(Stage::Settled, heal::SETTLE);
        }
    }

    fn is_converged(&self) -> bool {
        let Some(engine) = &self.engine else { return false };
        let answered = self.wishes.iter().all(|wish| wish.reply.is_some());
        if !answered || self.store.debts().next().is_some() {
            return false;
        }
        let complete = self.is_complete(engine);
        match self.reference {
            Some(reference) => complete && reference.difference(&End::of(self)).is_none(),
            // Where operators act at times, what they paused waits for them.
            None => {
                let whys = self.whys(engine);
                let stands = |record: &Record| {
                    let Record::Pod(_, pod) = record else { return false };
                    let given = |order: &Order| order.stage == plan_core::engine::Stage::Given;
                    pod.permission.is_some() || !pod.orders.iter().all(given)
                };
                let paused = whys.iter().all(|why| matches!(why.reason, Reason::Paused(_)))
                    && !self.store.records().any(stands);
                let runs = self.checker.meddled || self.scene().is_none_or(|scene| scene.all_runs().is_ok());
                paused && (!whys.is_empty() || (complete && runs))
            }
        }
    }

    /// Once the service is what it shall be, nothing is changed.
    fn is_still(&mut self, command: &Command) {
        if !matches!(self.stage, Stage::Settled | Stage::Restarted) {
            return;
        }
        if let Some(found) = heal::changes(command) {
            let expected = "once the service is what it shall be, nothing is done any more".to_owned();
            self.violate(Check::Stable, expected, found);
        }
    }

    fn deadline(&mut self, stage: u32) {
        if self.stage as u32 != stage {
            return;
        }
        match self.stage {
            Stage::Converging => {
                let (expected, found) = self.what_is_stuck();
                self.violate(Check::Converges, expected, found);
            }
            Stage::Settled => {
                self.enter_stage(Stage::Restarted, heal::SETTLE);
                self.engine = None;
                self.world.end_session();
                self.backend.session_over();
                self.recover();
            }
            Stage::Restarted => {
                self.stage = Stage::Over;
                let complete = self.engine.as_ref().is_some_and(|engine| self.is_complete(engine));
                let meddled = self.checker.meddled || !self.scenario.checks.others || !complete;
                if let Some(Err(violation)) = self.scene().filter(|_| !meddled).map(|scene| scene.all_runs())
                {
                    self.violation.get_or_insert(violation);
                }
            }
            Stage::Chaos | Stage::Over => {}
        }
    }

    /// What did not come within the bound, and what it waits for.
    fn what_is_stuck(&self) -> (String, String) {
        let expected = "the service becomes what it shall be".to_owned();
        let Some(engine) = &self.engine else { return (expected, "no engine is there".to_owned()) };
        if let Some(wish) = self.wishes.iter().position(|wish| wish.reply.is_none()) {
            return (expected, format!("the operator's act {wish} has no reply"));
        }
        if let Some(why) = self.whys(engine).into_iter().next() {
            return (expected, format!("{}: {why}", why.instance));
        }
        if let Some(debt) = self.store.debts().next() {
            return (expected, format!("debt {} of {} is not paid: {debt:?}", debt.number, debt.instance));
        }
        let difference = self.reference.and_then(|reference| reference.difference(&End::of(self)));
        match difference {
            Some((expected, found)) => (expected, found),
            None => (expected, "nothing says what it waits for".to_owned()),
        }
    }

    pub(crate) fn whys(&self, engine: &Engine) -> Vec<Why> {
        let instances = (0..self.cluster.roster.len()).map(|id| self.cluster.roster.name(id));
        instances.flat_map(|name| engine.why(name)).collect()
    }

    // ---- operators

    /// Says what an operator wants, if it is time and there was no reply yet.
    fn wish(&mut self, nth: usize) {
        let wish = &self.wishes[nth];
        if !wish.due || wish.reply.is_some() || self.engine.is_none() {
            return;
        }
        let input = match &wish.input {
            // An installation that is gone does not come back: another one would be made.
            Wanted::Target(_) | Wanted::Model(_) if self.deregistered => {
                let reply = Reply::Refused(Refusal::NoService);
                return self.replied(nth, reply);
            }
            Wanted::Target(of) => {
                let Some(model) = self.scenario.models().nth(*of).cloned() else { return };
                let mut target = Target::new(model, InstallationId(SmolStr::new_static(INSTALLATION)));
                let (id, who) = (format_smolstr!("target-{of}"), SmolStr::new_static("operator"));
                // The first one is known by what it is.
                target.by = (*of > 0).then_some(Author { id, who });
                Input::Target(target)
            }
            Wanted::Model(model) => {
                let mut target =
                    Target::new(model.clone(), InstallationId(SmolStr::new_static(INSTALLATION)));
                let id = format_smolstr!("target-of-act-{nth}");
                target.by = Some(Author { id, who: SmolStr::new_static("operator") });
                Input::Target(target)
            }
            Wanted::Verb(request) => {
                // It is counted before it is carried out: what it allows may happen at once.
                if let Verb::Continue { plan, phase: Some(phase) } = &request.verb
                    && let Some(Record::Plan(_, plan)) = self.store.get(&Key::Plan(plan.clone()))
                {
                    *self.checker.continued.entry((plan.latest, phase.to_string())).or_default() += 1;
                }
                self.checker.meddled |= matches!(
                    request.verb,
                    Verb::ForceComplete { .. } | Verb::Restart { .. } | Verb::Stop { .. }
                );
                Input::Verb(request.clone())
            }
        };
        if self.old.is_some() {
            self.feed_old(input.clone());
        }
        self.feed_for(input, Some(nth));
    }

    fn replied(&mut self, nth: usize, reply: Reply) {
        let words = match &self.wishes[nth].input {
            Wanted::Target(0) => {
                let service = self.scenario.model.spec().name().to_string();
                self.world.tell(|| What::Submitted { service });
                None
            }
            Wanted::Target(of) => Some(format!("target {}", of + 1)),
            Wanted::Model(model) => Some(format!("target {}", model.hash())),
            Wanted::Verb(request) => Some(request.verb.to_string()),
        };
        if let Some(verb) = words {
            self.world.tell(|| What::Verb { verb: verb.clone(), reply: reply.to_string() });
            self.replies.push((verb, reply.clone()));
        }
        self.wishes[nth].reply = Some(reply);
    }

    fn wish_later(&mut self, delay: u64, verb: Verb) {
        let nth = self.wishes.len();
        self.world.queue.after(delay, Class::Operator, Happening::Operate { nth: nth as u32 });
        self.wishes.push(Wish::verb(nth, verb));
    }

    /// Shows an operator what happened, and takes down what it does about it.
    fn show(&mut self, events: &[Event]) {
        let (Some(operator), now) = (&mut self.operator, self.world.now()) else { return };
        let Some(engine) = &self.engine else {
            // Who looks while no engine is there looks again.
            return self.world.queue.after(REACTION, Class::Operator, Happening::Look);
        };
        for act in operator(&Sight { time: Duration::from_micros(now), events, engine }) {
            match act {
                Act::Verb(verb) => {
                    let nth = self.wishes.len();
                    self.world.queue.after(0, Class::Operator, Happening::Operate { nth: nth as u32 });
                    self.wishes.push(Wish::verb(nth, verb));
                }
                Act::Target(model) => {
                    self.cluster.expect_all_of(&model);
                    let nth = self.wishes.len();
                    self.world.queue.after(0, Class::Operator, Happening::Operate { nth: nth as u32 });
                    self.wishes.push(Wish { input: Wanted::Model(model), due: false, reply: None });
                }
                Act::LookIn(time) => {
                    self.world.queue.after(micros(time), Class::Operator, Happening::Look);
                }
            }
        }
    }

    /// Submits what the service shall be next, once it is what it shall be.
    fn go_on_with_targets(&mut self) {
        let open = |wish: &Wish| matches!(wish.input, Wanted::Target(_)) && wish.due && wish.reply.is_none();
        if self.next < self.scenario.then.len() && self.is_target_met() && !self.wishes.iter().any(open) {
            self.next += 1;
            let nth = self.wishes.len() as u32;
            // It is due at once: the operator says it when this input is over.
            self.wishes.push(Wish { input: Wanted::Target(self.next), due: true, reply: None });
            self.world.queue.after(0, Class::Operator, Happening::Operate { nth });
        }
    }

    /// Whether the run that makes the service what it shall be is complete.
    fn is_target_met(&self) -> bool {
        let Some(service) = self.store.service() else { return false };
        match self.store.get(&Key::Run(service.converging)) {
            Some(Record::Run(run)) => run.outcome == Some(RunOutcome::Complete),
            _ => false,
        }
    }

    fn start_plan(&mut self) {
        let Some((plan, parameters)) = self.scenario.plan.as_ref().filter(|(plan, _)| *plan != *DEPLOY)
        else {
            self.plan_started = true;
            return;
        };
        let (plan, parameters) = (plan.clone(), parameters.clone());
        let targets = self.wishes.iter().filter(|wish| matches!(wish.input, Wanted::Target(_)));
        let told = targets.into_iter().all(|wish| !wish.due || wish.reply.is_some());
        if self.next == self.scenario.then.len() && told && (self.next == 0 || self.is_target_met()) {
            self.plan_started = true;
            self.wish_later(0, Verb::Start { plan, parameters });
        }
    }

    /// An operator who continues a phase whenever it waits on a canary.
    fn watch_canaries(&mut self) {
        if !self.scenario.release_canaries || !self.has_canaries {
            return;
        }
        let Some((plan, phase)) = self.waiting_canary() else { return };
        let verb = Verb::Continue { plan, phase: Some(phase) };
        let open = |wish: &Wish| {
            wish.reply.is_none() && matches!(&wish.input, Wanted::Verb(request) if request.verb == verb)
        };
        if !self.wishes.iter().any(open) {
            self.wish_later(REACTION, verb);
        }
    }

    fn waiting_canary(&self) -> Option<(PlanName, PhaseName)> {
        let engine = self.engine.as_ref()?;
        for (name, layout) in self.present.plans() {
            let Some(Record::Plan(_, plan)) = self.store.get(&Key::Plan(name.clone())) else { continue };
            let Some(Record::Run(run)) = self.store.get(&Key::Run(plan.latest)) else { continue };
            if run.spec != self.present.hash()
                || run.outcome.is_some()
                || run.mark.interrupted
                || run.canaries.is_empty()
            {
                continue;
            }
            let Some(view) = engine.plan(name.as_str()) else { continue };
            for (&phase, canary) in &run.canaries {
                let interrupted = run.phases.get(&phase).is_some_and(|mark| mark.interrupted);
                let released = canary.steps.iter().take(canary.released as usize);
                let steps = &view.phases[phase as usize].steps;
                let quiet = released.into_iter().all(|&step| steps[step as usize].status == Status::Complete);
                let earlier = &view.phases[..phase as usize];
                let turn = layout.strategy != plan_core::spec::PlanStrategy::Serial
                    || earlier.iter().all(|phase| phase.status == Status::Complete);
                if canary.is_holding() && !interrupted && quiet && turn {
                    return Some((name.clone(), layout.phases[phase as usize].name.clone()));
                }
            }
        }
        None
    }

    // ---- what is told

    fn tell(&mut self, event: Event) {
        if let Event::RunEnded { plan, outcome: RunOutcome::Complete, .. } = &event {
            self.completed.insert(plan.clone(), self.world.now());
        }
        if !self.world.trace.is_kept() {
            return;
        }
        // A phase's and a plan's status follow from their steps'.
        if matches!(event, Event::Phase { .. } | Event::Plan { .. }) {
            return;
        }
        // It was there a moment ago, when this came of an input.
        let Some(engine) = &self.engine else { return };
        let story = engine.tell(&event);
        self.world.tell(|| What::Engine(story));
    }

    // ---- the end

    /// The plan that makes the service what it shall be.
    fn converging(&self) -> PlanName {
        let run = self.store.service().and_then(|service| self.store.get(&Key::Run(service.converging)));
        match run {
            Some(Record::Run(run)) => run.plan.clone(),
            _ => deploy(),
        }
    }

    /// The plans that are to be complete.
    fn wanted(&self) -> Vec<PlanName> {
        let mut wanted = vec![deploy()];
        let started = self.scenario.plan.iter().map(|(plan, _)| plan.clone());
        for plan in std::iter::once(self.converging()).chain(started) {
            if !wanted.contains(&plan) {
                wanted.push(plan);
            }
        }
        wanted
    }

    /// Whether the service is all that it shall be, and the plan that was started is complete.
    pub(crate) fn is_complete(&self, engine: &Engine) -> bool {
        if self.deregistered {
            return engine.model().is_none();
        }
        let done = |plan: &PlanName| engine.plan_status(plan.as_str()) == Some(Status::Complete);
        let started = self.scenario.plan.as_ref().is_none_or(|(plan, _)| done(plan));
        let submitted = self.next == self.scenario.then.len();
        submitted && started && done(&self.converging())
    }

    /// What must hold at the end of a run.
    pub(crate) fn check_end(&mut self) {
        let at_rest = self.is_at_rest();
        if self.violation.is_some() || !at_rest {
            return;
        }
        let Some(engine) = &self.engine else { return };
        let complete = self.is_complete(engine);
        if self.scenario.checks.others
            && let Some(scene) = self.scene()
        {
            let rest = scene.rest_is_explained(&self.backend, complete, self.checker.meddled);
            let held = rest.and_then(|()| scene.held_is_named(&self.checker.given_up));
            let watch = &self.checker.watch;
            let held = held.and_then(|()| watch.rest(&scene, &self.backend, &self.checker.given_up));
            self.violation = held.and_then(|()| scene.complete_is_true()).err();
        }
        if let (Some(reference), None) = (self.reference, &self.violation) {
            let end = End::of(self);
            // What operators do at times may come to more than it does without faults.
            let acts = self.scenario.verbs.len() + self.scenario.targets.len();
            let more = u32::try_from(self.faults.len() + acts).unwrap_or(u32::MAX);
            if let Some((expected, found)) = reference.difference(&end) {
                self.violate(Check::SameEnd, expected, found);
            } else if let Some((expected, found)) = reference.launched_less(&end, more) {
                self.violate(Check::Launches, expected, found);
            }
        }
    }

    fn report(mut self, came_to_rest: bool) -> Report {
        if came_to_rest {
            self.check_end();
        }
        let wanted = self.wanted();
        let engine = self.engine.take().unwrap_or_default();
        let complete = self.is_complete(&engine);
        let completed_at =
            wanted.iter().map(|plan| self.completed.get(plan.as_str()).copied()).max().flatten();
        let completed_at = completed_at.filter(|_| complete);
        let mut plans: Vec<_> = wanted.iter().filter_map(|plan| engine.plan(plan.as_str())).collect();
        let by_itself = [RECOVERY, DECOMMISSION, UNINSTALL].into_iter().filter_map(|plan| engine.plan(plan));
        plans.extend(by_itself.filter(|plan| !plan.phases.is_empty()));
        let whys = self.whys(&engine);
        let outcome = match self.violation.take() {
            Some(violation) => Outcome::Violation(violation),
            None if complete => Outcome::Complete,
            None => Outcome::Incomplete { waits: whys.clone() },
        };
        self.counts.launches = self.cluster.tasks.len() as u64;
        self.counts.points = CrashPoint::ALL.into_iter().zip(self.points).collect();
        Report {
            outcome,
            plans,
            tasks: engine.tasks(),
            whys,
            time: self.world.now(),
            completed_at,
            counts: self.counts,
            faults: self.faults,
            replies: self.replies,
            trace: self.world.trace.kept.unwrap_or_default(),
            choices: Vec::new(),
            digest: self.digest,
        }
    }
}

impl Wish {
    fn verb(nth: usize, verb: Verb) -> Self {
        let (id, who) = (format_smolstr!("verb-{nth}"), SmolStr::new_static("operator"));
        Self { input: Wanted::Verb(Request { id, who, verb }), due: false, reply: None }
    }
}

fn deploy() -> PlanName {
    PlanName::new(DEPLOY).expect("`deploy` is a name")
}

/// In microseconds.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
