//! First deployments: goals, readiness, refusals, room.

use plan_core::engine::*;
use plan_core::plan::Status::*;

use crate::bench::{Bench, instance};

pub const KAFKA: &str = "
name: kafka
pods:
  kafka:
    count: 3
    tasks:
      broker:
        goal: RUNNING
        cmd: ./broker
        cpus: 1
        memory: 1024
        volume: { path: data, type: ROOT, size: 5000 }
        readiness-check: { cmd: ./ready, interval: 5, timeout: 10 }
plans:
  deploy:
    strategy: serial
    phases:
      broker:
        strategy: serial
        pod: kafka
";

/// A service whose tasks `init`, which runs once, and `main` take turns in one resource set.
pub const HELLO: &str = "
name: hello-world
pods:
  hello:
    count: 2
    resource-sets:
      hello-resources:
        cpus: 1.0
        memory: 256
        volume: { path: hello-data, size: 5000, type: ROOT }
    tasks:
      init: { goal: ONCE, cmd: ./init, resource-set: hello-resources }
      main: { goal: RUNNING, cmd: ./main, resource-set: hello-resources }
plans:
  deploy:
    strategy: serial
    phases:
      hello-phase:
        strategy: serial
        pod: hello
        steps:
          - default: [[init], [main]]
";

#[test]
fn brokers_are_deployed_one_after_the_other() {
    let mut bench = Bench::new(KAFKA);
    for broker in ["kafka-0", "kafka-1", "kafka-2"] {
        assert_eq!(bench.launched(), [format!("{broker}:[broker]")]);
        bench.observe(broker, "broker", Seen::Starting);
        bench.observe(broker, "broker", Seen::Running { ready: false });
        assert_eq!(bench.launched(), [""; 0], "not ready yet");
        bench.runs(broker, "broker");
    }
    assert_eq!(
        bench.plan("deploy"),
        "deploy (serial strategy) (COMPLETE)\n\
         └─ broker (serial strategy) (COMPLETE)\n   \
            ├─ kafka-0:[broker] (COMPLETE)\n   \
            ├─ kafka-1:[broker] (COMPLETE)\n   \
            └─ kafka-2:[broker] (COMPLETE)"
    );
    assert!(bench.engine.is_deployed());
    assert_eq!(bench.status("recovery"), Complete);
}

#[test]
fn a_step_goes_through_its_statuses() {
    let mut bench = Bench::bare();
    bench.room = false;
    bench.target(crate::bench::model(KAFKA));
    assert_eq!(bench.phase("deploy", "broker"), (InProgress, vec![Prepared, Pending, Pending]));
    let Some(Command::Fit(fit)) = bench.sent.pop() else { panic!() };
    assert_eq!((fit.at.clone(), fit.demand.len()), (None, 1));
    bench.fit("kafka-0", fit.launch, FitAnswer::Retry("node-1 has 512 MB of 1024 MB".into()));
    let why = bench.engine.why(&instance("kafka-0"));
    assert_eq!(
        why[0].to_string(),
        "deploy / broker / kafka-0:[broker] (PREPARED): no room: node-1 has 512 MB of 1024 MB"
    );
    assert_eq!(
        bench.engine.why(&instance("kafka-1"))[0].reason,
        Reason::StepFirst("kafka-0:[broker]".into())
    );
    bench.grant(&fit);
    assert_eq!(bench.phase("deploy", "broker"), (Starting, vec![Starting, Pending, Pending]));
    bench.observe("kafka-0", "broker", Seen::Running { ready: false });
    assert_eq!(bench.phase("deploy", "broker"), (Started, vec![Started, Pending, Pending]));
    bench.runs("kafka-0", "broker");
    assert_eq!(bench.phase("deploy", "broker"), (InProgress, vec![Complete, Prepared, Pending]));
}

#[test]
fn once_then_running_take_turns_in_one_resource_set() {
    let mut bench = Bench::new(HELLO);
    assert_eq!(bench.launched(), ["hello-0:[init]"]);
    bench.observe("hello-0", "init", Seen::Running { ready: true });
    assert_eq!(bench.phase("deploy", "hello-phase").1, [Started, Pending, Pending, Pending]);
    bench.finishes("hello-0", "init");
    assert_eq!(bench.launched(), ["hello-0:[main]"]);
    bench.runs("hello-0", "main");
    assert_eq!(bench.launched(), ["hello-1:[init]"]);
    bench.finishes("hello-1", "init");
    bench.runs("hello-1", "main");
    assert_eq!(bench.status("deploy"), Complete);
}

#[test]
fn a_task_that_fails_before_its_goal_is_tried_again_and_then_waits() {
    let mut bench = Bench::new(KAFKA);
    bench.launched();
    bench.fails("kafka-0", "broker");
    assert_eq!(bench.launched(), ["kafka-0:[broker]"], "the first failure is met at once");
    bench.fails("kafka-0", "broker");
    assert_eq!(bench.launched(), [""; 0]);
    assert_eq!(bench.phase("deploy", "broker"), (Delayed, vec![Delayed, Pending, Pending]));
    let why = bench.engine.why(&instance("kafka-0"));
    assert!(matches!(why[0].reason, Reason::Backoff { failures: 2, .. }), "{why:?}");
    bench.pass(9);
    assert_eq!(bench.launched(), [""; 0]);
    bench.pass(1);
    assert_eq!(bench.launched(), ["kafka-0:[broker]"]);
    bench.fails("kafka-0", "broker");
    bench.pass(19);
    assert_eq!(bench.launched(), [""; 0], "twice as long");
    bench.crash();
    assert_eq!(bench.phase("deploy", "broker").1[0], Delayed, "a wait survives");
    bench.pass(1);
    assert_eq!(bench.launched(), ["kafka-0:[broker]"]);
}

