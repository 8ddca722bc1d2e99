//! Everything that can happen to an engine.
//!
//! Invariant: an input describes a state, and names the launch that it is about. An input may be stale, repeated,
//! reordered or missing: the engine accepts every input in every state.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;

use crate::plan::Model;
use crate::spec::placement::NodeFacts;
use crate::spec::{InstanceName, PhaseName, PlanName, PortName, ServiceSpec, TaskName};

use super::ask::Answer;
use super::note::Note;
use super::record::{End, Handle, InstallationId, Number, Parameters};
use super::time::Wall;
use super::words::{Address, Words};

/// Something that happened.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Input {
    /// The backend reports the state of a launched task.
    Observed(Observation),
    /// The backend answers a command.
    Outcome(CommandOutcome),
    /// The backend answers a [`Reconcile`](super::Command::Reconcile).
    Snapshot(Snapshot),
    /// The backend wants a note kept, or forgotten.
    Note(Note),
    /// An operator asks for something.
    Verb(Request),
    /// An operator submits the specification that the service is to have.
    Target(Target),
    /// Time has passed. [`super::Effects::wake_at`] names when the engine wants this; an earlier or a further wake does
    /// no harm.
    Wake,
    /// The connection to the backend is new. The engine forgets what it learned in the session before, and asks again.
    SessionLost,
}

/// A launched task, named unambiguously across installations and launches.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Incarnation {
    /// The installation that the task belongs to, from the task's label.
    pub installation: InstallationId,
    /// The instance.
    pub instance: InstanceName,
    /// The task.
    pub task: TaskName,
    /// The order that launched it.
    pub launch: Number,
}

/// The state of a launched task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Observation {
    /// The launched task.
    pub of: Incarnation,
    /// A number that grows with each observation of a launch within a session. An observation with a lower number than
    /// one before it is stale.
    pub serial: u64,
    /// How the task was seen.
    pub seen: Sighting,
}

impl Observation {
    /// An observation of a launch. `serial` is above that of each earlier observation of the launch in the session.
    pub fn new(of: Incarnation, serial: u64, seen: impl Into<Sighting>) -> Self {
        Self { of, serial, seen: seen.into() }
    }
}

/// How a launched task was seen, with the backend's words and the task's address.
///
/// Words and address hold for this moment: a sighting without words takes back the words of the sighting before it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "SightingForm", into = "SightingForm")]
#[non_exhaustive]
pub struct Sighting {
    /// The state.
    pub seen: Seen,
    /// The cause of the state, in the backend's words: `ImagePullBackOff: no such image`, `exit code 3: no space left`,
    /// `readiness check timed out after 5 s`. Words contain no growing count and no time, because every change of words
    /// is written to the store.
    pub words: Option<Words>,
    /// Where the task is reached, if the backend knows. The address is recorded, and the service's endpoints are made
    /// of it.
    pub address: Option<Arc<Address>>,
}

impl Sighting {
    /// With the words, or without any.
    #[must_use]
    pub fn with_words(mut self, words: Option<Words>) -> Self {
        self.words = words;
        self
    }

    /// The sighting with these words; empty words are none.
    #[must_use]
    pub fn saying(mut self, words: impl AsRef<str>) -> Self {
        self.words = Words::some(words);
        self
    }

    /// The sighting with this address.
    #[must_use]
    pub fn at(mut self, address: impl Into<Arc<Address>>) -> Self {
        self.address = Some(address.into());
        self
    }
}

impl From<Seen> for Sighting {
    fn from(seen: Seen) -> Self {
        Self { seen, words: None, address: None }
    }
}

/// How a sighting is serialized: a sighting without words and address is its [`Seen`] alone, as in recordings of
/// version 1.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum SightingForm {
    Bare(Seen),
    Whole {
        seen: Seen,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        words: Option<Words>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<Arc<Address>>,
    },
}

impl From<SightingForm> for Sighting {
    fn from(form: SightingForm) -> Self {
        match form {
            SightingForm::Bare(seen) => seen.into(),
            SightingForm::Whole { seen, words, address } => Self { seen, words, address },
        }
    }
}

impl From<Sighting> for SightingForm {
    fn from(sighting: Sighting) -> Self {
        match sighting {
            Sighting { seen, words: None, address: None } => Self::Bare(seen),
            Sighting { seen, words, address } => Self::Whole { seen, words, address },
        }
    }
}

/// How a launched task was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Seen {
    /// The backend has the task, and the task does not run yet.
    Starting,
    /// The task runs.
    Running {
        /// Whether its readiness check passed; true if it has none.
        ready: bool,
    },
    /// The task ended.
    Ended(End),
    /// Nothing is heard of the task's node.
    Unreachable,
}

