//! Operators that are programs, such as custom schedulers. They see what happens, and act.
//!
//! Invariant: an operator acts only by verbs and targets. What it sees is already durable. It may miss an event if the
//! engine crashes then.

use std::sync::Arc;
use std::time::Duration;

use plan_core::engine::{Engine, Event, Verb};
use plan_core::plan::Model;

/// What an operator sees.
#[derive(Debug)]
#[non_exhaustive]
pub struct Sight<'a> {
    /// When.
    pub time: Duration,
    /// What happened just now; empty if the operator asked to look.
    pub events: &'a [Event],
    /// The engine, for questions.
    pub engine: &'a Engine,
}

/// What an operator does.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Act {
    /// Sends a verb, again until there is a reply.
    Verb(Verb),
    /// Submits a target, again until there is a reply.
    Target(Arc<Model>),
    /// Looks again after this time.
    LookIn(Duration),
}

/// Acts on what it sees.
pub type Operator<'a> = dyn FnMut(&Sight<'_>) -> Vec<Act> + 'a;
