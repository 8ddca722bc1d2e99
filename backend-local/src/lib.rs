//! Runs the tasks of a service as processes on this machine: the smallest real backend, and the way to try a
//! specification before a cluster sees it.
//!
//! ```text
//! scheduler ── Local ──▶ shim ──▶ /bin/sh -c CMD          one shim for each task
//!    (dies)                │ output, end, exit status
//!                          ▼
//!                    the data folder ◀── Local of the next scheduler
//! ```
//!
//! A task outlives its scheduler. Its *shim* ([`shim`]), a small process that the scheduler starts and lets go of,
//! holds it: it keeps the output, ends the task when told to, and writes down how it ended. So no end is lost while no
//! scheduler is there. A task does not outlive its shim. The next scheduler finds shims by number and start time of
//! their processes and by the start of the machine: a number that was given again is never taken for one.
//!
//! Invariant: one launch is carried out at most once, and of one task at most one launch lives. The folder of a launch
//! is its lock: it is created once, and in it whoever creates `claim` decides whether anything runs.
//!
//! # The data folder
//!
//! | path | what |
//! | --- | --- |
//! | `services/S/I/service.json` | service S, installation I |
//! | `services/S/I/places/H/` | a place: it is held as long as this is there |
//! | … `volumes/` | its volumes |
//! | … `place.json` | what was held there, as an earlier version wrote it: it is read, and written no more |
//! | `services/S/I/instances/N/T.L/` | launch L of task T of instance N |
//! | … `order.json`, `claim`, `launch.json` | what is to run and what it has, who runs it, which processes it became |
//! | … `kill.json`, `exit.json`, `told` | that it is to end, how it ended, that the engine's records hold it |
//! | … `ready`, `bell`, `shim.log` | that it is ready; how the shim is woken, and what it has to say |
//! | … `sandbox/` | the task's folder, with `stdout`, `stderr` and those put aside (`stdout.1`) |
//! | `lost/N.json` | a node that was lost |
//! | `cache/` | what was fetched, by URL |
//! | `trash/` | what is being removed |
//!
//! Names are encoded so that none leads elsewhere. Files of ours are written whole or not at all. For `kill.json` and
//! `exit.json` the room is taken before the task starts (`….new`): a task that fills the disk is ended, and its end
//! known.
//!
//! Nothing here is what the engine's records have. What is held is told with each session (`Opening::held`). Until a
//! service comes, the orders in its places say what nobody else may get: their ports, and of each set the last that was
//! launched.
//!
//! # What it keeps, and what not
//!
//! - A task has the environment of SDK rule R47, `MESOS_SANDBOX`, `MESOS_CONTAINER_IP` and [`options::INHERITED`], and
//!   nothing else of the scheduler's.
//! - Volumes are links in the sandbox, and so are host volumes; sizes are counted and not enforced.
//! - Config templates are rendered into the sandbox before the command runs, and again by `./bootstrap`, if the command
//!   calls it. A template whose variables the command sets itself is left to `./bootstrap`.
//! - `cpus` are counted and not enforced. Memory is bounded by a control group where this machine lets us make one, by
//!   the limit or, without one, by what is asked for (SDK rule R21). Where it does not, a declared limit is refused and
//!   a mere request warned about.
//! - Ports are this machine's, on whichever node: no two places have the same.
//! - A VIP is a proxy on the loopback that follows readiness. Where one cannot be had, the log says why.
//! - Nodes are made up ([`options::nodes`]): for placement, and for losing one ([`Local::lose_node`]).
//! - A task is asked to end by its `kill-signal`, sent to its process group, and finds no such signal ignored.
//! - What there is to say of a task is told with its state: how it ended with the last lines of its standard error,
//!   which check fails with the last line of its output, where it is reached. Words that differ in numbers alone are
//!   told once.
//! - A question about a task (`Command::Ask`) is a command beside it, as a check is: in its sandbox, with its
//!   environment, and ended with its session.
//! - What cannot be kept is refused or warned about before anything runs ([`LocalKind`]).
//!
//! What a process leaves behind is ended with it, also in a session of its own. Only one that was started with an empty
//! environment, survives its shim and has no session of the task's is not found.
//!
//! It runs on Linux alone: it needs `/proc`, process descriptors and parent-death signals.

#[cfg(not(target_os = "linux"))]
compile_error!("backend-local needs Linux: `/proc`, process descriptors and parent-death signals");

mod address;
mod asking;
mod beside;
mod blocking;
mod bootstrap;
mod checks;
mod command;
mod compose;
mod disk;
mod error;
mod fetch;
mod inner;
mod inspect;
mod kill;
mod kind;
mod last_words;
mod launch;
mod layout;
mod left;
mod load;
mod local;
pub mod logs;
mod lost;
mod memory;
pub mod options;
mod process;
mod proxy;
mod prune;
mod reap;
mod release;
mod room;
mod run;
mod sandbox;
mod session;
pub mod shim;
mod state;
mod tell;
mod vip;
mod watch;

pub use disk::DiskError;
pub use error::LocalError;
pub use kind::LocalKind;
pub use left::{Left, left};
pub use local::Local;
pub use options::{LocalOptions, NodeSpec};

/// The example of the crate's page is run as this type's.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[derive(Debug)]
pub struct Readme;
