//! Records: all that the engine knows and that matters (engine.md §2).
//!
//! Invariant: an engine recovered from its records equals the one that wrote them, with its session
//! forgotten. So nothing that a decision rests on is outside of here and of [`super::session`].

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::plan::{Canary, ContentHash, Model, TaskConfig};
use crate::spec::placement::NodeFacts;
use crate::spec::{
    Field, InstanceName, NodeName, PlacementRule, PlanName, PodName, PortName, ResourceSetName, Seconds,
    ServiceName, TaskName,
};

use super::digest::Digest;
use super::note::{NoteName, NoteText};
use super::time::{Time, Wall};
use super::words::{Address, Words};

/// The number of a launch, a run or a question: one counter numbers them all, and none is used twice.
pub type Number = u64;

/// Where a record is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// [`ClockRecord`].
    Clock,
    /// [`ServiceRecord`].
    Service,
    /// A specification.
    Spec(ContentHash),
    /// A task's configuration.
    Conf(ContentHash),
    /// [`PodRecord`].
    Pod(InstanceName),
    /// [`RunRecord`].
    Run(Number),
    /// [`PlanRecord`].
    Plan(PlanName),
    /// [`AuditRecord`].
    Audit(Number),
    /// [`DebtRecord`].
    Debt(Number),
    /// A backend's note.
    Note(NoteName),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clock => f.write_str("clock"),
            Self::Service => f.write_str("service"),
            Self::Spec(hash) => write!(f, "spec/{hash}"),
            Self::Conf(hash) => write!(f, "conf/{hash}"),
            Self::Pod(instance) => write!(f, "pod/{instance}"),
            Self::Run(number) => write!(f, "run/{number}"),
            Self::Plan(name) => write!(f, "plan/{name}"),
            Self::Audit(number) => write!(f, "audit/{number}"),
            Self::Debt(number) => write!(f, "debt/{number}"),
            Self::Note(name) => write!(f, "note/{name}"),
        }
    }
}

/// A record with what it is. Cloning one is cheap: large parts are shared.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// The counter and the clocks.
    Clock(ClockRecord),
    /// The service.
    Service(Arc<ServiceRecord>),
    /// A specification, compiled.
    Spec(Arc<Model>),
    /// A task's configuration.
    Conf(Arc<TaskConfig>),
    /// An instance.
    Pod(InstanceName, Arc<PodRecord>),
    /// A run of a plan.
    Run(Arc<RunRecord>),
    /// What is remembered of a plan's runs.
    Plan(PlanName, Arc<PlanRecord>),
    /// A verb, and what came of it.
    Audit(Arc<AuditRecord>),
    /// Something left behind.
    Debt(Arc<DebtRecord>),
    /// What a backend has kept.
    Note(NoteName, NoteText),
}

impl Record {
    /// Where the record is kept.
    pub fn key(&self) -> Key {
        match self {
            Self::Clock(_) => Key::Clock,
            Self::Service(_) => Key::Service,
            Self::Spec(model) => Key::Spec(model.hash()),
            Self::Conf(config) => Key::Conf(config.hash()),
            Self::Pod(name, _) => Key::Pod(name.clone()),
            Self::Run(run) => Key::Run(run.number),
            Self::Plan(name, _) => Key::Plan(name.clone()),
            Self::Audit(audit) => Key::Audit(audit.number),
            Self::Debt(debt) => Key::Debt(debt.number),
            Self::Note(name, _) => Key::Note(name.clone()),
        }
    }

    /// What the record adds to the digest of all; the clocks add nothing.
    pub(super) fn digest(&self) -> Digest {
        match self {
            Self::Clock(_) => Digest::default(),
            Self::Service(service) => Digest::of(&**service),
            Self::Spec(model) => Digest::of(&model.hash()),
            Self::Conf(config) => Digest::of(&config.hash()),
            Self::Pod(name, pod) => Digest::of(&(name, &**pod)),
            Self::Run(run) => Digest::of(&**run),
            Self::Plan(name, plan) => Digest::of(&(name, &**plan)),
            Self::Audit(audit) => Digest::of(&**audit),
            Self::Debt(debt) => Digest::of(&**debt),
            Self::Note(name, text) => Digest::of(&(name, text)),
        }
    }
}

