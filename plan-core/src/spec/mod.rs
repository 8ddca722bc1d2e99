//! Specifications: what a service is, as types, and how it is read. Nothing here knows about running plans or the
//! engine.
//!
//! The steps of reading: a [`template`] is rendered, [`read`](read()) makes a tree and then types of the text, and
//! `check` judges the types by the rules that they cannot express. Every problem is a [`Diagnostic`].

pub mod change;
mod check;
mod code;
pub(crate) mod cycles;
pub mod diagnostic;
mod edit;
mod environment;
pub mod gate;
#[cfg(feature = "yaml")]
mod keys;
pub mod names;
mod nearest;
pub mod placement;
pub mod plan;
pub mod pod;
pub mod problem;
#[cfg(feature = "yaml")]
pub mod read;
pub mod resources;
#[cfg(feature = "yaml")]
mod schema;
pub mod service;
pub mod strategy;
pub mod task;
pub mod template;
pub mod units;
#[cfg(feature = "yaml")]
mod write;

pub use change::{Change, ChangeRule, ChangeVerdict, RuleGroup, changes, converging_plan, matches};
pub use code::{Example, UnknownCode};
pub use diagnostic::{Code, Diagnostic, Files, Lines, Position, Severity, Span};
pub use environment::{
    Addresses, Ambiguous, LaunchPlace, Routing, TaskPlace, host_name, launch_environment, render_config,
    task_environment,
};
pub use gate::*;
pub use names::*;
pub use placement::{
    Census, Field, Judgement, JudgementReason, NodeFacts, Pattern, PatternError, PlacementError,
    PlacementRule,
};
pub use plan::*;
pub use pod::*;
pub use problem::{Checked, MarkedLine, Problem, SpecError};
#[cfg(feature = "yaml")]
pub use read::{FieldPlace, FieldPlaces, ReadOptions, Reading, Source, read, read_rendered};
pub use resources::*;
#[cfg(feature = "yaml")]
pub use schema::json_schema;
pub use service::*;
pub use strategy::*;
pub use task::*;
pub use units::*;
