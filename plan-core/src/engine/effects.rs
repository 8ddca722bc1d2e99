//! What the engine wants done, as data (engine.md §7).
//!
//! Invariant: `commands` and `reply` may leave only when `writes` are durable.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::plan::{ContentHash, Demand, Status, TaskConfig};
use crate::spec::placement::{Census, NodeFacts};
use crate::spec::{InstanceName, NodeName, PlacementRule, PlanName, Seconds, TaskName, Volume};

use super::input::Incarnation;
use super::reason::Reason;
use super::record::{Cause, DebtCause, End, Handle, Key, Number, Parameters, Record, RunOutcome, StepRef};
use super::time::Wall;

/// What one input leads to.
#[derive(Debug, Clone, Default, PartialEq)]
#[must_use = "writes must be made durable, and then commands be carried out"]
pub struct Effects {
    /// To be made durable together, under the engine's epoch, before anything else leaves.
    pub writes: Vec<Write>,
    /// To be carried out, in this order.
    pub commands: Vec<Command>,
    /// What happened, for whoever wants to know.
    pub events: Vec<Event>,
    /// The answer to a verb or a target.
    pub reply: Option<Reply>,
    /// The engine wants [`super::Input::Wake`] at this time, or soon after.
    pub wake_at: Option<Wall>,
}

/// A change of the store.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// The record is kept under its key.
    Put(Record),
    /// Nothing is kept under the key.
    Delete(Key),
}

/// What a backend is asked to do.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Command {
    /// A standing question: is there room for this order? Its answer keeps the room.
    Fit(Box<Fit>),
    /// Gives a question for room or a grant back. Touches nothing that a record names.
    Withdraw {
        /// The instance.
        instance: InstanceName,
        /// The order.
        launch: Number,
    },
    /// Launches tasks where room was granted.
    Launch(Box<Launch>),
    /// Ends a task: asks it, and after the grace period makes it.
    Kill {
        /// The instance.
        instance: InstanceName,
        /// The order that launched the task.
        launch: Number,
        /// The task.
        task: TaskName,
        /// How long it may take.
        grace: Seconds,
    },
    /// Asks how these launches are, and what else with our label there is.
    Reconcile {
        /// The question's number.
        number: Number,
        /// At most 1,000 instances' launches.
        expected: Vec<Expected>,
    },
    /// Gives resources back, of which nothing is in use any more. Given again, it is the same.
    Release(Box<Release>),
    /// Nothing of the service is left: the backend may forget it.
    Deregister,
}

/// A launch that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Expected {
    /// Which task.
    pub of: Incarnation,
    /// Where it was launched.
    pub node: NodeName,
}

/// Resources to give back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Release {
    /// The debt that this pays.
    pub debt: Number,
    /// Whose they were.
    pub instance: InstanceName,
    /// Where they are.
    pub node: NodeName,
    /// What the backend knows them by.
    pub handle: Handle,
}

/// The question for room.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Fit {
    /// The instance.
    pub instance: InstanceName,
    /// The order that room is asked for.
    pub launch: Number,
    /// Where the instance lives; `None` leaves the node to the backend, within `placement`.
    pub at: Option<(NodeName, Handle)>,
    /// What the instance leaves, if it goes elsewhere. It may stay on the node, but needs a handle of its own
    /// there: this one is released.
    pub from: Option<(NodeName, Handle)>,
    /// What is needed: of an instance that has no place yet, all that its pod declares.
    pub demand: Arc<[Demand]>,
    /// The pod's own volumes, of an instance that has no place yet.
    pub volumes: Arc<[Volume]>,
    /// Where it may go.
    pub placement: Option<Arc<PlacementRule>>,
    /// Where the others are, for `placement`; the backend adds its own open grants.
    pub census: Arc<Census>,
}

/// The launch of tasks.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Launch {
    /// The instance.
    pub instance: InstanceName,
    /// The order.
    pub launch: Number,
    /// Where.
    pub node: Arc<NodeFacts>,
    /// The room that was granted.
    pub handle: Handle,
    /// What.
    pub tasks: Vec<LaunchTask>,
    /// Environment from the run's parameters.
    pub parameters: Option<Arc<Parameters>>,
}

