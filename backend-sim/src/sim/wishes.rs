//! The wishes of operators, and whether they were answered.
//!
//! Invariant: a wish is sent again until there is a reply, and has one reply.

use plan_core::engine::{Reply, Request, Verb};
use plan_core::operator::Act;
use smol_str::{SmolStr, format_smolstr};

/// Something that an operator wants. It is sent again until there is a reply.
#[derive(Clone)]
struct Wish {
    input: Wanted,
    due: bool,
    reply: Option<Reply>,
}

/// What the operator wants.
#[derive(Clone)]
pub(super) enum Wanted {
    /// A target: this one of the scenario's models.
    Target(usize),
    /// This verb.
    Verb(Request),
    /// An operator that is a program says this.
    Act(Act),
}

/// All wishes, by number.
#[derive(Clone)]
pub(super) struct Wishes(Vec<Wish>);

impl Wishes {
    /// The wishes of a scenario whose first target is due at once.
    pub(super) fn new() -> Self {
        Self(vec![Wish { input: Wanted::Target(0), due: true, reply: None }])
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds a wish that is sent when its time has come. Returns its number.
    pub(super) fn later(&mut self, input: Wanted) -> u32 {
        self.0.push(Wish { input, due: false, reply: None });
        self.0.len() as u32 - 1
    }

    /// Adds a wish that is also sent with the next input. Returns its number.
    pub(super) fn at_once(&mut self, input: Wanted) -> u32 {
        let nth = self.later(input);
        self.is_due(nth as usize);
        nth
    }

    /// Adds a verb. Returns its number, which is also that of its request.
    pub(super) fn verb(&mut self, verb: Verb) -> u32 {
        let (id, who) = (format_smolstr!("verb-{}", self.len()), SmolStr::new_static("operator"));
        self.later(Wanted::Verb(Request { id, who, verb }))
    }

    /// Takes down what an operator that is a program says; its number, if the request is not on its way already.
    pub(super) fn act(&mut self, act: Act) -> Option<u32> {
        let same = |wish: &Wish| {
            wish.reply.is_none()
                && matches!(&wish.input, Wanted::Act(said) if said.request() == act.request())
        };
        let known = self.0.iter().any(same);
        (!known).then(|| self.later(Wanted::Act(act)))
    }

    /// The time of a wish has come.
    pub(super) fn is_due(&mut self, nth: usize) {
        self.0[nth].due = true;
    }

    /// The wish, if it is time and there was no reply yet.
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

    /// The first wish without a reply.
    pub(super) fn unanswered(&self) -> Option<usize> {
        self.0.iter().position(|wish| wish.reply.is_none())
    }

    /// Whether one of the scenario's targets is due and has no reply.
    pub(super) fn has_open_target(&self) -> bool {
        self.0.iter().any(|wish| matches!(wish.input, Wanted::Target(_)) && wish.due && wish.reply.is_none())
    }

    /// Whether a verb that was sent, or will be, has no reply.
    pub(super) fn has_open_verb(&self, verb: &Verb) -> bool {
        self.0.iter().any(|wish| {
            wish.reply.is_none() && matches!(&wish.input, Wanted::Verb(request) if request.verb == *verb)
        })
    }
}
