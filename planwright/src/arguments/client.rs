//! What the commands that ask a scheduler take. The names and aliases are the SDK's (SDK rule R80).

use std::path::PathBuf;
use std::time::Duration;

use backend_sim::moment;
use clap::{Args, Subcommand, ValueEnum};
use plan_core::spec::PlanName;

use super::{Reading, assignment};

/// Which scheduler is asked. Without any of it, the one that runs on this machine.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Scheduler options")]
pub(crate) struct Of {
    /// Ask the scheduler at this address; by default the one that runs on this machine
    #[arg(long, value_name = "URL", env = "PLANWRIGHT_URL", hide_env_values = true, global = true)]
    pub(crate) url: Option<String>,
    /// Ask the scheduler of this service, if several run on this machine
    #[arg(
        long,
        alias = "service",
        value_name = "SERVICE",
        env = "PLANWRIGHT_NAME",
        hide_env_values = true,
        global = true
    )]
    pub(crate) name: Option<String>,
    /// Take the token from this file; by default from the scheduler's data folder on this machine
    #[arg(long, value_name = "FILE", env = "PLANWRIGHT_TOKEN_FILE", hide_env_values = true, global = true)]
    pub(crate) token_file: Option<PathBuf>,
}

/// Whether a command waits for what it began.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Waiting {
    /// Wait for the end, and say how it ended
    #[arg(long)]
    pub(crate) wait: bool,
    /// Wait at most this long
    #[arg(long, value_name = "TIME", value_parser = moment::parse, requires = "wait")]
    pub(crate) timeout: Option<Duration>,
}

/// The arguments of `plan`.
#[derive(Debug, Clone, Args)]
pub(crate) struct PlanGroup {
    /// What to do.
    #[command(subcommand)]
    pub(crate) verb: PlanVerb,
    /// Which scheduler.
    #[command(flatten)]
    pub(crate) of: Of,
}

/// The commands for plans.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum PlanVerb {
    /// List the plans
    List,
    /// Show a plan with its statuses, as a tree
    #[command(visible_alias = "show")]
    Status(PlanStatus),
    /// Begin a run of a plan that is not running
    Start(PlanStart),
    /// End a run; a run of the plan that brings the target about is set back and interrupted
    Stop(WholePlan),
    /// Let no further step begin, in a plan or one of its phases
    #[command(visible_alias = "interrupt")]
    Pause(PlanPhase),
    /// Take a pause back, or release the next canary
    #[command(visible_alias = "continue")]
    Resume(PlanPhase),
    /// Do a plan, a phase or a step again
    #[command(visible_alias = "restart")]
    ForceRestart(PlanPart),
    /// Make a step count as complete, though it is not done; with `--all`, a whole phase or plan
    #[command(visible_alias = "force")]
    ForceComplete(Force),
    /// List the runs of a plan, with their times and outcomes
    Runs(OfPlan),
}

/// The arguments of `plan runs`.
#[derive(Debug, Clone, Args)]
pub(crate) struct OfPlan {
    /// The plan
    #[arg(value_name = "PLAN", default_value = PlanName::DEPLOY)]
    pub(crate) plan: String,
}

/// The arguments of `plan status`.
#[derive(Debug, Clone, Args)]
pub(crate) struct PlanStatus {
    /// The plan
    #[arg(value_name = "PLAN", default_value = PlanName::DEPLOY)]
    pub(crate) plan: String,
    /// Show it again whenever it changes, until Ctrl-C
    #[arg(long, conflicts_with = "wait")]
    pub(crate) watch: bool,
    /// Whether to wait for its end.
    #[command(flatten)]
    pub(crate) waiting: Waiting,
    /// As `--output json`
    #[arg(long, hide = true)]
    pub(crate) json: bool,
}

/// The arguments of `plan start`.
#[derive(Debug, Clone, Args)]
pub(crate) struct PlanStart {
    /// The plan
    #[arg(value_name = "PLAN")]
    pub(crate) plan: String,
    /// Set an environment variable of what the run launches; may be repeated
    #[arg(short = 'p', long = "parameter", value_name = "K=V", value_parser = assignment)]
    pub(crate) parameter: Vec<(String, String)>,
    /// Whether to wait for its end.
    #[command(flatten)]
    pub(crate) waiting: Waiting,
}

/// The arguments of verbs on plans.
#[derive(Debug, Clone, Args)]
pub(crate) struct WholePlan {
    /// The plan
    #[arg(value_name = "PLAN")]
    pub(crate) plan: String,
    /// Whether to wait until it is so.
    #[command(flatten)]
    pub(crate) waiting: Waiting,
}

