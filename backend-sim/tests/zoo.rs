//! The bug zoo: every fault that can be put into the engine is found, and by what; without one, the same battery
//! finds nothing.
//!
//! `UPDATE_BOOK=1 cargo test -p backend-sim --features zoo --test zoo` writes `docs/src/zoo.md` anew; the diff is
//! read.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test; it reads a page of the book")]

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use backend_sim::{
    CheckName, Choices, Depth, Judges, Room, Scenario, Shape, SimulationOutcome, crash_points, run,
};
use common::{brokers, brokers_with, canary, graph, guarded, hello, kafka, model, pair};
use plan_core::engine::{Bug, Part, Verb};
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
    scenario.most_events = 4_000;
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

fn continue_update() -> Verb {
    Verb::Continue { plan: "update".parse().unwrap(), phase: None }
}

fn interrupt() -> Verb {
    Verb::Interrupt { plan: "deploy".parse().unwrap(), phase: None }
}

fn proceed() -> Verb {
    Verb::Continue { plan: "deploy".parse().unwrap(), phase: None }
}

/// A hundred and more at once.
fn many() -> Scenario {
    let mut scenario = on(3, model(MANY));
    // It is about what is left to consider: what holds of a smaller service is checked of those.
    scenario.checks.recovery = false;
    scenario
}

const MANY: &str = "
name: many
pods:
  web:
    count: 100
    tasks:
      web: {goal: RUNNING, cmd: ./web, cpus: 0.1, memory: 32}
plans:
  deploy:
    phases:
      web: {strategy: parallel, pod: web}
";

/// Updated with canaries.
fn careful(version: &str) -> Arc<Model> {
    model(&format!(
        "
name: careful
pods:
  web:
    count: 3
    tasks:
      web:
        goal: RUNNING
        cmd: ./web
        cpus: 0.1
        memory: 32
        env: {{VERSION: '{version}'}}
        readiness-check: {{cmd: ./ready, interval: 5, delay: 30, timeout: 10}}
plans:
  deploy:
    phases:
      web: {{strategy: serial, pod: web}}
  update:
    phases:
      web: {{strategy: serial-canary, pod: web}}
"
    ))
}

/// One in each zone.
fn by_zone() -> Arc<Model> {
    model(
        "
name: zones
pods:
  web:
    count: 2
    placement: '[[\"@zone\", \"MAX_PER\", \"1\"]]'
    tasks:
      web: {goal: RUNNING, cmd: ./web, cpus: 0.1, memory: 32}
plans:
  deploy:
    phases:
      web: {strategy: serial, pod: web}
",
    )
}

/// All at once, one on a node.
fn crowd() -> Arc<Model> {
    model(
        "
name: crowd
pods:
  web:
    count: 3
    placement: 'hostname:UNIQUE'
    tasks:
      web: {goal: RUNNING, cmd: ./web, cpus: 0.1, memory: 32}
plans:
  deploy:
    phases:
      web: {strategy: parallel, pod: web}
",
    )
}

/// One whose volume is apart from its node.
fn shared() -> Arc<Model> {
    model(
        "
name: db
pods:
  db:
    count: 1
    external-volumes: {data: {type: DOCKER, container-path: data, driver-name: pxd, volume-name: v}}
    tasks:
      db: {goal: RUNNING, cmd: ./db, cpus: 0.1, memory: 32}
plans:
  deploy:
    phases:
      db: {strategy: serial, pod: db}
",
    )
}

/// Two tasks of one instance that are replaced at once, each with one port or with two.
fn twins(left: &str, right: &str) -> Arc<Model> {
    model(&format!(
        "
name: twins
pods:
  twin:
    count: 1
    tasks:
      left: {{goal: RUNNING, cmd: ./left, cpus: 0.1, memory: 32, ports: {{{left}}}}}
      right: {{goal: RUNNING, cmd: ./right, cpus: 0.1, memory: 32, ports: {{{right}}}}}
plans:
  deploy:
    phases:
      twin:
        strategy: dependency
        pod: twin
        steps:
          - {{name: left, instance: default, tasks: [left]}}
          - {{name: right, instance: default, tasks: [right]}}
"
    ))
}

const POLICY: &str =
    "replacement-failure-policy: {permanent-failure-timeout-secs: 120, min-replace-delay-secs: 600}\n";

/// From a time on this is the target.
fn turn(mut scenario: Scenario, millis: u64, model: Arc<Model>) -> Scenario {
    scenario.targets.push((Duration::from_millis(millis), model));
    scenario
}

