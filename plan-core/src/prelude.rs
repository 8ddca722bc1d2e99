//! What a program imports to declare a service, and to run an engine or an operator: `use plan_core::prelude::*`.
//!
//! Invariant: each name is the one of its module, and no other crate of the project has a public type of that name. What
//! only a backend or a store needs is not here.

pub use crate::engine::{
    Command, CommandOutcome, Effects, Engine, Event, FitAnswer, Grant, Handle, Incarnation, Input,
    InstallationId, LaunchAnswer, Observation, PlanView, PodView, Reason, Record, Refusal, Reply, Request,
    Seen, Target, TaskView, Verb, Wall, Why, Write,
};
pub use crate::operator::{Called, Context, Operator};
pub use crate::plan::{Model, Status};
pub use crate::spec::placement::NodeFacts;
pub use crate::spec::{
    Goal, NodeName, PhaseSpec, PlanName, PlanSpec, PodName, PodSpec, ResourceSet, ServiceSpec, TaskSpec,
};
