//! What must hold after every event, whatever happened (S§4.9).
//!
//! Invariant: a check speaks from the specification, the store's records and the cluster's own history. What
//! it knows of the engine is what the engine shows to everyone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use plan_core::engine::{
    Engine, Input, Key, Launch, Number, Purpose, Reason, Record, RunKind, RunRecord, StepRef, TaskState,
    Wall, Why,
};
use plan_core::plan::{Model, PhaseLayout, PlanLayout, Status};
use plan_core::spec::{Goal, Instances, PhaseStrategy, PlanStrategy, Steps};

use crate::backend::Backend;
use crate::cluster::Cluster;
use crate::store::Store;
use crate::task::Life;

/// Which checks are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checks {
    /// An engine recovered from the store equals the live one with its session forgotten (engine.md §1, law 1).
    pub law1: bool,
    /// All others.
    pub others: bool,
}

impl Checks {
    /// All of them.
    pub const ALL: Self = Self { law1: true, others: true };
    /// None of them, for measurements.
    pub const NONE: Self = Self { law1: false, others: false };
}

/// A check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// Recover equals live (engine.md §1, law 1).
    RecoverEqualsLive,
    /// What holds of an engine between two inputs does (`Engine::broken_invariants`).
    Invariant,
    /// No two launches of one task of an instance live at once.
    OneLive,
    /// The tasks of a resource set take turns.
    OneInSet,
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
    /// The store takes what the newest engine writes.
    Fenced,
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
#[derive(Debug, Default)]
pub(crate) struct Checker {
    /// Steps that were launched for.
    begun: BTreeSet<StepRef>,
    /// How often a phase of a plan was told to continue.
    pub(crate) continued: BTreeMap<(String, String), usize>,
    /// Whether an operator forced or restarted something, so that an order may be left.
    pub(crate) meddled: bool,
}

/// What a check looks at.
pub(crate) struct Scene<'a> {
    pub(crate) time: u64,
    pub(crate) model: &'a Model,
    pub(crate) store: &'a Store,
    pub(crate) cluster: &'a Cluster,
    pub(crate) engine: &'a Engine,
}

type Verdict = Result<(), Violation>;

