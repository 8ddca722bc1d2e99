//! Leaving for good: members, pods, and the service.

use plan_core::engine::*;
use plan_core::plan::Status::*;

use crate::bench::{Bench, installation, instance, model};
use crate::deploy::KAFKA;

const BROKERS: [&str; 3] = ["kafka-0", "kafka-1", "kafka-2"];

fn shrinking(count: u32) -> String {
    KAFKA.replace("count: 3", &format!("count: {count}\n    allow-decommission: true"))
}

fn deployed(yaml: &str) -> Bench {
    let mut bench = Bench::new(yaml);
    for broker in BROKERS {
        bench.runs(broker, "broker");
    }
    assert_eq!(bench.status("deploy"), Complete);
    bench.commands();
    bench
}

#[test]
fn the_last_members_leave_one_after_the_other_and_pay_what_they_owe() {
    let mut bench = deployed(&shrinking(3));
    let (one, two) = (bench.launch_of("kafka-1", "broker"), bench.launch_of("kafka-2", "broker"));
    assert_eq!(bench.becomes(&shrinking(1)), Reply::Done);
    assert_eq!(bench.status("deploy"), Complete);
    assert_eq!(bench.commands(), ["kill kafka-2-broker"], "the highest index first");
    assert_eq!(
        bench.shown("decommission"),
        [
            "kafka-2 STARTED",
            "  kill-broker STARTED",
            "  release PENDING",
            "kafka-1 PENDING",
            "  kill-broker PENDING",
            "  release PENDING",
        ]
    );
    assert_eq!(bench.why("kafka-1").len(), 1);
    let refused = Reply::Refused(Refusal::Leaving(instance("kafka-1")));
    assert_eq!(bench.say("pod restart kafka-1"), refused);
    bench.observe_launch("kafka-2", "broker", two, Seen::Ended(End::Killed));
    assert_eq!(bench.commands(), ["release kafka-2 on node-kafka-2", "kill kafka-1-broker"]);
    bench.observe_launch("kafka-1", "broker", one, Seen::Ended(End::Killed));
    assert_eq!(bench.owed(), [""; 0]);
    assert!(bench.engine.plan("decommission").is_none());
    assert_eq!(bench.engine.pods().count(), 1);
    assert!(!bench.store.contains_key(&Key::Pod(instance("kafka-1"))));
}

/// The first that leaves is gone in the turn of the target itself, so that a look at the new target misses it.
#[test]
fn a_preview_names_each_that_leaves_the_first_one_first() {
    for count in 0..3 {
        let mut bench = deployed(&shrinking(3));
        let target = Target::new(model(&shrinking(count)), installation());
        let leaves = bench.engine.preview(&target).leaves;
        let expected: Vec<_> = BROKERS[count as usize..].iter().rev().map(|name| instance(name)).collect();
        assert_eq!(leaves, expected);
        // A second preview, while the first one leaves: it has left already.
        bench.becomes(&shrinking(2));
        let leaves = bench.engine.preview(&target).leaves;
        assert_eq!(leaves, expected[1.min(expected.len())..]);
    }
}

#[test]
fn a_leaver_whose_turn_has_not_come_is_brought_back() {
    let mut bench = deployed(&shrinking(3));
    bench.becomes(&shrinking(1));
    bench.commands();
    bench.fails("kafka-1", "broker");
    assert_eq!(bench.launched(), ["kafka-1:[broker]"]);
    bench.crash();
    bench.runs("kafka-0", "broker");
    bench.runs("kafka-1", "broker");
    assert!(!bench.commands().contains(&"kill kafka-2-broker".to_owned()), "we may be the old scheduler");
    bench.pass(31);
    assert!(bench.commands().contains(&"kill kafka-2-broker".to_owned()));
}

#[test]
fn who_comes_back_waits_until_what_it_left_has_ended() {
    let mut bench = deployed(&shrinking(3));
    let old = bench.launch_of("kafka-2", "broker");
    bench.becomes(&shrinking(2));
    bench.becomes(&shrinking(3));
    assert_eq!(bench.launched(), [""; 0]);
    let why = bench.why("kafka-2");
    assert!(why[0].contains("what it left behind on node-kafka-2 has not ended"), "{why:?}");
    bench.observe_launch("kafka-2", "broker", old, Seen::Ended(End::Killed));
    assert_eq!(bench.launched(), ["kafka-2:[broker]"]);
    bench.runs("kafka-2", "broker");
    assert_eq!(bench.status("deploy"), Complete);
}

