//! The loop: takes the next event and hands it to its part.
//!
//! Invariant: a run is the scenario and the choices; a fork of a run goes on as the run would have.
//!
//! `run` starts a run. `engine` gives the engine inputs and carries out its effects, and `second` has an engine that
//! was replaced. `told` has the answers, snapshots and observations. `crashes`, `faults` and `healing` change what
//! happens. `operators` act, `program` calls the operator that is a
//! program, and `wishes` has what they want. `end` ends a run.

mod crashes;
mod end;
mod engine;
mod faults;
mod healing;
mod operators;
mod program;
mod run;
mod second;
mod told;
mod wishes;

use std::collections::BTreeMap;
use std::sync::Arc;

use plan_core::engine::{Digest, Engine, Input, InstallationId, Observation, Reply};
use plan_core::plan::Model;
use plan_core::spec::PlanName;
use smol_str::SmolStr;

use crate::backend::{Backend, go_on, is_unknown};
use crate::chance;
use crate::checks::{Checker, Tally};
use crate::choose::{Choose as _, Chooser};
use crate::cluster::Cluster;
use crate::ends::End;
use crate::fault::{CrashPoint, Fault};
use crate::heal::Stage;
use crate::moment::micros;
use crate::queue::{Class, Queue};
use crate::report::{Report, RunCounts};
use crate::runtime::{Happening, Runtime};
use crate::scenario::{Scenario, ScenarioError};
use crate::store::RecordStore;
use crate::task::Life;
use crate::trace::Trace;
use crate::violation::{CheckName, Violation};

use crashes::Crashes;
use program::Program;
use second::Old;
use wishes::{Wanted, Wishes};

pub use run::{run, run_with, run_with_operator};

/// The name that the simulator gives the installation.
const INSTALLATION: &str = "sim";

