//! What must hold after every event, whatever happened (S§4.9).
//!
//! Invariant: a check speaks from the specification, the store's records and the cluster's own history. What
//! it knows of the engine is what the engine shows to everyone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use plan_core::engine::{
    DebtRecord, Effects, Engine, Handle, Input, Key, Launch, Number, PodRecord, Purpose, Reason, Record,
    Release, RunKind, RunRecord, Stage, StepRef, TaskState, Wall, Why,
};
use plan_core::plan::{ContentHash, Model, PhaseLayout, PlanLayout, Status};
use plan_core::spec::{Goal, InstanceName, Instances, PhaseStrategy, PlanStrategy, Steps, TaskName};

use crate::backend::Backend;
use crate::cluster::Cluster;
use crate::scenario::Scenario;
use crate::store::Store;
use crate::task::Life;
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

    // ---- acts

    /// A debt that owes the end of a launch.
    pub(crate) fn owes(
        &self,
        instance: &InstanceName,
        launch: Number,
        task: &TaskName,
    ) -> Option<&DebtRecord> {
        let mut debts = self.store.debts();
        debts.find(|debt| {
            debt.instance == *instance
                && debt.kill.iter().any(|owed| owed.launch == launch && owed.task == *task)
        })
    }

    /// What is launched is what a record orders, where it says, and nothing that lives is in its way.
    fn launch_is_ordered(&self, launch: &Launch, given_up: &GivenUp) -> Verdict {
        let Launch { instance, launch: number, node, handle, tasks, .. } = launch;
        let record = self.pod(instance);
        let order = record.and_then(|record| record.order(*number));
        let same = order.is_some_and(|order| {
            order.stage == Stage::Given
                && order.tasks.len() == tasks.len()
                && order.tasks.iter().zip(tasks).all(|(ordered, task)| {
                    ordered.task == task.config.task
                        && ordered.conf == task.conf
                        && ordered.paused == task.paused
                })
        });
        let place = record.and_then(|record| record.place.as_ref());
        let there = place.is_some_and(|place| place.handle == *handle && place.node.name == node.name);
        if !same || !there {
            return self.violation(
                Check::LaunchOrdered,
                format!("launch {number} of {instance} is what its record orders, at its place"),
                format!("the record says {order:?} at {place:?}"),
            );
        }
        let Some(id) = self.cluster.roster.id(instance) else { return Ok(()) };
        if self.cluster.tasks_of(id).any(|(_, task)| task.launch == *number) {
            return Ok(());
        }
        for task in tasks {
            let (name, set) = (&task.config.task, &task.config.spec.resource_set);
            let mut living = self.cluster.tasks_of(id).filter(|(_, old)| old.lives() && old.lost.is_none());
            let in_the_way = living.find(|(nth, old)| {
                let shared = !old.config.carried.external_volumes.is_empty()
                    && !task.config.carried.external_volumes.is_empty();
                let clash = old.name == *name || old.config.spec.resource_set == *set;
                // The engine knows what it was told, and not more.
                let silent = self.cluster.node_of(*nth).silent || old.believed_silent;
                // Once it went elsewhere, what it left may take its time to end.
                let left = || {
                    let mut all = self.cluster.tasks_of(id);
                    all.any(|(_, task)| task.name == old.name && task.launch > old.launch)
                };
                let apart = self.owes(instance, old.launch, &old.name).is_some_and(|_| silent || left());
                let permitted = apart || given_up.launches.contains(&(old.launch, old.name.clone()));
                (shared && old.handle != *handle) || (clash && !permitted)
            });
            if let Some((_, old)) = in_the_way {
                return self.violation(
                    if old.name == *name { Check::OneLive } else { Check::OneInSet },
                    format!("one task at a time in `{set}` of {instance}"),
                    format!(
                        "{name} is launched (launch {number}) while {} (launch {}) lives",
                        old.name, old.launch
                    ),
                );
            }
        }
        Ok(())
    }

    /// What is told to end is in the way of an order, owed, or past.
    pub(crate) fn kill_is_wanted(&self, instance: &InstanceName, launch: Number, task: &TaskName) -> Verdict {
        self.is_ours(instance, launch, task)?;
        let Some(record) = self.pod(instance) else { return Ok(()) };
        let is_it = |slot: &&plan_core::engine::Slot| {
            let mut occupant = slot.occupant.iter();
            occupant.any(|o| o.launch == launch && o.task == *task && o.may_live())
        };
        let Some(slot) = record.slots.iter().find(is_it) else { return Ok(()) };
        let clearing = |order: &plan_core::engine::Order| order.stage == Stage::Clearing;
        let in_the_way = slot.act.and_then(|act| record.order(act)).is_some_and(clearing);
        let moves = record.permission.is_some() && record.orders.iter().any(clearing);
        if in_the_way || moves || self.owes(instance, launch, task).is_some() {
            return Ok(());
        }
        self.violation(
            Check::KillWanted,
            "what is told to end is in the way of an order, owed, or past",
            format!("{instance}-{task} (launch {launch}) is told to end, and no record wants it"),
        )
    }

    /// What is told to end was launched by this service, or is ordered.
    fn is_ours(&self, instance: &InstanceName, launch: Number, task: &TaskName) -> Verdict {
        let carried_out = self.cluster.roster.id(instance).and_then(|id| self.cluster.find(id, launch, task));
        let ordered = self.pod(instance).and_then(|record| record.order(launch));
        if carried_out.is_some() || ordered.is_some() || self.owes(instance, launch, task).is_some() {
            return Ok(());
        }
        self.violation(
            Check::OnlyOurs,
            "what is told to end was launched by this service",
            format!("{instance}-{task} (launch {launch}) was not"),
        )
    }

    /// What is released is owed, and is nobody's place.
    pub(crate) fn release_is_owed(&self, release: &Release) -> Verdict {
        let Release { debt: number, instance, handle, .. } = release;
        let debt = self.store.debts().find(|debt| debt.number == *number);
        let owed = debt.is_some_and(|debt| {
            debt.release.as_ref() == Some(handle) && debt.kill.is_empty() && debt.instance == *instance
        });
        let place = self.pod(instance).and_then(|record| record.place.as_ref());
        if owed && place.is_none_or(|place| place.handle != *handle) {
            return Ok(());
        }
        self.violation(
            Check::ReleaseOwed,
            "what is released is owed, nothing of it is to be ended, and nobody lives there",
            format!("{} of {instance} is released for debt {number}: {debt:?}, {place:?}", handle.0),
        )
    }

    /// A debt leaves the records: it is paid.
    pub(crate) fn debt_is_paid(&self, debt: &DebtRecord) -> Verdict {
        let Some(id) = self.cluster.roster.id(&debt.instance) else { return Ok(()) };
        let lives = debt.kill.iter().find(|owed| {
            self.cluster
                .find(id, owed.launch, &owed.task)
                .is_some_and(|nth| self.cluster.tasks[nth as usize].lives())
        });
        let held = debt.release.as_ref().filter(|handle| {
            self.cluster.reservations[id as usize].iter().any(|held| held.handle == **handle)
        });
        if lives.is_none() && held.is_none() {
            return Ok(());
        }
        self.violation(
            Check::DebtPaid,
            format!("debt {} of {} is paid, or an operator gives it up", debt.number, debt.instance),
            format!("it is forgotten while {lives:?} lives and {held:?} is held"),
        )
    }

    /// The backend is told to forget the service: nothing of it is left.
    pub(crate) fn nothing_is_left(&self, given_up: &GivenUp) -> Verdict {
        for id in 0..self.cluster.roster.len() {
            let name = self.cluster.roster.name(id);
            let mut tasks = self.cluster.tasks_of(id).filter(|(_, task)| task.lives());
            let lives =
                tasks.find(|(_, task)| !given_up.launches.contains(&(task.launch, task.name.clone())));
            let mut places = self.cluster.reservations[id as usize].iter();
            let held = places.find(|held| held.used && !given_up.handles.contains(&held.handle));
            if lives.is_some() || held.is_some() {
                return self.violation(
                    Check::NothingLeft,
                    "the service is taken leave of when nothing of it is left",
                    format!(
                        "of {name}, {:?} lives and {:?} is held",
                        lives.map(|(_, task)| (&task.name, task.launch)),
                        held.map(|held| &held.handle.0)
                    ),
                );
            }
        }
        Ok(())
    }

    // ---- the end

    /// What is held is what records name.
    pub(crate) fn held_is_named(&self, given_up: &GivenUp) -> Verdict {
        let mut named: BTreeSet<&Handle> = BTreeSet::new();
        let mut standing: BTreeSet<Number> = BTreeSet::new();
        for record in self.store.records() {
            match record {
                Record::Pod(_, pod) => {
                    named.extend(pod.place.iter().map(|place| &place.handle));
                    let orders = pod.orders.iter().filter(|order| order.stage != Stage::Given);
                    standing.extend(orders.map(|order| order.launch));
                }
                Record::Debt(debt) => named.extend(debt.release.iter()),
                _ => {}
            }
        }
        for (id, held) in (0..).zip(&self.cluster.reservations) {
            let name = self.cluster.roster.name(id);
            let nobodys = held.iter().find(|held| {
                !named.contains(&held.handle)
                    && !standing.contains(&held.launch)
                    && !given_up.handles.contains(&held.handle)
            });
            if let Some(held) = nobodys {
                return self.violation(
                    Check::Held,
                    "what is held is somebody's place, owed, or granted to an order that stands",
                    format!("{} of {name} is held, and no record names it", held.handle.0),
                );
            }
        }
        let held: BTreeSet<&Handle> =
            self.cluster.reservations.iter().flatten().map(|held| &held.handle).collect();
        for record in self.store.records() {
            let Record::Pod(name, pod) = record else { continue };
            let Some(place) = &pod.place else { continue };
            let gone = self.cluster.node_id(place.node.name.as_str());
            let gone = gone.is_some_and(|id| self.cluster.nodes[id as usize].gone);
            let lives = pod.living().next().is_some();
            if lives && !gone && !held.contains(&place.handle) {
                return self.violation(
                    Check::Held,
                    "where something lives, its place is held",
                    format!("{name} lives in {}, which is not held", place.handle.0),
                );
            }
        }
        Ok(())
    }

    /// All that shall run does, in its configuration, but for what is paused.
    pub(crate) fn all_runs(&self) -> Verdict {
        if self.engine.model().is_none() {
            return Ok(());
        }
        for (nth, pod) in (0..).zip(self.model.pods()) {
            for index in 0..pod.count {
                let name = self.model.instance_name(nth, index);
                let Some(id) = self.cluster.roster.id(&name) else { continue };
                for task in pod.tasks.iter().filter(|task| task.goal == Goal::Running) {
                    let living = self.cluster.tasks_of(id).find(|(_, launch)| {
                        launch.name == task.name
                            && launch.lives()
                            && launch.conf == task.conf
                            && (launch.paused || launch.life == Life::Running { ready: true })
                    });
                    let named = self.model.plans().values().any(|plan| {
                        let mut phases = plan.phases.iter().filter(|phase| phase.pod == nth);
                        phases.any(|phase| {
                            let tasks = |group: &plan_core::plan::Group| {
                                group.tasks.iter().any(|&of| pod.tasks[of as usize].name == task.name)
                            };
                            phase.groups.iter().any(tasks)
                        })
                    });
                    if living.is_none() && named {
                        return self.violation(
                            Check::SameEnd,
                            format!("{name}-{} runs with the configuration of the target", task.name),
                            "it does not",
                        );
                    }
                }
            }
        }
        Ok(())
    }

    /// Nothing more will happen: the engine knows what lives, and whatever is not done has a reason.
    pub(crate) fn rest_is_explained(&self, backend: &Backend, complete: bool, meddled: bool) -> Verdict {
        for view in self.engine.tasks() {
            let Some(state) = view.state else { continue };
            let Some(id) = self.cluster.roster.id(&view.instance) else { continue };
            let latest = self.cluster.tasks_of(id).rev().find(|(_, task)| task.name == view.task);
            if latest.is_some_and(|(_, task)| self.cluster.nodes[task.node as usize].silent) {
                continue;
            }
            if view.silent {
                return self.violation(
                    Check::View,
                    format!("the engine knows that the node of {}-{} is heard", view.instance, view.task),
                    "it believes that it is silent",
                );
            }
            let truth = latest.map(|(_, task)| task.life);
            let same = match (state, truth) {
                (TaskState::Ended(_), truth) => truth.is_none_or(|life| matches!(life, Life::Ended(_))),
                (TaskState::Running { ready }, Some(Life::Running { ready: truly })) => ready == truly,
                _ => false,
            };
            if !same {
                return self.violation(
                    Check::View,
                    format!("the engine knows that {}-{} is {truth:?}", view.instance, view.task),
                    format!("it believes {state:?}"),
                );
            }
        }
        for id in 0..self.cluster.roster.len() {
            let name = self.cluster.roster.name(id);
            let whys = self.engine.why(name);
            let room = whys.iter().any(|why| matches!(why.reason, Reason::NoRoom(_)));
            let asked = |why: &Why| room && why.reason == Reason::PlaceAsked;
            if let Some(why) = whys.iter().find(|why| will_not_clear(&why.reason) && !asked(why)) {
                return self.violation(
                    Check::Stuck,
                    "what waits when nothing more will happen waits for someone else",
                    format!("{name}: {why}"),
                );
            }
            let no_room = |why: &&Why| matches!(why.reason, Reason::NoRoom(_));
            if let Some(why) = whys.iter().find(no_room).filter(|_| !backend.is_asked(id)) {
                return self.violation(
                    Check::Stuck,
                    "who waits for room has asked for it, and the question stands",
                    format!("{name}: {why}"),
                );
            }
            let pod = self.model.pod_index(&name.pod).map(|at| &self.model.pods()[at as usize]);
            let pod = pod.filter(|pod| name.index < pod.count && self.engine.model().is_some());
            let dead = self.cluster.tasks_of(id).rev().find(|(_, task)| {
                task.config.spec.goal == Goal::Running
                    && !task.lives()
                    && pod.is_some_and(|pod| pod.task_index(&task.name).is_some())
                    && self.cluster.tasks_of(id).all(|(_, other)| {
                        // It may live on in another resource set, or have left its own to another task.
                        let here = other.config.spec.resource_set == task.config.spec.resource_set;
                        !(here || other.name == task.name) || (!other.lives() && other.launch <= task.launch)
                    })
            });
            if let (Some((_, task)), true) = (dead, whys.is_empty()) {
                return self.violation(
                    Check::Stuck,
                    "a RUNNING task that ended is brought back, or there is a reason why not",
                    format!("{name}-{} (launch {}) ended, and nothing is said of it", task.name, task.launch),
                );
            }
        }
        let whys: Vec<Why> = (0..self.cluster.roster.len())
            .flat_map(|id| self.engine.why(self.cluster.roster.name(id)))
            .collect();
        let reasons = !whys.is_empty();
        if reasons && whys.iter().all(|why| waits_for_another(&why.reason)) {
            return self.violation(
                Check::Stuck,
                "of those that wait for each other, one waits for someone else",
                format!("all wait for each other; {}: {}", whys[0].instance, whys[0]),
            );
        }
        // A plan that an operator stopped has nothing to say.
        if !complete && !reasons && !meddled {
            return self.violation(
                Check::Stuck,
                "a plan that is not complete has a reason",
                "nothing more will happen, and no instance says why".to_owned(),
            );
        }
        Ok(())
    }
}

