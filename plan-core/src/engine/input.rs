//! Everything that can happen to an engine.
//!
//! Invariant: an input says what is, with the incarnation that it speaks of. It may be stale, repeated,
//! reordered or missing; the engine accepts each in every state.

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
    /// The backend says how a launched task is.
    Observed(Observation),
    /// The backend answers a command.
    Outcome(Outcome),
    /// The backend answers a `Reconcile`.
    Snapshot(Snapshot),
    /// The backend wants something kept, or forgotten.
    Note(Note),
    /// An operator wants something.
    Verb(Request),
    /// The service shall be this.
    Target(Target),
    /// The time that [`super::Effects::wake_at`] named has come, or any other.
    Wake,
    /// The connection to the backend is new: what was known of the present is forgotten.
    SessionLost,
}

/// A launched task, named so that no other is meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Incarnation {
    /// The installation, from the task's label.
    pub installation: InstallationId,
    /// The instance.
    pub instance: InstanceName,
    /// The task.
    pub task: TaskName,
    /// The order that launched it.
    pub launch: Number,
}

/// How a launched task is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Observation {
    /// Which task.
    pub of: Incarnation,
    /// Grows with each observation of a launch within a session; a lower one is stale.
    pub serial: u64,
    /// How it is.
    pub seen: Sighting,
}

/// How a launched task was seen, with what its backend adds.
///
/// Words and address are of this moment: a sighting without words takes back those of the one before.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "SightingForm", into = "SightingForm")]
pub struct Sighting {
    /// How.
    pub seen: Seen,
    /// Why it is so, in the backend's words: `ImagePullBackOff: no such image`, `exit code 3: no space left`,
    /// `readiness check timed out after 5 s`. They name no count that grows and no time: words that differ are written.
    pub words: Option<Words>,
    /// Where the task is reached, if it is known. It is recorded, and the service's endpoints are made of it.
    pub address: Option<Arc<Address>>,
}

impl Sighting {
    /// With words, where there are any.
    #[must_use]
    pub fn saying(mut self, words: impl AsRef<str>) -> Self {
        self.words = Words::some(words);
        self
    }

    /// With an address.
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

/// How a sighting is written: where nothing is added it is its [`Seen`] alone, as in recordings of version 1.
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
pub enum Seen {
    /// The backend has it, and it does not run yet.
    Starting,
    /// It runs.
    Running {
        /// Whether its readiness check passes; true if it has none.
        ready: bool,
    },
    /// It ended.
    Ended(End),
    /// Nothing is heard of its node.
    Unreachable,
}

/// The answer to a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
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
    /// To [`super::Command::Deregister`]: the backend knows nothing of the service any more.
    Deregistered,
}

/// The answer to a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReleaseAnswer {
    /// The resources are free, or are not there any more.
    Done,
    /// Not yet, and why. It is asked again.
    Retry(Words),
}

/// The answer to the question for room. It stands open until `Fitted`, `Never` or a withdrawal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FitAnswer {
    /// There is room, and it is kept.
    Fitted(Grant),
    /// There is none now, and why; what was granted before is taken back. The question stays open.
    Retry(Words),
    /// There will be none, and why, until the specification changes.
    Never(Words),
    /// The node that the instance lives on is gone for good, and why one knows: the instance may go elsewhere.
    NodeGone(Words),
}

/// Room that is kept for an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Grant {
    /// On this node.
    pub node: Arc<NodeFacts>,
    /// With these ports.
    pub ports: Vec<(PortName, u16)>,
    /// The backend's name for it; durable before the launch leaves.
    pub handle: Handle,
    /// It is kept until then; `None` is as long as it is not withdrawn.
    pub until: Option<Wall>,
}

/// The answer to a launch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LaunchAnswer {
    /// The backend has it. How it goes on is observed.
    Done,
    /// It was surely not done, and why.
    Retry(Words),
    /// It is invalid, and why: final until the specification changes.
    Never(Words),
    /// Nobody knows whether it was done.
    Unknown,
}

/// A part of the answer to [`super::Command::Reconcile`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Snapshot {
    /// The question's number.
    pub of: Number,
    /// The snapshot shows the effects of all commands with numbers below this that had any.
    pub as_of: Number,
    /// Launches that were asked for, and any other with our label.
    pub found: Vec<(Incarnation, Found)>,
    /// Whether this is the last part.
    pub last: bool,
}