/// Only the engine looks at placement: by chance the backend names a wrong node, and then a right one.
fn blind(mut scenario: Scenario) -> Scenario {
    scenario.shape.judges = Judges::EngineAlone;
    scenario.shape.capacity = Some(Room { cpus: 4000, memory: 4096, ..Room::default() });
    scenario.choices = Choices::Seed(1);
    scenario
}

/// By chance the order that asked first is given last.
fn crossed(mut scenario: Scenario) -> Scenario {
    scenario.choices = Choices::Seed(0);
    scenario
}

/// Room that is granted may be used for half a second: no kill is so fast.
fn brief(mut scenario: Scenario) -> Scenario {
    scenario.shape.grants = Some(Duration::from_millis(500));
    scenario
}

/// On nodes in two zones.
fn zones(mut scenario: Scenario) -> Scenario {
    scenario.shape.zones = 2;
    scenario
}

/// Nobody releases canaries.
fn quiet(mut scenario: Scenario) -> Scenario {
    scenario.release_canaries = false;
    scenario
}

const BOUND: &str = "max-unavailable: 1";
const GATE: &str = "gates: {before: {cmd: ./in-sync, timeout: 5, max-age: 300}}";
const BOTH: &str = "max-unavailable: 1, gates: {before: {cmd: ./in-sync, timeout: 5, max-age: 5}}";
const BESIDE: &str =
    "max-unavailable: 1, gates: {before: {cmd: ./in-sync, task: aide, timeout: 5, max-age: 300}}";

/// Without what the engine says of itself between two inputs, so that the other checks have to find what is wrong.
fn without_recovery(mut scenario: Scenario) -> Scenario {
    scenario.checks.recovery = false;
    scenario
}

/// After two minutes members are updated as these keys let them.
fn guard(keys: &str) -> Scenario {
    turn(on(4, guarded("1", keys)), 120_000, guarded("2", keys))
}

/// With faults by chance; then the service becomes what it should be.
fn heal(mut scenario: Scenario) -> Scenario {
    scenario.heal = Some(Duration::from_secs(90));
    with(scenario, &["random:6"])
}

