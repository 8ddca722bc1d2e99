//! Schedulers as people have them: the real program, real records, real processes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod client;
mod place;
mod recording;
mod run;
