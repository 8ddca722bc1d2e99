//! What goes wrong on a machine, on real processes: the program as people have it, its records on disk, its tasks real.
//!
//! Invariant: each scenario ends right. Each task has one living process, with the newest configuration; no process of any
//! task is left besides; and no task was ever begun while an earlier process of it lived. The witness is not the
//! scheduler but what runs: each process writes down its own start, and holds a lock for its life ([`witness`]).
//!
//! | module | what goes wrong |
//! | --- | --- |
//! | [`life`] | readiness that passes late, health that fails, tasks that are killed |
//! | [`killed`] | the scheduler is killed at seeded moments of a rolling update |
//! | [`away`] | things happen while no scheduler is there: tasks end, are killed, the machine starts again |
//! | [`disk`] | the disk is full; the disk of the records fails, and comes back |
//! | [`taken`] | ports, and the data folder, are had by others |
//!
//! `PLANWRIGHT_LONG=1` tries fifty seeds in the place of eight; `PLANWRIGHT_SEED=N` tries that one.
//! `docs/src/tried.md` says what the last long run came to.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::print_stdout, reason = "what was tried is worth reading, also when it passes")]
#![cfg(target_os = "linux")]

mod away;
mod disk;
mod killed;
mod life;
#[allow(dead_code, reason = "of what tests of schedulers share, a part is enough")]
#[path = "../scheduler/place.rs"]
mod place;
mod scene;
mod taken;
mod witness;
