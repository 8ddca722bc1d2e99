//! The backend on real processes of this machine.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod asking;
mod common;
mod files;
mod full;
mod held;
mod https;
mod life;
mod limits;
mod refused;
mod several;
mod signals;
mod words;
mod world;