#[test]
fn a_refusal_for_good_is_an_error_with_its_words_until_a_restart() {
    let mut bench = Bench::new(KAFKA);
    let launch = bench.launch_of("kafka-0", "broker");
    bench.launch_answer("kafka-0", launch, LaunchAnswer::Never("cpus: not a number".into()));
    assert_eq!(bench.phase("deploy", "broker"), (Error, vec![Error, Pending, Pending]));
    assert_eq!(
        bench.engine.why(&instance("kafka-0"))[0].to_string(),
        "deploy / broker / kafka-0:[broker] (ERROR): `broker` was refused for good: cpus: not a number"
    );
    bench.crash();
    bench.pass(3600);
    assert_eq!(bench.launched(), [""; 0]);
    assert_eq!(bench.say("restart deploy broker kafka-0:[broker]"), Reply::Done);
    assert_eq!(bench.launched(), ["kafka-0:[broker]"]);
}

#[test]
fn a_launch_that_was_surely_not_done_is_fitted_anew_under_another_number() {
    let mut bench = Bench::new(KAFKA);
    let first = bench.launch_of("kafka-0", "broker");
    bench.launched();
    bench.launch_answer("kafka-0", first, LaunchAnswer::Retry("rescinded".into()));
    assert_eq!(bench.launched(), ["kafka-0:[broker]"]);
    assert!(bench.launch_of("kafka-0", "broker") > first);
    bench.launch_answer("kafka-0", first, LaunchAnswer::Never("late".into()));
    bench.runs("kafka-0", "broker");
    assert_eq!(bench.phase("deploy", "broker").1[0], Complete);
}

#[test]
fn an_unknown_result_is_asked_for_and_never_guessed() {
    let mut bench = Bench::new(KAFKA);
    let launch = bench.launch_of("kafka-0", "broker");
    bench.commands();
    bench.launch_answer("kafka-0", launch, LaunchAnswer::Unknown);
    let Some(Command::Reconcile { number, expected }) = bench.sent.pop() else { panic!() };
    let expected: Vec<_> = expected.into_iter().map(|one| one.of).collect();
    assert_eq!(expected, [bench.incarnation("kafka-0", "broker", launch)]);
    let absent = |of, as_of| Snapshot::new(of, as_of, vec![(expected[0].clone(), Found::Absent)]);
    // A snapshot from before the launch says nothing about it, so the engine asks again.
    bench.input(Input::Snapshot(absent(number, launch)));
    assert_eq!(bench.commands(), [""; 0], "and not in a circle");
    bench.pass(1);
    let Some(Command::Reconcile { number, .. }) = bench.sent.pop() else { panic!() };
    // A snapshot that is new enough does, so the same order is commanded again.
    bench.input(Input::Snapshot(absent(number, number)));
    assert_eq!(bench.launched(), ["kafka-0:[broker]"]);
    assert_eq!(bench.launch_of("kafka-0", "broker"), launch);
    bench.runs("kafka-0", "broker");
    assert_eq!(bench.phase("deploy", "broker").1[0], Complete);
}

#[test]
fn placement_is_judged_again_by_the_engine() {
    let yaml = KAFKA
        .replace("    count: 3\n", "    count: 3\n    placement: 'hostname:UNIQUE'\n")
        .replace("      broker:\n        strategy: serial", "      broker:\n        strategy: parallel");
    let mut bench = Bench::bare();
    bench.room = false;
    bench.target(crate::bench::model(&yaml));
    let fits: Vec<Fit> = bench
        .sent
        .drain(..)
        .map(|command| match command {
            Command::Fit(fit) => *fit,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(fits.len(), 3);
    let same =
        |handle: &str| FitAnswer::Fitted(Grant::new(crate::bench::node("node-1"), Handle(handle.into())));
    bench.fit("kafka-0", fits[0].launch, same("a"));
    bench.fit("kafka-1", fits[1].launch, same("b"));
    assert_eq!(bench.commands(), ["launch kafka-0", "withdraw kafka-1", "fit kafka-1"]);
    let loser = bench.events.iter().find_map(|event| match event {
        Event::Withdrawn { why, .. } => Some(why.to_string()),
        _ => None,
    });
    assert!(loser.unwrap().contains("node-1"));
}

#[test]
fn the_same_target_again_is_already_so() {
    let mut bench = Bench::new(KAFKA);
    assert_eq!(bench.target(crate::bench::model(KAFKA)), Reply::AlreadySo);
}

#[test]
fn an_empty_plan_is_complete_at_once() {
    let bench = Bench::new(&KAFKA.replace("count: 3", "count: 0"));
    assert_eq!(bench.status("deploy"), Complete);
    assert!(bench.engine.is_deployed());
}

#[test]
fn an_instance_whose_first_launch_was_surely_not_done_lives_nowhere() {
    let mut bench = Bench::new(KAFKA);
    let launch = bench.launch_of("kafka-0", "broker");
    bench.sent.clear();
    bench.room = false;
    bench.launch_answer("kafka-0", launch, LaunchAnswer::Retry("the offer is gone".into()));
    let Some(Command::Fit(fit)) = bench.sent.last() else { panic!("{:?}", bench.sent) };
    assert_eq!(fit.at, None);
}