/// The backend's answer to a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CommandOutcome {
    /// To [`super::Command::Fit`].
    Fit {
        /// The instance.
        instance: InstanceName,
        /// The order that room was asked for.
        launch: Number,
        /// The answer.
        answer: FitAnswer,
    },
    /// To [`super::Command::Launch`].
    Launch {
        /// The instance.
        instance: InstanceName,
        /// The order.
        launch: Number,
        /// The answer.
        answer: LaunchAnswer,
    },
    /// To [`super::Command::Release`].
    Release {
        /// The debt.
        debt: Number,
        /// The answer.
        answer: ReleaseAnswer,
    },
    /// To [`super::Command::Ask`].
    Ask {
        /// The question.
        id: Number,
        /// The answer.
        answer: Answer,
    },
    /// To [`super::Command::Deregister`]: the backend has forgotten the service.
    Deregistered,
}

/// The answer to a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ReleaseAnswer {
    /// The resources are free, or no longer exist.
    Done,
    /// The resources are not free yet, for this reason. The engine asks again.
    Retry(Words),
}

/// The answer to a question for room. A question stays open until the answer `Fitted` or `Never`, or until it is
/// withdrawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FitAnswer {
    /// There is room, and the backend keeps it for the order.
    Fitted(Grant),
    /// There is no room now, for this reason. A grant given before is taken back. The question stays open.
    Retry(Words),
    /// There will be no room until the specification changes, for this reason.
    Never(Words),
    /// The node that the instance lives on is gone for good; the words say how the backend knows. The instance may
    /// move.
    NodeGone(Words),
}

/// Room that is kept for an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Grant {
    /// The node.
    pub node: Arc<NodeFacts>,
    /// The granted ports, with their numbers.
    pub ports: Vec<(PortName, u16)>,
    /// The backend's name for the room. It is durable before the launch is commanded.
    pub handle: Handle,
    /// Until when the backend keeps the room. `None`: until it is withdrawn.
    pub until: Option<Wall>,
}

impl Grant {
    /// Room on a node, without ports, that is kept until it is withdrawn.
    pub fn new(node: impl Into<Arc<NodeFacts>>, handle: Handle) -> Self {
        Self { node: node.into(), ports: Vec::new(), handle, until: None }
    }

    /// With these ports.
    #[must_use]
    pub fn with_ports(mut self, ports: Vec<(PortName, u16)>) -> Self {
        self.ports = ports;
        self
    }

    /// Kept until then.
    #[must_use]
    pub fn with_until(mut self, until: impl Into<Option<Wall>>) -> Self {
        self.until = until.into();
        self
    }
}

/// The answer to a launch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LaunchAnswer {
    /// The backend took the launch. Its further states come as observations.
    Done,
    /// The launch was certainly not carried out, for this reason. It is tried again.
    Retry(Words),
    /// The launch is invalid, for this reason. The refusal holds until the specification changes.
    Never(Words),
    /// The backend does not know whether the launch was carried out.
    Unknown,
}

/// A part of the answer to [`super::Command::Reconcile`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Snapshot {
    /// The question's number.
    pub of: Number,
    /// The snapshot shows the effects of all commands with lower numbers than this.
    pub as_of: Number,
    /// The launches that were asked for, and every other launch with the installation's label.
    pub found: Vec<(Incarnation, Found)>,
    /// Whether this is the last part.
    pub last: bool,
}

impl Snapshot {
    /// The last part of the answer to a question. A part that others follow is `.with_last(false)`.
    pub fn new(of: Number, as_of: Number, found: Vec<(Incarnation, Found)>) -> Self {
        Self { of, as_of, found, last: true }
    }

    /// Whether this is the last part.
    #[must_use]
    pub fn with_last(mut self, last: bool) -> Self {
        self.last = last;
        self
    }
}

/// What a snapshot says about a launch.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Found {
    /// The launch is there, in this state.
    Seen(Sighting),
    /// There is no trace of the launch.
    Absent,
}

/// A verb, with who asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Request {
    /// The requester's name for the request. A second request with the same name changes nothing, and gets the reply of
    /// the first.
    pub id: SmolStr,
    /// Who asks, as the audit shows it.
    pub who: SmolStr,
    /// What is asked for.
    pub verb: Verb,
}

