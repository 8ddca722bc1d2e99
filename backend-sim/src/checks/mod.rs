//! What must hold after every event, whatever happened.
//!
//! Invariant: a check uses the specification, the store's records and the cluster's own history. Of the engine it uses
//! only what the engine shows to everyone.
//!
//! `checker` remembers, and calls the others. `law` checks every engine between two inputs. `watch`, `batch` and
//! `launched` check writes and events before they are durable. `acts` and `order` check commands as they leave.
//! `members` counts members that are down, and `asked` remembers the questions of gates. `end` and `room` check what is
//! left when nothing more will happen, with their own `amounts`. `tally` counts questions and places from commands and
//! answers. All use a `scene`, and `steps` says what was done for a step.

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
mod tally;
mod watch;

pub(crate) use batch::Batch;
pub(crate) use checker::{Checker, GivenUp};
pub(crate) use scene::{Scene, Verdict};
pub(crate) use tally::Tally;