/// A task to launch.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LaunchTask {
    /// Its configuration's hash.
    pub conf: ContentHash,
    /// Its configuration.
    #[serde(skip)]
    pub config: Arc<TaskConfig>,
    /// Whether it waits in place of its command; its checks are not run, and it is never ready.
    pub paused: bool,
}

/// The answer to a verb or a target.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// It is done.
    Done,
    /// It was so already; nothing changed.
    AlreadySo,
    /// It is not done, and why.
    Refused(Refusal),
}

/// Why a verb or a target is refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Refusal {
    /// There is no service yet.
    #[error("there is no service yet: submit a specification first")]
    NoService,
    /// There is no such plan.
    #[error("there is no plan `{0}`")]
    NoPlan(PlanName),
    /// The plan shows what the engine does by itself.
    #[error(
        "`{0}` shows what the engine does by itself, and takes no verbs: say what you want of an instance, or of \
         a debt"
    )]
    ByItself(PlanName),
    /// There is no such phase.
    #[error("plan `{plan}` has no phase `{phase}`")]
    NoPhase {
        /// The plan.
        plan: PlanName,
        /// What was asked for.
        phase: String,
    },
    /// There is no such step.
    #[error("phase `{phase}` of plan `{plan}` has no step `{step}`")]
    NoStep {
        /// The plan.
        plan: PlanName,
        /// The phase.
        phase: String,
        /// What was asked for.
        step: String,
    },
    /// Several steps have this name.
    #[error("phase `{phase}` has {count} steps named `{step}`: name one by its position, as `#{first}`")]
    AmbiguousStep {
        /// The phase.
        phase: String,
        /// What was asked for.
        step: String,
        /// How many there are.
        count: u32,
        /// The position of the first.
        first: u32,
    },
    /// The plan is running.
    #[error("plan `{0}` is running: continue it, or stop it first")]
    Running(PlanName),
    /// The plan has never run.
    #[error("plan `{0}` has no run under this target: start it")]
    NeverRun(PlanName),
    /// The text cannot name an environment variable.
    #[error("`{0}` is not a valid environment variable name")]
    Parameter(String),
    /// A target that must not take the place of the present one, and why not, item by item.
    #[error("the target is refused, and the present one goes on:\n{}", items(.0))]
    Target(Vec<RefusedItem>),
    /// There is no such instance.
    #[error("there is no instance `{0}`")]
    NoInstance(InstanceName),
    /// The instance was never launched.
    #[error("`{0}` was never launched: its plan does that")]
    NeverLaunched(InstanceName),
    /// The instance does not belong to the target any more.
    #[error("`{0}` is being removed")]
    Leaving(InstanceName),
    /// The instance has no such task.
    #[error("`{instance}` has no task `{task}`")]
    NoTask {
        /// The instance.
        instance: InstanceName,
        /// What was asked for.
        task: TaskName,
    },
    /// The task is not one that is kept running.
    #[error("`{task}` of `{instance}` is not kept running: restart its step")]
    NotRunning {
        /// The instance.
        instance: InstanceName,
        /// The task.
        task: TaskName,
    },
    /// The task is paused.
    #[error("`{task}` of `{instance}` is paused: resume it")]
    Paused {
        /// The instance.
        instance: InstanceName,
        /// The task.
        task: TaskName,
    },
    /// A target names another plan before the first deployment is done.
    #[error("`{0}` cannot bring the target about: `deploy` does, until the first deployment is done")]
    DeployFirst(PlanName),
    /// Another plan brings the target about.
    #[error("plan `{0}` brings the target about now: it is the one to continue, restart or force")]
    Converging(PlanName),
    /// Nothing with this number is owed.
    #[error("there is no debt {0}")]
    NoDebt(Number),
    /// The service is being taken away.
    #[error("the service is being uninstalled, and there is no way back")]
    Uninstalling,
    /// Another scheduler has taken over.
    #[error("another scheduler has taken over this installation: this one does nothing any more")]
    Superseded,
}

