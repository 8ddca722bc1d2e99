//! Tests that look into the engine, or put a fault into it: they need the feature `zoo`.
#![expect(unreachable_pub, clippy::unwrap_used, reason = "modules of one test share what they export")]

#[path = "../engine/bench.rs"]
#[allow(dead_code, reason = "not all that a bench has is used here")]
mod bench;
mod wakers;
