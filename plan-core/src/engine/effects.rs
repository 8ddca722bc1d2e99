//! What the engine wants done, as data.
//!
//! Invariant: `commands` and `reply` may leave only when `writes` are durable.

use std::sync::Arc;

use serde::Serialize;

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
    /// Asks something beside a task that runs.
    Ask(Box<Ask>),
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
    /// The configurations that the room is for, so that a backend can judge image, ports and user before anything is
    /// ended: those of the order; of an instance that has no place yet, those of all tasks of its pod, the order's own
    /// where it launches another.
    #[serde(skip)]
    pub configs: Arc<[Arc<TaskConfig>]>,
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
    /// The ports of these tasks, with the numbers that were granted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<(PortName, u16)>,
    /// Which domains the placement rule names that chose the node.
    #[serde(skip_serializing_if = "Domains::is_none")]
    pub domains: Domains,
    /// The principal under which the room is held, if the specification names one. The user stands in each task's
    /// configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<Arc<str>>,
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
        what: Purpose,
    },
    /// There is no room, and why.
    NoRoom {
        /// For this instance.
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
        /// The backend's words.
        #[serde(skip_serializing_if = "Option::is_none")]
        words: Option<Words>,
    },
    /// The backend says something else of a task that is as it was.
    Said {
        /// The instance.
        instance: InstanceName,
        /// The task.
        task: TaskName,
        /// The backend's words.
        words: Words,
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
        why: Words,
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
