//! What an operator sees in one call, and what it says.
//!
//! Invariant: what is said has an id, and one id is queued once.

use std::fmt;
use std::sync::Arc;

use smol_str::{SmolStr, format_smolstr};

use crate::engine::{Author, Engine, Reply, Request, Verb, Wall};
use crate::plan::Model;
use crate::spec::PlanName;

/// What an operator sees in one call, and what it says there.
pub struct Context<'a> {
    operator: &'a str,
    now: Wall,
    engine: &'a Engine,
    acts: Vec<Act>,
}

/// Something that an operator says. Whoever runs operators has to know each kind.
#[derive(Debug, Clone)]
pub enum Act {
    /// A verb.
    Verb(Request),
    /// What the service is to be.
    Target {
        /// The specification, compiled.
        model: Arc<Model>,
        /// The plan that makes it so; the engine chooses one for `None`.
        plan: Option<PlanName>,
        /// The id and the operator.
        by: Author,
    },
}

impl<'a> Context<'a> {
    /// A context of the operator of this name, at this time, over this engine: for whoever runs operators, and for tests.
    pub fn new(operator: &'a str, now: Wall, engine: &'a Engine) -> Self {
        Self { operator, now, engine, acts: Vec::new() }
    }

    /// The time, by the clock that the engine is told: of the machine, or virtual.
    pub fn now(&self) -> Wall {
        self.now
    }

    /// The engine, to be read. It does not change during a call.
    pub fn engine(&self) -> &'a Engine {
        self.engine
    }

    /// Says a verb, under an id that names the occasion: `replace-store-1-17` for launch 17 of `store-1`.
    ///
    /// The same id again is the same request. It gets the same reply, and nothing is done.
    pub fn verb(&mut self, id: &str, verb: Verb) {
        let request = Request { id: self.full(id), who: self.operator.into(), verb };
        self.say(Act::Verb(request));
    }

    /// Says what the service is to be, under an id that names the occasion. The engine chooses the plan that makes it so.
    pub fn target(&mut self, id: &str, model: Arc<Model>) {
        let by = Author { id: self.full(id), who: self.operator.into() };
        self.say(Act::Target { model, plan: None, by });
    }

    /// Says what the service is to be, and by which plan.
    pub fn target_by(&mut self, id: &str, model: Arc<Model>, plan: PlanName) {
        let by = Author { id: self.full(id), who: self.operator.into() };
        self.say(Act::Target { model, plan: Some(plan), by });
    }

    /// The reply that the operator had under this id, as far as the audit reaches back.
    pub fn reply_to(&self, id: &str) -> Option<&'a Reply> {
        let id = self.full(id);
        self.engine.audit().find(|audit| audit.request == id).map(|audit| &audit.reply)
    }

    /// What was said in this call, in order.
    pub fn acts(&self) -> &[Act] {
        &self.acts
    }

    /// What was said in this call, in order.
    pub fn into_acts(self) -> Vec<Act> {
        self.acts
    }

    /// The id that a request has in the audit.
    fn full(&self, id: &str) -> SmolStr {
        format_smolstr!("{}/{id}", self.operator)
    }

    fn say(&mut self, act: Act) {
        if self.acts.iter().all(|said| said.request() != act.request()) {
            self.acts.push(act);
        }
    }
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("now", &self.now).field("acts", &self.acts).finish_non_exhaustive()
    }
}

impl Act {
    /// The request's id, as it stands in the audit: the operator's name, `/`, and the id that the operator chose.
    pub fn request(&self) -> &SmolStr {
        match self {
            Self::Verb(request) => &request.id,
            Self::Target { by, .. } => &by.id,
        }
    }

    /// The id that the operator chose.
    pub fn id(&self) -> &str {
        let who = match self {
            Self::Verb(request) => &request.who,
            Self::Target { by, .. } => &by.who,
        };
        let chosen = self.request().strip_prefix(who.as_str()).and_then(|rest| rest.strip_prefix('/'));
        chosen.unwrap_or(self.request())
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verb(request) => request.verb.fmt(f),
            Self::Target { model, .. } => write!(f, "target {}", model.hash()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_id_is_queued_once_and_bears_the_operators_name() {
        let engine = Engine::new();
        let mut context = Context::new("night/shift", Wall(7), &engine);
        context.verb("one", Verb::Uninstall);
        context.verb("one", Verb::Uninstall);
        context.verb("two", Verb::GiveUp { debt: 3 });
        let said: Vec<_> = context.acts().iter().map(|act| (act.request().as_str(), act.id())).collect();
        assert_eq!(said, [("night/shift/one", "one"), ("night/shift/two", "two")]);
        assert_eq!((context.now(), context.reply_to("one")), (Wall(7), None));
        let words: Vec<_> = context.into_acts().iter().map(ToString::to_string).collect();
        assert_eq!(words, ["uninstall", "give-up 3"]);
    }
}
