//! Services deployed, with and without faults.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

mod common;

use backend_sim::{Choices, Outcome, Report, Scenario, run};
use common::*;

fn story(report: &Report) -> String {
    let lines: Vec<String> = report.trace.iter().map(ToString::to_string).collect();
    let plans: Vec<String> = report.plans.iter().map(ToString::to_string).collect();
    format!("{}\n{}\n{:?}", lines.join("\n"), plans.join("\n"), report.outcome)
}

#[test]
fn three_brokers_are_deployed_one_after_the_other() {
    let report = run(&Scenario::new(kafka())).unwrap();
    assert_eq!(report.outcome, Outcome::Complete, "{}", story(&report));
    assert_eq!(report.counts.launches, 3);
    eprintln!("{}", story(&report));
}

#[test]
fn seeds() {
    for seed in 0..300 {
        let models =
            [kafka(), kafka_with("parallel"), hello(), graph(), canary("canary"), canary("parallel-canary")];
        for (nth, model) in models.into_iter().enumerate() {
            let mut scenario = Scenario::new(model);
            scenario.choices = Choices::Seed(seed);
            scenario.release_canaries = true;
            scenario.faults = vec!["random:6".parse().unwrap()];
            let report = run(&scenario).unwrap();
            if let Outcome::Violation(violation) = &report.outcome {
                panic!("seed {seed} model {nth}\n{}\n{violation}\n{:?}", story(&report), report.faults);
            }
        }
    }
}
