//! Instances that move: replaced by an operator, lost with their node, or down for too long.

use plan_core::engine::*;
use plan_core::plan::Status::*;

use std::collections::BTreeMap;
use std::sync::Arc;

use plan_core::spec::placement::NodeFacts;

use crate::bench::{Bench, instance, node};
use crate::deploy::KAFKA;

fn deployed(yaml: &str) -> Bench {
    let mut bench = Bench::new(yaml);
    for broker in ["kafka-0", "kafka-1", "kafka-2"] {
        bench.runs(broker, "broker");
    }
    assert_eq!(bench.status("deploy"), Complete);
    bench.commands();
    bench
}

const POLICY: &str =
    "replacement-failure-policy: { permanent-failure-timeout-secs: 600, min-replace-delay-secs: 900 }\n";

fn with_policy() -> Bench {
    deployed(&format!("{KAFKA}{POLICY}"))
}

#[test]
fn replace_is_fit_elsewhere_then_kill_then_launch_and_the_old_place_is_owed() {
    let mut bench = deployed(KAFKA);
    bench.pays = false;
    let old = bench.launch_of("kafka-1", "broker");
    assert_eq!(bench.say("pod replace kafka-1"), Reply::Done);
    assert_eq!(bench.commands(), ["fit kafka-1", "kill kafka-1-broker"]);
    assert_eq!(bench.owed(), [""; 0], "nothing is left before it has ended");
    assert_eq!(bench.say("pod replace kafka-1"), Reply::AlreadySo);
    bench.observe_launch("kafka-1", "broker", old, Seen::Ended(End::Killed));
    assert_eq!(bench.commands(), ["release kafka-1 on node-kafka-1", "launch kafka-1"]);
    assert_eq!(bench.owed(), ["kafka-1 on node-kafka-1: release"]);
    assert!(bench.place_of("kafka-1").starts_with("node-kafka-1-"));
    let debt = bench.engine.debts().next().unwrap().number;
    bench.releases(debt);
    assert_eq!(bench.owed(), [""; 0]);
    bench.runs("kafka-1", "broker");
    assert_eq!(bench.plan("recovery"), "recovery (parallel strategy) (COMPLETE)");
    assert_eq!(bench.status("deploy"), Complete);
    let task = bench.engine.pod(&instance("kafka-1")).unwrap().tasks().next().unwrap();
    assert_eq!((task.failures(), task.down()), (0, None), "its end was no failure");
}

#[test]
fn a_replaced_instance_whose_node_is_silent_is_launched_elsewhere_and_the_debt_is_paid_when_it_returns() {
    let mut bench = deployed(KAFKA);
    bench.pays = false;
    let old = bench.launch_of("kafka-1", "broker");
    bench.observe("kafka-1", "broker", Seen::Unreachable);
    assert_eq!(bench.commands(), [""; 0], "silence alone moves nobody");
    bench.say("pod replace kafka-1");
    assert_eq!(bench.commands(), ["fit kafka-1", "kill kafka-1-broker", "launch kafka-1"]);
    assert_eq!(bench.owed(), [format!("kafka-1 on node-kafka-1: kill broker#{old}, release")]);
    bench.runs("kafka-1", "broker");
    // A recovered engine remembers the debt, and asks for its launch.
    bench.crash();
    assert_eq!(bench.commands(), ["reconcile 1", "reconcile 3"], "nothing ends before all were asked");
    bench.pass(31);
    assert!(bench.commands().contains(&"kill kafka-1-broker".to_owned()));
    bench.runs("kafka-1", "broker");
    bench.pass(400);
    bench.commands();
    // The node is back, and its task lives.
    bench.observe_launch("kafka-1", "broker", old, Seen::Running { ready: true });
    assert_eq!(bench.commands(), ["kill kafka-1-broker"]);
    assert_eq!(bench.status("recovery"), Complete);
    bench.observe_launch("kafka-1", "broker", old, Seen::Ended(End::Killed));
    assert_eq!(bench.commands(), ["release kafka-1 on node-kafka-1"]);
    let debt = bench.engine.debts().next().unwrap().number;
    bench.releases(debt);
    assert_eq!(bench.owed(), [""; 0]);
    bench.pass(4000);
    // The bench answers no question.
    let commands = bench.commands();
    assert!(commands.iter().all(|command| command == "reconcile 3"), "{commands:?}");
}

