//! What must hold after every event, whatever happened (S§4.9).
//!
//! Invariant: a check speaks from the specification, the store's records and the cluster's own history. What
//! it knows of the engine is what the engine shows to everyone.

mod acts;
mod end;
mod order;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use plan_core::engine::{
    Effects, Engine, Handle, Input, Key, Number, PodRecord, Record, RunKind, RunRecord, StepRef, Wall,
};
use plan_core::plan::{ContentHash, Model, PhaseLayout, PlanLayout, Status};
use plan_core::spec::{Goal, InstanceName, TaskName};

use crate::cluster::Cluster;
use crate::scenario::Scenario;
use crate::store::Store;
use crate::watch::Watch;

/// Which checks are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checks {
    /// An engine recovered from the store equals the live one with its session forgotten (engine.md §1, law 1).
    pub law1: bool,
    /// All others.
    pub others: bool,
    /// A run that comes to rest ends as the one without faults and with nothing left to chance does.
    pub end: bool,
}

impl Checks {
    /// All that hold of every run.
    pub const ALL: Self = Self { law1: true, others: true, end: false };
    /// None of them, for measurements.
    pub const NONE: Self = Self { law1: false, others: false, end: false };
}

/// A check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// Recover equals live (engine.md §1, law 1).
    RecoverEqualsLive,
    /// What holds of an engine between two inputs does (`Engine::broken_invariants`).
    Invariant,
    /// No two launches of one task of an instance live at once, unless the older one is on a silent node, is
    /// owed, and shares no external volume.
    OneLive,
    /// The tasks of a resource set take turns, with the same exception.
    OneInSet,
    /// What is launched is what a record orders, where it says.
    LaunchOrdered,
    /// What is told to end is in the way of an order, owed, or past.
    KillWanted,
    /// What is released is owed, and nothing goes on using it.
    ReleaseOwed,
    /// Nothing lives in what is released.
    ReleasedInUse,
    /// A debt leaves the records only if it is paid or given up.
    DebtPaid,
    /// The service is taken leave of when nothing of it is left.
    NothingLeft,
    /// When nothing more will happen, what is held is what records name.
    Held,
    /// A launch that was seen ended is not given again.
    LaunchedAgain,
    /// Steps and phases keep the order that their strategies declare.
    Order,
    /// Canaries wait until they are released.
    Canary,
    /// A COMPLETE step was done: its launch attained its goal with its configuration.
    CompleteIsTrue,
    /// When nothing more will happen, the engine knows what lives.
    View,
    /// When nothing more will happen, what is not done has a reason that someone else can clear.
    Stuck,
    /// A run ends within its bounds.
    Bounded,
    /// The store takes what the newest engine writes, and nothing of those before it.
    Fenced,
    /// Once all faults ended, the service becomes what it shall be within a bound.
    Converges,
    /// Once it is what it shall be, nothing is done any more.
    Stable,
    /// A run ends as the one without faults does.
    SameEnd,
    /// No task is launched more often than faults and operators account for.
    Launches,
    /// A request is carried out once.
    Once,
    /// What an operator was told is done is so.
    Obeyed,
    /// What a record says attained its goal did.
    ReachedIsTrue,
    /// Who is down for too long may move, as long as it is, and one after the other.
    Patience,
    /// Those who leave go in their order, one after the other.
    Leaving,
    /// At most one run makes the service what it shall be.
    OneRun,
    /// An end that was asked for is no failure.
    Expected,
    /// A launch uses room as long as it is granted.
    Granted,
    /// An instance goes where its placement lets it.
    Placement,
    /// Who waits for room has asked for it, and there is none.
    Room,
    /// Recovery brings back what was good, and all of a group.
    Recovered,
    /// What lives is in a record, or owed.
    Known,
    /// Who is broken goes first, and waits for no canary.
    BrokenFirst,
    /// A wake that the engine did not ask for gives it nothing to do.
    Woken,
    /// What is told to end was launched by this service.
    OnlyOurs,
    /// An engine that knows of another in its place does nothing.
    Superseded,
}

/// Something that must hold did not.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Violation {
    /// Which check found it.
    pub check: Check,
    /// When, in microseconds since the run's start.
    pub time: u64,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub found: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { check, time, expected, found } = self;
        let time = plan_core::engine::Time(*time);
        write!(f, "violation of {check:?} at t={time}\n  expected: {expected}\n  found:    {found}")
    }
}