/// Something that happened, with its reason.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Event {
    /// A step's status changed.
    Step {
        /// The step.
        step: StepRef,
        /// Old and new.
        change: (Status, Status),
    },
    /// A phase's status changed.
    Phase {
        /// The run.
        run: Number,
        /// The phase.
        phase: u32,
        /// Old and new.
        change: (Status, Status),
    },
    /// A plan's status changed.
    Plan {
        /// The run.
        run: Number,
        /// Old and new.
        change: (Status, Status),
    },
    /// A run began, or was taken up again.
    RunBegan {
        /// The run.
        run: Number,
        /// Its plan.
        plan: PlanName,
    },
    /// A run ended.
    RunEnded {
        /// The run.
        run: Number,
        /// Its plan.
        plan: PlanName,
        /// How.
        outcome: RunOutcome,
    },
    /// Room is asked for.
    Asked {
        /// For this instance.
        instance: InstanceName,
        /// For this order.
        launch: Number,
        /// These tasks.
        tasks: Vec<TaskName>,
        /// Why.
        what: Serves,
    },
    /// There is no room, and why.
    NoRoom {
        /// For this instance.
        instance: InstanceName,
        /// The backend's words.
        why: Arc<str>,
    },
    /// A launch is commanded.
    Launched {
        /// The instance.
        instance: InstanceName,
        /// The order.
        launch: Number,
        /// Where.
        node: NodeName,
    },
    /// A task is asked to end, to make room for its successor.
    Displaced {
        /// The instance.
        instance: InstanceName,
        /// The order that launched it.
        launch: Number,
        /// The task.
        task: TaskName,
    },
    /// A task attained its goal.
    Reached {
        /// The instance.
        instance: InstanceName,
        /// The task.
        task: TaskName,
    },
    /// A task ended.
    Ended {
        /// The instance.
        instance: InstanceName,
        /// The task.
        task: TaskName,
        /// How.
        end: End,
        /// Whether it was to end.
        expected: bool,
    },
    /// A task's node is silent, or is heard again.
    Silent {
        /// The instance.
        instance: InstanceName,
        /// The task.
        task: TaskName,
        /// Whether it is silent now.
        silent: bool,
    },
    /// A launch was refused, and is tried again or not.
    Refused {
        /// The instance.
        instance: InstanceName,
        /// The order.
        launch: Number,
        /// The backend's words.
        why: Arc<str>,
        /// Whether it is final.
        for_good: bool,
    },
    /// A grant is given back, and why.
    Withdrawn {
        /// The instance.
        instance: InstanceName,
        /// The order.
        launch: Number,
        /// Why.
        why: Reason,
    },
    /// A launch that no record of ours speaks of; it is listed and not touched.
    Foreigner(Incarnation),
    /// A launch that is newer than all of ours: another scheduler runs this installation. This one stops.
    Superseded(Incarnation),
    /// The service shall be something else.
    Target {
        /// The specification.
        spec: ContentHash,
        /// The plan that makes it so.
        plan: PlanName,
    },
    /// An instance may, and shall, go elsewhere.
    MayMove {
        /// The instance.
        instance: InstanceName,
        /// Why.
        cause: Cause,
    },
    /// An instance came back before it went elsewhere, and stays.
    Stays {
        /// The instance.
        instance: InstanceName,
    },
    /// An instance goes elsewhere.
    Moved {
        /// The instance.
        instance: InstanceName,
        /// From this node.
        from: NodeName,
        /// To this one.
        to: NodeName,
    },
    /// Something is left behind, to be ended and released.
    Owes {
        /// The debt.
        debt: Number,
        /// Whose it was.
        instance: InstanceName,
        /// Where it is.
        node: NodeName,
        /// Why.
        cause: DebtCause,
    },
    /// What was left behind is ended and released, or was given up.
    Settled {
        /// The debt.
        debt: Number,
        /// Whose it was.
        instance: InstanceName,
        /// Whether an operator gave it up.
        given_up: bool,
    },
    /// Nothing of the service is left.
    Uninstalled,
}

/// What an order is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Serves {
    /// A step is due.
    Step(StepRef),
    /// What ran, runs no more.
    Recovery,
}

/// What of a target is refused, and why.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RefusedItem {
    /// Where in the specification, as `pods.kafka.count`.
    pub path: String,
    /// Why, and what to do.
    pub why: String,
}

fn items(items: &[RefusedItem]) -> String {
    let lines: Vec<_> = items.iter().map(|item| format!("  {}: {}", item.path, item.why)).collect();
    lines.join("\n")
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::AlreadySo => f.write_str("already so"),
            Self::Refused(refusal) => write!(f, "refused: {refusal}"),
        }
    }
}