#[test]
fn a_task_that_comes_up_while_its_instance_waits_for_room_elsewhere_waits_with_it() {
    let mut bench = Bench::new(
        "name: pair
pods:
  pair:
    count: 1
    resource-sets: { a: { cpus: 1, memory: 64 }, b: { cpus: 1, memory: 64 } }
    tasks:
      main: { goal: RUNNING, cmd: ./main, resource-set: a }
      aide: { goal: RUNNING, cmd: ./aide, resource-set: b, essential: false }
plans:
  deploy: { phases: { p: { pod: pair, steps: [ { default: [[main], [aide]] } ] } } }
",
    );
    bench.runs("pair-0", "main");
    bench.room = false;
    bench.say("pod replace pair-0");
    // Until now its launch belonged to its step.
    bench.runs("pair-0", "aide");
    let why = bench.why("pair-0");
    assert_eq!(
        why,
        [
            "recovery, elsewhere: an operator replaces it (PREPARED): room is asked for",
            "recovery, elsewhere: an operator replaces it (PENDING): another order of this instance asks for its place",
        ]
    );
    let Some(Command::Fit(fit)) = bench.sent.last().cloned() else { panic!("{:?}", bench.sent) };
    bench.room = true;
    bench.grant(&fit);
    bench.observe("pair-0", "main", Seen::Ended(End::Killed));
    bench.observe("pair-0", "aide", Seen::Ended(End::Killed));
    bench.runs("pair-0", "main");
    bench.runs("pair-0", "aide");
    assert_eq!(bench.why("pair-0"), [""; 0]);
    assert!(bench.place_of("pair-0").starts_with("node-pair-0-"));
}

#[test]
fn what_is_owed_can_be_given_up() {
    let mut bench = deployed(KAFKA);
    bench.observe("kafka-1", "broker", Seen::Unreachable);
    bench.say("pod replace kafka-1");
    bench.runs("kafka-1", "broker");
    let debt = bench.engine.debts().next().unwrap().number;
    assert_eq!(bench.say("give-up 999"), Reply::Refused(Refusal::NoDebt(999)));
    assert_eq!(bench.say(&format!("give-up {debt}")), Reply::Done);
    assert_eq!(bench.owed(), [""; 0]);
    assert_eq!(bench.say(&format!("give-up {debt}")), Reply::Refused(Refusal::NoDebt(debt)));
}

#[test]
fn a_node_that_is_gone_lets_its_instance_go_elsewhere() {
    let mut bench = deployed(KAFKA);
    bench.observe("kafka-2", "broker", Seen::Ended(End::Gone));
    assert_eq!(bench.launched(), ["kafka-2:[broker]"]);
    assert!(bench.place_of("kafka-2").starts_with("node-kafka-2-"));
    assert_eq!(bench.owed(), [""; 0], "released at once");
}

#[test]
fn a_backend_says_that_the_node_is_gone_when_room_is_asked_for() {
    let mut bench = deployed(KAFKA);
    bench.room = false;
    bench.fails("kafka-0", "broker");
    let Some(Command::Fit(fit)) = bench.sent.last().cloned() else { panic!("{:?}", bench.sent) };
    assert!(fit.at.is_some());
    bench.fit("kafka-0", fit.launch, FitAnswer::NodeGone("it was removed".into()));
    let Some(Command::Fit(fit)) = bench.sent.last().cloned() else { panic!("{:?}", bench.sent) };
    assert_eq!(fit.at, None);
    assert_eq!(fit.from.as_ref().unwrap().0, "node-kafka-0");
    bench.room = true;
    bench.grant(&fit);
    assert!(bench.place_of("kafka-0").starts_with("node-kafka-0-"));
}

#[test]
fn down_for_too_long_is_permanent_and_replacements_keep_their_distance() {
    let mut bench = with_policy();
    bench.observe("kafka-0", "broker", Seen::Unreachable);
    bench.pass(10);
    bench.observe("kafka-1", "broker", Seen::Unreachable);
    bench.pass(580);
    assert_eq!(bench.commands(), [""; 0]);
    bench.pass(20);
    assert_eq!(bench.launched(), ["kafka-0:[broker]"], "600 s after it went silent");
    bench.runs("kafka-0", "broker");
    bench.pass(880);
    assert_eq!(bench.launched(), [""; 0], "the next one not within 900 s");
    bench.pass(30);
    assert_eq!(bench.launched(), ["kafka-1:[broker]"]);
}

#[test]
fn the_time_that_a_member_is_down_survives_a_crash() {
    let mut bench = with_policy();
    bench.observe("kafka-0", "broker", Seen::Unreachable);
    bench.pass(500);
    bench.crash();
    for broker in ["kafka-1", "kafka-2"] {
        bench.runs(broker, "broker");
    }
    bench.observe("kafka-0", "broker", Seen::Unreachable);
    bench.pass(90);
    assert_eq!(bench.launched(), [""; 0]);
    bench.pass(20);
    assert_eq!(bench.launched(), ["kafka-0:[broker]"]);
}

