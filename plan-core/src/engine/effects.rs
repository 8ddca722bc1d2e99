//! What the engine wants done, as data.
//!
//! Invariant: `commands` are carried out, and `reply` is given, only after `writes` are durable.

use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::plan::{ContentHash, Demand, Status, TaskConfig};
use crate::spec::placement::{Census, NodeFacts};
use crate::spec::{InstanceName, NodeName, PlacementRule, PlanName, PortName, Seconds, TaskName, Volume};

use super::ask::Ask;
use super::input::Incarnation;
use super::reason::Reason;
use super::record::{
    Cause, DebtCause, Domains, End, Handle, Key, Number, Parameters, Purpose, Record, RunOutcome, StepRef,
};
use super::reply::Reply;
use super::time::Wall;
use super::words::Words;

/// What one input leads to.
#[derive(Debug, Clone, Default, PartialEq)]
#[must_use = "writes must be made durable, and then commands be carried out"]
pub struct Effects {
    /// The changes of the store. They are made durable in one batch, under the engine's epoch, before anything else.
    pub writes: Vec<Write>,
    /// What the backend is asked to do, in this order.
    pub commands: Vec<Command>,
    /// What happened, for observers. No correctness rests on an event.
    pub events: Vec<Event>,
    /// The answer to a verb or a target.
    pub reply: Option<Reply>,
    /// When the engine wants [`super::Input::Wake`]. A later wake is correct too.
    pub wake_at: Option<Wall>,
}

/// A change of the store.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// The record is kept under its key.
    Put(Record),
    /// The record under this key is deleted.
    Delete(Key),
}

/// What a backend is asked to do.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Command {
    /// Asks whether there is room for an order. The question stands until it is answered or withdrawn. A backend that
    /// answers [`FitAnswer::Fitted`](super::FitAnswer::Fitted) keeps the room for the order.
    Fit(Box<Fit>),
    /// Withdraws a question for room, or gives a grant back. Resources that a record names are not affected.
    Withdraw {
        /// The instance.
        instance: InstanceName,
        /// The order.
        launch: Number,
    },
    /// Launches the tasks of an order in the room that was granted.
    Launch(Box<Launch>),
    /// Ends a task: asks it to end, and forces it to after the grace period.
    Kill {
        /// The instance.
        instance: InstanceName,
        /// The order that launched the task.
        launch: Number,
        /// The task.
        task: TaskName,
        /// How long the task may take before it is forced to end.
        grace: Seconds,
    },
    /// Asks for the state of these launches, and for every other launch with the installation's label.
    Reconcile {
        /// The question's number.
        number: Number,
        /// The launches that are asked for: those of at most 1,000 instances.
        expected: Vec<Expected>,
    },
    /// Releases resources that nothing uses any more. The command can be repeated: a second one for the same debt
    /// changes nothing.
    Release(Box<Release>),
    /// Asks a question beside a task that runs.
    Ask(Box<Ask>),
    /// Says that nothing of the service is left, so that the backend can forget the service.
    Deregister,
    /// A command that no backend knows. The engine never gives it.
    #[cfg(feature = "unknown-command")]
    #[doc(hidden)]
    Unknown,
}

/// A launch whose state is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Expected {
    /// The launched task.
    pub of: Incarnation,
    /// The node that the task was launched on.
    pub node: NodeName,
}

/// Resources to give back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Release {
    /// The debt that the release belongs to.
    pub debt: Number,
    /// The instance that had the resources.
    pub instance: InstanceName,
    /// The node that the resources are on.
    pub node: NodeName,
    /// The backend's name for the resources.
    pub handle: Handle,
}

/// A question for room.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Fit {
    /// The instance.
    pub instance: InstanceName,
    /// The order for which room is asked.
    pub launch: Number,
    /// Where the instance lives. `None` for an instance that needs a new place: the backend chooses the node, within
    /// `placement`.
    pub at: Option<(NodeName, Handle)>,
    /// The place that the instance leaves, if it moves. The backend may choose the same node again, but then under a
    /// new handle, as this one is released.
    pub from: Option<(NodeName, Handle)>,
    /// The resources that are needed. If `at` is `None`, these are all that the instance's pod declares (SDK rule R66).
    pub demand: Arc<[Demand]>,
    /// The pod's own volumes. Empty if `at` is given.
    pub volumes: Arc<[Volume]>,
    /// The configurations that the room is for, so that a backend can judge image, ports and user before anything is
    /// ended. If `at` is given, these are the order's. Otherwise these are those of all tasks of the pod, with the
    /// order's own configuration for each task that the order launches. A recording has their hashes.
    #[serde(serialize_with = "hashes")]
    pub configs: Arc<[Arc<TaskConfig>]>,
    /// Where the instance may go; `None` is anywhere.
    pub placement: Option<Arc<PlacementRule>>,
    /// Where the other instances are, for `placement`. The backend adds its open grants.
    pub census: Arc<Census>,
}

