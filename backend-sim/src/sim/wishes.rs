//! What operators want, and whether they were answered.
//!
//! Invariant: a wish is said again until there is a reply, and has one reply.

use std::sync::Arc;

use plan_core::engine::{Reply, Request, Verb};
use plan_core::plan::Model;
use smol_str::{SmolStr, format_smolstr};

/// Something that an operator wants; it is said again until there is a reply.
#[derive(Clone)]
struct Wish {
    input: Wanted,
    due: bool,
    reply: Option<Reply>,
}

/// What it wants.
#[derive(Clone)]
pub(super) enum Wanted {
    /// The service is to become this one of the scenario's models.
    Target(usize),
    /// It is to become this one.
    Model(Arc<Model>),
    /// This is to be done.
    Verb(Request),
}

/// All of them, by number.
#[derive(Clone)]
pub(super) struct Wishes(Vec<Wish>);

impl Wishes {
    /// The service is to become what the scenario says first; that is due at once.
    pub(super) fn new() -> Self {
        Self(vec![Wish { input: Wanted::Target(0), due: true, reply: None }])
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes down something that is said when its time has come; its number.
    pub(super) fn later(&mut self, input: Wanted) -> u32 {
        self.0.push(Wish { input, due: false, reply: None });
        self.0.len() as u32 - 1
    }

    /// Takes down something that is said with the next input, too; its number.
    pub(super) fn at_once(&mut self, input: Wanted) -> u32 {
        let nth = self.later(input);
        self.is_due(nth as usize);
        nth
    }

    /// Takes down a verb; its number, which is its request's too.
    pub(super) fn verb(&mut self, verb: Verb) -> u32 {
        let (id, who) = (format_smolstr!("verb-{}", self.len()), SmolStr::new_static("operator"));
        self.later(Wanted::Verb(Request { id, who, verb }))
    }

    /// Its time has come.
    pub(super) fn is_due(&mut self, nth: usize) {
        self.0[nth].due = true;
    }

    /// What is wanted, if it is time and there was no reply yet.
    pub(super) fn open(&self, nth: usize) -> Option<&Wanted> {
        let wish = self.0.get(nth).filter(|wish| wish.due && wish.reply.is_none())?;
        Some(&wish.input)
    }

    pub(super) fn wanted(&self, nth: usize) -> &Wanted {
        &self.0[nth].input
    }

    pub(super) fn answer(&mut self, nth: usize, reply: Reply) {
        self.0[nth].reply = Some(reply);
    }

    /// The first that has no reply.
    pub(super) fn unanswered(&self) -> Option<usize> {
        self.0.iter().position(|wish| wish.reply.is_none())
    }

    /// Whether one of the scenario's targets is due and has no reply.
    pub(super) fn has_open_target(&self) -> bool {
        self.0.iter().any(|wish| matches!(wish.input, Wanted::Target(_)) && wish.due && wish.reply.is_none())
    }

    /// Whether a verb was said, or will be, that has no reply.
    pub(super) fn has_open_verb(&self, verb: &Verb) -> bool {
        self.0.iter().any(|wish| {
            wish.reply.is_none() && matches!(&wish.input, Wanted::Verb(request) if request.verb == *verb)
        })
    }
}
