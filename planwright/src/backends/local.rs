//! Processes of this machine.

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backend_local::options::{Capacity, nodes};
use backend_local::{Local, LocalKind, LocalOptions};
use backend_sim::moment;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches as _};
use futures::stream::{BoxStream, StreamExt as _, unfold};
use plan_core::spec::NodeName;
use plan_driver::with_causes;
use tokio::time::{Instant, sleep_until};

use super::{BackendKind, BackendNote, OpenBackend};
use crate::problem::Problem;

/// The simulated nodes of this machine.
#[derive(Debug, Clone, Args)]
struct Nodes {
    /// Make this machine look like this many nodes
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    nodes: u32,
    /// The processors of each node; by default those of this machine
    #[arg(long, value_name = "CPUS", value_parser = positive)]
    cpus: Option<f64>,
    /// The memory of each node, in MB; by default that of this machine
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u64).range(1..))]
    memory: Option<u64>,
    /// The disk of each node, in MB; by default that of the disk with the data folder
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u64).range(1..))]
    disk: Option<u64>,
    /// Let a node vanish with all that runs on it, at once or after a time; may be repeated
    #[arg(long, value_name = "NAME[@TIME]", value_parser = Loss::from_str)]
    lose_node: Vec<Loss>,
}

/// A node that vanishes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Loss {
    /// The node.
    node: String,
    /// How long until it vanishes.
    after: Duration,
}

impl FromStr for Loss {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (node, after) = match text.split_once('@') {
            Some((node, time)) => (node, moment::parse(time).map_err(|error| error.to_string())?),
            None => (text, Duration::ZERO),
        };
        if node.is_empty() {
            return Err("name the node, as `node-0` or `node-0@30s`".to_owned());
        }
        Ok(Self { node: node.to_owned(), after })
    }
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        _ => Err("write a number above 0, as `2` or `0.5`".to_owned()),
    }
}

#[async_trait]
impl BackendKind for LocalKind {
    fn options(&self) -> Vec<Arg> {
        Nodes::augment_args(Command::new("local")).get_arguments().cloned().collect()
    }

    fn of_one_run(&self) -> &'static [&'static str] {
        &["lose_node"]
    }

    async fn open_with(&self, folder: &Path, options: &ArgMatches) -> Result<OpenBackend, Box<Problem>> {
        let Nodes { nodes: count, cpus, memory, disk, lose_node } =
            Nodes::from_arg_matches(options).map_err(|error| Problem::error(error.to_string()))?;
        let machine = Capacity::of_machine(folder);
        let capacity = Capacity {
            // The command line takes no number below 0. A number above that of any machine is unlimited.
            cpus: cpus.map_or(machine.cpus, |cpus| (cpus * 1000.0) as u64),
            memory: memory.unwrap_or(machine.memory),
            disk: disk.unwrap_or(machine.disk),
        };
        let mut options = LocalOptions::new(folder);
        options.nodes = nodes(count, capacity);
        options.environment = self.environment().clone();
        let is_node = |loss: &&Loss| options.nodes.iter().any(|node| node.name.as_str() == loss.node);
        if let Some(loss) = lose_node.iter().find(|loss| !is_node(loss)) {
            let names: Vec<&str> = options.nodes.iter().map(|node| node.name.as_str()).take(10).collect();
            let problem = Problem::error(format!("there is no node `{}` that could be lost", loss.node));
            return Err(problem
                .help(format!("the nodes are {}; `--nodes` makes more", names.join(", ")))
                .into());
        }
        let local = plan_host::start_local(options).await.map_err(|error| match error.source {
            Some(why) => Problem::error(with_causes(&*why)).help(error.what),
            None => Problem::error(error.what),
        })?;
        Ok(OpenBackend { backend: local.clone(), notes: losses(local, lose_node) })
    }
}

/// Lets nodes vanish, each at its time after the first call.
fn losses(local: Arc<Local>, mut losses: Vec<Loss>) -> BoxStream<'static, BackendNote> {
    losses.sort_by_key(|loss| loss.after);
    let losses = losses.into_iter();
    let begun = None;
    unfold((local, losses, begun), async |(local, mut losses, begun)| {
        let begun: Instant = begun.unwrap_or_else(Instant::now);
        let Loss { node, after } = losses.next()?;
        sleep_until(begun + after).await;
        let lost = match NodeName::new(&node) {
            Ok(name) => local.lose_node(&name).await.map_err(|error| with_causes(&error)),
            Err(error) => Err(error.to_string()),
        };
        let note = match lost {
            Ok(()) => BackendNote::Done(format!("{node} is lost, with all that ran on it")),
            Err(error) => BackendNote::Failed(format!("{node} is not lost: {error}")),
        };
        Some((note, (local, losses, Some(begun))))
    })
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_lost_at_once_or_later() {
        let loss =
            |node: &str, seconds| Ok(Loss { node: node.to_owned(), after: Duration::from_secs(seconds) });
        assert_eq!("node-0".parse(), loss("node-0", 0));
        assert_eq!("node-1@30s".parse(), loss("node-1", 30));
        for wrong in ["", "@3s", "node-0@", "node-0@soon"] {
            assert!(wrong.parse::<Loss>().is_err(), "{wrong}");
        }
    }
}
