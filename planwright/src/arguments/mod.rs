//! The command line. Invariant: a command's flags, their help and their forms are all here. Values are judged while the
//! command line is read, so wrong usage is known before a file is opened.

mod client;
mod parse;
mod run;
#[cfg(test)]
mod words;

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use backend_sim::{Fault, moment};
use clap::{Args, Parser, Subcommand, ValueEnum};
use plan_core::spec::{PlanName, ServiceName};

use crate::operator::Act;

pub(crate) use client::{
    Completions, ConfigVerb, DebugGroup, DebugVerb, Endpoints, Of, PlanGroup, PlanPart, PlanPhase, PlanStart,
    PlanStatus, PlanVerb, PodGroup, PodLogs, PodTasks, PodVerb, StateVerb, Uninstall, Update, Waiting,
    WholePlan,
};
pub(crate) use parse::command;
pub(crate) use run::{Listen, Run, StoreKind};

/// Runs services by their plans; checks, shows and simulates them.
#[derive(Debug, Parser)]
#[command(
    name = "planwright",
    version,
    max_term_width = 100,
    after_help = "Exit codes: 0 is good; 1: a file is refused, or what was to be done failed; 2 is wrong usage; \
                  3: there is no scheduler to be reached; 4: the scheduler refused; 5: waited in vain."
)]
pub(crate) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) verb: Verb,
    /// What all commands take.
    #[command(flatten)]
    pub(crate) common: Common,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Write a specification to begin with: `svc.yml` and `env`, with comments
    Init(Init),
    /// Say what is wrong with files, and where
    Validate(Validate),
    /// Say what differs between two specifications, and what that does to the service
    Diff(Diff),
    /// Show a plan as it is declared, as a tree
    Show(OnePlan),
    /// Write a plan's graph: DOT, Mermaid, JSON, or a picture
    Graph(Graph),
    /// Write a file with its variables filled in
    Render(Render),
    /// Run a plan in a simulated cluster
    Simulate(Simulate),
    /// Run a service, and keep it running: a scheduler, until Ctrl-C
    Run(Box<Run>),
    /// Look at the plans of a running service, and act on them
    #[command(visible_alias = "plans")]
    Plan(PlanGroup),
    /// Look at the pod instances of a running service, and act on them
    #[command(visible_alias = "pods")]
    Pod(PodGroup),
    /// Say where a running service can be reached
    #[command(visible_alias = "endpoint")]
    Endpoints(Endpoints),
    /// Give a running service a new specification
    Update(Update),
    /// Look into the records of a scheduler
    Debug(DebugGroup),
    /// End a running service, and release everything that it has
    Uninstall(Uninstall),
    /// Replay what `run --record` recorded, and show the first difference
    Replay(Replay),
    /// Write the form of a file as a JSON Schema, for editors
    Schema,
    /// Say what a code of a problem means, with an example
    Explain(Explain),
    /// Write the completions of a shell
    Completions(Completions),
    /// Write the manual pages
    Man(Man),
}

/// `replay`.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The recording
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// What all commands take.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Common options")]
pub(crate) struct Common {
    /// Write the result for people or for programs
    #[arg(
        long,
        value_enum,
        default_value_t = Output::Text,
        value_name = "text|json",
        hide_possible_values = true,
        global = true
    )]
    pub(crate) output: Output,
    /// Color the output
    #[arg(
        long,
        value_enum,
        default_value_t = Color::Auto,
        value_name = "auto|always|never",
        hide_possible_values = true,
        global = true
    )]
    pub(crate) color: Color,
}

/// The form of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