fn hashes<S: Serializer>(configs: &[Arc<TaskConfig>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(configs.iter().map(|config| config.hash()))
}

/// The launch of tasks.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Launch {
    /// The instance.
    pub instance: InstanceName,
    /// The order.
    pub launch: Number,
    /// The node to launch on.
    pub node: Arc<NodeFacts>,
    /// The backend's name for the room that was granted.
    pub handle: Handle,
    /// The ports of these tasks, with the granted numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<(PortName, u16)>,
    /// Which fault domains are named by the placement rule that chose the node.
    #[serde(skip_serializing_if = "Domains::is_none")]
    pub domains: Domains,
    /// The principal under which the room is held, if the specification names one. The user stands in each task's
    /// configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<Arc<str>>,
    /// The tasks to launch.
    pub tasks: Vec<LaunchTask>,
    /// The parameters of the run, which become environment of the tasks.
    pub parameters: Option<Arc<Parameters>>,
}

/// A task to launch.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LaunchTask {
    /// The hash of the task's configuration.
    pub conf: ContentHash,
    /// The task's configuration.
    #[serde(skip)]
    pub config: Arc<TaskConfig>,
    /// Whether the task waits in place of running its command. Then its checks are not run, and it is never ready.
    pub paused: bool,
}

/// Something that happened, with the reason.
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
    /// A run began, or an ended run was reopened.
    RunBegan {
        /// The run.
        run: Number,
        /// The plan of the run.
        plan: PlanName,
    },
    /// A run ended.
    RunEnded {
        /// The run.
        run: Number,
        /// The plan of the run.
        plan: PlanName,
        /// How the run or task ended.
        outcome: RunOutcome,
    },
    /// The engine asks for room.
    Asked {
        /// The instance that room is asked for.
        instance: InstanceName,
        /// The order that room is asked for.
        launch: Number,
        /// The tasks of the order.
        tasks: Vec<TaskName>,
        /// The reason.
        what: Purpose,
    },
    /// The backend has no room for an order now.
    NoRoom {
        /// The instance that room is asked for.
        instance: InstanceName,
        /// The backend's words.
        why: Words,
    },
    /// A launch is commanded.
    Launched {
        /// The instance.
        instance: InstanceName,
        /// The order.
        launch: Number,
        /// The node to launch on.
        node: NodeName,
    },
    /// A task is asked to end, to make room for its successor.
    Displaced {
        /// The instance.
        instance: InstanceName,
        /// The order that launched the task.
        launch: Number,
        /// The task.
        task: TaskName,
    },
    /// A task reached its goal.
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
        /// How the run or task ended.
        end: End,
        /// Whether the engine had asked the task to end.
        expected: bool,
        /// The backend's words.
        #[serde(skip_serializing_if = "Option::is_none")]
        words: Option<Words>,
    },
    /// The backend's words about a task changed, and the task's state did not.
    Said {
        /// The instance.
        instance: InstanceName,
        /// The task.
        task: TaskName,
        /// The backend's words.
        words: Words,
    },
    /// Nothing is heard of a task's node any more, or the node is heard of again.
    Silent {
        /// The instance.
        instance: InstanceName,
        /// The task.
        task: TaskName,
        /// Whether the node is silent now.
        silent: bool,
    },
    /// The backend refused a launch.
    Refused {
        /// The instance.
        instance: InstanceName,
        /// The order.
        launch: Number,
        /// The backend's words.
        why: Words,
        /// Whether the refusal holds until the specification changes. Otherwise the launch is tried again.
        for_good: bool,
    },
    /// The engine gives a grant back.
    Withdrawn {
        /// The instance.
        instance: InstanceName,
        /// The order.
        launch: Number,
        /// The reason.
        why: Reason,
    },
    /// The backend reports a launch that no record names. The launch is listed and not touched.
    Foreigner(Incarnation),
    /// The backend reports a launch that is newer than all of this engine's: another scheduler runs this installation.
    /// This engine stops acting.
    Superseded(Incarnation),
    /// The service has a new target.
    Target {
        /// The specification.
        spec: ContentHash,
        /// The plan that brings the target about.
        plan: PlanName,
    },
    /// An instance is permitted to move: it will leave its node.
    MayMove {
        /// The instance.
        instance: InstanceName,
        /// The reason.
        cause: Cause,
    },
    /// An instance that was permitted to move came back first, and stays.
    Stays {
        /// The instance.
        instance: InstanceName,
    },
    /// An instance moves to another place.
    Moved {
        /// The instance.
        instance: InstanceName,
        /// The node that the instance leaves.
        from: NodeName,
        /// The node that the instance moves to. It may be the same node.
        to: NodeName,
    },
    /// A debt arises: launches to end, and resources to release.
    Owes {
        /// The debt.
        debt: Number,
        /// The instance that left the debt behind.
        instance: InstanceName,
        /// The node of the debt.
        node: NodeName,
        /// The reason.
        cause: DebtCause,
    },
    /// A debt is settled: all of it has ended and is released, or an operator gave it up.
    Settled {
        /// The debt.
        debt: Number,
        /// The instance that left the debt behind.
        instance: InstanceName,
        /// Whether an operator gave the debt up.
        given_up: bool,
    },
    /// The uninstall is complete: nothing of the service is left.
    Uninstalled,
}