/// What checks need to remember.
#[derive(Debug, Clone, Default)]
pub(crate) struct Checker {
    /// Steps that were launched for.
    begun: BTreeSet<StepRef>,
    /// Of those, the ones of members that were broken when they began.
    broken: BTreeSet<StepRef>,
    /// How often a phase was told to continue in a run of its plan.
    pub(crate) continued: BTreeMap<(Number, String), usize>,
    /// Whether an operator forced or restarted something, so that an order may be left.
    pub(crate) meddled: bool,
    /// What an operator gave up: launches, and resources.
    pub(crate) given_up: GivenUp,
    pub(crate) watch: Watch,
}

/// What nobody cares for any more.
#[derive(Debug, Clone, Default)]
pub(crate) struct GivenUp {
    pub(crate) launches: BTreeSet<(Number, TaskName)>,
    pub(crate) handles: BTreeSet<Handle>,
}

/// What a check looks at.
pub(crate) struct Scene<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) time: u64,
    /// The engine's present session with the backend.
    pub(crate) session: u32,
    /// What the service shall be now.
    pub(crate) model: &'a Model,
    pub(crate) store: &'a Store,
    pub(crate) cluster: &'a Cluster,
    pub(crate) engine: &'a Engine,
}

/// A run with what it is of.
struct Run<'a> {
    record: &'a RunRecord,
    model: &'a Model,
    layout: &'a PlanLayout,
}

pub(crate) type Verdict = Result<(), Violation>;

