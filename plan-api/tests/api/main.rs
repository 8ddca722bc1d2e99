//! The HTTP API, as its clients see it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod book;
mod events;
mod hostile;
mod requests;
mod rig;
mod updates;
