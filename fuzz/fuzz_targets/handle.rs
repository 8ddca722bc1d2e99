//! Arbitrary input sequences: after each input the engine recovered from the store equals the live one with its
//! session forgotten, and what holds between two inputs holds.
#![no_main]

#[path = "../../plan-core/tests/engine/arbitrary.rs"]
mod arbitrary;
#[path = "../../plan-core/tests/engine/bench.rs"]
#[allow(dead_code, reason = "the bench is shared with the tests, which use all of it")]
mod bench;

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use plan_core::plan::Model;

static SERVICES: LazyLock<Vec<Arc<Model>>> = LazyLock::new(arbitrary::services);

fuzz_target!(|bytes: &[u8]| {
    arbitrary::feed(&SERVICES, bytes);
});
