//! The engine, situation by situation. Law 1 (recovered equals live) is checked after every input.
#![expect(unreachable_pub, clippy::unwrap_used, reason = "modules of one test share what they export")]

mod arbitrary;
mod bench;
mod budget;
mod canary;
mod deploy;
mod gates;
mod golden;
mod leaving;
mod moves;
mod oracles;
mod pods;
mod random;
mod recovery;
mod renames;
mod stale;
mod steps;
mod targets;
mod traps;
mod verb_table;
mod verbs;
mod words;
