//! What every backend must promise, as scenarios that any backend can be put through.
//!
//! A backend is a type that implements `plan_driver::backend::Backend`. Its author writes a [`Subject`]: how to make a
//! cluster with the backend on it, and what cannot be tried there, with reasons. [`play`] puts it through all
//! [`SCENARIOS`], each on a cluster of its own, and [`page`] makes a table of several subjects.
//!
//! ```text
//! Subject ──▶ Cluster ──▶ Backend          one of each for each scenario; a scenario may start the backend anew
//!                            │ open
//!                         Session ◀── commands ── scenario ◀── reports, with or without receipts
//! ```
//!
//! Scenarios ask for one service, the suite's own: `src/service.rs` shows it. They use no clock but tokio's, so that a
//! backend in virtual time runs on a runtime whose clock is paused.
//!
//! Invariant: a promise that was not tried is said to be not run, with the reason, and never counted as kept.
//!
//! # What it deliberately does not do
//!
//! It tries no faults of a cluster but those that a subject can bring about, and no load. What decides is whether each
//! promise is kept once, from outside.

mod caller;
pub mod page;
mod run;
mod scenarios;
mod service;
mod stage;
mod subject;

pub use run::{Played, Scenario, excuse, play};
pub use scenarios::SCENARIOS;
pub use stage::{Broken, Stage};
pub use subject::{Cluster, Does, Need, Subject};

/// The book's Rust is compiled as this type's example.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/src/conformance.md")]
#[derive(Debug)]
pub struct Page;
