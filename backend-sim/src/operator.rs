//! Operators that are programs: custom schedulers, that see what happens and act.
//!
//! Invariant: an operator comes through the engine's door alone, by verbs and targets. What it sees was durable
//! before, and may have been missed if the engine crashed then.

use std::sync::Arc;
use std::time::Duration;

use plan_core::engine::{Engine, Event, Verb};
use plan_core::plan::Model;

/// What an operator sees.
#[derive(Debug)]
pub struct Sight<'a> {
    /// When.
    pub time: Duration,
    /// What happened just now; nothing, if it asked to look.
    pub events: &'a [Event],
    /// The engine, to be asked.
    pub engine: &'a Engine,
}

/// What an operator does.
#[derive(Debug, Clone)]
pub enum Act {
    /// Says a verb, until there is a reply.
    Verb(Verb),
    /// Submits a target, until there is a reply.
    Target(Arc<Model>),
    /// Looks again after this time.
    LookIn(Duration),
}

/// Acts on what it sees.
pub type Operator<'a> = dyn FnMut(&Sight<'_>) -> Vec<Act> + 'a;