/// The counter, and how engine time follows from wall time. Written with every batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ClockRecord {
    /// The last number given out.
    pub seq: Number,
    /// Engine time of the batch.
    pub time: Time,
    /// Wall time of the batch.
    pub wall: Wall,
}

/// Names an installation of a service: made once, and part of every label, so that another service's tasks
/// are never taken for ours (engine.md §1, law 7).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InstallationId(pub SmolStr);

impl fmt::Display for InstallationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The service.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ServiceRecord {
    /// Its name.
    pub name: ServiceName,
    /// Its installation.
    pub installation: InstallationId,
    /// The specification that it shall be.
    pub target: ContentHash,
    /// The run that makes it so, or made it so.
    pub converging: Number,
    /// Whether the first deployment was completed.
    pub deployed: bool,
    /// The last specification that the service became with nothing forced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<ContentHash>,
    /// Pods that the target does not have, and of which instances are still there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leaving: Vec<PodName>,
    /// When the replacement failure policy last let an instance go elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<Time>,
    /// Whether the service is being taken away; there is no way back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub uninstalling: bool,
}

/// One instance of a pod.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct PodRecord {
    /// Where it lives; it stays there until a recorded permission frees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Arc<Place>>,
    /// Orders that stand, and those whose tasks are in a slot.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub orders: Vec<Order>,
    /// The resource sets that were used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub slots: Vec<Slot>,
    /// The tasks that were ordered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<TaskRecord>,
    /// What operators said of single steps.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepMark>,
    /// It may, and shall, go elsewhere: what it has at its place is given up with the next launch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permission: Option<Permission>,
}

/// Why an instance leaves its place (engine.md §3). There is no other way to another place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Permission {
    /// Why.
    pub cause: Cause,
    /// Since when.
    pub at: Time,
}

/// Why an instance may leave its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The backend says that its node is gone for good.
    NodeGone,
    /// It was down for longer than the replacement failure policy bears.
    Timeout,
    /// An operator said so.
    Replace,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NodeGone => "its node is gone",
            Self::Timeout => "it was down for too long",
            Self::Replace => "an operator replaces it",
        })
    }
}

/// Something that is to be ended, and then to be released (engine.md §2). It is paid when the backend says
/// so, or given up by an operator.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct DebtRecord {
    /// Its number.
    pub number: Number,
    /// Whose it was.
    pub instance: InstanceName,
    /// Why it was left behind.
    pub cause: DebtCause,
    /// Since when.
    pub since: Time,
    /// Where it is.
    pub node: NodeName,
    /// The launches that are not seen to have ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kill: Vec<Owed>,
    /// The resources to release when nothing of that lives; none if the instance goes on using them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Handle>,
}

/// A launch that is to be ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Owed {
    /// The order that launched it.
    pub launch: Number,
    /// The task.
    pub task: TaskName,
    /// How long it may take to end.
    pub grace: Seconds,
}

/// Why something was left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DebtCause {
    /// The instance went elsewhere.
    Moved,
    /// The target has fewer instances.
    Decommission,
    /// The target does not have the task.
    TaskRemoved,
    /// The service is taken away.
    Uninstall,
}

impl fmt::Display for DebtCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Moved => "the instance went elsewhere",
            Self::Decommission => "the target has fewer instances",
            Self::TaskRemoved => "the target does not have the task",
            Self::Uninstall => "the service is taken away",
        })
    }
}

/// Where an instance lives.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Place {
    /// The node.
    pub node: Arc<NodeFacts>,
    /// The ports that it was given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<(PortName, u16)>,
    /// What the backend knows its resources by.
    pub handle: Handle,
    /// The launch that it was taken for.
    #[serde(default, skip_serializing_if = "is_never")]
    pub since: Number,
    /// Which domains the placement rule names that chose it.
    #[serde(default, skip_serializing_if = "Domains::is_none")]
    pub domains: Domains,
    /// The principal under which its resources are held, if the specification names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<Arc<str>>,
}

