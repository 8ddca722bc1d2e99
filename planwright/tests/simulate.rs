//! What people and programs see of `simulate`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod folder;
mod program;

use folder::Folder;
use program::{planwright, planwright_reading};

#[test]
fn kafka_is_deployed() {
    let ran = planwright(&["simulate", "specs/kafka"]);
    assert_eq!(ran.code, 0, "{ran}");
    let tree = "deploy (serial strategy) (COMPLETE)\n\
                └─ broker (serial strategy) (COMPLETE)\n   \
                   ├─ kafka-0:[broker] (COMPLETE)\n   \
                   ├─ kafka-1:[broker] (COMPLETE)\n   \
                   └─ kafka-2:[broker] (COMPLETE)\n\n";
    assert!(ran.out.starts_with(tree), "{ran}");
    assert!(ran.err.is_empty(), "{ran}");
    insta::assert_snapshot!("kafka", ran);
}

#[test]
fn hello_world_is_deployed() {
    insta::assert_snapshot!("hello_world", planwright(&["simulate", "specs/hello-world"]));
}

#[test]
fn what_does_not_fit_waits_with_its_reason() {
    insta::assert_snapshot!("two_nodes", planwright(&["simulate", "specs/kafka", "--nodes", "2"]));
    insta::assert_snapshot!(
        "two_nodes_json",
        planwright(&["simulate", "specs/kafka", "--nodes=2", "--output=json"])
    );
}

#[test]
fn a_canary_waits_for_an_operator() {
    let canary = "docs/src/examples/canary.yml";
    insta::assert_snapshot!("canary_waits", planwright(&["simulate", canary]));
    insta::assert_snapshot!("canary_released", planwright(&["simulate", canary, "--release-canaries"]));
    let one = planwright(&["simulate", canary, "--do", "1s:continue:web"]);
    assert_eq!(one.code, 1, "{one}");
    insta::assert_snapshot!("canary_one", one);
}

#[test]
fn a_side_plan_runs_after_the_deployment() {
    let file = "docs/src/examples/side-plan.yml";
    insta::assert_snapshot!(
        "side_plan",
        planwright(&["simulate", file, "--plan", "backup", "-p", "TARGET=tape"])
    );
    let not_deployed = planwright(&["simulate", file, "--plan", "backup", "--fault", "never:store-1#1"]);
    assert_eq!(not_deployed.code, 1, "{not_deployed}");
    insta::assert_snapshot!("side_plan_not_reached", not_deployed);
}

#[test]
fn faults_and_verbs_are_told() {
    insta::assert_snapshot!(
        "faults",
        planwright(&[
            "simulate",
            "specs/kafka",
            "--fault",
            "end:kafka-0-broker@3s",
            "--fault",
            "unknown:kafka-1#1:done",
            "--fault",
            "crash:before-commit#5",
            "--fault",
            "silent:node-2@10s+60s",
            "--do",
            "20s:restart:broker:kafka-0:[broker]",
            "--do",
            "30s:continue:brokre",
        ])
    );
    insta::assert_snapshot!(
        "until",
        planwright(&["simulate", "specs/kafka", "--until", "2s", "--do", "1s:pause"])
    );
}