fn battery() -> Battery {
    let one = |version| brokers(3, version, 1024);
    let policy = || brokers_with(3, "1", 1024, POLICY);
    let scripted = vec![
        // A service's life.
        ("deploy", on(5, one("1"))),
        ("update", then(5, [one("1"), one("2")])),
        ("update and back", then(5, [one("1"), one("2"), one("1")])),
        ("out, then in", then(5, [brokers(2, "1", 1024), brokers(5, "1", 1024), brokers(2, "1", 1024)])),
        ("pairs scale in", then(5, [pair(3, "1"), pair(1, "2")])),
        (
            "in, and out again at once",
            turn(turn(on(5, pair(3, "1")), 120_000, pair(1, "1")), 121_000, pair(3, "1")),
        ),
        ("in, while one waits for room", turn(on(3, brokers(4, "1", 1024)), 300_000, one("1"))),
        ("pod restart", at(on(5, one("1")), 120, restart("kafka-1"))),
        ("pod replace", at(on(5, one("1")), 120, replace("kafka-1"))),
        ("pod pause", at(on(5, one("1")), 120, pause("kafka-1"))),
        ("pair pause", at(on(5, pair(2, "1")), 120, pause("pair-1"))),
        ("pod pause and resume", at(at(on(5, one("1")), 120, pause("kafka-1")), 240, resume("kafka-1"))),
        ("interrupt and continue", at(at(on(5, one("1")), 3, interrupt()), 240, proceed())),
        ("uninstall", at(on(5, one("1")), 120, Verb::Uninstall)),
        ("uninstall pairs", at(on(5, pair(2, "1")), 120, Verb::Uninstall)),
        (
            "uninstall, and a launch is refused that was not seen",
            at(with(on(5, pair(1, "1")), &["crash:after-commit#6", "refuse:pair-0#2"]), 5, Verb::Uninstall),
        ),
        ("side plan", plan(on(3, kafka()), "restart")),
        ("canary", on(3, canary("serial-canary"))),
        ("a graph of phases", on(3, graph())),
        // Faults.
        ("node gone", with(on(5, one("1")), &["gone:node-1@120s"])),
        ("node gone, one other in its zone", with(zones(on(4, by_zone())), &["gone:node-1@120s"])),
        ("silent, and back", with(on(5, one("1")), &["silent:node-1@120s+5s"])),
        ("silent for too long", with(on(5, policy()), &["silent:node-1@120s+20m"])),
        ("silent for good", with(on(5, policy()), &["silent:node-1@120s"])),
        ("two silent for good", with(on(5, policy()), &["silent:node-1@120s", "silent:node-2@130s"])),
        ("silent for too long, no room elsewhere", with(on(3, policy()), &["silent:node-1@120s+20m"])),
        (
            "replace, no room elsewhere, and back",
            at(with(on(3, one("1")), &["silent:node-1@120s+20m"]), 240, replace("kafka-1")),
        ),
        (
            "external volume, silent",
            with(at(on(3, shared()), 240, replace("db-0")), &["silent:node-0@120s+20m"]),
        ),
        (
            "two failures in a row",
            with(on(5, one("1")), &["end:kafka-1-broker@120s", "end:kafka-1-broker@150s"]),
        ),
        ("an essential task fails", with(on(3, pair(2, "1")), &["end:pair-1-main@120s"])),
        (
            "a failure before its update",
            with(turn(on(5, one("1")), 120_000, one("2")), &["end:kafka-2-broker@121s"]),
        ),
        (
            "back before it is ready",
            quiet(at(
                turn(turn(on(3, careful("1")), 120_000, careful("2")), 195_000, careful("1")),
                180,
                Verb::Continue { plan: "update".parse().unwrap(), phase: Some("web".parse().unwrap()) },
            )),
        ),
        ("lost, and living on", with(on(5, one("1")), &["undead:kafka-1-broker@120s", "second@130s+1s"])),
        ("a foreigner", with(on(5, one("1")), &["foreign:kafka-1-broker@120s"])),
        (
            "two schedulers",
            with(
                on(3, one("1")),
                &["silent:node-1@1s+1m", "silent:node-2@1s+1m", "second@10s+10m", "end:kafka-0-broker@3m"],
            ),
        ),
        ("the past, after a plan", with(plan(on(3, hello()), "backup"), &["rewind@20s"])),
        ("an answer twice", with(on(5, one("1")), &["unknown:kafka-1#1:lost", "echo:1"])),
        ("the backend does not judge", blind(on(5, crowd()))),
        ("grants are brief", brief(then(5, [one("1"), one("2")]))),
        ("back while a way is cleared", turn(turn(on(5, one("1")), 120_000, one("2")), 120_500, one("1"))),
        (
            "what was good has other needs, and is refused elsewhere",
            at(
                at(
                    with(turn(on(5, one("1")), 119_000, brokers(3, "2", 2048)), &["refuse:kafka-2#2"]),
                    120,
                    Verb::ForceComplete { plan: "update".parse().unwrap(), part: Part::Plan },
                ),
                240,
                replace("kafka-2"),
            ),
        ),
        ("a hundred at once", many()),
        (
            "two sets get ports at once",
            crossed(then(
                1,
                [
                    twins("a: {port: 0}", "c: {port: 0}"),
                    twins("a: {port: 0}, b: {port: 0}", "c: {port: 0}, d: {port: 0}"),
                ],
            )),
        ),
        // Budgets and gates.
        ("update under a bound", without_recovery(guard(BOUND))),
        (
            "update under a bound, and one fails as it is about to act",
            with(guard(BOUND), &["end:web-3-web@1m59s988ms"]),
        ),
        ("update under a bound and a gate", guard(BOTH)),
        (
            "a gate denies, and somebody continues",
            at(with(guard(GATE), &["gate:web-1@100s+60s"]), 240, continue_update()),
        ),
        ("a gate defers", with(guard(GATE), &["gate:web-1@100s+60s:defer"])),
        ("a gate does not answer", with(guard(GATE), &["gate:web-1@100s+60s:none"])),
        ("a gate allows, and another launch runs", with(guard(BESIDE), &["end:web-1-aide@121s"])),
    ];
    let crashed = vec![
        ("pod replace", at(on(5, one("1")), 120, replace("kafka-1"))),
        ("update", then(5, [one("1"), one("2")])),
        ("pod restart", at(on(5, one("1")), 120, restart("kafka-1"))),
        ("update under a bound and a gate", then(4, [guarded("1", BOTH), guarded("2", BOTH)])),
    ];
    let random = vec![
        ("deploy", heal(on(5, one("1"))), 20),
        ("update", heal(then(5, [one("1"), one("2")])), 20),
        ("side plan", heal(plan(on(3, hello()), "backup")), 20),
        ("update under a bound and a gate", heal(then(5, [guarded("1", BOTH), guarded("2", BOTH)])), 20),
    ];
    Battery { scripted, crashed, random }
}