/// Which fault domains a placement rule names. A task is told, since a service that spreads over zones often has to know
/// that it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Domains {
    /// Whether it names the region.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub region: bool,
    /// Whether it names the zone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub zone: bool,
}

impl Domains {
    /// Those that a rule names.
    pub fn of(rule: Option<&PlacementRule>) -> Self {
        let names = |field| rule.is_some_and(|rule| rule.mentions(&field));
        Self { region: names(Field::Region), zone: names(Field::Zone) }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    pub(super) fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// A backend's own name for resources that it holds; opaque here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Handle(pub SmolStr);

/// A launch of tasks of one instance, from the wish to the end of its tasks. A record that holds an order
/// *is* the outstanding command: giving it again is byte-identical (engine.md §1, law 3).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Order {
    /// Its number.
    pub launch: Number,
    /// What it serves.
    pub purpose: Purpose,
    /// How far it is.
    pub stage: Stage,
    /// What it launches.
    pub tasks: Vec<OrderedTask>,
    /// Parameters of the run that it serves; they become environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Arc<Parameters>>,
    /// When it was wanted.
    #[serde(default)]
    pub at: Time,
}

/// Parameters of a run, by name.
pub type Parameters = BTreeMap<String, String>;

/// What an order serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// A step of a run.
    Step(StepRef),
    /// Bringing back what runs no more.
    Recovery,
}

/// A step of a run, by position: the run names the specification that the positions are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StepRef {
    /// The run.
    pub run: Number,
    /// The phase.
    pub phase: u32,
    /// The step within the phase.
    pub step: u32,
}

/// How far an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Room is asked for; nothing has changed yet.
    Wanted,
    /// Room is granted, and the tasks that it displaces are being ended. Their end is no failure.
    Clearing,
    /// The launch is commanded.
    Given,
}

/// A task of an order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OrderedTask {
    /// The task.
    pub task: TaskName,
    /// Its configuration.
    pub conf: ContentHash,
    /// Whether it is launched paused: in place of its command it waits.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
}

/// One resource set of one instance; the tasks that name it take turns in it (engine.md §3).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Slot {
    /// The resource set.
    pub set: ResourceSetName,
    /// The task in it, or the last one that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occupant: Option<Occupant>,
    /// The order that will displace it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Number>,
}

/// A task in a slot.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Occupant {
    /// The order that launched it.
    pub launch: Number,
    /// The task.
    pub task: TaskName,
    /// What is known of it.
    pub state: TaskState,
    /// Since when nothing is heard of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent: Option<Time>,
    /// What its backend said last of its state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<Words>,
    /// Where it is reached, as its backend said last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Arc<Address>>,
}

impl Occupant {
    /// A task whose launch is commanded.
    pub(super) fn new(launch: Number, task: TaskName) -> Self {
        Self { launch, task, state: TaskState::Launching, silent: None, words: None, address: None }
    }

    /// Whether it has not been seen to end.
    pub fn may_live(&self) -> bool {
        !matches!(self.state, TaskState::Ended(_))
    }
}

/// What is known of a launched task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskState {
    /// Its launch is commanded.
    Launching,
    /// The backend has it.
    Starting,
    /// It runs.
    Running {
        /// Whether its readiness check passes; true if it has none.
        ready: bool,
    },
    /// It ended, and stays so.
    Ended(End),
}

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// By itself, with success.
    Finished,
    /// By itself, without success.
    Failed,
    /// It was ended.
    Killed,
    /// Its backend ended it because its health check failed.
    Unhealthy,
    /// It is not there any more, and nobody knows why.
    Lost,
    /// Its launch was refused: it never began.
    Refused,
    /// Its node is gone for good, with all that was there.
    Gone,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Killed => "was killed",
            Self::Unhealthy => "was unhealthy",
            Self::Lost => "was lost",
            Self::Refused => "was refused",
            Self::Gone => "went with its node",
        })
    }
}