#[test]
fn a_life_is_told() {
    let told = [
        vec!["specs/hello-world", "--then", "HELLO_COUNT=3,SLEEP_DURATION=2000", "--then", "HELLO_COUNT=1"],
        vec![
            "specs/kafka",
            "--nodes=4",
            "--do",
            "30s:pod-pause:kafka-0",
            "--do",
            "1m:pod-resume:kafka-0:broker",
        ],
        vec!["specs/kafka", "--nodes=4", "--do", "30s:pod-replace:kafka-1", "--until=31s", "--why"],
        vec!["specs/kafka", "--nodes=4", "--fault", "gone:node-1@30s", "--same-end"],
        vec!["specs/kafka", "--do", "30s:uninstall", "--do", "40s:give-up:3"],
        vec!["specs/kafka", "--nodes=3", "--do", "30s:pod-replace:kafka-1", "--why", "--output=json"],
        vec!["specs/kafka", "--fault", "second@2s+1m", "--fault", "rewind@4s", "--heal", "20s"],
    ]
    .map(|arguments| {
        let arguments: Vec<&str> = ["simulate"].into_iter().chain(arguments).collect();
        format!("$ planwright {}\n{}", arguments.join(" "), planwright(&arguments))
    });
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn every_crash_is_tried() {
    let told = [
        vec!["specs/hello-world", "--crash-points"],
        vec!["specs/kafka", "--then", "BROKER_COUNT=4", "--crash-points", "--pairs"],
        vec![
            "specs/kafka",
            "--nodes=4",
            "--do",
            "30s:pod-replace:kafka-1",
            "--crash-points",
            "--output=json",
        ],
        vec!["specs/kafka", "--pairs"],
        vec!["specs/kafka", "--then", "BROKER_COUNT=none"],
        vec!["specs/kafka", "--then", "=3"],
    ]
    .map(|arguments| {
        let arguments: Vec<&str> = ["simulate"].into_iter().chain(arguments).collect();
        format!("$ planwright {}\n{}", arguments.join(" "), planwright(&arguments))
    });
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_seed_is_a_run() {
    let run = |seed| {
        let ran =
            planwright(&["simulate", "specs/kafka", "--seed", seed, "--fault", "random:3", "--trace", "-"]);
        assert!(ran.err.is_empty(), "{ran}");
        ran.out
    };
    assert_eq!(run("7"), run("7"));
    assert_ne!(run("7"), run("8"));
}

#[test]
fn a_trace_is_lines_of_json() {
    let folder = Folder::new("trace");
    let ran = planwright(&["simulate", "specs/hello-world", "--trace", &folder.path("trace.jsonl")]);
    assert_eq!(ran.code, 0, "{ran}");
    let trace = std::fs::read_to_string(folder.path("trace.jsonl")).unwrap();
    assert!(trace.lines().count() > 10, "{trace}");
    let mut last = 0;
    for line in trace.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        let time = event["time"].as_u64().unwrap();
        assert!(time >= last && event["what"].is_string(), "{line}");
        last = time;
    }
    let standard = planwright(&["simulate", "specs/hello-world", "--trace", "-"]);
    assert!(standard.out.starts_with(&trace) && standard.out.len() > trace.len());
    insta::assert_snapshot!(
        "trace_cannot_be_written",
        folder.planwright(&["simulate", "specs/hello-world", "--trace", &folder.path("no/where")])
    );
}

#[test]
fn what_makes_no_sense_is_refused() {
    let told = [
        vec!["specs/kafka", "--plan", "depoly"],
        vec!["specs/kafka", "--plan", "deploy", "-p", "A=b"],
        vec!["specs/kafka", "--fault", "end:kafka-9-broker@1s"],
        vec!["specs/kafka", "--fault", "silent:node-9@1s"],
        vec!["docs/src/examples/wrong.yml"],
        vec!["specs/kafka", "-p", "A=b"],
        vec!["specs/kafka", "--do", "1s:frobnicate"],
        vec!["specs/kafka", "--do", "1:start"],
        vec!["specs/kafka", "--until", "soon"],
        vec!["specs/kafka", "--fault", "explode:kafka-0"],
        vec!["specs/kafka", "--nodes", "0"],
        vec!["specs/kafka", "--seed", "-1"],
        vec!["specs/kafka", "--plan", "nothing", "--output", "json"],
    ]
    .map(|arguments| {
        let arguments: Vec<&str> = ["simulate"].into_iter().chain(arguments).collect();
        format!("$ planwright {}\n{}", arguments.join(" "), planwright(&arguments))
    });
    insta::assert_snapshot!(told.join("\n"));
}

/// Many instances, all well: they are counted, not listed.
#[test]
fn of_many_instances_those_that_befell_something_are_told() {
    let text = "name: web\npods:\n  web:\n    count: 40\n    tasks:\n      \
                server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}\n\
                plans:\n  deploy:\n    phases:\n      web: {pod: web, strategy: parallel}\n";
    let folder = Folder::new("many").file("many.yml", text);
    let ran = folder.planwright(&["simulate", &folder.path("many.yml"), "--fault", "end:web-7-server@1h"]);
    let (_, after) = ran.split_once("\n\n").unwrap();
    insta::assert_snapshot!(after);
}

/// A target that is refused is no success, however well the service is without it.
#[test]
fn a_refused_target_is_no_success() {
    let text = "name: a\npods:\n  web:\n    count: 1\n    tasks:\n      server: {goal: RUNNING, cmd: ./x, cpus: 0.1, volume: {path: data, type: ROOT, size: {{S}}}}\n";
    let ran = planwright_reading(&["simulate", "-", "--env", "S=10", "--then", "S=20"], text.as_bytes());
    assert_eq!(ran.code, 1, "{ran}");
    assert!(ran.out.contains("complete, without the target that is refused, at "), "{ran}");
    let json = planwright_reading(
        &["simulate", "-", "--env", "S=10", "--then", "S=20", "--output", "json"],
        text.as_bytes(),
    );
    assert_eq!(json.code, 1, "{json}");
    assert!(json.out.contains("\"good\": false"), "{json}");
}
