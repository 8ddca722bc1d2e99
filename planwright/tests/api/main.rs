//! The HTTP API, as its clients see it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod events;
mod requests;
mod rig;