/// What is remembered of a task of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TaskRecord {
    /// The task.
    pub name: TaskName,
    /// What was launched last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Launched>,
    /// The latest launch that attained the task's goal: the last known good configuration, and the memory
    /// of `ONCE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<Reached>,
    /// How often in a row it ended without being asked to.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failures: u32,
    /// It is not launched before this time. Only the wake that finds the time over takes it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delayed_until: Option<Time>,
    /// The backend refused it for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub never: Option<Arc<Never>>,
    /// Since when it does not run as it shall, though it did or was to; silence counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down: Option<Time>,
    /// Only launches from this one on are what an operator wants to run; 0 is any.
    #[serde(default, skip_serializing_if = "is_never")]
    pub since: Number,
    /// The last launch with another configuration than `reached` has, ordered after it; 0 is none. What was reached
    /// before is the last known good, and completes nothing any more.
    #[serde(default, skip_serializing_if = "is_never")]
    pub other: Number,
    /// Whether an operator wants it paused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
    /// How it last ended without being asked to, or was refused, and what its backend said. It stays when the task is
    /// launched again, until it attains its goal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Arc<Trouble>>,
}

/// How a launch of a task ended that nobody had asked to end.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Trouble {
    /// The order's number.
    pub launch: Number,
    /// How it ended.
    pub end: End,
    /// When.
    pub at: Time,
    /// The backend's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<Words>,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.words {
            Some(words) => write!(f, "it {}: {words}", self.end),
            None => write!(f, "it {}", self.end),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl TaskRecord {
    /// A task that was not launched yet.
    pub fn new(name: TaskName) -> Self {
        Self {
            name,
            last: None,
            reached: None,
            failures: 0,
            delayed_until: None,
            never: None,
            down: None,
            since: 0,
            other: 0,
            paused: false,
            trouble: None,
        }
    }
}

/// A launch and the configuration that it was of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Launched {
    /// The order's number.
    pub launch: Number,
    /// The configuration.
    pub conf: ContentHash,
    /// When.
    #[serde(default)]
    pub at: Time,
}

/// A launch that attained its task's goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reached {
    /// The order's number.
    pub launch: Number,
    /// The configuration.
    pub conf: ContentHash,
    /// When.
    pub at: Time,
}

/// A refusal for good, until the specification changes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Never {
    /// Of this configuration.
    pub conf: ContentHash,
    /// The backend's words.
    pub why: Words,
}

/// What operators said of one step. Numbers come from the counter; 0 is never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StepMark {
    /// The step.
    pub step: StepRef,
    /// When it was forced.
    #[serde(default)]
    pub forced: Number,
    /// From which launch on it counts.
    #[serde(default)]
    pub since: Number,
}

/// One run of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunRecord {
    /// Its number.
    pub number: Number,
    /// The plan.
    pub plan: PlanName,
    /// The specification that the plan is of.
    pub spec: ContentHash,
    /// What its steps ask for.
    pub kind: RunKind,
    /// Its parameters; they become environment of what it launches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Arc<Parameters>>,
    /// When it began.
    pub begun: Time,
    /// Whether the service was deployed before: broken members go first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub afresh: bool,
    /// What operators said of the plan.
    #[serde(default)]
    pub mark: Mark,
    /// What operators said of phases, by position.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub phases: BTreeMap<u32, Mark>,
    /// The canaries of phases, by position.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub canaries: BTreeMap<u32, Canary>,
    /// How it ended, once it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<RunOutcome>,
}

/// What the steps of a run ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunKind {
    /// The target's configuration: a launch that has it already counts.
    Converging,
    /// An act: only launches since the run's start count.
    Side,
}

/// What operators said of a plan or a phase. Numbers come from the counter; 0 is never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Mark {
    /// Whether it is interrupted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub interrupted: bool,
    /// When it was forced.
    #[serde(skip_serializing_if = "is_never")]
    pub forced: Number,
    /// From which launch on its steps count.
    #[serde(skip_serializing_if = "is_never")]
    pub since: Number,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_never(number: &Number) -> bool {
    *number == 0
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunOutcome {
    /// All steps were complete, or forced.
    Complete,
    /// An operator stopped it.
    Stopped,
    /// A new target took its place.
    Overtaken,
}

impl fmt::Display for RunOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Complete => "complete",
            Self::Stopped => "stopped",
            Self::Overtaken => "overtaken by a new target",
        })
    }
}