fn words(check: CheckName) -> String {
    serde_json::to_value(check).unwrap().as_str().unwrap().to_owned()
}

/// The same scenario for an engine with this fault.
fn with_bug(scenario: &Scenario, bug: Option<Bug>) -> Scenario {
    let mut scenario = scenario.clone();
    scenario.bug = bug;
    scenario
}

/// Goes through the battery until something is found.
fn hunt(battery: &Battery, bug: Option<Bug>) -> (u64, Option<Found>) {
    let mut runs = 0;
    let found =
        |runs, check: String, place: String, words: String| (runs, Some(Found { check, place, runs, words }));
    for (name, scenario) in &battery.scripted {
        runs += 1;
        let report = run(&with_bug(scenario, bug)).unwrap();
        let place = format!("script \"{name}\"");
        match report.outcome {
            SimulationOutcome::Violation(v) => return found(runs, words(v.check), place, v.to_string()),
            SimulationOutcome::Incomplete { waits } => {
                return found(runs, "not complete".to_owned(), place, format!("{waits:?}"));
            }
            SimulationOutcome::Complete => {}
            other => panic!("{other:?}"),
        }
    }
    for (name, scenario) in &battery.crashed {
        let report = crash_points(&with_bug(scenario, bug), Depth::Single).unwrap();
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
            let mut scenario = with_bug(scenario, bug);
            scenario.choices = Choices::Seed(seed);
            let report = run(&scenario).unwrap();
            if let SimulationOutcome::Violation(v) = report.outcome {
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

/// The page of the book: which check found which.
fn page(found: &[(Bug, Found)], runs: u64) -> String {
    let mut page = format!(
        "# The bug zoo\n\n\
         <!-- Written by backend-sim/tests/zoo.rs; see there how to write it anew. -->\n\n\
         How good are the tests? {} faults can be put into the engine, one line each, behind a switch that no\n\
         normal build has. A battery of runs in the simulator looks for each: first scripts, which say all that\n\
         happens, then every point at which the engine can crash, then faults of the world by chance, after which\n\
         the service must become what it should be. It stops at the first run in which a check finds something. The\n\
         engine without a fault goes through all {runs} runs, and nothing is found. A fault that nothing finds is a\n\
         hole in the checks, and CI says so.\n\n\
         Checks are named as in `backend_sim::CheckName`; every one is made in every run.\n\n\
         | fault | what is wrong | found by | in | after runs |\n\
         | --- | --- | --- | --- | ---: |\n",
        found.len()
    );
    for (bug, Found { check, place, runs, .. }) in found {
        page += &format!("| `{bug}` | {} | `{check}` | {place} | {runs} |\n", bug.wrong());
    }
    let mut by_check: BTreeMap<&str, u32> = BTreeMap::new();
    found.iter().for_each(|(_, found)| *by_check.entry(&found.check).or_default() += 1);
    let mut by_check: Vec<_> = by_check.into_iter().collect();
    by_check.sort_by_key(|(check, count)| (std::cmp::Reverse(*count), *check));
    page += "\n| check | was first to find |\n| --- | ---: |\n";
    for (check, count) in by_check {
        page += &format!("| `{check}` | {count} |\n");
    }
    page
}

#[test]
fn every_fault_is_found_and_nothing_else() {
    let battery = battery();
    let bugs: Vec<Option<Bug>> = std::iter::once(None).chain(Bug::ALL.iter().copied().map(Some)).collect();
    let (mut wrong, mut table, mut clean) = (Vec::new(), Vec::new(), 0);
    for (bug, (runs, found)) in bugs.iter().zip(hunt_all(&battery, &bugs)) {
        match (bug, found) {
            (None, None) => clean = runs,
            (None, Some(found)) => {
                wrong.push(format!("no fault, and {} in {}:\n{}", found.check, found.place, found.words));
            }
            (Some(bug), None) => wrong.push(format!("{bug} is not found in {runs} runs")),
            (Some(bug), Some(found)) => table.push((*bug, found)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src/zoo.md");
    let page = page(&table, clean);
    if std::env::var_os("UPDATE_BOOK").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/src/zoo.md is not what was found:\n{page}\n\
         UPDATE_BOOK=1 cargo test -p backend-sim --features zoo --test zoo   writes it anew"
    );
}
