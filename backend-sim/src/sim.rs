//! The loop: the next event, the engine's answer to it, the commit, the commands, the checks.
//!
//! Invariant: a command leaves only after the batch that it came with is durable; an engine that crashed is
//! recovered from the store, under a new epoch, and from nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use plan_core::engine::{
    Command, Digest, Effects, Engine, Event, Input, InstallationId, Key, Observation, Purpose, Record, Reply,
    Request, RunOutcome, Seen, StepRef, Target, Verb, Wall,
};
use plan_core::plan::{Model, Status};
use plan_core::spec::{InstanceName, PhaseName, PlanName};
use smol_str::{SmolStr, format_smolstr};

use crate::backend::{Backend, go_on};
use crate::checks::{Check, Checker, Checks, Scene, Violation};
use crate::choose::{Benign, Choose, Recorded, Replay, Seeded, Site};
use crate::cluster::Cluster;
use crate::fault::{CrashPoint, Fault, LaunchFault};
use crate::queue::{Class, Queue};
use crate::report::{Counts, Outcome, Report};
use crate::scenario::{Choices, Scenario, ScenarioError};
use crate::store::Store;
use crate::task::{Life, take};
use crate::trace::{Trace, What};
use crate::world::{Happening, World};

/// The plan that a service is made by.
const DEPLOY: &str = "deploy";
/// The name that the simulator gives the installation.
const INSTALLATION: &str = "sim";
/// From a crash until the engine is back.
const RESTART: [u64; 4] = [2_000_000, 100_000, 15_000_000, 90_000_000];
/// An operator who watches canaries acts after so long.
const REACTION: u64 = 1_000_000;
/// Faults by chance come within this time, at steps of this length.
const CHANCE_STEP: Duration = Duration::from_millis(250);
const CHANCE_STEPS: u32 = 240;
/// Faults by chance crash the engine at one of the first so many points.
const CHANCE_POINTS: u32 = 40;

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
    if !scenario.record {
        return Sim::new(scenario, choose)?.run();
    }
    let mut recorded = Recorded::new(choose);
    let mut report = Sim::new(scenario, &mut recorded)?.run()?;
    report.choices = recorded.into_list();
    Ok(report)
}

/// Something that an operator wants; it is said again until there is a reply.
struct Wish {
    input: Wanted,
    due: bool,
    reply: Option<Reply>,
}

enum Wanted {
    Target,
    Verb(Request),
}

struct Sim<'a> {
    scenario: &'a Scenario,
    world: World<'a>,
    cluster: Cluster,
    backend: Backend,
    store: Store,
    epoch: u64,
    /// `None` while it is down.
    engine: Option<Engine>,
    wishes: Vec<Wish>,
    faults: Vec<Fault>,
    /// Where the engine crashes.
    crashes: Vec<(CrashPoint, u64)>,
    points: [u64; 4],
    wake: u64,
    checker: Checker,
    counts: Counts,
    digest: Digest,
    replies: Vec<(String, Reply)>,
    has_canaries: bool,
    plan_started: bool,
    completed: BTreeMap<PlanName, u64>,
    violation: Option<Violation>,
}