/// Whether a reason is one that the engine, its backend or time should have cleared.
fn will_not_clear(reason: &Reason) -> bool {
    matches!(
        reason,
        Reason::NotSeen
            | Reason::PlaceAsked
            | Reason::Backoff { .. }
            | Reason::AskedForRoom
            | Reason::Displacing(_)
            | Reason::Launching(_)
            | Reason::NotThereYet(_)
            | Reason::Owes { .. }
    )
}

/// Whether a reason only names another step or task of the service.
fn waits_for_another(reason: &Reason) -> bool {
    matches!(
        reason,
        Reason::PhaseFirst(_)
            | Reason::StepFirst(_)
            | Reason::SlotBusy { .. }
            | Reason::WaitsForItsStep(_)
            | Reason::Leaves
    )
}

impl Checker {
    /// A launch leaves: it is ordered, nothing is in its way, and it keeps the order that the strategies
    /// declare.
    pub(crate) fn launched(&mut self, scene: &Scene<'_>, launch: &Launch) -> Verdict {
        scene.launch_is_ordered(launch, &self.given_up)?;
        let Some(record) = scene.pod(&launch.instance) else { return Ok(()) };
        let Some(Purpose::Step(step)) = record.order(launch.launch).map(|order| order.purpose) else {
            return Ok(());
        };
        let again = !self.begun.insert(step);
        let Some(run) = scene.run(step.run) else { return Ok(()) };
        if !again && run.record.afresh && self.was_broken(scene, &run, step) {
            self.broken.insert(step);
        }
        self.canary(scene, &run, step)?;
        if self.meddled || again {
            return Ok(());
        }
        self.phases_before(scene, &run, step)?;
        self.steps_before(scene, &run, step)
    }

