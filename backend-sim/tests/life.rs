//! A service's life after its deployment, with and without faults.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use backend_sim::{
    Choices, CrashReport, Depth, Report, Scenario, Shape, SimulationOutcome, crash_points, run,
};
use common::{brokers, brokers_with, guarded, hello, pair};
use plan_core::engine::{Reason, Reply, TaskState, Verb};
use plan_core::plan::Model;
use plan_core::spec::InstanceName;

fn story(report: &Report) -> String {
    let lines: Vec<String> = report.trace.iter().map(ToString::to_string).collect();
    let plans: Vec<String> = report.plans.iter().map(ToString::to_string).collect();
    format!("{}\n{}\n{:?}\n{:?}", lines.join("\n"), plans.join("\n"), report.faults, report.outcome)
}

#[track_caller]
fn complete(report: &Report) {
    assert_eq!(report.outcome, SimulationOutcome::Complete, "{}", story(report));
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

/// Half of the members may be down, and each is asked first.
const GUARD: &str = "max-unavailable: 50%, gates: {before: {cmd: ./in-sync, timeout: 5, max-age: 10}}";

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
        ("update under a bound and a gate", then(guarded("1", GUARD), guarded("2", GUARD))),
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
        assert_eq!(report.outcome, SimulationOutcome::Complete, "{name}\n{}", story(&report));
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
            let mut scenario = failure.scenario.clone();
            scenario.trace = true;
            let again = run(&scenario).unwrap();
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

#[test]
fn two_crashes_in_a_life_are_survived() {
    for (name, scenario) in lives() {
        if ["update", "scale in", "pod replace", "node gone", "pair uninstall"].contains(&name) {
            survived(name, &crash_points(&scenario, Depth::Double).unwrap());
        }
    }
}

#[test]
fn a_resized_instance_needs_room_where_it_lives() {
    let mut scenario = then(brokers(3, "1", 1024), brokers(3, "1", 4096));
    scenario.shape.capacity = Some(backend_sim::Room { cpus: 1000, gpus: 0, memory: 2048, disk: 5000 });
    let report = run(&scenario).unwrap();
    let SimulationOutcome::Incomplete { waits } = &report.outcome else { panic!("{}", story(&report)) };
    let Reason::NoRoom(why) = &waits[0].reason else { panic!("{waits:?}") };
    assert!(why.starts_with("node-0: needs 3072 MB of memory, 1024 are free"), "{why}");
    // Nothing is ended without room for its successor.
    assert_eq!(report.counts.launches, 3, "{}", story(&report));
}

#[test]
fn who_is_replaced_leaves_a_place_that_is_ended_and_released() {
    let mut scenario = on(4, brokers(3, "1", 1024));
    at(&mut scenario, 60, Verb::ReplacePod { instance: kafka_1() });
    let report = run(&scenario).unwrap();
    complete(&report);
    assert_eq!((told(&report, "goes from node-1 to node-3"), told(&report, "is paid")), (1, 1));
    // On a cluster without a node to spare it stays, and says why.
    scenario.shape.nodes = Some(3);
    let report = run(&scenario).unwrap();
    complete(&report);
    assert!(report.whys.iter().any(|why| matches!(why.reason, Reason::NoRoom(_))), "{:?}", report.whys);
    assert_eq!(report.counts.launches, 3, "{}", story(&report));
}

#[test]
fn a_silent_place_is_released_when_it_is_back() {
    let mut scenario = on(5, brokers(3, "1", 1024));
    at(&mut scenario, 60, Verb::ReplacePod { instance: kafka_1() });
    let report = with(&mut scenario, &["silent:node-1@50s+10m"]);
    complete(&report);
    let at_back = report.trace.iter().position(|event| event.to_string().contains("is heard again")).unwrap();
    let paid = report.trace.iter().position(|event| event.to_string().contains("is paid")).unwrap();
    assert!(at_back < paid, "{}", story(&report));
    // For good: the debt stands until an operator gives it up.
    scenario.until = Duration::from_secs(3600);
    let report = with(&mut scenario, &["silent:node-1@50s"]);
    assert_eq!(told(&report, "is paid"), 0, "{}", story(&report));
    let owed = report.trace.iter().map(ToString::to_string).find(|line| line.contains("(debt ")).unwrap();
    let debt = owed.split("(debt ").nth(1).unwrap().split(')').next().unwrap().parse().unwrap();
    at(&mut scenario, 600, Verb::GiveUp { debt });
    let report = with(&mut scenario, &["silent:node-1@50s"]);
    complete(&report);
    assert_eq!(told(&report, "is given up"), 1, "{}", story(&report));
    assert!(report.time < 3_600_000_000, "it comes to rest");
}

#[test]
fn a_node_that_is_gone_takes_all_with_it() {
    let report = with(&mut on(4, brokers(3, "1", 1024)), &["gone:node-1@30s"]);
    complete(&report);
    assert_eq!(told(&report, "broker went with its node"), 2, "{}", story(&report));
    assert_eq!(told(&report, "goes from node-1 to node-3"), 1);
    // While it is silent, and before anything is there.
    complete(&with(&mut on(4, brokers(3, "1", 1024)), &["silent:node-1@20s", "gone:node-1@30s"]));
    let report = with(&mut on(4, brokers(3, "1", 1024)), &["gone:node-1@0s"]);
    complete(&report);
    assert_eq!(report.counts.launches, 3);
}

#[test]
fn what_is_paused_is_never_ready() {
    let mut scenario = on(3, hello());
    at(&mut scenario, 60, Verb::PausePod { instance: named("hello-1"), tasks: Vec::new() });
    scenario.until = Duration::from_secs(3600);
    let report = run(&scenario).unwrap();
    let main =
        report.tasks.iter().find(|task| task.instance == named("hello-1") && task.task.as_str() == "main");
    let state = main.and_then(|task| task.state);
    assert_eq!(state, Some(TaskState::Running { ready: false }), "{}", story(&report));
    let after = report.trace.iter().filter(|event| event.time > 60_000_000).map(ToString::to_string);
    assert!(after.into_iter().all(|line| !line.contains("is ready")), "{}", story(&report));
    at(&mut scenario, 120, Verb::ResumePod { instance: named("hello-1"), tasks: Vec::new() });
    let report = run(&scenario).unwrap();
    complete(&report);
    assert!(report.whys.is_empty(), "{:?}", report.whys);
}

#[test]
fn what_is_seen_late_or_not_at_all_does_no_harm() {
    for faults in [
        &["freeze:node-0@1s+60s", "end:kafka-0-broker@30s"][..],
        &["skip:kafka-1@2s+60s", "end:kafka-1-broker@30s"],
        &["end:kafka-1-broker@10s", "rewind@12s"],
        &["end:kafka-1-broker@10s", "rewind@11s", "crash:after-commit#14"],
        &["silent:node-1@5s+60s", "rewind@70s", "freeze:node-2@65s+30s"],
        &["second@2s+60s"],
        &["second@2s+60s", "end:kafka-0-broker@3s", "second@70s+10s", "end:kafka-1-broker@71s"],
    ] {
        let mut scenario = then(brokers(3, "1", 1024), brokers(4, "2", 1024));
        scenario.checks.end = true;
        complete(&with(&mut scenario, faults));
        scenario.heal = Some(Duration::from_secs(80));
        complete(&with(&mut scenario, faults));
    }
    let report = with(&mut then(brokers(3, "1", 1024), brokers(3, "2", 1024)), &["second@2s+60s"]);
    assert_eq!(told(&report, "may write no more"), 1, "{}", story(&report));
}

#[test]
fn once_all_faults_end_a_service_becomes_what_it_shall_be() {
    let mut ends = [0; 2];
    let lives = lives();
    for seed in 0..400 {
        let (name, life) = &lives[seed as usize % lives.len()];
        let mut scenario = life.clone();
        scenario.choices = Choices::Seed(seed);
        scenario.heal = Some(Duration::from_secs(150));
        scenario.checks.recovery = seed % 4 == 0;
        scenario.faults.push("random:5".parse().unwrap());
        let report = run(&scenario).unwrap();
        match &report.outcome {
            SimulationOutcome::Complete => ends[0] += 1,
            SimulationOutcome::Incomplete { waits } => {
                let paused = |why: &plan_core::engine::Why| matches!(why.reason, Reason::Paused(_));
                assert!(waits.iter().all(paused), "{name}, seed {seed}\n{}", story(&report));
                ends[1] += 1;
            }
            other => panic!("{name}, seed {seed}\n{}\n{other:?}", story(&report)),
        }
    }
    assert!(ends[0] > 360, "{ends:?}");
}

/// Members that a serial update finds on their way are replaced together; they come up while they are being ended.
#[test]
fn who_comes_up_while_it_is_ended_was_broken_when_its_step_began() {
    let service = |cmd: &str, update: &str| {
        common::model(&format!(
            "name: three
pods:
  p: {{ count: 3, tasks: {{ t: {{ goal: RUNNING, cmd: ./t{cmd}, cpus: 0.1, memory: 8 }} }} }}
plans:
  deploy: {{ phases: {{ p: {{ pod: p, strategy: parallel }} }} }}
{update}"
        ))
    };
    let update = "  update: { phases: { p: { pod: p, strategy: serial } } }\n";
    let mut scenario = on(5, service("1", ""));
    scenario.targets.push((Duration::from_secs(60), service("2", "")));
    scenario.targets.push((Duration::from_secs(62), service("3", update)));
    let report = run(&scenario).unwrap();
    complete(&report);
    let lines: Vec<String> = report.trace.iter().map(ToString::to_string).collect();
    let at = |words: &str| lines.iter().position(|line| line.contains(words)).unwrap();
    let told = [at("p-0       t (launch 7) is told to end"), at("p-1       t (launch 8) is told to end")];
    let up = at("t runs (launch 7)");
    let launched = [at("launched on node-0 (launch 12)"), at("launched on node-1 (launch 13)")];
    assert!(told.iter().all(|&told| told < up), "{}", story(&report));
    assert!(launched.iter().all(|&launched| up < launched), "{}", story(&report));
    assert!(launched[1] < at("t runs (launch 12)"), "both at once: {}", story(&report));
}

/// Two tasks of one instance, each in a set of its own, whose steps do not wait for each other.
fn twins(memory: u32, left: &str, right: &str) -> Arc<Model> {
    common::model(&format!(
        "name: twins
pods:
  twin:
    count: 1
    tasks:
      left: {{goal: RUNNING, cmd: ./left, cpus: 0.1, memory: {memory}, ports: {{{left}}}}}
      right: {{goal: RUNNING, cmd: ./right, cpus: 0.1, memory: {memory}, ports: {{{right}}}}}
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

#[test]
fn two_sets_of_an_instance_change_at_once() {
    let (first, second) = ("first: {port: 0}", "first: {port: 0}, second: {port: 0}");
    let (own, more) = ("own: {port: 0}", "own: {port: 0}, more: {port: 0}");
    for (before, after) in [
        (twins(100, "", own), twins(200, "", own)),
        (twins(200, "", own), twins(100, "", own)),
        (twins(100, first, own), twins(200, second, own)),
        (twins(100, first, own), twins(200, second, more)),
        (twins(100, second, more), twins(200, first, own)),
    ] {
        let mut scenario = then(before, after);
        scenario.shape.capacity = Some(backend_sim::Room { cpus: 1000, memory: 500, ..Default::default() });
        for choices in std::iter::once(Choices::Benign).chain((0..20).map(Choices::Seed)) {
            scenario.choices = choices;
            complete(&run(&scenario).unwrap());
        }
    }
}

/// A pause is of the tasks that were launched: one that a step launches later runs, and the pause is obeyed all the same.
#[test]
fn a_pause_is_of_what_was_launched() {
    let model = common::model(
        "name: late
pods:
  web:
    count: 1
    tasks:
      web: {goal: RUNNING, cmd: ./web, cpus: 0.1, memory: 32}
      aide: {goal: RUNNING, cmd: ./aide, cpus: 0.1, memory: 32, essential: false}
  db:
    count: 1
    tasks:
      db:
        goal: RUNNING
        cmd: ./db
        cpus: 0.1
        memory: 32
        readiness-check: {cmd: ./ready, interval: 5, delay: 60, timeout: 10}
plans:
  deploy:
    strategy: serial
    phases:
      web: {pod: web, steps: [{default: [[web]]}]}
      db: {pod: db}
      aide: {pod: web, steps: [{default: [[aide]]}]}
",
    );
    let mut scenario = on(3, model);
    let pause = Verb::PausePod { instance: "web-0".parse().unwrap(), tasks: Vec::new() };
    scenario.verbs = vec![(Duration::from_secs(30), pause)];
    let report = run(&scenario).unwrap();
    complete(&report);
    assert!(report.whys.iter().any(|why| matches!(why.reason, Reason::Paused(_))), "{}", story(&report));
    let running = |name: &str| {
        let mut tasks = report.tasks.iter().filter(|task| task.task.as_str() == name);
        tasks.any(|task| task.state == Some(TaskState::Running { ready: true }))
    };
    assert!(running("aide"), "{}", story(&report));
}