impl Scene<'_> {
    pub(crate) fn violation(
        &self,
        check: Check,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Verdict {
        Err(Violation { check, time: self.time, expected: expected.into(), found: found.into() })
    }

    fn spec(&self, hash: ContentHash) -> Option<&Model> {
        match self.store.get(&Key::Spec(hash)) {
            Some(Record::Spec(model)) => Some(model),
            _ => None,
        }
    }

    pub(crate) fn pod(&self, instance: &InstanceName) -> Option<&PodRecord> {
        match self.store.get(&Key::Pod(instance.clone())) {
            Some(Record::Pod(_, record)) => Some(record),
            _ => None,
        }
    }

    fn run(&self, number: Number) -> Option<Run<'_>> {
        let Some(Record::Run(run)) = self.store.get(&Key::Run(number)) else { return None };
        let model = self.spec(run.spec)?;
        Some(Run { record: run, model, layout: model.plans().get(&run.plan)? })
    }

    /// The instance of a step, by number.
    fn instance(&self, run: &Run<'_>, phase: &PhaseLayout, step: u32) -> Option<u32> {
        let pod = &run.model.pods()[phase.pod as usize].name;
        self.cluster.roster.at(pod, phase.steps[step as usize].instance)
    }

    /// Whether the cluster's history holds a launch that attained the goal of each task of a step, with the
    /// step's configuration; and, if asked, none after it with another.
    fn was_done(&self, run: &Run<'_>, phase: &PhaseLayout, step: u32, also_last: bool) -> bool {
        let Some(instance) = self.instance(run, phase, step) else { return false };
        let pod = &run.model.pods()[phase.pod as usize];
        phase.tasks(step).iter().all(|&task| {
            let task = &pod.tasks[task as usize];
            let side = run.record.kind == RunKind::Side;
            let any_conf = side || task.goal == Goal::Once;
            let since = if side { run.record.number } else { 0 };
            let mut launches = self.cluster.tasks_of(instance).rev().filter(|(_, t)| t.name == task.name);
            let mut other_after = false;
            launches.any(|(_, launch)| {
                let right = any_conf || launch.conf == task.conf;
                let done = launch.attained && right && launch.launch >= since && !(also_last && other_after);
                other_after |= !right;
                done
            })
        })
    }

    /// Whether an operator forced a step, its phase or its plan in this run; ended runs do not show it.
    fn is_forced(&self, run: &Run<'_>, phase: &PhaseLayout, step: StepRef) -> bool {
        let instance = self.instance(run, phase, step.step);
        let record = instance.and_then(|instance| self.pod(self.cluster.roster.name(instance)));
        let by_step =
            record.is_some_and(|record| record.steps.iter().any(|mark| mark.step == step && mark.forced > 0));
        let run = run.record;
        by_step || run.mark.forced > 0 || run.phases.get(&step.phase).is_some_and(|mark| mark.forced > 0)
    }

    fn step_name(&self, run: &Run<'_>, phase: u32, step: u32) -> String {
        let layout = run.layout;
        let of = &layout.phases[phase as usize];
        let pod = &run.model.pods()[of.pod as usize];
        let tasks: Vec<&str> =
            of.tasks(step).iter().map(|&task| pod.tasks[task as usize].name.as_str()).collect();
        let instance = of.steps[step as usize].instance;
        format!("{} / {} / {}-{instance}:[{}]", layout.name, of.name, pod.name, tasks.join(", "))
    }

    /// Law 1.
    pub(crate) fn recover_equals_live(&self) -> Verdict {
        let mut live = self.engine.clone();
        let live_effects = live.handle(Wall(self.time), Input::SessionLost);
        let recovered = match self.scenario.recover(self.store.records().cloned()) {
            Ok(engine) => engine,
            Err(error) => {
                return self.violation(
                    Check::RecoverEqualsLive,
                    "an engine can be recovered from the store",
                    error.to_string(),
                );
            }
        };
        if let Some(broken) = self.engine.broken_invariants().into_iter().next() {
            return self.violation(Check::Invariant, "what holds between two inputs holds", broken);
        }
        if recovered.digest() != live.digest() {
            return self.violation(
                Check::RecoverEqualsLive,
                "the digest of the live engine is that of the recovered one",
                format!("live {:?}, recovered {:?}", live.digest(), recovered.digest()),
            );
        }
        if recovered != live {
            let (live, recovered) = (format!("{live:#?}"), format!("{recovered:#?}"));
            let first = live.lines().zip(recovered.lines()).find(|(live, recovered)| live != recovered);
            let found = first.map_or_else(
                || "one is longer than the other".to_owned(),
                |(live, recovered)| format!("live `{}`, recovered `{}`", live.trim(), recovered.trim()),
            );
            return self.violation(
                Check::RecoverEqualsLive,
                "the live engine, its session forgotten, equals the recovered one",
                found,
            );
        }
        let quiet = live_effects.writes.is_empty() && live_effects.commands.is_empty();
        if !quiet || live_effects.wake_at != self.engine.model().map(|_| Wall(self.time)) {
            return self.violation(
                Check::RecoverEqualsLive,
                "losing the session writes and commands nothing, and asks for a wake at once",
                format!("{live_effects:?}"),
            );
        }
        Ok(())
    }

    /// A wake that the engine did not ask for gives it nothing to do.
    pub(crate) fn waits_for_no_wake(&self, wake_at: Option<Wall>) -> Verdict {
        let now = Wall(self.time);
        if wake_at.is_some_and(|at| at <= now) {
            return Ok(());
        }
        let Effects { writes, commands, .. } = self.engine.clone().handle(now, Input::Wake);
        if writes.is_empty() && commands.is_empty() {
            return Ok(());
        }
        self.violation(
            Check::Woken,
            "an engine that has something to do asks to be woken",
            format!("it asks for {wake_at:?}, and writes {writes:?} and commands {commands:?} when it is woken now"),
        )
    }

    /// Every COMPLETE step that nobody forced was done.
    pub(crate) fn complete_is_true(&self) -> Verdict {
        for (name, layout) in self.model.plans() {
            let Some(Record::Plan(_, plan)) = self.store.get(&Key::Plan(name.clone())) else { continue };
            // What was complete by another specification says nothing of this one, nor what another run of
            // this one has made complete once.
            let converging = self.store.service().map(|service| service.converging);
            let run = self.run(plan.latest).filter(|run| {
                let (run, side) = (run.record, run.record.kind == RunKind::Side);
                let present = side || run.outcome.is_none() || Some(run.number) == converging;
                run.spec == self.model.hash() && present
            });
            let Some(run) = run else { continue };
            let Some(view) = self.engine.plan(name.as_str()) else { continue };
            for (phase_at, (phase, shown)) in (0..).zip(layout.phases.iter().zip(&view.phases)) {
                for (step_at, step) in (0..).zip(&shown.steps) {
                    let claims = step.status == Status::Complete && !step.forced;
                    let of = StepRef { run: run.record.number, phase: phase_at, step: step_at };
                    if claims
                        && !self.is_forced(&run, phase, of)
                        && !self.was_done(&run, phase, step_at, true)
                    {
                        return self.violation(
                            Check::CompleteIsTrue,
                            "a COMPLETE step has a launch that attained its goal with its configuration",
                            format!("{} has none", self.step_name(&run, phase_at, step_at)),
                        );
                    }
                }
            }
        }
        Ok(())
    }
}
