//! The arguments of `run`. Invariant: an address outside of the loopback is refused while the command line is read.

use std::ffi::OsString;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::str::FromStr;

use clap::{ArgMatches, Args, ValueEnum};
use plan_driver::recording::Recorder;

use super::Reading;

/// The arguments of `run`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Run {
    /// A file, a folder with a `svc.yml`, or `-` for standard input
    #[arg(value_name = "PACKAGE|FILE")]
    pub(crate) file: PathBuf,
    /// What runs the tasks
    #[arg(long)]
    pub(crate) backend: String,
    /// All parsed arguments, for the options of the backend.
    #[arg(skip)]
    pub(crate) options: ArgMatches,
    /// The options of the backend, as they were typed.
    #[arg(skip)]
    pub(crate) again: Vec<OsString>,
    /// Where the service's records are kept
    #[arg(
        long,
        value_enum,
        default_value_t = StoreKind::Redb,
        value_name = "memory|redb",
        hide_possible_values = true
    )]
    pub(crate) store: StoreKind,
    /// Keep everything of the service in this folder; by default `planwright/SERVICE` in the user's state folder
    #[arg(long, value_name = "D")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Listen on this address; port 0 is any free port
    #[arg(
        long,
        value_name = "ADDR",
        env = "PLANWRIGHT_LISTEN",
        hide_env_values = true,
        default_value = "127.0.0.1:8080",
        value_parser = Listen::from_str
    )]
    pub(crate) listen: Listen,
    /// The plan that carries out the file; by default the one that the engine chooses
    #[arg(long, value_name = "P")]
    pub(crate) plan: Option<String>,
    /// End when the plan is complete, or has an error; tasks go on running
    #[arg(long)]
    pub(crate) until_complete: bool,
    /// Record what happens in this file, for `planwright replay`; the file must be new or empty
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// End the recording before it is larger than this, in MB; the scheduler goes on
    #[arg(
        long,
        value_name = "MB",
        default_value_t = Recorder::LIMIT >> 20,
        requires = "record",
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub(crate) record_limit: u64,
    /// Write a line per change of a status, also on a terminal
    #[arg(long)]
    pub(crate) no_progress: bool,
    /// Also write the scheduler's log to standard error; give it twice for more
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// How the file is read.
    #[command(flatten)]
    pub(crate) reading: Reading,
}

/// Where records are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StoreKind {
    /// In memory: they are lost with the scheduler, which ends its tasks then.
    Memory,
    /// On disk.
    Redb,
}

impl From<StoreKind> for plan_host::Records {
    fn from(kind: StoreKind) -> Self {
        match kind {
            StoreKind::Memory => Self::Memory,
            StoreKind::Redb => Self::Disk,
        }
    }
}

/// An address of the loopback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Listen(pub SocketAddr);

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
            // Only the name of this machine is looked up.
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
}