    fn phases_before(&self, scene: &Scene<'_>, run: &Run<'_>, step: StepRef) -> Verdict {
        let layout = run.layout;
        let spec = &run.model.spec().plans()[&layout.name];
        let before: Vec<usize> = match layout.strategy {
            PlanStrategy::Serial => (0..step.phase as usize).collect(),
            PlanStrategy::Parallel => Vec::new(),
            PlanStrategy::Dependency => spec.phases[step.phase as usize]
                .depends_on
                .iter()
                .filter_map(|name| spec.phases.get_index_of(name))
                .collect(),
        };
        for phase in before {
            let of = &layout.phases[phase];
            self.all_done(scene, run, step, phase as u32, 0..of.steps.len() as u32)?;
        }
        Ok(())
    }

    fn steps_before(&self, scene: &Scene<'_>, run: &Run<'_>, step: StepRef) -> Verdict {
        let layout = run.layout;
        let of = &layout.phases[step.phase as usize];
        let spec = &run.model.spec().plans()[&layout.name].phases[step.phase as usize];
        let instance = of.steps[step.step as usize].instance;
        let before: Vec<u32> = match of.strategy {
            // After the first deployment instances come in an order of their own, one after the other still.
            PhaseStrategy::Serial | PhaseStrategy::SerialCanary if run.record.afresh => {
                self.one_at_a_time(scene, run, step)?;
                of.steps_of(instance).take_while(|&other| other < step.step).collect()
            }
            PhaseStrategy::Serial | PhaseStrategy::SerialCanary => (0..step.step).collect(),
            PhaseStrategy::Parallel | PhaseStrategy::ParallelCanary => {
                of.steps_of(instance).take_while(|&other| other < step.step).collect()
            }
            PhaseStrategy::Dependency => {
                let Steps::Named(named) = &spec.steps else { return Ok(()) };
                let name = |at: u32| of.groups[of.steps[at as usize].group as usize].name.as_ref();
                let this = named.iter().find(|named| Some(&named.name) == name(step.step));
                let needs = this.map(|this| this.depends_on.as_slice()).unwrap_or_default();
                let own = |other: &plan_core::spec::NamedStep| {
                    other.instance == Instances::Default
                        && this.is_some_and(|this| this.instance == Instances::Default)
                };
                (0..of.steps.len() as u32)
                    .filter(|&at| {
                        let is = named.iter().find(|named| Some(&named.name) == name(at));
                        is.is_some_and(|is| {
                            needs.contains(&is.name)
                                && (!own(is) || of.steps[at as usize].instance == instance)
                        })
                    })
                    .collect()
            }
        };
        self.all_done(scene, run, step, step.phase, before)
    }

