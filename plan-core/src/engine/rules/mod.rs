//! Whether something may act now: one list of rules for all subjects.
//!
//! A question is about a subject: a step, a task that recovery brings back, an instance that leaves, an instance
//! that moves, or the service's farewell. Each rule says which kinds of subjects it is about, what its verdict is, and
//! which events let a waiting subject be considered again. Both the acts and the views of reasons ask [`eligible`].
//!
//! Invariant: a judgement changes nothing, so a rule can be asked at any time. What a rule remembers, only its
//! keeper changes. A new rule is one entry in the list (`docs/decisions/0018-one-list-of-rules.md`).

mod acts;
mod awaken;
mod budget;
mod eligible;
mod gate;
mod keeper;
mod list;
mod ours;
mod owner;
mod rule;
mod subject;
mod turns;

pub(super) use awaken::{awaken, keepers};
pub(super) use eligible::{eligible, objection};
pub(super) use keeper::Whom;
#[cfg(feature = "zoo")]
pub(super) use list::RULES;
pub(super) use owner::Owner;
#[cfg(feature = "zoo")]
pub(super) use rule::Rule;
pub(super) use subject::{Question, Subject};