impl Scene<'_> {
    fn violation(&self, check: Check, expected: impl Into<String>, found: impl Into<String>) -> Verdict {
        Err(Violation { check, time: self.time, expected: expected.into(), found: found.into() })
    }

    fn run(&self, number: Number) -> Option<(&RunRecord, &PlanLayout)> {
        let Some(Record::Run(run)) = self.store.get(&Key::Run(number)) else { return None };
        let layout = self.model.plans().get(&run.plan)?;
        Some((run, layout))
    }

    /// Whether the cluster's history holds a launch that attained the goal of each task of a step, with the
    /// step's configuration; and, if asked, none after it with another.
    fn was_done(&self, run: &RunRecord, phase: &PhaseLayout, step: u32, also_last: bool) -> bool {
        let instance = self.cluster.roster.at(phase.pod, phase.steps[step as usize].instance);
        let pod = &self.model.pods()[phase.pod as usize];
        phase.tasks(step).iter().all(|&task| {
            let task = &pod.tasks[task as usize];
            let side = run.kind == RunKind::Side;
            let any_conf = side || task.goal == Goal::Once;
            let since = if side { run.number } else { 0 };
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
    fn is_forced(&self, run: &RunRecord, phase: &PhaseLayout, step: StepRef) -> bool {
        let instance = self.cluster.roster.at(phase.pod, phase.steps[step.step as usize].instance);
        let key = Key::Pod(self.cluster.roster.name(instance).clone());
        let by_step = match self.store.get(&key) {
            Some(Record::Pod(_, record)) => {
                record.steps.iter().any(|mark| mark.step == step && mark.forced > 0)
            }
            _ => false,
        };
        by_step || run.mark.forced > 0 || run.phases.get(&step.phase).is_some_and(|mark| mark.forced > 0)
    }

    fn step_name(&self, layout: &PlanLayout, phase: u32, step: u32) -> String {
        let of = &layout.phases[phase as usize];
        let pod = &self.model.pods()[of.pod as usize];
        let tasks: Vec<&str> =
            of.tasks(step).iter().map(|&task| pod.tasks[task as usize].name.as_str()).collect();
        let instance = of.steps[step as usize].instance;
        format!("{} / {} / {}-{instance}:[{}]", layout.name, of.name, pod.name, tasks.join(", "))
    }

    /// Law 1.
    pub(crate) fn recover_equals_live(&self) -> Verdict {
        let mut live = self.engine.clone();
        let live_effects = live.handle(Wall(self.time), Input::SessionLost);
        let recovered = match Engine::recover(self.store.records().cloned()) {
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

    /// Every COMPLETE step that nobody forced was done.
    pub(crate) fn complete_is_true(&self) -> Verdict {
        for (name, layout) in self.model.plans() {
            let Some(Record::Plan(_, plan)) = self.store.get(&Key::Plan(name.clone())) else { continue };
            let Some((run, _)) = self.run(plan.latest) else { continue };
            let Some(view) = self.engine.plan(name.as_str()) else { continue };
            for (phase_at, (phase, shown)) in (0..).zip(layout.phases.iter().zip(&view.phases)) {
                for (step_at, step) in (0..).zip(&shown.steps) {
                    let claims = step.status == Status::Complete && !step.forced;
                    let of = StepRef { run: run.number, phase: phase_at, step: step_at };
                    if claims && !self.is_forced(run, phase, of) && !self.was_done(run, phase, step_at, true)
                    {
                        return self.violation(
                            Check::CompleteIsTrue,
                            "a COMPLETE step has a launch that attained its goal with its configuration",
                            format!("{} has none", self.step_name(layout, phase_at, step_at)),
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
            if let Some(why) = whys.iter().find(|why| will_not_clear(&why.reason)) {
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
            let dead = self.cluster.tasks_of(id).rev().find(|(_, task)| {
                task.config.spec.goal == Goal::Running
                    && !task.lives()
                    && self.cluster.tasks_of(id).all(|(_, other)| {
                        other.config.spec.resource_set != task.config.spec.resource_set
                            || (!other.lives() && other.launch <= task.launch)
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
    )
}

/// Whether a reason only names another step or task of the service.
fn waits_for_another(reason: &Reason) -> bool {
    matches!(
        reason,
        Reason::PhaseFirst(_) | Reason::StepFirst(_) | Reason::SlotBusy { .. } | Reason::WaitsForItsStep(_)
    )
}

impl Checker {
    /// A launch leaves for the first time: it keeps the order that the strategies declare.
    pub(crate) fn launched(&mut self, scene: &Scene<'_>, launch: &Launch) -> Verdict {
        let Some(Record::Pod(_, record)) = scene.store.get(&Key::Pod(launch.instance.clone())) else {
            return Ok(());
        };
        let Some(Purpose::Step(step)) = record.order(launch.launch).map(|order| order.purpose) else {
            return Ok(());
        };
        let again = !self.begun.insert(step);
        let Some((run, layout)) = scene.run(step.run) else { return Ok(()) };
        self.canary(scene, run, layout, step)?;
        if self.meddled || again {
            return Ok(());
        }
        self.phases_before(scene, run, layout, step)?;
        self.steps_before(scene, run, layout, step)
    }

    fn phases_before(
        &self,
        scene: &Scene<'_>,
        run: &RunRecord,
        layout: &PlanLayout,
        step: StepRef,
    ) -> Verdict {
        let spec = &scene.model.spec().plans()[&layout.name];
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
            self.all_done(scene, run, layout, step, phase as u32, 0..of.steps.len() as u32)?;
        }
        Ok(())
    }

    fn steps_before(
        &self,
        scene: &Scene<'_>,
        run: &RunRecord,
        layout: &PlanLayout,
        step: StepRef,
    ) -> Verdict {
        let of = &layout.phases[step.phase as usize];
        let spec = &scene.model.spec().plans()[&layout.name].phases[step.phase as usize];
        let instance = of.steps[step.step as usize].instance;
        let before: Vec<u32> = match of.strategy {
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
        self.all_done(scene, run, layout, step, step.phase, before)
    }

    fn all_done(
        &self,
        scene: &Scene<'_>,
        run: &RunRecord,
        layout: &PlanLayout,
        step: StepRef,
        phase: u32,
        before: impl IntoIterator<Item = u32>,
    ) -> Verdict {
        let of = &layout.phases[phase as usize];
        for earlier in before {
            if !scene.was_done(run, of, earlier, false) {
                return scene.violation(
                    Check::Order,
                    format!(
                        "{} begins when {} is complete",
                        scene.step_name(layout, step.phase, step.step),
                        scene.step_name(layout, phase, earlier)
                    ),
                    "it was launched before",
                );
            }
        }
        Ok(())
    }

    fn canary(&self, scene: &Scene<'_>, run: &RunRecord, layout: &PlanLayout, step: StepRef) -> Verdict {
        let of = &layout.phases[step.phase as usize];
        if !of.is_canary() {
            return Ok(());
        }
        let key = (run.plan.to_string(), of.name.to_string());
        let released = self.continued.get(&key).copied().unwrap_or(0);
        let from = StepRef { step: 0, ..step };
        let to = StepRef { step: u32::MAX, ..step };
        let begun = self.begun.range(from..=to).count();
        // The first two steps each wait for a word (C§2.4).
        if released < 2.min(of.steps.len()) && begun > released {
            return scene.violation(
                Check::Canary,
                format!("{released} steps of {} / {} are released", layout.name, of.name),
                format!("{begun} were launched, the last {}", scene.step_name(layout, step.phase, step.step)),
            );
        }
        Ok(())
    }
}
