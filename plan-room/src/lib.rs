//! The reservation book of a backend: what the nodes of a cluster have, and what of it is held for whom.
//!
//! A backend that decides by itself where instances go keeps one [`Book`]: the simulator, processes of one machine, and
//! whatever takes resources out of offers. It answers `Fit` from the book, and tells the book of every launch, release
//! and withdrawal. [`Questions`] keeps the questions that were not answered with room yet.
//!
//! Invariant: what is held on a node is what its places say; a grant never makes that more than the node has; a port
//! number is held by one place at a time. All that changes this goes through one function, and property tests hold it
//! to the invariant.
//!
//! ```
//! use std::sync::Arc;
//! use plan_core::spec::NodeName;
//! use plan_core::spec::placement::NodeFacts;
//! use plan_room::{Amounts, Book, Judge, PortRules, Rules, Search, Spaces, Words};
//!
//! let rules = Rules {
//!     ports: PortRules { spaces: Spaces::PerNode, search: Search::FromTheFirst },
//!     judge: Judge::Placement,
//!     words: Words::default(),
//! };
//! let mut book: Book<()> = Book::new(rules);
//! let name = NodeName::new("node-0").expect("this is a name");
//! let facts = NodeFacts { name: name.clone(), region: None, zone: None, attributes: Default::default() };
//! book.add_node(Arc::new(facts), Amounts { cpus: 4_000, memory: 8_192, ..Amounts::default() });
//! assert_eq!(book.node(&name).map(|node| node.free().cpus), Some(4_000));
//! ```
//!
//! # Where backends differ
//!
//! Each difference is a parameter; all else is the same for all.
//!
//! | what | is said by | because |
//! | --- | --- | --- |
//! | whose places these are | [`Owner`] | one backend serves one service, another several that must not mix |
//! | the handle of a new place | [`Ask::fresh`] | a handle must never be given twice, and only the backend knows what it counts over its own restarts |
//! | until when a grant may be used | [`Ask::until`] | offers end, a machine's room does not |
//! | whom a number is unique to | [`Spaces`] | nodes that are made up on one machine share its ports |
//! | where a search for a number begins | [`Search`] | what runs is better not given a number that was free a moment ago; a simulated run stays short with the first |
//! | who else listens there | [`Outside::has`] | only the backend can look |
//! | which of the good nodes | [`Outside::choose`] | the simulator tries others than the first |
//! | whether placement is judged | [`Judge`] | the engine judges too, and the simulator tries it alone |
//! | when the grants of a session end | the call of [`Book::forget_grants`] | with the session, or only some time into the next one |
//! | what becomes of the places of a node that is gone | the call of [`Book::clear_node`] | in a cluster they went with it, a folder on disk is still released one by one |
//! | what a node has | [`Book::add_node`], [`Book::offered`] | it is told once, or anew with each offer |
//! | a few words of reasons | [`Words`] | a lost node, or one that takes nothing new, is a thing of the backend |
//!
//! It is pure: no clock, randomness, I/O, thread or async; when something happens is said by counts that are handed in.

mod amounts;
mod book;
mod census;
mod fit;
#[cfg(test)]
mod laws;
mod node;
mod place;
mod ports;
mod questions;
#[cfg(test)]
mod tests;
mod words;

pub use amounts::{Amounts, Lacks};
pub use book::{Book, Rules};
pub use fit::{Ask, Judge, NoRoom, Outside};
pub use node::{Health, Node};
pub use place::{Kept, Numbers, Owner, Place, When};
pub use ports::{PortRules, Search, Spaces};
pub use questions::{Question, Questions};
pub use words::Words;
