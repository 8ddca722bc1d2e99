//! What must hold after every event, whatever happened.
//!
//! Invariant: a check speaks from the specification, the store's records and the cluster's own history. What
//! it knows of the engine is what the engine shows to everyone.
//!
//! `checker` remembers, and knows the others: `law` is of every engine between two inputs; `watch`, `batch` and
//! `launched` look at what is written and said before it is durable; `acts` and `order` at commands as they leave;
//! `members` counts who is down, and `asked` remembers what was asked before steps act; `end` and `room` at what is
//! left when nothing more will happen, with `amounts` of their own. All look at a `scene`, and `steps` says what was
//! done for a step.

mod acts;
mod amounts;
mod asked;
mod batch;
mod checker;
mod end;
mod launched;
mod law;
mod members;
mod order;
mod room;
mod scene;
mod steps;
mod watch;

pub(crate) use batch::Batch;
pub(crate) use checker::{Checker, GivenUp};
pub(crate) use scene::{Scene, Verdict};