    /// No other step of a serial phase is on its way, unless either is of a broken member.
    fn one_at_a_time(&self, scene: &Scene<'_>, run: &Run<'_>, step: StepRef) -> Verdict {
        let of = &run.layout.phases[step.phase as usize];
        let pod = &run.model.pods()[of.pod as usize];
        if self.broken.contains(&step) {
            return Ok(());
        }
        for other in 0..of.steps.len() as u32 {
            let other_step = StepRef { step: other, ..step };
            let counts = self.begun.contains(&other_step) && !self.broken.contains(&other_step);
            if other == step.step || !counts {
                continue;
            }
            let Some(instance) = scene.instance(run, of, other) else { continue };
            let name = scene.cluster.roster.name(instance);
            let Some(record) = scene.pod(name) else { continue };
            let on_its_way = of.tasks(other).iter().any(|&task| {
                let task = &pod.tasks[task as usize];
                let mut launches = scene.cluster.tasks_of(instance).rev();
                let latest = launches.find(|(_, launch)| launch.name == task.name);
                latest.is_some_and(|(_, latest)| {
                    let order = record.order(latest.launch);
                    let serves = order.is_some_and(|order| order.purpose == Purpose::Step(other_step));
                    serves && latest.lives() && !latest.attained && !latest.paused
                })
            });
            if on_its_way {
                return scene.violation(
                    Check::Order,
                    format!(
                        "{} begins when no other step of its phase is on its way",
                        scene.step_name(run, step.phase, step.step)
                    ),
                    format!("{} is", scene.step_name(run, step.phase, other)),
                );
            }
        }
        Ok(())
    }

