//! The reservation book of a backend: the resources of the nodes of a cluster, and the places that are held on them.
//!
//! A backend that decides by itself where instances go keeps one [`Book`]. Such backends are the simulator, processes
//! of one machine, and any backend that takes resources out of offers. The backend answers `Fit` from the book, and
//! tells the book about every launch, release and withdrawal. [`Questions`] keeps the questions that were not answered
//! with room yet.
//!
//! Invariant: what is held on a node is the sum of its places. A grant never makes that more than the node has. One
//! place at a time holds a port number. One function makes all changes, and property tests check the invariant.
//!
//! ```
//! use std::sync::Arc;
//! use plan_core::spec::NodeName;
//! use plan_core::spec::placement::NodeFacts;
//! use plan_room::{Amounts, Book, Judge, PortRules, BookRules, Search, Spaces, ReasonWords};
//!
//! let rules = BookRules {
//!     ports: PortRules { spaces: Spaces::PerNode, search: Search::FromTheFirst },
//!     judge: Judge::Placement,
//!     words: ReasonWords::default(),
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
//! Each difference is a parameter. Everything else is the same for all backends.
//!
//! | what | parameter | reason |
//! | --- | --- | --- |
//! | the owner of a place | [`Owner`] | one backend serves one service, and another serves several that must not mix |
//! | the handle of a new place | [`RoomRequest::fresh`] | a handle must never be given twice, and only the backend has a counter that survives its restarts |
//! | until when a grant may be used | [`RoomRequest::until`] | offers end, but the room of a machine does not |
//! | where a port number is unique | [`Spaces`] | simulated nodes of one machine share its ports |
//! | where a search for a port number begins | [`Search`] | a real task should not get a number that has just become free; a simulated run is simpler with the first number |
//! | which other programs have a port | [`Outside::has`] | only the backend can find out |
//! | which of the good nodes is taken | [`Outside::choose`] | the simulator also tries other nodes than the first |
//! | whether placement is judged | [`Judge`] | the engine judges placement too, and the simulator tests the engine's judgment alone |
//! | when the grants of a session end | the call of [`Book::forget_grants`] | they end with the session, or some time into the next one |
//! | what happens to the places of a node that is gone | the call of [`Book::clear_node`] | in a cluster they went with the node; folders on disk are still released one by one |
//! | the resources of a node | [`Book::add_node`], [`Book::offered`] | they are told once, or anew with each offer |
//! | some words of reasons | [`ReasonWords`] | only the backend knows what a lost node is, or one that takes no new instances |
//!
//! The book is pure: no clock, randomness, I/O, thread or async. The caller passes counts that say when something
//! happens.

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

// What their types are in public signatures: whoever names one needs the same version.
pub use plan_core;

pub use amounts::{Amounts, Lacks};
pub use book::{Book, BookRules};
pub use fit::{Judge, NoRoom, Outside, RoomRequest};
pub use node::{BookNode, Health};
pub use place::{HeldPlace, Kept, Numbers, Owner, When};
pub use ports::{PortRules, Search, Spaces};
pub use questions::{Question, Questions};
pub use words::ReasonWords;
