//! Simulated deploys a second on one core: `cargo run --release -p backend-sim --example speed -- SVC.yml`
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "an example that measures"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use backend_sim::{CheckSet, Choices, Scenario, run};
use plan_core::plan::Model;
use plan_core::spec::{Files, ReadOptions, Source, read};

fn main() {
    let path = std::env::args().nth(1).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let env = BTreeMap::new();
    let options = ReadOptions { env: &env, strict_variables: true, files: Files::Skip };
    let model =
        Arc::new(Model::new(read(Source { file: &path, text: &text }, &options).spec.unwrap()).unwrap());
    let off = CheckSet::NONE;
    let mut recovery = CheckSet::NONE;
    recovery.recovery = true;
    for (name, checks, keep, choices) in [
        ("benign, no checks, no trace", off, false, Choices::Benign),
        ("benign, no checks, trace and choices kept", off, true, Choices::Benign),
        ("benign, recovery alone", recovery, false, Choices::Benign),
        ("benign, all checks", CheckSet::ALL, false, Choices::Benign),
        ("seeded with random:6, all checks, trace kept", CheckSet::ALL, true, Choices::Seed(0)),
    ] {
        let mut scenario = Scenario::new(model.clone());
        (scenario.checks, scenario.trace, scenario.record) = (checks, keep, keep);
        if choices != Choices::Benign {
            scenario.faults.push("random:6".parse().unwrap());
        }
        let start = Instant::now();
        let (mut runs, mut events, mut inputs) = (0_u64, 0, 0);
        while start.elapsed().as_secs() < 2 {
            for _ in 0..100 {
                if choices != Choices::Benign {
                    scenario.choices = Choices::Seed(runs);
                }
                let report = run(&scenario).unwrap();
                (runs, events, inputs) =
                    (runs + 1, events + report.counts.events, inputs + report.counts.inputs);
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        let rate = |count: u64| count as f64 / seconds;
        println!(
            "{name:<46} {:>9.0} runs/s {:>11.0} events/s {:>11.0} inputs/s",
            rate(runs),
            rate(events),
            rate(inputs)
        );
    }
}