    fn all_done(
        &self,
        scene: &Scene<'_>,
        run: &Run<'_>,
        step: StepRef,
        phase: u32,
        before: impl IntoIterator<Item = u32>,
    ) -> Verdict {
        let of = &run.layout.phases[phase as usize];
        for earlier in before {
            if !scene.was_done(run, of, earlier, false) {
                return scene.violation(
                    Check::Order,
                    format!(
                        "{} begins when {} is complete",
                        scene.step_name(run, step.phase, step.step),
                        scene.step_name(run, phase, earlier)
                    ),
                    "it was launched before",
                );
            }
        }
        Ok(())
    }

    fn canary(&self, scene: &Scene<'_>, run: &Run<'_>, step: StepRef) -> Verdict {
        let of = &run.layout.phases[step.phase as usize];
        if !of.is_canary() {
            return Ok(());
        }
        // The first two steps that there are to do each wait for a word (C§2.4). Those of the first run are
        // known; a later one may find some done.
        let waiting = if run.record.number > 1 {
            run.record.canaries.get(&step.phase).map_or(0, |canary| canary.steps.len())
        } else {
            2.min(of.steps.len())
        };
        let key = (run.record.number, of.name.to_string());
        let released = self.continued.get(&key).copied().unwrap_or(0);
        let from = StepRef { step: 0, ..step };
        let to = StepRef { step: u32::MAX, ..step };
        let begun = self.begun.range(from..=to).filter(|step| !self.broken.contains(step)).count();
        if released < waiting && begun > released {
            return scene.violation(
                Check::Canary,
                format!("{released} steps of {} / {} are released", run.layout.name, of.name),
                format!("{begun} were launched, the last {}", scene.step_name(run, step.phase, step.step)),
            );
        }
        Ok(())
    }

    /// Whether a step is of a broken member: what its tasks ran before never was up, or not yet when it was told to
    /// end, or ended unasked, or was told to end before the run began.
    fn was_broken(&self, scene: &Scene<'_>, run: &Run<'_>, step: StepRef) -> bool {
        let of = &run.layout.phases[step.phase as usize];
        let pod = &run.model.pods()[of.pod as usize];
        let Some(instance) = scene.instance(run, of, step.step) else { return false };
        let name = scene.cluster.roster.name(instance);
        of.tasks(step.step).iter().any(|&task| {
            let mut launches = scene.cluster.tasks_of(instance).rev();
            let before = launches.find(|(_, launch)| launch.name == pod.tasks[task as usize].name);
            before.is_some_and(|(_, before)| {
                let was_up = || self.watch.was_up(name, before.launch, &before.name, run.record.number);
                !before.attained || !before.killing || !was_up()
            })
        })
    }
}