/// The arguments of verbs on plans or phases.
#[derive(Debug, Clone, Args)]
pub(crate) struct PlanPhase {
    /// The plan
    #[arg(value_name = "PLAN")]
    pub(crate) plan: String,
    /// Only this phase
    #[arg(value_name = "PHASE")]
    pub(crate) phase: Option<String>,
    /// Whether to wait: a pause waits until no step acts, and a resume waits for the end of the plan.
    #[command(flatten)]
    pub(crate) waiting: Waiting,
}

/// The arguments of verbs on plans, phases or steps.
#[derive(Debug, Clone, Args)]
pub(crate) struct PlanPart {
    /// The plan
    #[arg(value_name = "PLAN")]
    pub(crate) plan: String,
    /// Only this phase
    #[arg(value_name = "PHASE")]
    pub(crate) phase: Option<String>,
    /// Only this step of it, as `hello-0:[server]`, or `#` and its position, counted from 0
    #[arg(value_name = "STEP")]
    pub(crate) step: Option<String>,
    /// Whether to wait for the plan's end.
    #[command(flatten)]
    pub(crate) waiting: Waiting,
}

/// The arguments of `plan force-complete`. More than one step takes `--all`, so that it does not happen by mistake.
#[derive(Debug, Clone, Args)]
pub(crate) struct Force {
    /// The plan
    #[arg(value_name = "PLAN")]
    pub(crate) plan: String,
    /// The phase
    #[arg(value_name = "PHASE", required_unless_present = "all")]
    pub(crate) phase: Option<String>,
    /// The step of it, as `hello-0:[server]`, or `#` and its position, counted from 0
    #[arg(value_name = "STEP", required_unless_present = "all")]
    pub(crate) step: Option<String>,
    /// All of the plan, or of the phase
    #[arg(long, conflicts_with = "step")]
    pub(crate) all: bool,
    /// Whether to wait for the plan's end.
    #[command(flatten)]
    pub(crate) waiting: Waiting,
}

impl From<&Force> for PlanPart {
    fn from(force: &Force) -> Self {
        let Force { plan, phase, step, all: _, waiting } = force.clone();
        Self { plan, phase, step, waiting }
    }
}

/// The arguments of `pod`.
#[derive(Debug, Clone, Args)]
pub(crate) struct PodGroup {
    /// What to do.
    #[command(subcommand)]
    pub(crate) verb: PodVerb,
    /// Which scheduler.
    #[command(flatten)]
    pub(crate) of: Of,
}

/// The commands for pod instances.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum PodVerb {
    /// List the instances
    List,
    /// Show the tasks of all instances, or of one, with their states
    Status(PodStatus),
    /// Show everything that is known about an instance's tasks
    Info(Instance),
    /// Launch an instance's running tasks again, on its node
    Restart(PodTasks),
    /// Give an instance a new place; what it leaves behind is ended and released
    Replace(PodAct),
    /// Launch an instance's tasks again, so that they sleep instead of running their commands
    Pause(PodTasks),
    /// Take a pause back
    Resume(PodTasks),
    /// Show what an instance's task writes
    Logs(PodLogs),
    /// Say what an instance does, or waits for, and what would clear it
    Why(Instance),
}

/// An instance.
#[derive(Debug, Clone, Args)]
pub(crate) struct Instance {
    /// The instance, as `hello-0`
    #[arg(value_name = "POD")]
    pub(crate) pod: String,
}

/// The arguments of `pod status`.
#[derive(Debug, Clone, Args)]
pub(crate) struct PodStatus {
    /// Only this instance, as `hello-0`
    #[arg(value_name = "POD")]
    pub(crate) pod: Option<String>,
    /// Show it again whenever it changes, until Ctrl-C
    #[arg(long)]
    pub(crate) watch: bool,
    /// As `--output json`
    #[arg(long, hide = true)]
    pub(crate) json: bool,
}

/// The arguments of `pod replace`.
#[derive(Debug, Clone, Args)]
pub(crate) struct PodAct {
    /// The instance, as `hello-0`
    #[arg(value_name = "POD")]
    pub(crate) pod: String,
    /// Whether to wait until the instance is at its new place.
    #[command(flatten)]
    pub(crate) waiting: Waiting,
}

/// The arguments of verbs on the tasks of an instance.
#[derive(Debug, Clone, Args)]
pub(crate) struct PodTasks {
    /// The instance, as `hello-0`
    #[arg(value_name = "POD")]
    pub(crate) pod: String,
    /// Only this task; may be repeated
    #[arg(short, long = "task", value_name = "TASK")]
    pub(crate) task: Vec<String>,
    /// Whether to wait until it is so.
    #[command(flatten)]
    pub(crate) waiting: Waiting,
}