/// What an operator can ask for: about a plan (SDK rule R58), an instance (SDK rule R60), or the service.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Verb {
    /// Begins a run of a plan that is not running.
    Start {
        /// The plan.
        plan: PlanName,
        /// Parameters, which become environment of the tasks that the run launches.
        parameters: Parameters,
    },
    /// Ends the run of a side plan. The run that brings the target about is interrupted and set back instead. Running
    /// tasks go on.
    Stop {
        /// The plan.
        plan: PlanName,
    },
    /// Lets no further step begin. Tasks that are launched go on.
    Interrupt {
        /// The plan.
        plan: PlanName,
        /// The phase, if only a phase is meant.
        phase: Option<PhaseName>,
    },
    /// Takes an interruption back, or releases the next canary.
    Continue {
        /// The plan.
        plan: PlanName,
        /// The phase, if only a phase is meant.
        phase: Option<PhaseName>,
    },
    /// Counts a plan, phase or step as complete, though it was not done.
    ForceComplete {
        /// The plan.
        plan: PlanName,
        /// The part of the plan that is meant.
        part: Part,
    },
    /// Does a plan, phase or step again.
    Restart {
        /// The plan.
        plan: PlanName,
        /// The part of the plan that is meant.
        part: Part,
    },
    /// Launches the running tasks of an instance again, at its place.
    RestartPod {
        /// The instance.
        instance: InstanceName,
        /// The tasks that are meant. If the list is empty, all are.
        tasks: Vec<TaskName>,
    },
    /// Moves an instance to another place. It keeps its index; what it leaves behind becomes a debt.
    ReplacePod {
        /// The instance.
        instance: InstanceName,
    },
    /// Launches the tasks of an instance again, so that they wait in place of running their commands.
    PausePod {
        /// The instance.
        instance: InstanceName,
        /// The tasks that are meant. If the list is empty, all are.
        tasks: Vec<TaskName>,
    },
    /// Takes a pause back.
    ResumePod {
        /// The instance.
        instance: InstanceName,
        /// The tasks that are meant. If the list is empty, all are.
        tasks: Vec<TaskName>,
    },
    /// Gives a debt up: the engine no longer waits for it.
    GiveUp {
        /// The debt.
        debt: Number,
    },
    /// Ends all tasks and releases all resources of the service. This cannot be taken back.
    Uninstall,
}

/// The kinds of verbs, by an exhaustive match: a verb without a name does not compile, and one that has a name needs a row
/// in the table of answers (`tests/engine/verb_table.rs`).
macro_rules! kinds {
    ($($variant:ident => $name:literal),+ $(,)?) => {
        impl Verb {
            /// The names of all kinds of verbs.
            pub const KINDS: &[&str] = &[$($name),+];

            /// The name of its kind: the name that it has when it is serialized.
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $name),+
                }
            }
        }
    };
}

kinds! {
    Start => "start",
    Stop => "stop",
    Interrupt => "interrupt",
    Continue => "continue",
    ForceComplete => "force-complete",
    Restart => "restart",
    RestartPod => "restart-pod",
    ReplacePod => "replace-pod",
    PausePod => "pause-pod",
    ResumePod => "resume-pod",
    GiveUp => "give-up",
    Uninstall => "uninstall",
}

impl Verb {
    /// The plan that the verb is about, if it is about one.
    pub fn plan(&self) -> Option<&PlanName> {
        match self {
            Self::Start { plan, .. }
            | Self::Stop { plan }
            | Self::Interrupt { plan, .. }
            | Self::Continue { plan, .. }
            | Self::ForceComplete { plan, .. }
            | Self::Restart { plan, .. } => Some(plan),
            Self::RestartPod { .. }
            | Self::ReplacePod { .. }
            | Self::PausePod { .. }
            | Self::ResumePod { .. }
            | Self::GiveUp { .. }
            | Self::Uninstall => None,
        }
    }
}

/// The part of a plan that a verb is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The whole plan.
    Plan,
    /// A phase.
    Phase(PhaseName),
    /// A step of a phase: its name, as `kafka-0:[broker]`, or `#` and its position, counted from 0.
    Step(PhaseName, String),
}

/// The specification that a service is to have.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Target {
    /// The specification, compiled.
    #[serde(serialize_with = "as_specification", deserialize_with = "of_specification")]
    pub model: Arc<Model>,
    /// The installation's id, if this is the service's first target. A later target's is ignored.
    pub installation: InstallationId,
    /// The plan that brings the target about. The default is `deploy` until the first deployment is complete. After
    /// that it is the first plan whose `on-change` names something that changes, else `update`, else `deploy`.
    pub plan: Option<PlanName>,
    /// Who submits the target, for the audit.
    pub by: Option<Author>,
}

impl Target {
    /// A target with the default plan, and without an author.
    pub fn new(model: Arc<Model>, installation: InstallationId) -> Self {
        Self { model, installation, plan: None, by: None }
    }

    /// With the plan that makes it so.
    #[must_use]
    pub fn with_plan(mut self, plan: impl Into<Option<PlanName>>) -> Self {
        self.plan = plan.into();
        self
    }

    /// With its author, for the audit.
    #[must_use]
    pub fn with_author(mut self, by: impl Into<Option<Author>>) -> Self {
        self.by = by.into();
        self
    }
}

/// Who submits a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Author {
    /// The requester's name for the request. A second request with the same name changes nothing, and gets the reply of
    /// the first.
    pub id: SmolStr,
    /// Who asks, as the audit shows it.
    pub who: SmolStr,
}

fn as_specification<S: Serializer>(model: &Arc<Model>, serializer: S) -> Result<S::Ok, S::Error> {
    model.spec().serialize(serializer)
}

fn of_specification<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<Model>, D::Error> {
    let spec = ServiceSpec::deserialize(deserializer)?;
    Model::new(spec).map(Arc::new).map_err(serde::de::Error::custom)
}