/// Whether output is colored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// If the output goes to a terminal with colors.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What every command that reads a file takes.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Reading options")]
pub(crate) struct Reading {
    /// Take values of template variables from a file of `KEY=value` lines; may be repeated, the later wins
    #[arg(long, value_name = "FILE")]
    pub(crate) env_file: Vec<PathBuf>,
    /// Give a template variable a value, which wins over all files; may be repeated, the later wins
    #[arg(long, value_name = "KEY=VALUE", value_parser = assignment)]
    pub(crate) env: Vec<(String, String)>,
    /// Take values from the environment of the process too; files win over it
    #[arg(long)]
    pub(crate) inherit_env: bool,
    /// Leave variables without a value empty, with a warning for each
    #[arg(long, conflicts_with = "strict")]
    pub(crate) lenient: bool,
    /// Treat warnings as errors
    #[arg(long)]
    pub(crate) strict: bool,
    /// Look for config templates in this folder, and not beside the file
    #[arg(long, value_name = "DIR")]
    pub(crate) config_dir: Option<PathBuf>,
    /// Leave config templates unread; a missing one is then no error
    #[arg(long, conflicts_with = "config_dir")]
    pub(crate) skip_files: bool,
}

/// The arguments of `init`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Init {
    /// The folder; it is made if it is not there, and no file in it is written over
    #[arg(value_name = "FOLDER", default_value = ".")]
    pub(crate) folder: PathBuf,
    /// The service's name; by default that of the folder
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<ServiceName>,
}

/// The arguments of `man`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Man {
    /// Write a page for each command into this folder; without it, the page of `planwright` to standard output
    #[arg(long, value_name = "FOLDER")]
    pub(crate) dir: Option<PathBuf>,
}

/// The arguments of `validate`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Validate {
    /// A file, a folder with a `svc.yml`, or `-` for standard input
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Also say what this backend does not support
    #[arg(long)]
    pub(crate) backend: Option<String>,
    /// How they are read.
    #[command(flatten)]
    pub(crate) reading: Reading,
}

/// The arguments of `diff`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Diff {
    /// What is deployed: a file, a folder with a `svc.yml`, or `-` for standard input
    #[arg(value_name = "OLD")]
    pub(crate) old: PathBuf,
    /// The new file; without it, OLD with the values of `--then`
    #[arg(value_name = "NEW", required_unless_present = "then")]
    pub(crate) new: Option<PathBuf>,
    /// Give a template variable another value in the new file; may be repeated, the later wins
    #[arg(long, value_name = "KEY=VALUE", value_parser = assignment)]
    pub(crate) then: Vec<(String, String)>,
    /// How both are read.
    #[command(flatten)]
    pub(crate) reading: Reading,
}

/// The arguments of `explain`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Explain {
    /// The code, as `P005`; without it, all are listed
    #[arg(value_name = "CODE")]
    pub(crate) code: Option<String>,
}

/// The arguments of `render`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Render {
    /// A file, a folder with a `svc.yml`, or `-` for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// How it is read.
    #[command(flatten)]
    pub(crate) reading: Reading,
}

/// The arguments of `graph`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Graph {
    /// The form: `dot` for Graphviz, `mermaid`, `json`, or `svg`, a picture
    #[arg(long, value_enum, value_name = "dot|mermaid|json|svg", hide_possible_values = true)]
    pub(crate) format: Option<GraphFormat>,
    /// The plan.
    #[command(flatten)]
    pub(crate) plan: OnePlan,
}

/// The form of a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    /// The language of Graphviz.
    Dot,
    /// The language of Mermaid.
    Mermaid,
    /// Nodes and edges.
    Json,
    /// A picture.
    Svg,
}

/// The arguments of `show`, and a part of those of `graph`.
#[derive(Debug, Clone, Args)]
pub(crate) struct OnePlan {
    /// A file, a folder with a `svc.yml`, or `-` for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The plan
    #[arg(value_name = "PLAN", default_value = PlanName::DEPLOY)]
    pub(crate) plan: String,
    /// How the file is read.
    #[command(flatten)]
    pub(crate) reading: Reading,
}

