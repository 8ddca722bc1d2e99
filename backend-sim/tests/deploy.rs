//! Services deployed, with and without faults.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use backend_sim::{
    Choices, CrashPoint, Fault, Report, Scenario, ScenarioError, Shape, SimulationOutcome, run,
};
use common::{canary, graph, guarded, hello, kafka, kafka_with, model};
use plan_core::engine::{Part, Reason, Reply, Verb};
use plan_core::plan::Status;

fn story(report: &Report) -> String {
    let lines: Vec<String> = report.trace.iter().map(ToString::to_string).collect();
    let plans: Vec<String> = report.plans.iter().map(ToString::to_string).collect();
    format!("{}\n{}\n{:?}\n{:?}", lines.join("\n"), plans.join("\n"), report.faults, report.outcome)
}

fn with(scenario: &mut Scenario, faults: &[&str]) -> Report {
    scenario.faults = faults.iter().map(|fault| fault.parse().unwrap()).collect();
    run(scenario).unwrap()
}

#[track_caller]
fn complete(report: &Report) {
    assert_eq!(report.outcome, SimulationOutcome::Complete, "{}", story(report));
}

#[test]
fn three_brokers_are_deployed_one_after_the_other() {
    let report = run(&Scenario::new(kafka())).unwrap();
    complete(&report);
    assert_eq!(report.counts.launches, 3);
    assert_eq!(report.completed_at, Some(report.time));
    let told: Vec<String> = report.trace.iter().map(ToString::to_string).collect();
    let launched: Vec<&String> = told.iter().filter(|line| line.contains("launched")).collect();
    assert_eq!(
        launched,
        [
            "t=00:00:00.010  kafka-0   launched on node-0 (launch 2) for step deploy / broker / kafka-0:[broker]",
            "t=00:00:01.840  kafka-1   launched on node-1 (launch 3) for step deploy / broker / kafka-1:[broker]",
            "t=00:00:03.670  kafka-2   launched on node-2 (launch 4) for step deploy / broker / kafka-2:[broker]",
        ]
    );
    let json = report.trace[0].to_json();
    assert_eq!(json, r#"{"time":0,"what":"submitted","service":"kafka"}"#);
}

#[test]
fn a_task_that_ends_is_brought_back_however_it_ended() {
    for how in ["", ":failed", ":finished", ":killed", ":unhealthy", ":lost"] {
        let report = with(&mut Scenario::new(kafka()), &[&format!("end:kafka-0-broker@30s{how}")]);
        complete(&report);
        assert_eq!(report.counts.launches, 4, "{}", story(&report));
        let report = with(&mut Scenario::new(kafka()), &[&format!("end:kafka-1-broker@3s{how}")]);
        complete(&report);
        assert_eq!(report.counts.launches, 4, "{}", story(&report));
    }
}

#[test]
fn a_silent_node_is_waited_for() {
    let report = with(&mut Scenario::new(kafka()), &["silent:node-1@2s+60s"]);
    complete(&report);
    assert_eq!(report.counts.launches, 3, "{}", story(&report));
    let report = with(&mut Scenario::new(kafka()), &["silent:node-1@3s"]);
    let SimulationOutcome::Incomplete { waits } = &report.outcome else { panic!("{}", story(&report)) };
    assert!(waits.iter().any(|why| matches!(why.reason, Reason::Silent { .. })), "{waits:?}");
    // Silent before anything is there: the others take its place, and one has none.
    let report = with(&mut Scenario::new(kafka()), &["silent:node-1@0s"]);
    let SimulationOutcome::Incomplete { waits } = &report.outcome else { panic!("{}", story(&report)) };
    assert!(
        matches!(&waits[0].reason, Reason::NoRoom(why) if why.contains("node-1: nothing is heard of it")),
        "{waits:?}"
    );
}

#[test]
fn a_refused_launch_is_tried_again_and_an_invalid_one_is_not() {
    let report = with(&mut Scenario::new(kafka()), &["refuse:kafka-1#1"]);
    complete(&report);
    let report = with(&mut Scenario::new(kafka()), &["never:kafka-1#1"]);
    let SimulationOutcome::Incomplete { waits } = &report.outcome else { panic!("{}", story(&report)) };
    assert!(waits.iter().any(|why| matches!(why.reason, Reason::Never { .. })), "{waits:?}");
    assert_eq!(report.plans[0].phases[0].steps[1].status, Status::Error);
}

#[test]
fn an_unknown_launch_is_asked_for_and_done_once() {
    for what in ["done", "lost"] {
        let report = with(&mut Scenario::new(kafka()), &[&format!("unknown:kafka-1#1:{what}")]);
        complete(&report);
        assert_eq!(report.counts.launches, 3, "{}", story(&report));
    }
}

#[test]
fn every_point_at_which_the_engine_can_crash_is_survived() {
    for model in [kafka(), kafka_with("parallel"), hello(), graph()] {
        let plain = run(&Scenario::new(model.clone())).unwrap();
        complete(&plain);
        let mut runs = 0;
        for (&point, &count) in &plain.counts.points {
            for nth in 1..=count {
                let mut scenario = Scenario::new(model.clone());
                scenario.faults = vec![Fault::Crash { point, nth }];
                let report = run(&scenario).unwrap();
                complete(&report);
                assert_eq!(report.counts.crashes, 1, "{point} {nth}");
                assert_eq!(report.plans, plain.plans, "{}", story(&report));
                assert_eq!(report.counts.launches, plain.counts.launches, "{}", story(&report));
                runs += 1;
            }
        }
        assert!(runs > 30, "{runs}");
        assert_eq!(plain.counts.points[&CrashPoint::BeforeCommit], plain.counts.commits);
    }
}

#[test]
fn two_crashes_are_survived() {
    let plain = run(&Scenario::new(kafka())).unwrap();
    let points: Vec<Fault> = plain
        .counts
        .points
        .iter()
        .flat_map(|(&point, &count)| (1..=count).map(move |nth| Fault::Crash { point, nth }))
        .collect();
    for (at, first) in points.iter().enumerate() {
        for second in &points[at..] {
            let mut scenario = Scenario::new(kafka());
            scenario.trace = false;
            scenario.faults = vec![first.clone(), second.clone()];
            complete(&run(&scenario).unwrap());
        }
    }
}

#[test]
fn canaries_wait_for_an_operator() {
    for strategy in ["canary", "serial-canary", "parallel-canary"] {
        let mut scenario = Scenario::new(canary(strategy));
        let report = run(&scenario).unwrap();
        let SimulationOutcome::Incomplete { waits } = &report.outcome else { panic!("{}", story(&report)) };
        assert!(waits.iter().any(|why| matches!(why.reason, Reason::Canary(_))), "{waits:?}");
        assert_eq!(report.counts.launches, 0);
        scenario.release_canaries = true;
        let report = run(&scenario).unwrap();
        complete(&report);
        assert_eq!(report.replies.len(), 2, "{}", story(&report));
    }
}

#[test]
fn a_plan_is_started_once_the_service_is_deployed() {
    let mut scenario = Scenario::new(hello());
    scenario.plan = Some(("backup".parse().unwrap(), BTreeMap::from([("TO".to_owned(), "s3".to_owned())])));
    let report = run(&scenario).unwrap();
    complete(&report);
    assert_eq!(report.plans.iter().map(|plan| plan.name.as_str()).collect::<Vec<_>>(), ["deploy", "backup"]);
    let mut scenario = Scenario::new(kafka());
    scenario.plan = Some(("restart".parse().unwrap(), BTreeMap::new()));
    let report = run(&scenario).unwrap();
    complete(&report);
    assert_eq!(report.counts.launches, 6, "{}", story(&report));
}

#[test]
fn operators_are_heard_and_answered() {
    let plan = || "deploy".parse().unwrap();
    let mut scenario = Scenario::new(kafka());
    scenario.verbs = vec![
        (Duration::from_secs(1), Verb::Interrupt { plan: plan(), phase: None }),
        (Duration::from_secs(60), Verb::Continue { plan: plan(), phase: None }),
        (
            Duration::from_secs(61),
            Verb::ForceComplete { plan: plan(), part: Part::Phase("nothing".parse().unwrap()) },
        ),
    ];
    let report = run(&scenario).unwrap();
    complete(&report);
    assert!(report.completed_at > Some(60_000_000));
    assert_eq!(report.replies[0], ("interrupt deploy".to_owned(), Reply::Done));
    assert!(matches!(report.replies[2].1, Reply::Refused(_)));
    // A verb whose answer was lost is said again, and done once.
    scenario.faults = (1..40).map(|nth| Fault::Crash { point: CrashPoint::AfterCommit, nth }).collect();
    let report = run(&scenario).unwrap();
    complete(&report);
    assert_eq!(report.replies.len(), 3);
}

#[test]
fn chance_finds_nothing() {
    let services = [
        kafka(),
        kafka_with("parallel"),
        hello(),
        graph(),
        canary("serial-canary"),
        canary("parallel-canary"),
        guarded("1", "max-unavailable: 1, gates: {before: {cmd: ./in-sync, timeout: 5, max-age: 5}}"),
    ];
    let plans = [Some("restart"), Some("restart"), Some("backup"), None, None, None, Some("update")];
    let mut ended = [0; 2];
    for seed in 0..350 {
        let nth = (seed % 7) as usize;
        let mut scenario = Scenario::new(services[nth].clone());
        scenario.choices = Choices::Seed(seed);
        scenario.release_canaries = true;
        scenario.plan = plans[nth].map(|plan| (plan.parse().unwrap(), BTreeMap::new()));
        let report = with(&mut scenario, &["random:6"]);
        match &report.outcome {
            SimulationOutcome::Complete => ended[0] += 1,
            SimulationOutcome::Incomplete { waits } => {
                assert!(
                    waits.iter().any(|why| matches!(why.reason, Reason::Never { .. })),
                    "{}",
                    story(&report)
                );
                ended[1] += 1;
            }
            other => panic!("seed {seed}\n{}\n{other:?}", story(&report)),
        }
    }
    assert!(ended[0] > 200, "{ended:?}");
}

#[test]
fn a_run_is_its_choices() {
    let mut scenario = Scenario::new(graph());
    scenario.choices = Choices::Seed(11);
    let first = with(&mut scenario, &["random:6"]);
    assert_eq!(run(&scenario).unwrap(), first);
    scenario.choices = Choices::Replay(first.choices.clone());
    let again = run(&scenario).unwrap();
    assert_eq!(again, first);
    assert_eq!(again.digest, first.digest);
    let mut other = first.choices.clone();
    other[5].options += 1;
    scenario.choices = Choices::Replay(other);
    let error = run(&scenario).unwrap_err();
    assert!(error.to_string().starts_with("choice 5 of the recording is"), "{error}");
    scenario.choices = Choices::Replay(first.choices[..10].to_vec());
    assert!(run(&scenario).unwrap_err().to_string().starts_with("the recording ends after 10 choices"));
    scenario.choices = Choices::Seed(12);
    assert_ne!(run(&scenario).unwrap().digest, first.digest);
}

#[test]
fn what_is_not_there_is_told_with_what_is() {
    let mut scenario = Scenario::new(kafka());
    let error = |scenario: &mut Scenario, fault: &str| {
        scenario.faults = vec![fault.parse().unwrap()];
        run(scenario).unwrap_err().to_string()
    };
    let told = error(&mut scenario, "end:kafka-3-broker@1s");
    assert!(told.ends_with("its tasks are kafka-0-broker, kafka-1-broker, kafka-2-broker"), "{told}");
    let told = error(&mut scenario, "silent:node-9@1s");
    assert!(told.ends_with("its nodes are node-0, node-1, node-2"), "{told}");
    let told = error(&mut scenario, "refuse:web-0#1");
    assert!(told.ends_with("its instances are kafka-0, kafka-1, kafka-2"), "{told}");
    scenario.plan = Some(("repair".parse().unwrap(), BTreeMap::new()));
    assert!(matches!(run(&scenario), Err(ScenarioError::NoPlan { .. })));
}

#[test]
fn too_few_nodes_are_a_reason() {
    let mut scenario = Scenario::new(kafka());
    scenario.shape = Shape { nodes: Some(2), ..Shape::default() };
    let report = run(&scenario).unwrap();
    let SimulationOutcome::Incomplete { waits } = &report.outcome else { panic!("{}", story(&report)) };
    let Reason::NoRoom(why) = &waits[0].reason else { panic!("{waits:?}") };
    assert!(why.starts_with("node-0: ") && why.contains("node-1: "), "{why}");
}

#[test]
fn zones_are_spread_over() {
    let service = model(
        "name: zones
pods:
  web:
    count: 4
    placement: '[[\"@zone\", \"GROUP_BY\", \"2\"]]'
    tasks:
      web: {goal: RUNNING, cmd: ./web, cpus: 0.5, memory: 128}
plans:
  deploy:
    phases:
      web: {strategy: parallel, pod: web}
",
    );
    let mut scenario = Scenario::new(service);
    scenario.shape = Shape { zones: 2, nodes: Some(4), ..Shape::default() };
    for seed in 0..50 {
        scenario.choices = Choices::Seed(seed);
        complete(&run(&scenario).unwrap());
    }
}
