//! A service's life after its deployment, with and without faults.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use backend_sim::{CrashReport, Depth, Fault, Outcome, Report, Scenario, Shape, crash_points, run};
use common::{brokers, brokers_with, kafka, pair};
use plan_core::engine::{Reply, Verb};
use plan_core::plan::Model;
use plan_core::spec::InstanceName;

fn story(report: &Report) -> String {
    let lines: Vec<String> = report.trace.iter().map(ToString::to_string).collect();
    let plans: Vec<String> = report.plans.iter().map(ToString::to_string).collect();
    format!("{}\n{}\n{:?}\n{:?}", lines.join("\n"), plans.join("\n"), report.faults, report.outcome)
}

#[track_caller]
fn complete(report: &Report) {
    assert_eq!(report.outcome, Outcome::Complete, "{}", story(report));
}

/// How often something is told in a run.
fn told(report: &Report, words: &str) -> usize {
    report.trace.iter().filter(|event| event.to_string().contains(words)).count()
}

fn with(scenario: &mut Scenario, faults: &[&str]) -> Report {
    scenario.faults = faults.iter().map(|fault| fault.parse().unwrap()).collect();
    run(scenario).unwrap()
}

/// A service on so many nodes.
fn on(nodes: u32, model: Arc<Model>) -> Scenario {
    let mut scenario = Scenario::new(model);
    scenario.shape = Shape { nodes: Some(nodes), ..Shape::default() };
    scenario
}

fn then(model: Arc<Model>, next: Arc<Model>) -> Scenario {
    let mut scenario = on(5, model);
    scenario.then = vec![next];
    scenario
}

fn at(scenario: &mut Scenario, seconds: u64, verb: Verb) {
    scenario.verbs.push((Duration::from_secs(seconds), verb));
}

fn kafka_1() -> InstanceName {
    "kafka-1".parse().unwrap()
}

fn named(text: &str) -> InstanceName {
    text.parse().unwrap()
}

/// What befalls a service in its life, by name.
fn lives() -> Vec<(&'static str, Scenario)> {
    let mut lives = vec![
        ("update", then(brokers(3, "1", 1024), brokers(3, "2", 1024))),
        ("grow", then(brokers(3, "1", 1024), brokers(3, "1", 2048))),
        ("shrink", then(brokers(3, "1", 2048), brokers(3, "1", 1024))),
        ("scale out", then(brokers(3, "1", 1024), brokers(5, "1", 1024))),
        ("scale in", then(brokers(4, "1", 1024), brokers(2, "1", 1024))),
        ("pairs are updated", then(pair(2, "1"), pair(2, "2"))),
        ("pairs scale in", then(pair(3, "1"), pair(1, "2"))),
    ];
    let mut back = then(brokers(3, "1", 1024), brokers(3, "2", 1024));
    back.then.push(brokers(3, "1", 1024));
    lives.push(("update and back", back));
    let mut out_and_in = then(brokers(2, "1", 1024), brokers(4, "2", 1024));
    out_and_in.then.push(brokers(3, "3", 1024));
    lives.push(("out and in", out_and_in));
    let verb = |model: Arc<Model>, verb: Verb| {
        let mut scenario = on(5, model);
        at(&mut scenario, 120, verb);
        scenario
    };
    let (instance, tasks) = (kafka_1(), Vec::new());
    lives.extend([
        (
            "pod restart",
            verb(
                brokers(3, "1", 1024),
                Verb::RestartPod { instance: instance.clone(), tasks: tasks.clone() },
            ),
        ),
        ("pod replace", verb(brokers(3, "1", 1024), Verb::ReplacePod { instance: instance.clone() })),
        ("pair replace", verb(pair(2, "1"), Verb::ReplacePod { instance: named("pair-1") })),
        (
            "pod pause",
            verb(brokers(3, "1", 1024), Verb::PausePod { instance: instance.clone(), tasks: tasks.clone() }),
        ),
        ("uninstall", verb(brokers(3, "1", 1024), Verb::Uninstall)),
        ("pair uninstall", verb(pair(2, "1"), Verb::Uninstall)),
    ]);
    let mut resume =
        verb(brokers(3, "1", 1024), Verb::PausePod { instance: instance.clone(), tasks: tasks.clone() });
    at(&mut resume, 240, Verb::ResumePod { instance, tasks });
    lives.push(("pod resume", resume));
    let mut gone = on(5, brokers(3, "1", 1024));
    gone.faults = vec!["gone:node-1@120s".parse().unwrap()];
    lives.push(("node gone", gone));
    let policy =
        "replacement-failure-policy: {permanent-failure-timeout-secs: 120, min-replace-delay-secs: 0}\n";
    let mut silent = on(5, brokers_with(3, "1", 1024, policy));
    silent.faults = vec!["silent:node-1@120s+20m".parse().unwrap()];
    lives.push(("silent for too long", silent));
    lives
}

#[test]
fn a_life_without_faults_is_lived() {
    for (name, scenario) in lives() {
        let report = run(&scenario).unwrap();
        assert_eq!(report.outcome, Outcome::Complete, "{name}\n{}", story(&report));
        for (verb, reply) in &report.replies {
            assert_eq!(*reply, Reply::Done, "{name}: {verb}");
        }
    }
}

#[track_caller]
fn survived(name: &str, report: &CrashReport) {
    let told: Vec<String> = report
        .failures
        .iter()
        .take(1)
        .map(|failure| {
            let again = run(&Scenario { trace: true, ..failure.scenario.clone() }).unwrap();
            format!("{}\n{}", story(&again), failure.violation)
        })
        .collect();
    let (failed, runs) = (report.failures.len(), report.runs());
    assert!(report.all_survived(), "{name}: {failed} of {runs}\n{}", told.join("\n"));
}

#[test]
fn every_crash_in_a_life_is_survived() {
    for (name, scenario) in lives() {
        let report = crash_points(&scenario, Depth::Single).unwrap();
        assert!(report.runs() > 50, "{name}");
        survived(name, &report);
    }
}