/// What is remembered of a plan's runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PlanRecord {
    /// The latest run.
    pub latest: Number,
    /// The last runs that ended, oldest first; at most [`PlanRecord::KEPT`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<EndedRun>,
}

impl PlanRecord {
    /// How many ended runs are remembered.
    pub const KEPT: usize = 16;
}

/// A run that ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EndedRun {
    /// Its number.
    pub run: Number,
    /// When it began.
    pub begun: Time,
    /// When it ended.
    pub ended: Time,
    /// How.
    pub outcome: RunOutcome,
    /// Its first steps, with their times; at most [`EndedRun::STEPS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepTime>,
}

impl EndedRun {
    /// The times of so many steps of a run are remembered.
    pub const STEPS: usize = 64;
}

/// When a step of an ended run was done.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StepTime {
    /// The step, as `kafka-0:[broker]`.
    pub step: SmolStr,
    /// When its tasks were launched last, if they were during the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launched: Option<Time>,
    /// When they had their goals, if they had them during the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<Time>,
}

/// A verb, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct AuditRecord {
    /// Its number.
    pub number: Number,
    /// The requester's own name for the request: the same one again gets the same reply, and does nothing.
    pub request: SmolStr,
    /// Who asked.
    pub who: SmolStr,
    /// When.
    pub at: Time,
    /// What was asked, in words.
    pub verb: String,
    /// The reply.
    pub reply: super::reply::Reply,
}

impl AuditRecord {
    /// How many verbs are remembered.
    pub const KEPT: usize = 256;
}

impl PodRecord {
    /// The order with this number.
    pub fn order(&self, launch: Number) -> Option<&Order> {
        self.orders.iter().find(|order| order.launch == launch)
    }

    /// What is remembered of a task.
    pub fn task(&self, name: &TaskName) -> Option<&TaskRecord> {
        self.tasks.iter().find(|task| task.name == *name)
    }

    /// The slot of a resource set.
    pub fn slot(&self, set: &ResourceSetName) -> Option<&Slot> {
        self.slots.iter().find(|slot| slot.set == *set)
    }

    /// The tasks that may live.
    pub fn living(&self) -> impl Iterator<Item = &Occupant> {
        self.slots.iter().filter_map(|slot| slot.occupant.as_ref()).filter(|occupant| occupant.may_live())
    }

    pub(super) fn order_mut(&mut self, launch: Number) -> Option<&mut Order> {
        self.orders.iter_mut().find(|order| order.launch == launch)
    }

    pub(super) fn task_mut(&mut self, name: &TaskName) -> &mut TaskRecord {
        let at = self.tasks.iter().position(|task| task.name == *name).unwrap_or_else(|| {
            self.tasks.push(TaskRecord::new(name.clone()));
            self.tasks.len() - 1
        });
        &mut self.tasks[at]
    }

    pub(super) fn slot_mut(&mut self, set: &ResourceSetName) -> &mut Slot {
        let at = self.slots.iter().position(|slot| slot.set == *set).unwrap_or_else(|| {
            self.slots.push(Slot { set: set.clone(), occupant: None, act: None });
            self.slots.len() - 1
        });
        &mut self.slots[at]
    }

    pub(super) fn occupant_mut(&mut self, launch: Number, task: &TaskName) -> Option<&mut Occupant> {
        let occupants = self.slots.iter_mut().filter_map(|slot| slot.occupant.as_mut());
        occupants.into_iter().find(|occupant| occupant.launch == launch && occupant.task == *task)
    }

    /// A task's other slots, where it may live, wait for an order too: it is ended there first.
    pub(super) fn claim(&mut self, task: &TaskName, launch: Number) {
        for slot in self.slots.iter_mut().filter(|slot| slot.act.is_none()) {
            if slot.occupant.as_ref().is_some_and(|o| o.task == *task && o.may_live()) {
                slot.act = Some(launch);
            }
        }
    }

    /// Forgets orders that are given and whose tasks are in no slot any more.
    pub(super) fn forget_past_orders(&mut self) {
        let slots = &self.slots;
        self.orders.retain(|order| {
            order.stage != Stage::Given
                || slots.iter().any(|slot| slot.occupant.as_ref().is_some_and(|o| o.launch == order.launch))
        });
    }
}
