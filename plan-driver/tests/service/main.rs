//! The loop of a service, situation by situation, in virtual time.
#![expect(unreachable_pub, clippy::unwrap_used, reason = "modules of one test share what they export")]

mod asking;
mod backends;
mod cancellation;
mod chaos;
mod kit;
#[path = "../lot/mod.rs"]
mod lot;
mod operating;
mod order;
mod recording;
mod stores;