#[test]
fn a_node_that_comes_back_in_time_gets_its_instance_back() {
    let mut bench = with_policy();
    bench.room = false;
    let old = bench.launch_of("kafka-0", "broker");
    bench.observe("kafka-0", "broker", Seen::Unreachable);
    bench.pass(601);
    assert_eq!(bench.commands(), ["fit kafka-0"], "it may go elsewhere, and there is no room yet");
    bench.observe_launch("kafka-0", "broker", old, Seen::Running { ready: true });
    assert_eq!(bench.commands(), ["withdraw kafka-0"]);
    assert_eq!(bench.place_of("kafka-0"), "node-kafka-0");
    assert_eq!(bench.launch_of("kafka-0", "broker"), old);
    assert_eq!(bench.engine.pod(&instance("kafka-0")).unwrap().relocation(), None);
    assert_eq!(bench.status("recovery"), Complete);
}

#[test]
fn an_operators_replace_is_not_cancelled_by_a_return() {
    let mut bench = deployed(KAFKA);
    bench.room = false;
    let old = bench.launch_of("kafka-0", "broker");
    bench.observe("kafka-0", "broker", Seen::Unreachable);
    bench.say("pod replace kafka-0");
    bench.observe_launch("kafka-0", "broker", old, Seen::Running { ready: true });
    let Some(Command::Fit(fit)) = bench.sent.last().cloned() else { panic!("{:?}", bench.sent) };
    bench.commands();
    bench.grant(&fit);
    assert_eq!(bench.commands(), ["kill kafka-0-broker"], "then fit, kill, launch elsewhere");
    bench.observe_launch("kafka-0", "broker", old, Seen::Ended(End::Killed));
    assert_eq!(bench.launched(), ["kafka-0:[broker]"]);
}

#[test]
fn a_crash_loop_is_down_until_it_is_up() {
    let mut bench = with_policy();
    for _ in 0..3 {
        bench.fails("kafka-0", "broker");
        while bench.launched().is_empty() {
            bench.pass(5);
        }
    }
    assert!(bench.engine.pod(&instance("kafka-0")).unwrap().tasks().next().unwrap().down().is_some());
    bench.runs("kafka-0", "broker");
    assert_eq!(bench.engine.pod(&instance("kafka-0")).unwrap().tasks().next().unwrap().down(), None);
    bench.pass(2000);
    assert_eq!(bench.launched(), [""; 0]);
}

const PAIR: &str = "
name: pair
pods:
  node:
    count: 1
    resource-sets:
      data: { cpus: 1, memory: 512, volume: { path: data, type: ROOT, size: 100 } }
      side: { cpus: 0.1, memory: 64 }
    tasks:
      format: { goal: ONCE, cmd: ./format, resource-set: data }
      server: { goal: RUNNING, cmd: ./server, resource-set: data }
      sidecar: { goal: RUNNING, cmd: ./sidecar, essential: false, resource-set: side }
plans:
  deploy:
    phases:
      node: { pod: node, steps: [ { default: [[format], [server], [sidecar]] } ] }
";

fn pair() -> Bench {
    let mut bench = Bench::new(PAIR);
    bench.finishes("node-0", "format");
    bench.runs("node-0", "server");
    bench.runs("node-0", "sidecar");
    assert_eq!(bench.status("deploy"), Complete);
    bench.commands();
    bench
}

#[test]
fn an_instance_goes_with_all_that_runs_and_what_was_once_done_stays_done() {
    let mut bench = pair();
    bench.say("pod replace node-0");
    assert_eq!(bench.commands(), ["fit node-0", "kill node-0-server", "kill node-0-sidecar"]);
    bench.observe("node-0", "server", Seen::Ended(End::Killed));
    assert_eq!(bench.launched(), [""; 0]);
    bench.observe("node-0", "sidecar", Seen::Ended(End::Killed));
    assert_eq!(bench.launched(), ["node-0:[server, sidecar]"]);
    bench.runs("node-0", "server");
    bench.runs("node-0", "sidecar");
    assert_eq!((bench.status("deploy"), bench.status("recovery")), (Complete, Complete));
}

#[test]
fn mixtures_of_lost_and_failed_tasks_are_recovered() {
    // The SDK recovers no pod of which one task failed for good and another did not (SDK rule R62).
    let mut bench = pair();
    bench.observe("node-0", "sidecar", Seen::Ended(End::Failed));
    assert_eq!(bench.launched(), ["node-0:[sidecar]"]);
    bench.observe("node-0", "server", Seen::Ended(End::Gone));
    bench.observe("node-0", "sidecar", Seen::Ended(End::Gone));
    let launched = bench.launched();
    assert_eq!(launched, ["node-0:[server, sidecar]"], "all of it, elsewhere");
    bench.runs("node-0", "server");
    bench.runs("node-0", "sidecar");
    assert_eq!(bench.shown("recovery"), [""; 0]);
}

