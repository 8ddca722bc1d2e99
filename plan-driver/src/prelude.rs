//! What a program with a scheduler needs, in one line: `use plan_driver::prelude::*`.
//!
//! It has what most programs name: a scheduler and its services, a store, a backend of one's own, and the types of
//! `plan-core` in their signatures. Everything else has its path.

pub use async_trait::async_trait;
pub use plan_core::engine::{
    Author, Command, End, Engine, Event, Parameters, Part, Refusal, Reply, Request, Story, Verb, Wall, Why,
};
pub use plan_core::operator::{Called, Context, Operator};
pub use plan_core::plan::{Model, Status};
pub use plan_core::spec::{InstanceName, Megabytes, PlanName, ServiceName, ServiceSpec, SpecError, TaskName};

pub use crate::backend::prompt::PromptBackend;
pub use crate::backend::{
    Backend, BackendError, BackendReport, BackendRule, Finding, Kind, Opening, Reports, RuleExample, Session,
};
pub use crate::clock::{Clock, SystemClock, TokioClock};
#[cfg(feature = "redb")]
pub use crate::store::RedbStore;
pub use crate::store::{MemoryStore, Store};
pub use crate::{Condition, DriverError, Happened, Options, Scheduler, Service};