#[test]
fn who_was_to_leave_and_had_not_begun_stays() {
    let mut bench = deployed(&shrinking(3));
    let one = bench.launch_of("kafka-1", "broker");
    bench.becomes(&shrinking(1));
    bench.becomes(&shrinking(3));
    assert_eq!(bench.launch_of("kafka-1", "broker"), one);
    assert!(bench.engine.plan("decommission").is_some(), "kafka-2 has not ended yet");
    assert_eq!(bench.engine.leavers(), []);
}

const TWO: &str = "
name: two
pods:
  one: { count: 2, allow-decommission: true, tasks: { main: { goal: RUNNING, cmd: x, cpus: 1, memory: 64 } } }
  two: { count: 2, allow-decommission: true, tasks: { main: { goal: RUNNING, cmd: x, cpus: 1, memory: 64 } } }
";

#[test]
fn a_pod_that_goes_is_forgotten_when_all_of_it_went() {
    let mut bench = Bench::new(TWO);
    for name in ["one-0", "one-1", "two-0", "two-1"] {
        bench.runs(name, "main");
    }
    let launches = [bench.launch_of("one-1", "main"), bench.launch_of("one-0", "main")];
    let only_two = TWO.lines().filter(|line| !line.starts_with("  one")).collect::<Vec<_>>().join("\n");
    bench.commands();
    assert_eq!(bench.becomes(&only_two), Reply::Done);
    assert_eq!(bench.commands(), ["kill one-1-main"]);
    assert_eq!(bench.engine.pods().count(), 3);
    // Until its turn to leave, a member is brought back, also by a recovered engine.
    bench.fails("one-0", "main");
    assert_eq!(bench.launched(), ["one-0:[main]"]);
    bench.observe_launch("one-1", "main", launches[0], Seen::Ended(End::Killed));
    let zero = bench.engine.debts().last().unwrap().kill[0].launch;
    assert!(zero > launches[1]);
    bench.observe_launch("one-0", "main", zero, Seen::Ended(End::Killed));
    assert_eq!(bench.engine.pods().count(), 2);
    assert!(bench.engine.plan("decommission").is_none());
}

#[test]
fn a_lost_node_does_not_let_the_next_one_go_unless_it_is_given_up() {
    let mut bench = deployed(&shrinking(3));
    bench.observe("kafka-2", "broker", Seen::Unreachable);
    bench.becomes(&shrinking(1));
    bench.pass(1000);
    assert!(!bench.commands().contains(&"kill kafka-1-broker".to_owned()));
    let debt = bench.engine.debts().next().unwrap().number;
    bench.say(&format!("give-up {debt}"));
    assert!(bench.commands().contains(&"kill kafka-1-broker".to_owned()));
}

#[test]
fn uninstall_is_the_empty_target_then_no_debts_then_farewell() {
    let mut bench = deployed(KAFKA);
    bench.pays = false;
    let launches = BROKERS.map(|broker| bench.launch_of(broker, "broker"));
    assert_eq!(bench.say("uninstall"), Reply::Done);
    assert_eq!(bench.say("uninstall"), Reply::AlreadySo);
    assert_eq!(bench.commands(), ["kill kafka-2-broker", "kill kafka-1-broker", "kill kafka-0-broker"]);
    assert_eq!(bench.say("restart deploy"), Reply::Refused(Refusal::Uninstalling));
    assert_eq!(bench.becomes(KAFKA), Reply::Refused(Refusal::Uninstalling));
    assert_eq!(bench.say("pod restart kafka-0"), Reply::Refused(Refusal::Uninstalling));
    assert_eq!(bench.shown("uninstall").last().unwrap(), "  deregister PENDING");
    bench.crash();
    for (broker, launch) in BROKERS.into_iter().zip(launches) {
        bench.observe_launch(broker, "broker", launch, Seen::Ended(End::Killed));
    }
    assert_eq!(bench.owed().len(), 3);
    assert_eq!(bench.owed()[0], "kafka-2 on node-kafka-2: release");
    bench.commands();
    let debts: Vec<_> = bench.engine.debts().map(|debt| debt.number).collect();
    // One node is gone, and nothing answers for it. The debt is listed, and given up.
    bench.releases(debts[0]);
    bench.releases(debts[1]);
    bench.pass(100_000);
    assert!(!bench.commands().contains(&"deregister".to_owned()));
    bench.say(&format!("give-up {}", debts[2]));
    assert_eq!(bench.commands(), ["deregister"]);
    assert_eq!(bench.shown("uninstall"), ["deregister-service STARTED", "  deregister STARTED"]);
    bench.pass(31);
    assert_eq!(bench.commands(), ["deregister"], "until it is answered");
    bench.input(Input::Outcome(CommandOutcome::Deregistered));
    assert!(bench.store.is_empty());
    assert!(bench.engine == Engine::new());
    assert_eq!(bench.say("uninstall"), Reply::Refused(Refusal::NoService));
    assert_eq!(bench.becomes(KAFKA), Reply::Done, "and all begins anew");
}

