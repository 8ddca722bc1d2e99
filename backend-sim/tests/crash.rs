//! Every point at which the engine can crash.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use backend_sim::{CrashPoint, CrashReport, Depth, Fault, Scenario, SimulationOutcome, crash_points, run};
use common::{brokers, graph, hello, kafka, kafka_with};
use plan_core::engine::Verb;

#[track_caller]
fn survived(report: &CrashReport) {
    let told: Vec<String> = report
        .failures
        .iter()
        .take(3)
        .map(|failure| {
            let faults: Vec<_> = failure.scenario.faults.iter().map(ToString::to_string).collect();
            let mut scenario = failure.scenario.clone();
            scenario.trace = true;
            let again = run(&scenario).unwrap();
            let lines: Vec<String> = again.trace.iter().map(ToString::to_string).collect();
            format!("{}\n{faults:?}: {}\n{:?}", lines.join("\n"), failure.violation, again.outcome)
        })
        .collect();
    assert!(report.all_survived(), "{} of {}\n{}", report.failures.len(), report.runs(), told.join("\n"));
    assert_eq!(report.survived, report.runs());
}

#[test]
fn every_point_of_a_deployment_is_survived() {
    for model in [kafka(), kafka_with("parallel"), hello(), graph()] {
        let scenario = Scenario::new(model);
        let plain = run(&scenario).unwrap();
        let report = crash_points(&scenario, Depth::Single).unwrap();
        survived(&report);
        // Those of the run itself, and no others.
        assert_eq!(report.single, plain.counts.points);
        assert!(report.double.is_empty());
    }
}

#[test]
fn two_crashes_are_survived() {
    for model in [kafka(), hello()] {
        let report = crash_points(&Scenario::new(model), Depth::Double).unwrap();
        survived(&report);
        assert!(report.double.values().sum::<u64>() > report.single.values().sum::<u64>());
    }
}

#[test]
fn a_fork_is_the_run_with_that_crash() {
    // A crash that is not survived, as what it is held against is another: the scenario does it again.
    let mut scenario = Scenario::new(hello());
    scenario.plan = Some(("backup".parse().unwrap(), BTreeMap::new()));
    survived(&crash_points(&scenario, Depth::Single).unwrap());
    scenario.faults = vec![Fault::Crash { point: CrashPoint::AfterCommit, nth: 9 }];
    scenario.checks.end = true;
    assert_eq!(run(&scenario).unwrap().outcome, SimulationOutcome::Complete);
}

/// What was ordered while nothing was heard of the node is given again when it is heard: the record is the command.
#[test]
fn what_was_given_while_a_node_was_silent_is_given_again_when_it_is_back() {
    let mut scenario = Scenario::new(brokers(3, "1", 1024));
    scenario.shape.nodes = Some(5);
    scenario.faults = vec!["silent:node-1@120s+11s500ms".parse().unwrap()];
    let replace = Verb::ReplacePod { instance: "kafka-1".parse().unwrap() };
    scenario.verbs = vec![(Duration::from_secs(130), replace)];
    survived(&crash_points(&scenario, Depth::Single).unwrap());
}

/// An operator who paused something when no engine was there resumes it all the same once all faults ended.
#[test]
fn what_is_paused_as_the_faults_end_is_resumed() {
    let mut scenario = Scenario::new(brokers(3, "1", 1024));
    scenario.faults = vec!["end:kafka-1-broker@88s500ms".parse().unwrap()];
    let pause = Verb::PausePod { instance: "kafka-1".parse().unwrap(), tasks: Vec::new() };
    scenario.verbs = vec![(Duration::from_secs(89), pause)];
    scenario.heal = Some(Duration::from_secs(90));
    survived(&crash_points(&scenario, Depth::Single).unwrap());
}
