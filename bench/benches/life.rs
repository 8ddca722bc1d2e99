//! How long a later target takes, and the way back from the records.
//! `cargo bench -p planwright-bench --bench life`.
#![expect(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints its figures")]

use std::hint::black_box;
use std::time::{Duration, Instant as Clock};

use backend_sim::{Depth, Scenario, crash_points};
use plan_core::engine::{Engine, Input, InstallationId, Record, Target, Wall, decode, encode};
use plan_core::spec::PhaseStrategy;
use planwright_bench::{Instant, service, service_running, target};

fn main() {
    println!(
        "# a service's life, {} build\n",
        if cfg!(debug_assertions) { "a debug" } else { "an optimised" }
    );
    println!("| what | instances | time | aim |\n| --- | ---: | ---: | ---: |");
    for strategy in [PhaseStrategy::Serial, PhaseStrategy::Parallel] {
        new_target(10_000, strategy);
    }
    recover(100_000);
    crashes(20);
}

fn row(what: &str, count: u32, time: Duration, aim: &str) {
    println!("| {what} | {count} | {time:.2?} | {aim} |");
}

/// A target that changes every instance of a service that runs, and its preview.
fn new_target(count: u32, strategy: PhaseStrategy) {
    let mut bench = Instant::new();
    bench.deploy(&service(count, strategy));
    assert!(bench.engine.is_deployed());
    let name = strategy.as_str();
    let new = service_running(count, strategy, "./broker2");
    let preview = Target::new(new.clone(), InstallationId("bench".into()));
    let time = median(9, || drop(black_box(bench.engine.preview(&preview))));
    row(&format!("a target previewed ({name})"), count, time, "50 ms");
    let time = median(9, || {
        let mut engine = bench.engine.clone();
        let input = target(&new);
        let start = Clock::now();
        drop(black_box(engine.handle(Wall(0), input)));
        start.elapsed()
    });
    row(&format!("a target taken, with its first decisions ({name})"), count, time, "50 ms");
}

/// The way from the records to the first decision.
fn recover(count: u32) {
    let mut bench = Instant::new();
    bench.deploy(&service(count, PhaseStrategy::Parallel));
    let records: Vec<Record> = bench.store.values().cloned().collect();
    let first = |records: Vec<Record>| {
        let mut engine = Engine::recover(records).expect("good records");
        // The session begins, and asks for what may live.
        let effects = engine.handle(Wall(0), Input::Wake);
        assert!(!effects.commands.is_empty());
        engine
    };
    let time = median(5, || {
        let records = records.clone();
        let start = Clock::now();
        let engine = first(records);
        let time = start.elapsed();
        drop(engine);
        time
    });
    row("records recovered, to the first command", count, time, "1 s");
    let encoded: Vec<_> = records.iter().map(|record| encode(record).expect("a good record")).collect();
    let bytes: usize = encoded.iter().map(|(key, bytes)| key.len() + bytes.len()).sum();
    let time = median(5, || {
        let start = Clock::now();
        let records = encoded.iter().map(|(key, bytes)| decode(key, bytes).expect("a good record"));
        let engine = first(records.collect());
        let time = start.elapsed();
        drop(engine);
        time
    });
    row(&format!("the same from {} MB of bytes", bytes / 1_000_000), count, time, "1 s");
}

/// Every point at which the engine can crash in the deployment of a plan of so many steps.
fn crashes(count: u32) {
    let scenario = Scenario::new(service(count, PhaseStrategy::Serial));
    for (depth, name, aim) in [(Depth::Single, "one crash", "1 s"), (Depth::Double, "two crashes", "")] {
        let start = Clock::now();
        let report = crash_points(&scenario, depth).expect("a scenario that can be run");
        let time = start.elapsed();
        assert!(report.failures.is_empty(), "{} failures", report.failures.len());
        row(&format!("{} runs with {name} each, a plan of {count} steps", report.survived), count, time, aim);
    }
}

/// The median of so many times; what is measured may say how long it took itself.
fn median<T: Took>(times: usize, mut of: impl FnMut() -> T) -> Duration {
    let mut all: Vec<Duration> = (0..times)
        .map(|_| {
            let start = Clock::now();
            let took = of();
            took.took(start)
        })
        .collect();
    all.sort_unstable();
    all[all.len() / 2]
}

trait Took {
    fn took(self, since: Clock) -> Duration;
}

impl Took for () {
    fn took(self, since: Clock) -> Duration {
        since.elapsed()
    }
}

impl Took for Duration {
    fn took(self, _: Clock) -> Duration {
        self
    }
}
