//! The bug zoo: every fault that can be put into the engine is found, and by what; without one, the same battery
//! finds nothing.
//!
//! `UPDATE_BOOK=1 cargo test -p backend-sim --features zoo --test zoo` writes `docs/src/zoo.md` anew; the diff is
//! read.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test; it reads a page of the book")]

mod common;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use backend_sim::{Check, Checks, Choices, Depth, Outcome, Scenario, Shape, crash_points, run};
use common::{brokers, brokers_with, canary, graph, hello, kafka, model, pair};
use plan_core::engine::{Bug, Verb};
use plan_core::plan::Model;

/// Every fault gets these runs, in this order, until one of them finds it.
struct Battery {
    /// Scenarios in which all that happens is written down. Each ends complete.
    scripted: Vec<(&'static str, Scenario)>,
    /// Scenarios in which every crash is tried.
    crashed: Vec<(&'static str, Scenario)>,
    /// Scenarios that befall random faults, with so many seeds each.
    random: Vec<(&'static str, Scenario, u64)>,
}

/// What found a fault.
struct Found {
    /// The check; or that a scripted run was not complete.
    check: String,
    /// In what.
    place: String,
    /// After so many runs.
    runs: u64,
    /// What was found, in words.
    words: String,
}

/// A service on so many nodes.
fn on(nodes: u32, model: Arc<Model>) -> Scenario {
    let mut scenario = Scenario::new(model);
    (scenario.trace, scenario.record) = (false, false);
    scenario.release_canaries = true;
    // Far more than any of these runs has.
    scenario.most_events = 20_000;
    scenario.shape = Shape { nodes: Some(nodes), ..Shape::default() };
    scenario
}

fn then(nodes: u32, models: impl IntoIterator<Item = Arc<Model>>) -> Scenario {
    let mut models = models.into_iter();
    let mut scenario = on(nodes, models.next().unwrap());
    scenario.then = models.collect();
    scenario
}

fn with(mut scenario: Scenario, faults: &[&str]) -> Scenario {
    scenario.faults.extend(faults.iter().map(|fault| fault.parse().unwrap()));
    scenario
}

fn at(mut scenario: Scenario, seconds: u64, verb: Verb) -> Scenario {
    scenario.verbs.push((Duration::from_secs(seconds), verb));
    scenario
}

fn restart(instance: &str) -> Verb {
    Verb::RestartPod { instance: instance.parse().unwrap(), tasks: Vec::new() }
}

fn replace(instance: &str) -> Verb {
    Verb::ReplacePod { instance: instance.parse().unwrap() }
}

fn pause(instance: &str) -> Verb {
    Verb::PausePod { instance: instance.parse().unwrap(), tasks: Vec::new() }
}

fn resume(instance: &str) -> Verb {
    Verb::ResumePod { instance: instance.parse().unwrap(), tasks: Vec::new() }
}

fn plan(mut scenario: Scenario, plan: &str) -> Scenario {
    scenario.plan = Some((plan.parse().unwrap(), Default::default()));
    scenario
}

const POLICY: &str =
    "replacement-failure-policy: {permanent-failure-timeout-secs: 120, min-replace-delay-secs: 600}\n";

fn battery() -> Battery {
    let one = |version| brokers(3, version, 1024);
    let scripted = vec![
        ("deploy", on(5, one("1"))),
        ("update", then(5, [one("1"), one("2")])),
        ("update and back", then(5, [one("1"), one("2"), one("1")])),
        (
            "scale out, then in",
            then(5, [brokers(2, "1", 1024), brokers(5, "1", 1024), brokers(2, "1", 1024)]),
        ),
        ("pairs scale in", then(5, [pair(3, "1"), pair(1, "2")])),
        ("pod restart", at(on(5, one("1")), 120, restart("kafka-1"))),
        ("pod replace", at(on(5, one("1")), 120, replace("kafka-1"))),
        ("pod pause", at(at(on(5, one("1")), 120, pause("kafka-1")), 240, resume("kafka-1"))),
        ("uninstall", at(on(5, one("1")), 120, Verb::Uninstall)),
        ("uninstall pairs", at(on(5, pair(2, "1")), 120, Verb::Uninstall)),
        ("side plan", plan(on(3, kafka()), "restart")),
        ("node gone", with(on(5, one("1")), &["gone:node-1@120s"])),
        ("silent for too long", with(on(5, brokers_with(3, "1", 1024, POLICY)), &["silent:node-1@120s+20m"])),
        ("canary", on(3, canary("serial-canary"))),
        ("a graph of phases", on(3, graph())),
    ];
    let crashed = vec![
        ("pod replace", at(on(5, one("1")), 120, replace("kafka-1"))),
        ("update", then(5, [one("1"), one("2")])),
    ];
    let heal = |mut scenario: Scenario| {
        scenario.heal = Some(Duration::from_secs(90));
        with(scenario, &["random:6"])
    };
    let random = vec![
        ("deploy", heal(on(5, one("1"))), 20),
        ("update", heal(then(5, [one("1"), one("2")])), 20),
        ("side plan", heal(plan(on(3, hello()), "backup")), 20),
    ];
    Battery { scripted, crashed, random }
}

fn words(check: Check) -> String {
    serde_json::to_value(check).unwrap().as_str().unwrap().to_owned()
}

/// Goes through the battery until something is found.
fn hunt(battery: &Battery, bug: Option<Bug>) -> (u64, Option<Found>) {
    let mut runs = 0;
    let found =
        |runs, check: String, place: String, words: String| (runs, Some(Found { check, place, runs, words }));
    for (name, scenario) in &battery.scripted {
        runs += 1;
        let report = run(&Scenario { bug, ..scenario.clone() }).unwrap();
        let place = format!("script \"{name}\"");
        match report.outcome {
            Outcome::Violation(v) => return found(runs, words(v.check), place, v.to_string()),
            Outcome::Incomplete { waits } => {
                return found(runs, "not complete".to_owned(), place, format!("{waits:?}"));
            }
            Outcome::Complete => {}
        }
    }
    for (name, scenario) in &battery.crashed {
        let report = crash_points(&Scenario { bug, ..scenario.clone() }, Depth::Single).unwrap();
        runs += report.runs().max(1);
        if let Some(failure) = report.failures.first() {
            let place = format!("a crash in \"{name}\"");
            let faults: Vec<_> = failure.scenario.faults.iter().map(ToString::to_string).collect();
            let told = format!("{faults:?}: {}", failure.violation);
            return found(runs, words(failure.violation.check), place, told);
        }
    }
    for (name, scenario, seeds) in &battery.random {
        for seed in 0..*seeds {
            runs += 1;
            let report = run(&Scenario { bug, choices: Choices::Seed(seed), ..scenario.clone() }).unwrap();
            if let Outcome::Violation(v) = report.outcome {
                let place = format!("faults by chance in \"{name}\", seed {seed}");
                return found(runs, words(v.check), place, v.to_string());
            }
        }
    }
    (runs, None)
}

/// Hunts all of these at once, on as many processors as there are.
fn hunt_all(battery: &Battery, bugs: &[Option<Bug>]) -> Vec<(u64, Option<Found>)> {
    let next = AtomicUsize::new(0);
    let mut all: Vec<(usize, (u64, Option<Found>))> = std::thread::scope(|scope| {
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        let work = || {
            let mut done = Vec::new();
            while let Some((nth, bug)) =
                Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|n| Some((n, *bugs.get(n)?)))
            {
                done.push((nth, hunt(battery, bug)));
            }
            done
        };
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    all.sort_by_key(|(nth, _)| *nth);
    all.into_iter().map(|(_, found)| found).collect()
}

#[test]
fn every_fault_is_found_and_nothing_else() {
    let battery = battery();
    let bugs: Vec<Option<Bug>> = std::iter::once(None).chain(Bug::ALL.iter().copied().map(Some)).collect();
    let only = std::env::var("ZOO_ONLY").ok();
    let bugs: Vec<_> = bugs
        .into_iter()
        .filter(|bug| {
            only.as_ref().is_none_or(|only| only.split(',').any(|o| bug.map_or("none", Bug::name) == o))
        })
        .collect();
    let all = hunt_all(&battery, &bugs);
    let mut wrong = Vec::new();
    for (bug, (runs, found)) in bugs.iter().zip(&all) {
        match (bug, found) {
            (None, None) => {}
            (None, Some(found)) => {
                wrong.push(format!("no fault, and {} in {}:\n{}", found.check, found.place, found.words));
            }
            (Some(bug), None) => wrong.push(format!("{bug} is not found in {runs} runs")),
            (Some(bug), Some(found)) => {
                println!("{:>22} {:>5} {:<22} {}", bug.name(), found.runs, found.check, found.place);
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
