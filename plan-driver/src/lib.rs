//! Runs plan engines: carries their inputs in and their effects out.
//!
//! `plan-core` decides, and does nothing. This crate connects its engine with a clock, a [`store::Store`], a
//! [`backend::Backend`] and callers. A [`Scheduler`] runs the services of one store on one backend, each service in a
//! task of its own:
//!
//! ```text
//!             verbs, targets, reads            Scheduler ── Service ── Service ...
//!                      │
//!  clock ──▶ Engine::handle ──▶ writes ──▶ Store::commit ──▶ then: replies, receipts, events, commands ──▶ Session
//!                      ▲                                                                                      │
//!                      └───────────────────────── Reports: observations, answers, snapshots ──────────────────┘
//! ```
//!
//! Invariant: commit, then everything else. No command, reply, receipt or event leaves before the batch that it follows
//! from is durable under our epoch. A commit that fails, or whose result is unknown, drops the engine. A new engine is
//! recovered from the store. Requests of that batch are answered with [`DriverError::Unknown`], and may be sent again
//! under the same request id.
//!
//! # Using it
//!
//! ```
//! use std::collections::BTreeMap;
//! use std::sync::Arc;
//!
//! use plan_core::plan::{Model, Status};
//! use plan_core::spec::{Files, ReadOptions, Source, read};
//! use plan_driver::backend::prompt::PromptBackend;
//! use plan_driver::store::MemoryStore;
//! use plan_driver::{Options, Scheduler};
//!
//! let text = "
//! name: hello
//! pods:
//!   hello:
//!     count: 1
//!     tasks:
//!       server: { goal: RUNNING, cmd: ./server, cpus: 0.1, memory: 64 }
//! ";
//! let values = BTreeMap::new();
//! let options = ReadOptions { env: &values, strict_variables: true, files: Files::Skip };
//! let spec = read(Source { file: "svc.yml", text }, &options).spec.expect("a good file");
//! let model = Arc::new(Model::new(spec)?);
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//! let store = Arc::new(MemoryStore::new());
//! let scheduler = Scheduler::start(store, Arc::new(PromptBackend::new()), Options::default()).await?;
//! let hello = scheduler.service(&model.spec().name().clone()).await?;
//! hello.target(model, None, None).await?;
//! hello.wait(|engine| engine.plan_status("deploy") == Some(Status::Complete)).await?;
//! scheduler.stop().await;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it deliberately does not do
//!
//! It does not read files, listen on a port or print: the program does that. It knows no orchestrator.

pub mod backend;
pub mod clock;
mod condition;
mod error;
mod options;
pub mod prelude;
pub mod recording;
mod retry;
mod scheduler;
mod service;
pub mod store;

// What their types are in public signatures: whoever names one needs the same version.
pub use {async_trait::async_trait, futures, plan_core, tokio};

pub use condition::Condition;
pub use error::{DriverError, with_causes};
pub use options::{Limits, Options};
pub use retry::{Jitter, Retries};
pub use scheduler::Scheduler;
pub use service::{EventId, EventIdError, Followed, Happened, OperatorHandle, Service};

/// The example of the crate's page is run as this type's.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[derive(Debug)]
pub struct Readme;