/// The arguments of `pod logs`.
#[derive(Debug, Clone, Args)]
pub(crate) struct PodLogs {
    /// The instance, as `hello-0`
    #[arg(value_name = "POD")]
    pub(crate) pod: String,
    /// The task; by default the one that is kept running, or the only one
    #[arg(value_name = "TASK")]
    pub(crate) task: Option<String>,
    /// Go on with later output, until Ctrl-C
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Show only this many last lines
    #[arg(short = 'n', long, value_name = "LINES")]
    pub(crate) tail: Option<u32>,
    /// Which output of the task
    #[arg(long, value_enum, default_value_t = Stream::Stdout, value_name = "stdout|stderr", hide_possible_values = true)]
    pub(crate) stream: Stream,
}

/// A stream that a task writes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Stream {
    /// Its standard output.
    Stdout,
    /// Its standard error.
    Stderr,
}

impl Stream {
    /// Its name, as the API has it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// The arguments of `endpoints`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Endpoints {
    /// The endpoint; without it, their names are listed
    #[arg(value_name = "NAME")]
    pub(crate) endpoint: Option<String>,
    /// Which scheduler.
    #[command(flatten)]
    pub(crate) of: Of,
}

/// The arguments of `update`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Update {
    /// The new target: a file, a folder with a `svc.yml`, or `-` for standard input
    #[arg(value_name = "PACKAGE|FILE")]
    pub(crate) file: PathBuf,
    /// Say what the update would do, and do nothing
    #[arg(long, conflicts_with = "wait")]
    pub(crate) preview: bool,
    /// The plan that carries out the update; by default the one that the engine chooses
    #[arg(long, value_name = "P")]
    pub(crate) plan: Option<String>,
    /// Whether to wait until it is so.
    #[command(flatten)]
    pub(crate) waiting: Waiting,
    /// Which scheduler.
    #[command(flatten)]
    pub(crate) of: Of,
    /// How the file is read.
    #[command(flatten)]
    pub(crate) reading: Reading,
}

/// The arguments of `debug`.
#[derive(Debug, Clone, Args)]
pub(crate) struct DebugGroup {
    /// What to show.
    #[command(subcommand)]
    pub(crate) verb: DebugVerb,
    /// Which scheduler.
    #[command(flatten)]
    pub(crate) of: Of,
}

/// What `debug` can show.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum DebugVerb {
    /// Show the specifications that are kept
    Config(DebugConfig),
    /// Show what is known about the service as a whole
    State(DebugState),
    /// Show what moves and removals left behind, or give up a part of it
    Debts(DebugDebts),
    /// Show who asked for what, when, and what came of it
    Audit,
    /// Show the tasks with the service's label that no record speaks of
    Foreigners,
    /// Show the condition of the scheduler
    Condition,
}

/// The arguments of `debug config`.
#[derive(Debug, Clone, Args)]
pub(crate) struct DebugConfig {
    /// What of them; by default `target`
    #[command(subcommand)]
    pub(crate) verb: Option<ConfigVerb>,
}

/// What `debug config` can show.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ConfigVerb {
    /// List the ids of those that are kept
    List,
    /// Show one
    Show {
        /// Its id
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Show the one that is the target
    Target,
    /// Show its id
    #[command(name = "target_id", alias = "target-id")]
    TargetId,
}

/// The arguments of `debug state`.
#[derive(Debug, Clone, Args)]
pub(crate) struct DebugState {
    /// What of it; by default `framework_id`
    #[command(subcommand)]
    pub(crate) verb: Option<StateVerb>,
}

/// What `debug state` can show.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum StateVerb {
    /// Show the installation's id
    #[command(name = "framework_id", alias = "framework-id")]
    FrameworkId,
    /// List the properties
    Properties,
    /// Show a property
    Property {
        /// Its name
        #[arg(value_name = "NAME")]
        key: String,
    },
}

/// The arguments of `debug debts`.
#[derive(Debug, Clone, Args)]
pub(crate) struct DebugDebts {
    /// Stop waiting for this debt
    #[arg(long, value_name = "NUMBER")]
    pub(crate) give_up: Option<u64>,
}

/// The arguments of `uninstall`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Uninstall {
    /// Whether to wait until nothing is left.
    #[command(flatten)]
    pub(crate) waiting: Waiting,
    /// Which scheduler.
    #[command(flatten)]
    pub(crate) of: Of,
}

/// The arguments of `completions`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub(crate) shell: clap_complete::Shell,
}