#[test]
fn a_member_whose_step_is_on_its_way_is_moved_by_its_step() {
    let mut bench = Bench::new(KAFKA);
    bench.observe("kafka-0", "broker", Seen::Running { ready: false });
    bench.commands();
    bench.say("pod replace kafka-0");
    assert_eq!(bench.commands(), ["fit kafka-0", "kill kafka-0-broker"]);
    bench.observe("kafka-0", "broker", Seen::Ended(End::Killed));
    let order = bench.engine.pod(&instance("kafka-0")).unwrap().orders()[0].purpose;
    assert!(matches!(order, Purpose::Step(_)), "{order:?}");
    bench.runs("kafka-0", "broker");
    assert_eq!(bench.launched(), ["kafka-0:[broker]", "kafka-1:[broker]"]);
}

#[test]
fn a_refused_relaunch_does_not_give_up_the_place_and_its_data() {
    let mut bench = deployed(KAFKA);
    bench.fails("kafka-0", "broker");
    let launch = bench.launch_of("kafka-0", "broker");
    bench.commands();
    bench.launch_answer("kafka-0", launch, LaunchAnswer::Retry("the offer is gone".into()));
    assert_eq!(bench.place_of("kafka-0"), "node-kafka-0");
    let fit = bench.sent.iter().find_map(|command| match command {
        Command::Fit(fit) => Some(fit.clone()),
        _ => None,
    });
    bench.pass(15);
    let fit = fit.or_else(|| {
        bench.sent.iter().find_map(|command| match command {
            Command::Fit(fit) => Some(fit.clone()),
            _ => None,
        })
    });
    assert!(fit.unwrap().at.is_some());
}

#[test]
fn the_place_of_a_first_launch_that_was_refused_is_released() {
    let mut bench = Bench::new(KAFKA);
    let launch = bench.launch_of("kafka-0", "broker");
    let place = bench.engine.pod(&instance("kafka-0")).unwrap().place().unwrap().handle.clone();
    bench.launch_answer("kafka-0", launch, LaunchAnswer::Retry("the disk is full".into()));
    let released = bench.sent.iter().find_map(|command| match command {
        Command::Release(release) => Some(release.handle.clone()),
        _ => None,
    });
    assert_eq!(released, Some(place));
    // What it waits for is its own delay, and not the debt: it may be launched on another node.
    bench.pass(15);
    assert_eq!(bench.launched(), ["kafka-0:[broker]", "kafka-0:[broker]"]);
}

#[test]
fn who_waits_for_room_is_asked_for_again_when_another_goes() {
    let unique = KAFKA.replace("count: 3\n", "count: 3\n    placement: 'hostname:UNIQUE'\n");
    let mut bench = deployed(&unique);
    bench.room = false;
    bench.say("pod replace kafka-0");
    bench.fit(
        "kafka-0",
        bench.engine.pod(&instance("kafka-0")).unwrap().orders().last().unwrap().launch,
        FitAnswer::Retry("taken".into()),
    );
    bench.commands();
    bench.room = true;
    bench.say("pod replace kafka-1");
    bench.room = false;
    bench.observe("kafka-1", "broker", Seen::Ended(End::Killed));
    let asked = bench.sent.iter().rev().find_map(|command| match command {
        Command::Fit(fit) if fit.instance == instance("kafka-0") => Some(fit.census.clone()),
        _ => None,
    });
    let census = asked.expect("kafka-1 has left its node");
    assert!(!format!("{census:?}").contains("\"node-kafka-1\""), "{census:?}");
}

#[test]
fn an_order_of_which_a_task_was_displaced_is_not_given_again() {
    let two = "
name: pair
pods:
  pair:
    count: 1
    resource-sets: { a: { cpus: 1, memory: 64 }, b: { cpus: 1, memory: 64 } }
    tasks:
      main: { goal: RUNNING, cmd: ./main, resource-set: a }
      side: { goal: RUNNING, cmd: ./side, resource-set: b }
";
    let mut bench = Bench::new(two);
    let launch = bench.launch_of("pair-0", "main");
    bench.launch_answer("pair-0", launch, LaunchAnswer::Unknown);
    let Some(Command::Reconcile { number, .. }) = bench.sent.last().cloned() else {
        panic!("{:?}", bench.sent)
    };
    bench.becomes(&two.replace("./main", "./main2"));
    bench.commands();
    let of = ["main", "side"].map(|task| (bench.incarnation("pair-0", task, launch), Found::Absent));
    let snapshot = Snapshot::new(number, number, of.to_vec());
    bench.input(Input::Snapshot(snapshot));
    let launched = bench.launched();
    assert_eq!(launched.iter().filter(|order| order.contains("main")).count(), 1, "{launched:?}");
}