/// A run.
pub(crate) struct Sim<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) runtime: Runtime<'a>,
    pub(crate) cluster: Cluster,
    pub(crate) backend: Backend,
    pub(crate) store: RecordStore,
    epoch: u64,
    /// `None` while the engine is down.
    pub(crate) engine: Option<Engine>,
    old: Option<Old>,
    /// What the service is to become.
    pub(crate) present: Arc<Model>,
    wishes: Wishes,
    /// An operator that is a program.
    program: Program<'a>,
    /// How many of `then` were submitted.
    next: usize,
    faults: Vec<Fault>,
    crashes: Crashes,
    wake: u64,
    /// Whether the engine was woken since it was recovered.
    woken: bool,
    pub(crate) checker: Checker,
    pub(crate) tally: Tally,
    pub(crate) counts: RunCounts,
    digest: Digest,
    pub(crate) replies: Vec<(String, Reply)>,
    has_canaries: bool,
    plan_started: bool,
    /// Whether the backend was told to forget the service.
    pub(crate) deregistered: bool,
    completed: BTreeMap<PlanName, u64>,
    pub(crate) violation: Option<Violation>,
    /// How this run has to end.
    reference: Option<&'a End>,
    stage: Stage,
    /// Whether interruptions and pauses are still to be taken back after all faults ended.
    to_take_back: bool,
    /// Whether only acts and the end are checked.
    pub(crate) frugal: bool,
    /// The runs that go on from crashes, if crashes are tried.
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
        let mut runtime = Runtime { queue: Queue::default(), choose, trace, session: 1, awaited: 0 };
        let faults = chance::decide(scenario, &cluster, &mut runtime.choose);
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
                    runtime.queue.at(micros(at), Class::Fault, Happening::Fault { nth });
                }
            }
        }
        let installation = InstallationId(SmolStr::new_static(INSTALLATION));
        let mut backend = Backend::new(installation, &cluster, &scenario.shape, of_launches);
        backend.echoes = echoes;
        backend.remembers =
            faults.iter().any(|fault| matches!(fault, Fault::Rewind { .. } | Fault::Freeze { .. }));
        let mut wishes = Wishes::new();
        for (at, verb) in &scenario.verbs {
            let nth = wishes.verb(verb.clone());
            runtime.queue.at(micros(*at), Class::Operator, Happening::Operate { nth });
        }
        for (nth, (at, _)) in scenario.targets.iter().enumerate() {
            let nth = wishes.later(Wanted::Target(1 + scenario.then.len() + nth));
            runtime.queue.at(micros(*at), Class::Operator, Happening::Operate { nth });
        }
        if let Some(at) = scenario.heal {
            let acts = scenario.verbs.iter().map(|(at, _)| *at);
            let acts = acts.chain(scenario.targets.iter().map(|(at, _)| *at));
            let at = acts.max().unwrap_or_default().max(at);
            runtime.queue.at(micros(at), Class::Fault, Happening::Heal);
        }
        Ok(Self {
            scenario,
            runtime,
            cluster,
            backend,
            store: RecordStore::default(),
            epoch: 0,
            engine: None,
            old: None,
            present: model.clone(),
            wishes,
            program: Program::none(),
            next: 0,
            faults,
            crashes: Crashes::new(crashes),
            wake: 0,
            woken: false,
            checker: Checker::default(),
            tally: Tally::default(),
            counts: RunCounts::default(),
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
            to_take_back: false,
            frugal: false,
            forks: None,
        })
    }

    /// A copy of this run that goes on as this one would. It keeps no trace.
    fn fork(&self) -> Self {
        Self {
            scenario: self.scenario,
            runtime: self.runtime.fork(),
            cluster: self.cluster.clone(),
            backend: self.backend.clone(),
            store: self.store.clone(),
            epoch: self.epoch,
            engine: None,
            old: self.old.clone(),
            present: self.present.clone(),
            wishes: self.wishes.clone(),
            program: Program::none(),
            next: self.next,
            faults: self.faults.clone(),
            crashes: self.crashes.clone(),
            wake: self.wake,
            woken: false,
            checker: self.checker.clone(),
            tally: self.tally.clone(),
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
            to_take_back: self.to_take_back,
            frugal: true,
            forks: None,
        }
    }

    pub(crate) fn run(mut self) -> Result<Report, ScenarioError> {
        self.recover();
        while self.step()? {}
        let at_rest = self.is_at_rest();
        Ok(self.report(at_rest))
    }

    /// Handles the next event. Returns whether there was one.
    pub(crate) fn step(&mut self) -> Result<bool, ScenarioError> {
        if let Some(mismatch) = self.runtime.choose.mismatch() {
            return Err(mismatch.clone().into());
        }
        if let Some(failure) = self.program.failure.take() {
            return Err(failure);
        }
        let until = micros(self.scenario.until);
        if self.violation.is_some() || self.stage == Stage::Over {
            return Ok(false);
        }
        if self.runtime.queue.next_time().is_none_or(|time| time > until) {
            return Ok(false);
        }
        if self.counts.events == self.scenario.most_events {
            let expected = format!("the run ends within {} events", self.scenario.most_events);
            self.violate(CheckName::Bounded, expected, "it goes on".to_owned());
            return Ok(false);
        }
        self.counts.events += 1;
        if let Some(happening) = self.runtime.queue.pop() {
            self.happen(happening);
        }
        Ok(true)
    }

    /// Whether nothing more will happen, but that a program is called at its interval.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.runtime.queue.len() == usize::from(self.program.ticks) || self.stage == Stage::Over
    }

    /// Whether the engine is up, was woken, and waits for no answer that is on its way.
    pub(crate) fn is_quiet(&self) -> bool {
        let now = self.runtime.now();
        let due = self.runtime.queue.next_time().is_some_and(|time| time == now);
        self.engine.is_some() && self.woken && self.runtime.awaited == 0 && !due
    }

    pub(crate) fn violate(&mut self, check: CheckName, expected: String, found: String) {
        let time = self.runtime.now();
        self.violation.get_or_insert(Violation { check, time, expected, found });
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Answer { session, outcome } => self.arrives(session, Input::Outcome(*outcome)),
            Happening::Gate { session, ask, answer } => self.ruled(session, *ask, *answer),
            Happening::Unknown { session, of, serial } => {
                if session == self.runtime.session {
                    let seen = is_unknown(&of);
                    self.feed(Input::Observed(Observation::new(*of, serial, seen)));
                }
            }
            Happening::Part { session, snapshot } => self.arrives(session, Input::Snapshot(*snapshot)),
            Happening::Observe { session, task, serial, seen } => self.observed(session, task, serial, seen),
            Happening::Renew { session } => {
                if session == self.runtime.session {
                    self.backend.renew(&mut self.cluster, &mut self.runtime);
                }
            }
            Happening::Life { task, life } => {
                if self.cluster.tasks[task as usize].lives() {
                    match life {
                        Life::Ended(end) => self.ends(task, end, None),
                        life => self.enter(task, life),
                    }
                    go_on(&self.cluster.tasks[task as usize], task, &mut self.runtime);
                }
            }
            Happening::End { task, end } => {
                if self.cluster.tasks[task as usize].lives() {
                    self.ends(task, end, None);
                }
            }
            Happening::Expire { session } => {
                // A session that ended before may not have given again what its records order.
                if session == self.runtime.session {
                    self.tally.grants_end(session);
                    self.backend.expire(&mut self.cluster, &mut self.runtime, session);
                }
            }
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
                self.backend.unskip(&mut self.cluster, &mut self.runtime, instance);
            }
            Happening::Operate { nth } => {
                self.wishes.is_due(nth as usize);
                self.wish(nth as usize);
            }
            Happening::Foreign { task, serial, seen } => self.foreign(task, serial, seen),
            Happening::Tick => self.tick(),
            Happening::CatchUp => self.catch_up(),
            Happening::Recover => self.recover(),
            Happening::Heal => self.heal(),
            Happening::Deadline { stage } => self.deadline(stage),
        }
    }
    // ---- operators
}
