//! The status that completes a step and starts none, in plans of three sizes: instructions. They must be
//! within 1.2 of each other; `.ci/run` compares them.
#![expect(missing_docs, unused_qualifications, reason = "gungraun's macros make both")]

use std::hint::black_box;

use gungraun::{library_benchmark, library_benchmark_group, main};
use plan_core::engine::{Effects, Engine, Input, Wall};
use plan_core::spec::PhaseStrategy;
use planwright_bench::{Instant, service};

/// A plan whose first task is launched and does not run yet, and the status of it. The rest waits for its
/// turn, and then for an operator: under valgrind a million launches take ten minutes, and change nothing
/// (4,870 instructions for 4,840 at a thousand, when they were made).
fn launched(steps: u32) -> (Engine, Input) {
    let mut cluster = Instant::new();
    cluster.launch_first(&service(steps, PhaseStrategy::Serial));
    let input = cluster.next_running().expect("a launch");
    (cluster.engine, input)
}

#[library_benchmark]
#[bench::steps_1000(args = (1_000), setup = launched)]
#[bench::steps_100000(args = (100_000), setup = launched)]
#[bench::steps_1000000(args = (1_000_000), setup = launched)]
fn completes_a_step((mut engine, input): (Engine, Input)) -> (Engine, Effects) {
    let effects = engine.handle(Wall(0), black_box(input));
    (engine, black_box(effects))
}

library_benchmark_group!(name = status, benchmarks = completes_a_step);
main!(library_benchmark_groups = status);