/// The latest question for room of an instance.
fn asked(bench: &Bench, name: &str) -> Fit {
    let fit = bench.sent.iter().rev().find_map(|command| match command {
        Command::Fit(fit) if fit.instance == instance(name) => Some((**fit).clone()),
        _ => None,
    });
    fit.unwrap_or_else(|| panic!("{:?}", bench.sent))
}

fn granted(node: Arc<NodeFacts>, handle: &str) -> FitAnswer {
    let handle = Handle(handle.into());
    FitAnswer::Fitted(Grant::new(node, handle))
}

#[test]
fn a_node_that_has_other_facts_is_counted_by_them() {
    let in_rack = |rack: &str| {
        let mut facts = (*node("n0")).clone();
        facts.attributes = BTreeMap::from([("rack".parse().unwrap(), rack.into())]);
        Arc::new(facts)
    };
    let mut bench = Bench::bare();
    bench.room = false;
    bench.becomes(&KAFKA.replace("count: 3\n", "count: 3\n    placement: 'rack:MAX_PER:5'\n"));
    let fit = asked(&bench, "kafka-0");
    bench.fit("kafka-0", fit.launch, granted(in_rack("r1"), "h"));
    bench.runs("kafka-0", "broker");
    bench.say("pod restart kafka-0");
    let fit = asked(&bench, "kafka-0");
    bench.fit("kafka-0", fit.launch, granted(in_rack("r2"), "h"));
    bench.observe("kafka-0", "broker", Seen::Ended(End::Killed));
    // The bench compares the census with that of a recovered engine.
    let place = bench.engine.pod(&instance("kafka-0")).unwrap().place().cloned().unwrap();
    assert_eq!(place.node, in_rack("r2"));
    let census = asked(&bench, "kafka-1").census;
    assert!(format!("{census:?}").contains("r2") && !format!("{census:?}").contains("r1"), "{census:?}");
}

#[test]
fn of_two_that_go_to_one_node_the_second_is_not_ended_for_it() {
    let unique = KAFKA.replace("count: 3\n", "count: 3\n    placement: 'hostname:UNIQUE'\n");
    let mut bench = deployed(&unique);
    bench.room = false;
    bench.say("pod replace kafka-0");
    bench.say("pod replace kafka-1");
    bench.commands();
    for name in ["kafka-0", "kafka-1"] {
        let launch = bench.engine.pod(&instance(name)).unwrap().orders().last().unwrap().launch;
        bench.fit(name, launch, granted(node("spare"), name));
    }
    let fit = asked(&bench, "kafka-1");
    assert_eq!(bench.commands(), ["kill kafka-0-broker", "withdraw kafka-1", "fit kafka-1"]);
    assert!(format!("{:?}", fit.census).contains("spare"), "it knows who will be there: {:?}", fit.census);
    bench.observe("kafka-0", "broker", Seen::Ended(End::Killed));
    assert_eq!(bench.place_of("kafka-0"), "spare");
    let fit = asked(&bench, "kafka-1");
    bench.fit("kafka-1", fit.launch, granted(node("other"), "kafka-1"));
    bench.observe("kafka-1", "broker", Seen::Ended(End::Killed));
    assert_eq!(bench.place_of("kafka-1"), "other");
}

#[test]
fn who_is_being_ended_and_loses_its_room_asks_for_other_room() {
    let rule = |rule: &str| KAFKA.replace("count: 3\n", &format!("count: 3\n    placement: '{rule}'\n"));
    let mut bench = deployed(&rule("hostname:UNIQUE"));
    bench.room = false;
    bench.say("pod replace kafka-0");
    let fit = asked(&bench, "kafka-0");
    bench.fit("kafka-0", fit.launch, granted(node("spare"), "x"));
    assert_eq!(bench.commands(), ["fit kafka-0", "kill kafka-0-broker"]);
    assert_eq!(bench.becomes(&rule("hostname:UNLIKE:spare")), Reply::Done);
    bench.commands();
    bench.observe("kafka-0", "broker", Seen::Ended(End::Killed));
    assert_eq!(bench.commands(), ["withdraw kafka-0", "fit kafka-0"], "nobody else would ask");
    let why = bench.why("kafka-0");
    assert!(why.iter().any(|why| why.contains("spare")), "{why:?}");
    bench.room = true;
    bench.crash();
    ["kafka-1", "kafka-2"].iter().for_each(|name| bench.runs(name, "broker"));
    assert_eq!(bench.launched(), ["kafka-0:[broker]"]);
}