#[test]
fn uninstall_of_what_never_ran_is_over_at_once() {
    let mut bench = Bench::bare();
    bench.room = false;
    bench.becomes(KAFKA);
    bench.commands();
    bench.say("uninstall");
    assert_eq!(bench.commands(), ["withdraw kafka-0", "deregister"]);
    assert!(bench.store.is_empty());
}

#[test]
fn who_left_and_owes_still_has_a_reason() {
    let mut bench = deployed(KAFKA);
    bench.observe("kafka-2", "broker", Seen::Unreachable);
    bench.say("uninstall");
    let why = bench.why("kafka-2");
    let debt = bench.engine.debts().find(|debt| debt.instance == instance("kafka-2")).unwrap().number;
    assert_eq!(why, ["uninstall (STARTED): what it left behind on node-kafka-2 has not ended"]);
    let why = bench.engine.why(&instance("kafka-2"));
    assert_eq!(why[0].remedies(), [Remedy::EndOfDebt, Remedy::Say(Verb::GiveUp { debt })]);
}

#[test]
fn who_comes_back_waits_until_what_it_left_is_released() {
    let mut bench = deployed(&shrinking(3));
    bench.pays = false;
    let old = bench.launch_of("kafka-2", "broker");
    bench.becomes(&shrinking(2));
    bench.becomes(&shrinking(3));
    bench.commands();
    bench.observe_launch("kafka-2", "broker", old, Seen::Ended(End::Killed));
    assert_eq!(bench.commands(), ["release kafka-2 on node-kafka-2"], "it may get the same room again");
    bench.pass(20);
    assert!(!bench.commands().contains(&"launch kafka-2".to_owned()));
    let debt = bench.engine.debts().next().unwrap().number;
    bench.releases(debt);
    assert_eq!(bench.launched(), ["kafka-2:[broker]"]);
    bench.runs("kafka-2", "broker");
    bench.pass(1000);
    assert_eq!(bench.commands(), [""; 0], "nothing that is in use is released");
}

#[test]
fn nobody_leaves_in_a_fresh_session_before_it_is_seen() {
    let mut bench = deployed(&shrinking(3));
    bench.pays = false;
    // The session is lost, and the target comes before the wake.
    bench.step(Input::SessionLost);
    bench.becomes(&shrinking(2));
    let leaves = |bench: &mut Bench| bench.commands().contains(&"kill kafka-2-broker".to_owned());
    assert!(!leaves(&mut bench), "nothing is heard of it");
    bench.pass(40);
    assert!(!leaves(&mut bench));
    bench.runs("kafka-2", "broker");
    assert!(leaves(&mut bench));
}

#[test]
fn what_is_owed_is_asked_for_together_and_pursued_in_parts() {
    let many = "
name: many
pods:
  many: { count: 150, tasks: { main: { goal: RUNNING, cmd: x, cpus: 1, memory: 64 } } }
plans:
  deploy: { phases: { many: { pod: many, strategy: parallel } } }
";
    let mut bench = Bench::new(many);
    for index in 0..150 {
        bench.runs(&format!("many-{index}"), "main");
    }
    bench.pays = false;
    bench.say("uninstall");
    bench.commands();
    bench.step(Input::SessionLost);
    bench.step(Input::Wake);
    assert_eq!(bench.commands(), ["reconcile 150"]);
    bench.step(Input::Wake);
    assert_eq!(bench.commands().len(), 64);
    bench.input(Input::Wake);
    assert_eq!(bench.commands().len(), 86);
    bench.pass(40);
    let commands = bench.commands();
    let asked = commands.iter().filter(|command| command.starts_with("reconcile"));
    assert!(asked.count() <= 4);
}