/// The arguments of `simulate`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Simulate {
    /// A file, a folder with a `svc.yml`, or `-` for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Deploy first, then start this plan; `--do` then acts on it
    #[arg(long, value_name = "P")]
    pub(crate) plan: Option<String>,
    /// Give the started plan a parameter; may be repeated
    #[arg(short, long = "parameter", value_name = "K=V", value_parser = assignment, requires = "plan")]
    pub(crate) parameter: Vec<(String, String)>,
    /// Choose one of the possible runs; the same seed gives the same run. Without it, nothing is random
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// The number of nodes; by default the largest count of a pod, at least 3
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) nodes: Option<u32>,
    /// The number of zones that the nodes are in
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) zones: Option<u32>,
    /// Let something fail, as `end:kafka-0-broker@30s` or `gate:kafka-1@2m:deny`; may be repeated
    #[arg(long, value_name = "SPEC", value_parser = Fault::from_str)]
    pub(crate) fault: Vec<Fault>,
    /// Let an operator act, as `30s:interrupt:broker` or `2m:pod-replace:kafka-0`; may be repeated
    #[arg(long = "do", value_name = "TIME:VERB[:OF[:PART]]", value_parser = Act::from_str)]
    pub(crate) acts: Vec<Act>,
    /// Once the service is what it should be, submit it again with these values; may be repeated, for one target after
    /// the other
    #[arg(long, value_name = "KEY=VALUE[,KEY=VALUE]", value_parser = Then::from_str)]
    pub(crate) then: Vec<Then>,
    /// Crash the engine at every point of the run, once each, and check that the run ends the same
    #[arg(long, conflicts_with_all = ["trace", "heal", "same_end", "until", "why"])]
    pub(crate) crash_points: bool,
    /// Also crash it a second time, at every point until it is back
    #[arg(long, requires = "crash_points")]
    pub(crate) pairs: bool,
    /// End all faults at this time, and check that the service then becomes what it should be, and stays so
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    pub(crate) heal: Option<Duration>,
    /// Check that the run ends as the run without faults does
    #[arg(long)]
    pub(crate) same_end: bool,
    /// Say for every instance what it does or waits for at the end
    #[arg(long)]
    pub(crate) why: bool,
    /// Continue wherever a canary waits
    #[arg(long)]
    pub(crate) release_canaries: bool,
    /// End the run at this time, complete or not
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    pub(crate) until: Option<Duration>,
    /// Write everything that happened to a file, as lines of JSON; `-` is standard output
    #[arg(long, value_name = "F")]
    pub(crate) trace: Option<PathBuf>,
    /// How the file is read.
    #[command(flatten)]
    pub(crate) reading: Reading,
}

/// Values of template variables that replace earlier ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Then {
    /// The text as typed.
    pub(crate) text: String,
    /// The values.
    pub(crate) values: Vec<(String, String)>,
}

impl FromStr for Then {
    type Err = String;

    /// A comma begins another value if a variable's name and `=` follow it; others belong to the value.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut values: Vec<(String, String)> = Vec::new();
        for part in text.split(',') {
            match (assignment(part), values.last_mut()) {
                (Ok(value), _) => values.push(value),
                (Err(_), Some((_, value))) if !part.contains('=') => {
                    value.push(',');
                    value.push_str(part);
                }
                (Err(problem), _) => return Err(problem),
            }
        }
        Ok(Self { text: text.to_owned(), values })
    }
}

/// Reads `KEY=value`.
fn assignment(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| "write it as `KEY=value`".to_owned())?;
    if plan_load::is_key(key) {
        Ok((key.to_owned(), value.to_owned()))
    } else {
        Err(format!("`{key}` is not a variable's name: use letters, digits, `_`, `.` and `-`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_have_values() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let values = |text: &str| text.parse::<Then>().map(|then| then.values);
        assert_eq!(values("A=1,B=2"), Ok(vec![pair("A", "1"), pair("B", "2")]));
        assert_eq!(values("A=1,2,B="), Ok(vec![pair("A", "1,2"), pair("B", "")]));
        for wrong in ["", "A", "=1", "A=1,=2"] {
            assert!(values(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_assignment_has_a_key() {
        assert_eq!(assignment("A=b=c"), Ok(("A".to_owned(), "b=c".to_owned())));
        assert_eq!(assignment("A="), Ok(("A".to_owned(), String::new())));
        for wrong in ["A", "=b", "A B=c", ""] {
            assert!(assignment(wrong).is_err(), "{wrong}");
        }
    }
}