const SIDECAR: &str = "
name: pair
replacement-failure-policy: { permanent-failure-timeout-secs: 600, min-replace-delay-secs: 0 }
pods:
  pair:
    count: 1
    resource-sets:
      a: { cpus: 1, memory: 64, volume: { path: data, type: ROOT, size: 100 } }
      b: { cpus: 1, memory: 64 }
    tasks:
      main: { goal: RUNNING, cmd: ./main, resource-set: a }
      side: { goal: RUNNING, cmd: ./side, resource-set: b, essential: false }
";

#[test]
fn a_sidecar_that_fails_again_and_again_does_not_take_its_instance_elsewhere() {
    let mut bench = Bench::new(SIDECAR);
    bench.runs("pair-0", "main");
    bench.runs("pair-0", "side");
    let main = bench.launch_of("pair-0", "main");
    for _ in 0..8 {
        bench.observe("pair-0", "side", Seen::Ended(End::Failed));
        bench.pass(200);
    }
    bench.pass(700);
    assert!(!bench.commands().contains(&"kill pair-0-main".to_owned()), "main runs, and has its data there");
    assert_eq!(bench.launch_of("pair-0", "main"), main);
    // When the node is lost, both tasks move.
    bench.runs("pair-0", "side");
    bench.observe("pair-0", "main", Seen::Unreachable);
    bench.observe("pair-0", "side", Seen::Unreachable);
    bench.launched();
    bench.pass(610);
    assert_eq!(bench.launched(), ["pair-0:[main, side]"]);
}

#[test]
fn who_is_down_for_too_long_says_that_another_goes_first() {
    let mut bench = with_policy();
    bench.observe("kafka-0", "broker", Seen::Unreachable);
    bench.observe("kafka-1", "broker", Seen::Unreachable);
    bench.launched();
    bench.pass(610);
    assert_eq!(bench.launched(), ["kafka-0:[broker]"]);
    let waits = bench.why("kafka-1");
    let says =
        "recovery (WAITING): it has been down for too long, and other such instances move first, until ";
    assert!(waits.iter().any(|why| why.starts_with(says)), "{waits:?}");
    bench.runs("kafka-0", "broker");
    bench.pass(900);
    assert_eq!(bench.launched(), ["kafka-1:[broker]"]);
}

#[test]
fn what_a_gone_node_does_not_report_is_asked_for() {
    let mut bench = deployed(KAFKA);
    bench.room = false;
    bench.say("pod restart kafka-0");
    let fit = asked(&bench, "kafka-0");
    bench.commands();
    bench.fit("kafka-0", fit.launch, FitAnswer::NodeGone("removed".into()));
    assert!(bench.commands().contains(&"reconcile 1".to_owned()));
    // There is no answer. After several vain kills, the state of the task is asked for.
    let mut bench = deployed(KAFKA);
    bench.say("pod restart kafka-0");
    bench.commands();
    bench.pass(12);
    assert_eq!(bench.commands(), ["kill kafka-0-broker"; 2]);
    bench.pass(5);
    let Some(Command::Reconcile { number, expected }) = bench.sent.last().cloned() else {
        panic!("{:?}", bench.sent)
    };
    let of = expected[0].of.clone();
    bench.commands();
    let found = vec![(of, Found::Absent)];
    bench.input(Input::Snapshot(Snapshot::new(number, number, found)));
    assert_eq!(bench.commands(), ["launch kafka-0"]);
    bench.pass(600);
    assert_eq!(bench.commands(), [""; 0]);
}

#[test]
fn who_will_never_fit_elsewhere_is_asked_for_again_when_it_is_said_again() {
    let mut bench = deployed(KAFKA);
    bench.room = false;
    bench.say("pod replace kafka-0");
    let fit = asked(&bench, "kafka-0");
    bench.fit("kafka-0", fit.launch, FitAnswer::Never("no such disk".into()));
    assert_eq!(bench.status("recovery"), Error);
    bench.commands();
    assert_eq!(bench.say("pod replace kafka-0"), Reply::Done);
    assert_eq!(bench.commands(), ["fit kafka-0"]);
    assert_eq!(bench.say("pod replace kafka-0"), Reply::AlreadySo);
}

