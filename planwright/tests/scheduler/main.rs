//! Schedulers as people have them: the real program, real records, real processes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod again;
mod client;
mod crowd;
mod folder;
mod following;
mod live;
mod place;
mod recording;
mod run;
mod terminal;
mod waiting;
