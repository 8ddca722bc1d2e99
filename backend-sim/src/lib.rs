//! A deterministic cluster in memory, with faults and checks, that drives the plan engine.
//!
//! A run takes a service, a cluster, faults and operators ([`Scenario`]) and a source of choices ([`choose`]). It calls
//! [`plan_core::engine::Engine::handle`] itself, keeps the records in a store, and carries the commands out on nodes
//! and tasks that exist only in the simulator. After every event it checks what must hold ([`CheckName`]). Time is virtual:
//! an hour of waiting costs nothing. With the same scenario and the same list of choices a run is always the same, to
//! the last line of its trace.
//!
//! ```
//! use std::collections::BTreeMap;
//! use std::sync::Arc;
//!
//! use backend_sim::{SimulationOutcome, Scenario, run};
//! use plan_core::plan::Model;
//! use plan_core::spec::{Files, ReadOptions, Source, read};
//!
//! let text = "name: hello\npods:\n  web:\n    count: 2\n    tasks:\n      \
//!             server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}\n\
//!             plans:\n  deploy:\n    phases:\n      web: {pod: web}\n";
//! let env = BTreeMap::new();
//! let options = ReadOptions { env: &env, strict_variables: true, files: Files::Skip };
//! let spec = read(Source { file: "svc.yml", text }, &options).spec.ok_or("it is good")?;
//! let mut scenario = Scenario::new(Arc::new(Model::new(spec)?));
//! scenario.faults.push("end:web-0-server@30s".parse()?);
//! let report = run(&scenario)?;
//! assert_eq!(report.outcome, SimulationOutcome::Complete);
//! assert_eq!(report.counts.launches, 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`replay`] replays what a driver recorded. [`run_with_operator`] runs a custom scheduler, which is a
//! [`plan_core::operator::Operator`]. [`crash_points`] tries every point at which the engine can crash. [`Bench`] is the cluster without
//! an engine.
//!
//! From the top down: `crash` tries crashes. `sim` is the loop, and `chance` has random faults. `heal` says what must
//! happen once all faults ended, `ends` how runs end, and `checks` what must hold. `backend` carries out commands on a
//! `cluster` of `node`s and `task`s. `fault`, `scenario`, `report`, `violation` and `trace` are data.
//! `latency`, `store`, [`choose`] and `queue` use nothing else of this crate.

mod backend;
mod bench;
mod chance;
mod checks;
pub mod choose;
mod cluster;
mod crash;
mod ends;
mod fault;
mod heal;
mod latency;
pub mod moment;
mod node;
pub mod prelude;
mod queue;
mod replay;
mod report;
mod runtime;
mod scenario;
mod sim;
mod store;
mod task;
mod trace;
mod violation;

// What their types are in public signatures: whoever names one needs the same version.
pub use plan_core;

pub use backend::UnknownCommand;
pub use bench::{Bench, Said};
pub use cluster::{Judges, Shape};
pub use crash::{CrashFailure, CrashReport, Depth, crash_points};
pub use fault::{CrashPoint, Fault, FaultError, GateFault, LaunchFault};
pub use plan_room::Amounts as Room;
pub use replay::{Divergence, ReplayCounts, ReplayError, Replayed, Replayer, Unusable, replay};
pub use report::{Report, RunCounts, SimulationOutcome};
pub use scenario::{CheckSet, Choices, Scenario, ScenarioError};
pub use sim::{run, run_with, run_with_operator};
pub use store::{Fenced, RecordStore};
pub use trace::{TraceEvent, What};
pub use violation::{CheckName, Violation};

/// The example of the crate's page is run as this type's.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[derive(Debug)]
pub struct Readme;