#[test]
fn nothing_is_ended_on_for_a_move_that_will_never_be() {
    let yaml = "
name: pair
pods:
  pair:
    count: 1
    resource-sets: { a: { cpus: 1, memory: 64 }, b: { cpus: 1, memory: 64 } }
    tasks:
      main: { goal: RUNNING, cmd: ./main, resource-set: a }
      job: { goal: FINISH, cmd: ./job, resource-set: b }
plans:
  deploy: { phases: { p: { pod: pair, steps: [ { default: [[main]] } ] } } }
  job: { phases: { p: { pod: pair, steps: [ { default: [[job]] } ] } } }
";
    let mut bench = Bench::new(yaml);
    bench.runs("pair-0", "main");
    bench.say("start job");
    bench.observe("pair-0", "job", Seen::Running { ready: true });
    bench.say("stop job");
    bench.room = false;
    bench.say("pod replace pair-0");
    let fit = asked(&bench, "pair-0");
    bench.commands();
    bench.grant(&fit);
    let mut killed = bench.commands();
    killed.sort();
    assert_eq!(killed, ["kill pair-0-job", "kill pair-0-main"]);
    bench.fit("pair-0", fit.launch, FitAnswer::Never("no".into()));
    bench.pass(60);
    assert_eq!(bench.commands(), [""; 0]);
}

#[test]
fn silence_does_not_reset_the_clock_of_a_crash_loop() {
    let mut bench = with_policy();
    bench.fails("kafka-0", "broker");
    bench.observe("kafka-0", "broker", Seen::Starting);
    let down = |bench: &Bench| bench.engine.pod(&instance("kafka-0")).unwrap().tasks().next().unwrap().down();
    let since = down(&bench);
    assert!(since.is_some());
    bench.pass(10);
    bench.observe("kafka-0", "broker", Seen::Unreachable);
    bench.observe("kafka-0", "broker", Seen::Starting);
    assert_eq!(down(&bench), since, "it was not up since");
    bench.runs("kafka-0", "broker");
    assert_eq!(down(&bench), None);
    // A task that was only silent counts as running when it is heard of, ready or not.
    bench.pass(10);
    bench.observe("kafka-0", "broker", Seen::Unreachable);
    bench.observe("kafka-0", "broker", Seen::Running { ready: false });
    assert_eq!(down(&bench), None);
}

#[test]
fn an_end_that_is_heard_of_only_after_the_timeout_is_no_failure() {
    let mut bench = with_policy();
    bench.room = false;
    bench.observe("kafka-0", "broker", Seen::Unreachable);
    bench.pass(601);
    bench.events.clear();
    bench.observe("kafka-0", "broker", Seen::Ended(End::Killed));
    let task = bench.engine.pod(&instance("kafka-0")).unwrap().tasks().next().unwrap();
    assert_eq!(task.failures(), 0);
    assert!(task.down().is_some());
    assert!(!bench.events.iter().any(|event| matches!(event, Event::Stays { .. })), "it has ended");
}

#[test]
fn a_restart_whose_room_is_lost_is_down_and_goes_elsewhere_in_time() {
    let mut bench = with_policy();
    bench.say("pod restart kafka-0");
    bench.room = false;
    // The grant is taken back while the old task ends.
    let clearing = |order: &&Order| order.stage == OrderStage::Displacing;
    let order =
        bench.engine.pod(&instance("kafka-0")).unwrap().orders().iter().find(clearing).unwrap().launch;
    bench.fit("kafka-0", order, FitAnswer::Retry("taken".into()));
    bench.observe("kafka-0", "broker", Seen::Ended(End::Killed));
    assert_eq!(bench.engine.pod(&instance("kafka-0")).unwrap().tasks().next().unwrap().failures(), 0);
    bench.pass(590);
    let moves = |bench: &Bench| bench.events.iter().any(|event| matches!(event, Event::MayMove { .. }));
    assert!(!moves(&bench));
    bench.pass(20);
    assert!(moves(&bench));
}

#[test]
fn nobody_is_given_up_before_a_fresh_session_has_asked_for_it() {
    let mut bench = with_policy();
    bench.observe("kafka-0", "broker", Seen::Unreachable);
    bench.observe("kafka-1", "broker", Seen::Unreachable);
    bench.now += 3_600_000_000;
    bench.events.clear();
    bench.crash();
    let moves =
        |bench: &Bench| bench.events.iter().filter(|event| matches!(event, Event::MayMove { .. })).count();
    bench.pass(40);
    assert_eq!(moves(&bench), 0, "it has not been asked whether it is back");
    bench.runs("kafka-0", "broker");
    bench.observe("kafka-1", "broker", Seen::Unreachable);
    bench.pass(6);
    assert_eq!(bench.launched(), ["kafka-1:[broker]"], "who is back takes nobody's turn");
}

