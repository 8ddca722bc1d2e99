//! What `run` takes. Invariant: an address that is not the loopback's is refused while the command line is read.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use backend_sim::moment;
use clap::{Args, ValueEnum};
use plan_driver::recording::Recorder;
use serde::{Deserialize, Serialize};

use super::Reading;

/// The arguments of `run`.
#[derive(Debug, Clone, Args)]
pub struct Run {
    /// A file, a folder with a `svc.yml`, or `-` for standard input
    #[arg(value_name = "PACKAGE|FILE")]
    pub file: PathBuf,
    /// What runs the tasks
    #[arg(long, default_value = "local", value_name = "local", value_parser = BackendKind::from_str)]
    pub backend: BackendKind,
    /// Where the service's records are kept
    #[arg(
        long,
        value_enum,
        default_value_t = StoreKind::Redb,
        value_name = "memory|redb",
        hide_possible_values = true
    )]
    pub store: StoreKind,
    /// Keep all of the service in this folder; by default `planwright/SERVICE` in the user's state folder
    #[arg(long, value_name = "D")]
    pub data_dir: Option<PathBuf>,
    /// Listen here; port 0 is any that is free
    #[arg(
        long,
        value_name = "ADDR",
        env = "PLANWRIGHT_LISTEN",
        hide_env_values = true,
        default_value = "127.0.0.1:8080",
        value_parser = Listen::from_str
    )]
    pub listen: Listen,
    /// The plan that makes the service so; by default the one that the engine chooses
    #[arg(long, value_name = "P")]
    pub plan: Option<String>,
    /// End when the plan is complete, or has an error; tasks go on running
    #[arg(long)]
    pub until_complete: bool,
    /// Write down what happens in this file, for `planwright replay`; it is a new one, or empty
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// End the recording before it is larger, in MB; the scheduler goes on
    #[arg(
        long,
        value_name = "MB",
        default_value_t = Recorder::LIMIT >> 20,
        requires = "record",
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub record_limit: u64,
    /// Write a line per change of a status, also on a terminal
    #[arg(long)]
    pub no_progress: bool,
    /// Write the scheduler's log to standard error too; twice is more of it
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// What `--backend local` makes of this machine.
    #[command(flatten)]
    pub nodes: Nodes,
    /// How the file is read.
    #[command(flatten)]
    pub reading: Reading,
}

/// The nodes that this machine is made to look like.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of --backend local")]
pub struct Nodes {
    /// Make this machine look like so many nodes
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub nodes: u32,
    /// The processors of each node; by default those of this machine
    #[arg(long, value_name = "CPUS", value_parser = positive)]
    pub cpus: Option<f64>,
    /// The memory of each node, in MB; by default that of this machine
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u64).range(1..))]
    pub memory: Option<u64>,
    /// The disk of each node, in MB; by default that of the disk with the data folder
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u64).range(1..))]
    pub disk: Option<u64>,
    /// Let a node vanish with all that runs on it, at once or after a time; may be repeated
    #[arg(long, value_name = "NAME[@TIME]", value_parser = Loss::from_str)]
    pub lose_node: Vec<Loss>,
}

/// What runs the tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackendKind {
    /// Processes on this machine.
    Local,
}

impl FromStr for BackendKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "local" => Ok(Self::Local),
            "mesos" => Err("a backend for Mesos comes later; `local` runs tasks on this machine".to_owned()),
            _ => Err("the one backend is `local`, which runs tasks on this machine".to_owned()),
        }
    }
}

/// Where records are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// In memory: they are forgotten with the scheduler, which ends its tasks then.
    Memory,
    /// On disk.
    Redb,
}

/// An address of the loopback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen(pub SocketAddr);

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || {
            format!(
                "`{text}` is no address: write it as `127.0.0.1:8080`, or `127.0.0.1:0` for any free port"
            )
        };
        let address = match text.parse() {
            Ok(address) => address,
            // The one name that is looked up is that of this machine.
            Err(_) if text.starts_with("localhost:") => {
                text.to_socket_addrs().ok().and_then(|mut all| all.next()).ok_or_else(form)?
            }
            Err(_) => return Err(form()),
        };
        if address.ip().is_loopback() {
            return Ok(Self(address));
        }
        Err(format!(
            "`{text}` can be reached from other machines, and there is no TLS and are no roles yet: listen on the \
             loopback, as `127.0.0.1:{}`, and reach it through a tunnel (`ssh -L`)",
            address.port()
        ))
    }
}

/// A node that vanishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// The node.
    pub node: String,
    /// After so long.
    pub after: Duration,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_loopback_is_listened_on() {
        for good in ["127.0.0.1:8080", "127.0.0.1:0", "[::1]:0", "127.1.2.3:9"] {
            assert!(good.parse::<Listen>().is_ok(), "{good}");
        }
        for (wrong, why) in [
            ("0.0.0.0:8080", "other machines"),
            ("[::]:1", "other machines"),
            ("192.0.2.1:1", "other machines"),
            ("8080", "no address"),
            ("example.org:80", "no address"),
            ("127.0.0.1:99999", "no address"),
            ("", "no address"),
        ] {
            assert!(wrong.parse::<Listen>().is_err_and(|error| error.contains(why)), "{wrong}");
        }
    }

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