impl<'a> Sim<'a> {
    fn new(scenario: &'a Scenario, choose: &'a mut dyn Choose) -> Result<Self, ScenarioError> {
        let model = &scenario.model;
        let cluster = Cluster::new(model, &scenario.shape);
        if let Some((plan, _)) = &scenario.plan
            && !model.plans().contains_key(plan)
        {
            let known = model.plans().keys().map(ToString::to_string).collect();
            return Err(ScenarioError::NoPlan { plan: plan.clone(), known });
        }
        let trace = Trace { kept: scenario.trace.then(Vec::new) };
        let mut world = World { queue: Queue::default(), choose, trace, session: 1 };
        let faults = decide(scenario, &cluster, world.choose);
        let mut of_launches = Vec::new();
        let mut crashes = Vec::new();
        for (nth, fault) in (0..).zip(&faults) {
            check_names(model, &cluster, fault)?;
            match fault {
                Fault::End { at, .. } | Fault::Silent { at, .. } => {
                    world.queue.at(micros(*at), Class::Fault, Happening::Fault { nth });
                }
                Fault::Launch { instance, nth, answer } => {
                    of_launches.extend(cluster.roster.id(instance).map(|id| (id, *nth, *answer)));
                }
                Fault::Crash { point, nth } => crashes.push((*point, *nth)),
                Fault::Random(_) => {}
            }
        }
        let mut wishes = vec![Wish { input: Wanted::Target, due: true, reply: None }];
        for (at, verb) in &scenario.verbs {
            world.queue.at(micros(*at), Class::Operator, Happening::Operate { nth: wishes.len() as u32 });
            wishes.push(Wish::verb(wishes.len(), verb.clone()));
        }
        Ok(Self {
            scenario,
            world,
            cluster,
            backend: Backend::new(InstallationId(SmolStr::new_static(INSTALLATION)), of_launches),
            store: Store::default(),
            epoch: 0,
            engine: None,
            wishes,
            faults,
            crashes,
            points: [0; 4],
            wake: 0,
            checker: Checker::default(),
            counts: Counts::default(),
            digest: Digest::default(),
            replies: Vec::new(),
            has_canaries: model
                .plans()
                .values()
                .any(|plan| plan.phases.iter().any(|phase| phase.is_canary())),
            plan_started: false,
            completed: BTreeMap::new(),
            violation: None,
        })
    }

    fn run(mut self) -> Result<Report, ScenarioError> {
        let until = micros(self.scenario.until);
        let mut came_to_rest = false;
        self.recover();
        while self.violation.is_none() {
            if let Some(mismatch) = self.world.choose.mismatch() {
                return Err(mismatch.clone().into());
            }
            match self.world.queue.next_time() {
                None => {
                    came_to_rest = true;
                    break;
                }
                Some(time) if time > until => break,
                Some(_) => {}
            }
            if self.counts.events == self.scenario.most_events {
                let expected = format!("the run ends within {} events", self.scenario.most_events);
                self.violate(Check::Bounded, expected, "it goes on".to_owned());
                break;
            }
            self.counts.events += 1;
            if let Some(happening) = self.world.queue.pop() {
                self.happen(happening);
            }
        }
        Ok(self.report(came_to_rest))
    }