/// What a snapshot says of a launch.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Found {
    /// So it is.
    Seen(Sighting),
    /// There is no trace of it.
    Absent,
}

/// A verb with who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Request {
    /// The requester's own name for the request: the same one again gets the same reply, and does nothing.
    pub id: SmolStr,
    /// Who asks.
    pub who: SmolStr,
    /// What for.
    pub verb: Verb,
}

/// What an operator can want: of a plan (SDK rule R58), of an instance (SDK rule R60), of the service.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// Begins a run of a plan that is not running.
    Start {
        /// The plan.
        plan: PlanName,
        /// They become environment of what the run launches.
        parameters: Parameters,
    },
    /// Ends a side plan's run; interrupts and restarts the converging one. Running tasks go on.
    Stop {
        /// The plan.
        plan: PlanName,
    },
    /// No further step begins; what is launched goes on.
    Interrupt {
        /// The plan.
        plan: PlanName,
        /// Only this phase.
        phase: Option<PhaseName>,
    },
    /// Takes back an interruption, or releases the next canary.
    Continue {
        /// The plan.
        plan: PlanName,
        /// Only this phase.
        phase: Option<PhaseName>,
    },
    /// Counts as complete without being done.
    ForceComplete {
        /// The plan.
        plan: PlanName,
        /// What of it.
        part: Part,
    },
    /// Is done again.
    Restart {
        /// The plan.
        plan: PlanName,
        /// What of it.
        part: Part,
    },
    /// An instance's running tasks are launched again where it lives.
    RestartPod {
        /// The instance.
        instance: InstanceName,
        /// Only these tasks; all, if there are none.
        tasks: Vec<TaskName>,
    },
    /// An instance goes elsewhere and keeps its index; what it leaves behind becomes a debt.
    ReplacePod {
        /// The instance.
        instance: InstanceName,
    },
    /// An instance's tasks are launched again to wait in place of their commands.
    PausePod {
        /// The instance.
        instance: InstanceName,
        /// Only these tasks; all, if there are none.
        tasks: Vec<TaskName>,
    },
    /// Takes a pause back.
    ResumePod {
        /// The instance.
        instance: InstanceName,
        /// Only these tasks; all, if there are none.
        tasks: Vec<TaskName>,
    },
    /// What is owed is not waited for any more.
    GiveUp {
        /// The debt.
        debt: Number,
    },
    /// All of the service is ended and released; there is no way back.
    Uninstall,
}

impl Verb {
    /// The plan that it is for, if it is for one.
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

/// What of a plan a verb is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// All of it.
    Plan,
    /// A phase.
    Phase(PhaseName),
    /// A step of a phase: its name, as `kafka-0:[broker]`, or `#` and its position, counted from 0.
    Step(PhaseName, String),
}

/// What a service shall be.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Target {
    /// The specification, compiled.
    #[serde(serialize_with = "as_specification", deserialize_with = "of_specification")]
    pub model: Arc<Model>,
    /// Names the installation, if this is its first target; otherwise it is not looked at.
    pub installation: InstallationId,
    /// The plan that makes it so; by default `deploy` until the first deployment is done, then the first whose
    /// `on-change` names something that changes, else `update`, else `deploy`.
    pub plan: Option<PlanName>,
    /// Who wants it, for the audit.
    pub by: Option<Author>,
}

impl Target {
    /// A target that comes with nothing else.
    pub fn new(model: Arc<Model>, installation: InstallationId) -> Self {
        Self { model, installation, plan: None, by: None }
    }
}

/// Who submits a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Author {
    /// The requester's own name for the request: the same one again gets the same reply, and does nothing.
    pub id: SmolStr,
    /// Who asks.
    pub who: SmolStr,
}

fn as_specification<S: Serializer>(model: &Arc<Model>, serializer: S) -> Result<S::Ok, S::Error> {
    model.spec().serialize(serializer)
}

fn of_specification<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<Model>, D::Error> {
    let spec = ServiceSpec::deserialize(deserializer)?;
    Model::new(spec).map(Arc::new).map_err(serde::de::Error::custom)
}
