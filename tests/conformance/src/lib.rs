//! What every backend must promise, as scenarios that run on any backend.
//!
//! A backend is a type that implements `plan_driver::backend::Backend`. Its author writes a [`Subject`], which says how
//! to make a cluster with the backend, and what cannot be tested there, with reasons. [`play`] runs all [`SCENARIOS`]
//! on it, each on a cluster of its own, and [`page`] makes a table of several subjects.
//!
//! ```text
//! Subject ──▶ Cluster ──▶ Backend          one of each for each scenario; a scenario may start the backend anew
//!                            │ open
//!                         Session ◀── commands ── scenario ◀── reports, with or without receipts
//! ```
//!
//! Scenarios use one service, the suite's own, which is in `src/service.rs`. They use only tokio's clock, so a backend
//! in virtual time can run on a runtime whose clock is paused.
//!
//! Invariant: a promise that was not tested is reported as not run, with the reason, and never counts as kept.
//!
//! # What it deliberately does not do
//!
//! It tests no load, and only those faults of a cluster that a subject can cause. It tests that each promise is kept
//! once, as seen from outside.

mod caller;
pub mod page;
mod run;
mod scenarios;
mod service;
mod stage;
mod subject;

pub use run::{BackendScenario, Played, excuse, play};
pub use scenarios::SCENARIOS;
pub use stage::{Broken, TestBed};
pub use subject::{Cluster, Does, Need, Subject};

/// The book's Rust is compiled as this type's example.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/src/conformance.md")]
#[derive(Debug)]
pub struct Page;