#[test]
fn a_replacement_that_is_not_needed_any_more_takes_nobodys_turn() {
    let mut bench = with_policy();
    bench.room = false;
    bench.observe("kafka-0", "broker", Seen::Unreachable);
    bench.observe("kafka-1", "broker", Seen::Unreachable);
    bench.pass(601);
    let permitted = |bench: &Bench, name: &str| bench.engine.pod(&instance(name)).unwrap().relocation();
    assert!(permitted(&bench, "kafka-0").is_some());
    bench.pass(4000);
    assert_eq!(permitted(&bench, "kafka-1"), None, "one at a time");
    bench.runs("kafka-0", "broker");
    assert_eq!(permitted(&bench, "kafka-0"), None);
    assert!(permitted(&bench, "kafka-1").is_some(), "nobody has moved yet");
}

#[test]
fn the_loss_of_a_zone_is_worked_off_in_parts() {
    let many = "
name: many
replacement-failure-policy: { permanent-failure-timeout-secs: 600, min-replace-delay-secs: 0 }
pods:
  many: { count: 150, tasks: { main: { goal: RUNNING, cmd: x, cpus: 1, memory: 64 } } }
plans:
  deploy: { phases: { many: { pod: many, strategy: parallel } } }
";
    let mut bench = Bench::new(many);
    let names: Vec<String> = (0..150).map(|index| format!("many-{index}")).collect();
    for name in &names {
        bench.runs(name, "main");
        bench.observe(name, "main", Seen::Unreachable);
    }
    bench.room = false;
    bench.now += 700_000_000;
    let moves =
        |bench: &Bench| bench.events.iter().filter(|event| matches!(event, Event::MayMove { .. })).count();
    bench.step(Input::Wake);
    assert_eq!(moves(&bench), 64);
    bench.input(Input::Wake);
    assert_eq!(moves(&bench), 150, "and a wake is asked for at once");
}

#[test]
fn what_is_granted_again_is_not_released_for_an_old_debt() {
    let mut bench = deployed(KAFKA);
    bench.pays = false;
    bench.room = false;
    let fitted = |bench: &mut Bench, to: &str, handle: &str| {
        let Some(Command::Fit(fit)) = bench.sent.last().cloned() else { panic!("{:?}", bench.sent) };
        let node = node(to);
        let grant = Grant::new(node, Handle(handle.into()));
        bench.fit("kafka-1", fit.launch, FitAnswer::Fitted(grant));
    };
    // The node is silent, and the instance moves. Then it moves back to the same node and room.
    let old = bench.launch_of("kafka-1", "broker");
    bench.observe("kafka-1", "broker", Seen::Unreachable);
    bench.say("pod replace kafka-1");
    fitted(&mut bench, "spare", "other");
    assert_eq!(bench.owed(), [format!("kafka-1 on node-kafka-1: kill broker#{old}, release")]);
    bench.observe("kafka-1", "broker", Seen::Unreachable);
    bench.say("pod replace kafka-1");
    fitted(&mut bench, "node-kafka-1", "room-kafka-1");
    let owed = bench.owed();
    assert_eq!(owed[0], format!("kafka-1 on node-kafka-1: kill broker#{old}"), "{owed:?}");
    bench.observe_launch("kafka-1", "broker", old, Seen::Ended(End::Killed));
    assert_eq!(bench.owed().len(), 1);
    bench.pass(400);
    assert!(!bench.commands().contains(&"release kafka-1 on node-kafka-1".to_owned()));
}

#[test]
fn an_order_that_is_wanted_no_more_does_not_keep_the_place_from_the_step_before() {
    let mut bench = Bench::new(
        "
name: svc
pods:
  svc:
    count: 1
    resource-sets: { turns: { cpus: 1, memory: 64 } }
    tasks:
      init: { goal: ONCE, cmd: ./init, resource-set: turns }
      main: { goal: RUNNING, cmd: ./main, resource-set: turns }
plans:
  deploy: { phases: { p: { pod: svc, steps: [ { default: [[init], [main]] } ] } } }
",
    );
    bench.finishes("svc-0", "init");
    bench.room = false;
    bench.say("pod replace svc-0");
    bench.commands();
    bench.say("restart deploy");
    let fit = asked(&bench, "svc-0");
    assert_eq!(bench.commands(), ["withdraw svc-0", "fit svc-0"]);
    bench.fit("svc-0", fit.launch, granted(node("other"), "there"));
    assert_eq!(bench.commands(), ["kill svc-0-main"]);
    bench.observe("svc-0", "main", Seen::Ended(End::Killed));
    assert_eq!(bench.launched(), ["svc-0:[init]"]);
}
