//! A declarative plan engine: it knows what a service is to be, and decides what to do next.
//!
//! A service is declared once: pods of tasks, each task with a goal, and plans of phases of steps. The engine brings
//! this about. It is a pure function: everything that happens goes in as an [`engine::Input`], and everything that is
//! to be done comes out as [`engine::Effects`]. It reads no clock, draws no random number, does no I/O and has no
//! thread. So the same engine runs under a scheduler, in a test and in a simulator, and does the same in each.
//!
//! The modules build on each other: [`spec`] (the file, as types), [`plan`] (the tree and its strategies), [`engine`]
//! (the state machine), [`operator`] (custom schedulers). No module uses one that comes later in this list. [`prelude`]
//! has the names that most programs need.
//!
//! An `SDK rule R12` in the documentation is a rule of the DC/OS Commons SDK that this crate follows. The page
//! `docs/src/sdk-rules.md` of the book lists all of them.
//!
//! # Using it
//!
//! The owner of an engine does three things with the effects of each input, in this order: it makes the writes durable
//! in one batch, it carries the commands out, and it gives the engine an input for each of their results.
//!
//! ```
//! use std::collections::BTreeMap;
//! use std::sync::Arc;
//!
//! use plan_core::prelude::*;
//!
//! let text = "
//! name: hello
//! pods:
//!   hello:
//!     count: 1
//!     tasks:
//!       server: { goal: RUNNING, cmd: ./server, cpus: 0.1, memory: 64 }
//! ";
//! let model = Arc::new(Model::new(ServiceSpec::from_yaml(text)?.strict()?)?);
//!
//! let mut engine = Engine::new();
//! let installation = InstallationId("one".into());
//! let target = Input::Target(Target::new(model, installation.clone()));
//! let mut store = BTreeMap::new();
//! let mut inputs = vec![target];
//! while let Some(input) = inputs.pop() {
//!     let effects = engine.handle(Wall(0), input);
//!     // First the writes, in one batch.
//!     for write in effects.writes {
//!         match write {
//!             Write::Put(record) => drop(store.insert(record.key(), record)),
//!             Write::Delete(key) => drop(store.remove(&key)),
//!         }
//!     }
//!     // Then the commands. This cluster has one node, and carries every command out at once.
//!     for command in effects.commands {
//!         match command {
//!             Command::Fit(fit) => {
//!                 let name = NodeName::new("node-0")?;
//!                 let node = NodeFacts { name, region: None, zone: None, attributes: BTreeMap::new() };
//!                 let grant = Grant::new(node, Handle("room-1".into()));
//!                 let answer = FitAnswer::Fitted(grant);
//!                 inputs.push(Input::Outcome(CommandOutcome::Fit { instance: fit.instance, launch: fit.launch, answer }));
//!             }
//!             Command::Launch(launch) => {
//!                 let task = launch.tasks[0].config.task.clone();
//!                 let of = Incarnation {
//!                     installation: installation.clone(),
//!                     instance: launch.instance,
//!                     task,
//!                     launch: launch.launch,
//!                 };
//!                 let seen = Seen::Running { ready: true };
//!                 inputs.push(Input::Observed(Observation::new(of, 1, seen)));
//!             }
//!             _ => {}
//!         }
//!     }
//! }
//! assert_eq!(engine.plan_status("deploy"), Some(Status::Complete));
//!
//! // A scheduler that was killed goes on from its records.
//! let again = Engine::recover(store.into_values())?;
//! assert_eq!(again.plan_status("deploy"), Some(Status::Complete));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it deliberately does not do
//!
//! The engine stores no status: statuses follow from records. It has no callback: the program
//! that holds the engine calls an [`operator::Operator`], and gives the engine what the operator says. It does not poll: a question stands until it is
//! answered or withdrawn. It knows no orchestrator.

pub mod engine;
pub mod operator;
pub mod plan;
pub mod prelude;
pub mod spec;

// What their types are in public signatures: whoever names one needs the same version.
pub use indexmap;
#[cfg(feature = "graph")]
pub use petgraph;
pub use serde_json;
pub use smol_str;

/// The example of the crate's page is run as this type's.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[derive(Debug)]
pub struct Readme;