    fn violate(&mut self, check: Check, expected: String, found: String) {
        let time = self.world.now();
        self.violation.get_or_insert(Violation { check, time, expected, found });
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Answer { session, outcome } => {
                if session == self.world.session {
                    self.feed(Input::Outcome(*outcome));
                }
            }
            Happening::Part { session, snapshot } => {
                if session == self.world.session {
                    self.feed(Input::Snapshot(*snapshot));
                }
            }
            Happening::Observe { session, task, serial, seen } => self.observed(session, task, serial, seen),
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
                }
            }
            Happening::Fault { nth } => self.fault(nth),
            Happening::Back { node } => {
                if self.cluster.nodes[node as usize].silent {
                    let name = self.cluster.nodes[node as usize].facts.name.clone();
                    self.world.tell(|| What::Back { node: name });
                    self.backend.back(&mut self.cluster, &mut self.world, node);
                }
            }
            Happening::Operate { nth } => {
                self.wishes[nth as usize].due = true;
                self.wish(nth as usize);
            }
            Happening::Recover => self.recover(),
        }
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
        let task = &self.cluster.tasks[nth as usize];
        let of = plan_core::engine::Incarnation {
            installation: InstallationId(SmolStr::new_static(INSTALLATION)),
            instance: self.cluster.roster.name(task.instance).clone(),
            task: task.name.clone(),
            launch: task.launch,
        };
        let done = self.feed(Input::Observed(Observation { of, serial, seen }));
        // What the engine has durable is confirmed, and not told again.
        if done && matches!(seen, Seen::Ended(_)) {
            self.cluster.tasks[nth as usize].forgotten = true;
        }
    }

    fn fault(&mut self, nth: u32) {
        let fault = self.faults[nth as usize].clone();
        let text = || fault.to_string();
        match &fault {
            Fault::End { task, how, .. } => {
                let named = self.cluster.named(&self.scenario.model, task);
                let living = named.and_then(|(id, name)| {
                    let mut tasks = self.cluster.tasks_of(id).rev();
                    tasks.find(|(_, task)| task.name == name && task.lives()).map(|(nth, _)| nth)
                });
                match living {
                    Some(task) => {
                        self.counts.faults += 1;
                        self.world.tell(|| What::Fault { fault: text() });
                        self.enter(task, Life::Ended(*how));
                    }
                    None => self.world.tell(|| What::Idle { fault: text() }),
                }
            }
            Fault::Silent { node, lasts, .. } => {
                let Some(id) = self.cluster.node_id(node) else { return };
                if self.cluster.nodes[id as usize].silent {
                    return self.world.tell(|| What::Idle { fault: text() });
                }
                self.counts.faults += 1;
                let name = self.cluster.nodes[id as usize].facts.name.clone();
                self.world.tell(|| What::Silent { node: name });
                self.backend.silence(&mut self.cluster, &mut self.world, id);
                if let Some(lasts) = lasts {
                    self.world.queue.after(micros(*lasts), Class::World, Happening::Back { node: id });
                }
            }
            Fault::Launch { .. } | Fault::Crash { .. } | Fault::Random(_) => {}
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
        let Effects { writes, commands, events, reply, wake_at } = engine.handle(Wall(now), input);
        let digest = engine.digest();
        self.digest = Digest(self.digest.0.rotate_left(7) ^ digest.0 ^ u128::from(now));
        let deployed = engine.is_deployed();
        if !writes.is_empty() {
            if self.crashes_at(CrashPoint::BeforeCommit) {
                return false;
            }
            self.counts.commits += 1;
            if let Err(fenced) = self.store.commit(self.epoch, writes) {
                self.violate(Check::Fenced, "the newest engine may write".to_owned(), fenced.to_string());
                return false;
            }
            if self.crashes_at(CrashPoint::AfterCommit) {
                return false;
            }
        }
        if let (Some(nth), Some(reply)) = (wish, reply) {
            self.replied(nth, reply);
        }
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
        if deployed && !self.plan_started {
            self.start_plan();
        }
        self.watch_canaries();
        self.check();
        self.engine.is_some()
    }

    fn carry_out(&mut self, command: Command) {
        self.counts.commands += 1;
        if let (Command::Launch(launch), true, Some(engine)) =
            (&command, self.scenario.checks.others, self.engine.as_ref())
        {
            let scene = Scene {
                time: self.world.now(),
                model: &self.scenario.model,
                store: &self.store,
                cluster: &self.cluster,
                engine,
            };
            if let Err(violation) = self.checker.launched(&scene, launch) {
                self.violation.get_or_insert(violation);
            }
        }
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
        if !self.crashes.contains(&(point, nth)) {
            return false;
        }
        self.world.tell(|| What::Crashed { point: SmolStr::new_static(point.name()), nth });
        self.engine = None;
        self.counts.crashes += 1;
        self.counts.faults += 1;
        self.world.session += 1;
        self.backend.session_over();
        let delay = take(self.world.choose, "restart", 0, &RESTART);
        self.world.queue.after(delay, Class::World, Happening::Recover);
        true
    }

    fn recover(&mut self) {
        self.epoch = self.store.begin_epoch();
        let first = self.store.is_empty();
        match Engine::recover(self.store.records().cloned()) {
            _ if first => self.engine = Some(Engine::new()),
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
            self.world.session += 1;
            self.backend.session_begins(&mut self.cluster, &mut self.world);
            self.feed(Input::SessionLost);
        }
        for nth in 0..self.wishes.len() {
            self.wish(nth);
        }
    }

    fn check(&mut self) {
        let Checks { law1, others } = self.scenario.checks;
        if self.violation.is_some() || !(law1 || others) {
            return;
        }
        let Some(engine) = &self.engine else { return };
        let scene = Scene {
            time: self.world.now(),
            model: &self.scenario.model,
            store: &self.store,
            cluster: &self.cluster,
            engine,
        };
        let law = if law1 { scene.recover_equals_live() } else { Ok(()) };
        let verdict = law.and_then(|()| if others { scene.complete_is_true() } else { Ok(()) });
        self.violation = verdict.err();
    }

    // ---- operators

    /// Says what an operator wants, if it is time and there was no reply yet.
    fn wish(&mut self, nth: usize) {
        let wish = &self.wishes[nth];
        if !wish.due || wish.reply.is_some() || self.engine.is_none() {
            return;
        }
        let input = match &wish.input {
            Wanted::Target => {
                let model = self.scenario.model.clone();
                Input::Target(Target::new(model, InstallationId(SmolStr::new_static(INSTALLATION))))
            }
            Wanted::Verb(request) => {
                // It is counted before it is carried out: what it allows may happen at once.
                if let Verb::Continue { plan, phase: Some(phase) } = &request.verb {
                    let key = (plan.to_string(), phase.to_string());
                    *self.checker.continued.entry(key).or_default() += 1;
                }
                self.checker.meddled |= matches!(
                    request.verb,
                    Verb::ForceComplete { .. } | Verb::Restart { .. } | Verb::Stop { .. }
                );
                Input::Verb(request.clone())
            }
        };
        self.feed_for(input, Some(nth));
    }

    fn replied(&mut self, nth: usize, reply: Reply) {
        let words = match &self.wishes[nth].input {
            Wanted::Target => {
                let service = self.scenario.model.spec().name().to_string();
                self.world.tell(|| What::Submitted { service });
                None
            }
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

    fn start_plan(&mut self) {
        self.plan_started = true;
        if let Some((plan, parameters)) = &self.scenario.plan
            && *plan != *DEPLOY
        {
            let (plan, parameters) = (plan.clone(), parameters.clone());
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
        for (name, layout) in self.scenario.model.plans() {
            let Some(Record::Plan(_, plan)) = self.store.get(&Key::Plan(name.clone())) else { continue };
            let Some(Record::Run(run)) = self.store.get(&Key::Run(plan.latest)) else { continue };
            if run.outcome.is_some() || run.mark.interrupted || run.canaries.is_empty() {
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
        let what = match event {
            Event::Step { step, change: (from, to) } => What::Step { step: self.step_name(step), from, to },
            Event::RunBegan { run, plan } => What::RunBegan { run, plan },
            Event::RunEnded { run, plan, outcome } => {
                What::RunEnded { run, plan, complete: outcome == RunOutcome::Complete }
            }
            Event::Asked { instance, launch, tasks, what } => {
                let cause = match what {
                    plan_core::engine::Serves::Step(step) => format!("step {}", self.step_name(step)),
                    plan_core::engine::Serves::Recovery => "recovery".to_owned(),
                };
                What::Asked { instance, launch, tasks, cause }
            }
            Event::NoRoom { instance, why } => What::NoRoom { instance, why: why.to_string() },
            Event::Launched { instance, launch, node } => {
                let cause = self.cause(&instance, launch);
                What::Launched { instance, launch, node, cause }
            }
            Event::Displaced { instance, launch, task } => What::Displaced { instance, task, launch },
            Event::Reached { instance, task } => What::Reached { instance, task },
            Event::Ended { instance, task, end, expected } => What::EndSeen { instance, task, end, expected },
            Event::Silent { instance, task, silent } => What::SilenceSeen { instance, task, silent },
            Event::Refused { instance, launch, why, for_good } => {
                What::Refused { instance, launch, why: why.to_string(), for_good }
            }
            Event::Withdrawn { instance, launch, why } => {
                What::Withdrawn { instance, launch, why: why.to_string() }
            }
            Event::Foreigner(of) => {
                What::Foreign { instance: of.instance, task: of.task, launch: of.launch, superseded: false }
            }
            Event::Superseded(of) => {
                What::Foreign { instance: of.instance, task: of.task, launch: of.launch, superseded: true }
            }
            // A phase's and a plan's status follow from their steps'.
            _ => return,
        };
        self.world.tell(|| what);
    }

    fn step_name(&self, step: StepRef) -> String {
        let model = &self.scenario.model;
        let named = match self.store.get(&Key::Run(step.run)) {
            Some(Record::Run(run)) => step_name(model, &run.plan, step),
            _ => None,
        };
        named.unwrap_or_else(|| format!("run {} / {} / {}", step.run, step.phase, step.step))
    }

    fn cause(&self, instance: &InstanceName, launch: u64) -> String {
        let Some(Record::Pod(_, record)) = self.store.get(&Key::Pod(instance.clone())) else {
            return "nothing".to_owned();
        };
        match record.order(launch).map(|order| order.purpose) {
            Some(Purpose::Step(step)) => format!("step {}", self.step_name(step)),
            Some(Purpose::Recovery) => "recovery".to_owned(),
            None => "nothing".to_owned(),
        }
    }

    // ---- the end

    fn report(mut self, came_to_rest: bool) -> Report {
        let mut wanted = vec![DEPLOY.to_owned()];
        if let Some((plan, _)) = &self.scenario.plan
            && *plan != *DEPLOY
        {
            wanted.push(plan.to_string());
        }
        let engine = self.engine.take().unwrap_or_default();
        let complete = wanted.iter().all(|plan| engine.plan_status(plan) == Some(Status::Complete));
        if came_to_rest && self.violation.is_none() && self.scenario.checks.others {
            let scene = Scene {
                time: self.world.now(),
                model: &self.scenario.model,
                store: &self.store,
                cluster: &self.cluster,
                engine: &engine,
            };
            self.violation = scene.rest_is_explained(&self.backend, complete, self.checker.meddled).err();
        }
        let completed_at =
            wanted.iter().map(|plan| self.completed.get(plan.as_str()).copied()).max().flatten();
        let completed_at = completed_at.filter(|_| complete);
        let mut plans: Vec<_> = wanted.iter().filter_map(|plan| engine.plan(plan)).collect();
        plans.extend(engine.plan(plan_core::engine::RECOVERY).filter(|recovery| !recovery.phases.is_empty()));
        let outcome = match self.violation.take() {
            Some(violation) => Outcome::Violation(violation),
            None if complete => Outcome::Complete,
            None => {
                let instances = (0..self.cluster.roster.len()).map(|id| self.cluster.roster.name(id));
                Outcome::Incomplete { waits: instances.flat_map(|name| engine.why(name)).collect() }
            }
        };
        self.counts.launches = self.cluster.tasks.len() as u64;
        self.counts.points = CrashPoint::ALL.into_iter().zip(self.points).collect();
        Report {
            outcome,
            plans,
            tasks: engine.tasks(),
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

/// A step's name, with those of its phase and plan.
fn step_name(model: &Model, plan: &PlanName, step: StepRef) -> Option<String> {
    let layout = model.plans().get(plan)?;
    let phase = layout.phases.get(step.phase as usize)?;
    let at = phase.steps.get(step.step as usize)?;
    let pod = &model.pods()[phase.pod as usize];
    let tasks: Vec<&str> =
        phase.tasks(step.step).iter().map(|&task| pod.tasks[task as usize].name.as_str()).collect();
    Some(format!("{plan} / {} / {}-{}:[{}]", phase.name, pod.name, at.instance, tasks.join(", ")))
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Faults by chance become faults of a kind, at a time and a place.
fn decide(scenario: &Scenario, cluster: &Cluster, choose: &mut dyn Choose) -> Vec<Fault> {
    let mut decided = Vec::with_capacity(scenario.faults.len());
    for fault in &scenario.faults {
        match fault {
            Fault::Random(count) => {
                let chance =
                    (0..u64::from(*count)).filter_map(|nth| by_chance(scenario, cluster, choose, nth));
                decided.extend(chance);
            }
            fault => decided.push(fault.clone()),
        }
    }
    decided
}

/// The `nth` fault by chance; none is the benign one.
fn by_chance(scenario: &Scenario, cluster: &Cluster, choose: &mut dyn Choose, nth: u64) -> Option<Fault> {
    let mut pick = |label, options| choose.choose(Site::new(label, nth), options);
    let kind = pick("fault", 12);
    if kind == 0 {
        return None;
    }
    let at = CHANCE_STEP * pick("fault-time", CHANCE_STEPS);
    let instance = match cluster.roster.len() {
        0 => return None,
        instances => pick("fault-instance", instances),
    };
    let name = cluster.roster.name(instance).clone();
    let launch = |answer, count: u32| Some(Fault::Launch { instance: name.clone(), nth: count + 1, answer });
    let crash = |point, count: u32| Some(Fault::Crash { point, nth: u64::from(count) + 1 });
    match kind {
        1 | 2 => {
            let tasks = &scenario.model.pods()[cluster.roster.pod(instance) as usize].tasks;
            let task = tasks.get(pick("fault-task", tasks.len() as u32) as usize)?;
            let ends = [
                plan_core::engine::End::Failed,
                plan_core::engine::End::Finished,
                plan_core::engine::End::Killed,
                plan_core::engine::End::Unhealthy,
                plan_core::engine::End::Lost,
            ];
            let how = ends[pick("fault-end", ends.len() as u32) as usize];
            Some(Fault::End { task: format_smolstr!("{name}-{}", task.name), at, how })
        }
        3 => {
            let node = pick("fault-node", cluster.nodes.len() as u32);
            let lasts = Some(CHANCE_STEP * (1 + pick("fault-length", CHANCE_STEPS)));
            let node = SmolStr::new(cluster.nodes[node as usize].facts.name.as_str());
            Some(Fault::Silent { node, at, lasts })
        }
        4 => launch(LaunchFault::Refuse, pick("fault-launch", 2)),
        5 => launch(LaunchFault::Never, pick("fault-launch", 6)),
        6 => launch(LaunchFault::UnknownDone, pick("fault-launch", 2)),
        7 => launch(LaunchFault::UnknownLost, pick("fault-launch", 2)),
        8 => crash(CrashPoint::BeforeCommit, pick("fault-point", CHANCE_POINTS)),
        9 => crash(CrashPoint::AfterCommit, pick("fault-point", CHANCE_POINTS)),
        10 => crash(CrashPoint::BeforeCommand, pick("fault-point", CHANCE_POINTS)),
        _ => crash(CrashPoint::AfterCommand, pick("fault-point", CHANCE_POINTS)),
    }
}

/// A fault names something that is there.
fn check_names(model: &Model, cluster: &Cluster, fault: &Fault) -> Result<(), ScenarioError> {
    let instances = || (0..cluster.roster.len()).map(|id| cluster.roster.name(id));
    match fault {
        Fault::End { task, .. } if cluster.named(model, task).is_none() => {
            let known = (0..cluster.roster.len()).flat_map(|id| {
                let tasks = &model.pods()[cluster.roster.pod(id) as usize].tasks;
                tasks.iter().map(move |task| format!("{}-{}", cluster.roster.name(id), task.name))
            });
            Err(ScenarioError::NoTask { fault: fault.to_string(), known: known.collect() })
        }
        Fault::Silent { node, .. } if cluster.node_id(node).is_none() => {
            let known = cluster.nodes.iter().map(|node| node.facts.name.to_string()).collect();
            Err(ScenarioError::NoNode { fault: fault.to_string(), known })
        }
        Fault::Launch { instance, .. } if cluster.roster.id(instance).is_none() => {
            let known = instances().map(ToString::to_string).collect();
            Err(ScenarioError::NoInstance { fault: fault.to_string(), known })
        }
        _ => Ok(()),
    }
}
