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
//! A task outlives its scheduler. A *shim* ([`shim`]) holds the task. The shim is a small process that the scheduler
//! starts and then leaves alone. It keeps the output, ends the task when told to, and writes to disk how the task
//! ended. So no end is lost while no scheduler runs. A task does not outlive its shim. The next scheduler finds shims
//! by the number and start time of their processes and by the start of the machine, so it never takes another process
//! with the same number for a shim.
//!
//! Invariant: one launch is carried out at most once, and at most one launch of a task is alive. The folder of a launch
//! is its lock. It is created once, and the process that creates `claim` in it decides whether anything runs.
//!
//! # The data folder
//!
//! | path | what |
//! | --- | --- |
//! | `services/S/I/service.json` | service S, installation I |
//! | `services/S/I/places/H/` | a place: it is held as long as this folder exists |
//! | … `volumes/` | its volumes |
//! | … `place.json` | what was held there, as an earlier version wrote it. This version only reads it |
//! | `services/S/I/instances/N/T.L/` | launch L of task T of instance N |
//! | … `order.json`, `claim`, `launch.json` | the order of the task, the process that runs it, the processes that it became |
//! | … `kill.json`, `exit.json`, `told` | the request to end, how the task ended, and that the engine's records have the end |
//! | … `ready`, `bell`, `shim.log` | that the task is ready, what wakes the shim, and the log of the shim |
//! | … `sandbox/` | the task's folder, with `stdout`, `stderr` and older output (`stdout.1`) |
//! | `lost/N.json` | a node that was lost |
//! | `cache/` | what was fetched, by URL |
//! | `trash/` | what is being removed |
//!
//! Names are encoded so that no name leads elsewhere. The backend's own files are written whole or not at all. The disk
//! space for `kill.json` and `exit.json` is reserved before the task starts (`….new`), so a task that fills the disk
//! can be ended, and its end is known.
//!
//! The data folder keeps nothing that a place holds: each session begins with the places that are held (`Opening::held`).
//! An order is an exception. It has all that its task's shim needs, since the shim outlives the scheduler: the node, the
//! ports and the resources too. Before the first session of a service these say what no other service may get.
//!
//! # What it supports, and what not
//!
//! - A task has the environment of SDK rule R47, `MESOS_SANDBOX`, `MESOS_CONTAINER_IP` and [`options::INHERITED`]. It
//!   gets no other variable of the scheduler.
//! - Volumes are links in the sandbox, and so are host volumes. Sizes are counted and not enforced.
//! - Config templates are rendered into the sandbox before the command runs, and again by `./bootstrap`, if the command
//!   calls it. A template whose variables the command sets itself is left to `./bootstrap`.
//! - `cpus` are counted and not enforced. Memory is limited by a control group where the machine lets the scheduler
//!   make one. The limit is `resource-limits.memory`, or else `memory` (SDK rule R21). Where the machine does not,
//!   `resource-limits.memory` is refused, and `memory` is a warning.
//! - Ports are those of this machine, on every node. No two places have the same port.
//! - A VIP is a proxy on the loopback that leads to ready tasks. If its port cannot be opened, the log says why.
//! - Nodes are simulated ([`options::nodes`]), for placement, and for the loss of a node ([`Local::lose_node`]).
//! - `kill-signal`, sent to its process group, asks a task to end. A task starts with no such signal ignored.
//! - The state of a task comes with words: how it ended with the last lines of its standard error, which check fails
//!   with the last line of its output, and where the task is reached. Words that differ only in numbers are told once.
//! - A question about a task (`Command::Ask`) is a command beside the task, like a check. It runs in the task's sandbox
//!   with the task's environment, and ends with its session.
//! - What is not supported is refused, or is a warning, before anything runs ([`LocalKind`]).
//!
//! Processes that a task leaves behind end with it, even those in a session of their own. Only a process that started
//! with an empty environment, survives its shim, and is in none of the task's sessions is not found.
//!
//! It runs only on Linux, since it needs `/proc`, process descriptors and parent-death signals.

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
mod earlier;
mod error;
mod fetch;
mod inner;
mod inspect;
mod kill;
mod kind;
mod last_words;
mod launch;
mod layout;
mod leftovers;
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
pub use leftovers::{LocalLeftovers, leftovers};
pub use local::Local;
pub use options::{LocalOptions, NodeSpec};

/// The example of the crate's page is run as this type's.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[derive(Debug)]
pub struct Readme;
