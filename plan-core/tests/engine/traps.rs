//! Known faults of other operators and schedulers, each with a test that the engine does not have it.
//!
//! These have no test here:
//! - *`--wait` ignores failure*: the program and the driver wait for plans. A plan's status is `ERROR` as soon as a
//!   step's is ([`trap_child_failure_invisible_to_parent`]), and `simulate` exits with 1.
//! - *a terminated member is deleted with no gate*, *any replica that is out of sync halts all*, *RF ≤ minISR: deny is
//!   a deadlock, allow an outage*: see the tests of gates and budgets.
//! - *leader last given up*: the engine does not ask which member leads.
//! - *rebalance during a roll*: no plan can exclude another. Two runs do not act on one slot
//!   (`verbs::two_plans_do_not_act_on_one_slot_at_once`).

use std::collections::BTreeMap;

use plan_core::engine::*;
use plan_core::plan::Status::*;

use crate::bench::{Bench, installation, instance, model};
use crate::deploy::KAFKA;
use crate::targets::{deployed, ends, version};

fn parallel() -> String {
    KAFKA.replace("strategy: serial\n        pod", "strategy: parallel\n        pod")
}

/// StatefulSet #67250: broken members can always be replaced. They come first, and no other member is touched.
#[test]
fn trap_bad_template_blocks_its_own_revert() {
    for broken in [Seen::Running { ready: false }, Seen::Ended(End::Failed)] {
        let mut bench = deployed(KAFKA);
        bench.becomes(&version("./bad"));
        ends(&mut bench, "kafka-0");
        bench.observe("kafka-0", "broker", broken);
        if broken == Seen::Ended(End::Failed) {
            // The task fails again and again, and its waits grow.
            for _ in 0..3 {
                while bench.launched().is_empty() {
                    bench.pass(5);
                }
                bench.fails("kafka-0", "broker");
            }
            assert_eq!(bench.phase("deploy", "broker").1[0], Delayed);
        }
        bench.commands();
        let lives = bench.engine.pod(&instance("kafka-0")).unwrap().living().count() > 0;
        assert_eq!(bench.becomes(KAFKA), Reply::Done);
        if lives {
            assert_eq!(bench.commands(), ["fit kafka-0", "kill kafka-0-broker"], "without waiting for it");
            ends(&mut bench, "kafka-0");
        }
        assert_eq!(bench.launched(), ["kafka-0:[broker]"]);
        bench.runs("kafka-0", "broker");
        assert_eq!(bench.status("deploy"), Complete);
        assert_eq!(bench.launched(), [""; 0], "the others never changed");
    }
}

/// KUDO #1764: an invalid launch is an error until the specification changes. A launch that merely failed is tried
/// again.
#[test]
fn trap_invalid_request_treated_as_transient() {
    let mut bench = Bench::new(KAFKA);
    let launch = bench.launch_of("kafka-0", "broker");
    bench.launch_answer("kafka-0", launch, LaunchAnswer::Never("memory: 1024 is above the limit".into()));
    bench.commands();
    for _ in 0..2 {
        bench.pass(24 * 3600);
        assert_eq!(bench.commands(), [""; 0], "nobody asks again");
        assert_eq!(bench.phase("deploy", "broker").1[0], Error);
        assert!(bench.why("kafka-0")[0].contains("memory: 1024 is above the limit"));
        bench.crash();
        bench.commands();
    }
    assert_eq!(bench.becomes(&KAFKA.replace("1024", "512")), Reply::Done);
    assert_eq!(bench.launched(), ["kafka-0:[broker]"], "at once");
    // A launch that merely failed is not an error.
    let launch = bench.launch_of("kafka-0", "broker");
    bench.launch_answer("kafka-0", launch, LaunchAnswer::Retry("busy".into()));
    assert_ne!(bench.phase("deploy", "broker").1[0], Error);
    bench.pass(60);
    assert_eq!(bench.launched(), ["kafka-0:[broker]"]);
}

/// KUDO: a step that hangs can be canceled or skipped, and the audit says who did that.
#[test]
fn trap_no_cancel_no_skip() {
    let side = format!("{KAFKA}  roll: {{ phases: {{ roll: {{ pod: kafka }} }} }}\n");
    let hung = || {
        let mut bench = deployed(&side);
        bench.say("start roll");
        ends(&mut bench, "kafka-0");
        bench.observe("kafka-0", "broker", Seen::Running { ready: false });
        bench.pass(3600);
        assert_eq!(bench.phase("roll", "roll").1, [Started, Pending, Pending]);
        bench.commands();
        bench
    };
    // Canceled: the next target does not wait for the step.
    let mut bench = hung();
    assert_eq!(bench.say("stop roll"), Reply::Done);
    assert_eq!(bench.engine.runs("roll").last().unwrap().outcome, RunOutcome::Stopped);
    assert_eq!(bench.becomes(&format!("{}{}", version("./next"), &side[KAFKA.len()..])), Reply::Done);
    // Skipped: the other steps go on.
    let mut bench = hung();
    assert_eq!(bench.say("force-complete roll roll kafka-0:[broker]"), Reply::Done);
    assert_eq!(bench.commands(), ["fit kafka-1", "kill kafka-1-broker"]);
    let audit = bench.engine.audit().last().unwrap();
    assert_eq!(
        (audit.who.as_str(), audit.verb.as_str(), &audit.reply),
        ("test", "force-complete roll roll kafka-0:[broker]", &Reply::Done)
    );
}

/// KUDO: the failure of a step shows in its phase and plan.
#[test]
fn trap_child_failure_invisible_to_parent() {
    let mut bench = Bench::new(KAFKA);
    bench.runs("kafka-0", "broker");
    let launch = bench.launch_of("kafka-1", "broker");
    bench.events.clear();
    bench.launch_answer("kafka-1", launch, LaunchAnswer::Never("no".into()));
    assert_eq!(bench.phase("deploy", "broker"), (Error, vec![Complete, Error, Pending]));
    assert_eq!(bench.status("deploy"), Error);
    let told = |event: &Event| matches!(event, Event::Plan { change: (_, Error), .. });
    assert!(bench.events.iter().any(told), "and it is told");
}

/// KUDO: all changes of an input are one batch, and each of its records is whole. A lost batch leaves the state before
/// it, and the same input leads to the same batch again.
#[test]
fn trap_run_state_split_over_two_writes() {
    let side = format!("{KAFKA}  roll: {{ phases: {{ roll: {{ pod: kafka }} }} }}\n");
    let mut bench = deployed(&side);
    for words in ["start roll", "interrupt roll", "continue roll", "restart deploy", "stop roll"] {
        let mut lost = Engine::recover(bench.store.values().cloned()).unwrap();
        let verb = crate::bench::verb(words);
        let input = || Input::Verb(Request { id: words.into(), who: "me".into(), verb: verb.clone() });
        let first = lost.handle(Wall(bench.now), input());
        let mut again = Engine::recover(bench.store.values().cloned()).unwrap();
        let second = again.handle(Wall(bench.now), input());
        assert_eq!(first, second, "{words}");
        let mut keys = BTreeMap::new();
        for write in &first.writes {
            let key = match write {
                Write::Put(record) => record.key(),
                Write::Delete(key) => key.clone(),
            };
            *keys.entry(key).or_insert(0) += 1;
        }
        let batch = "what a run is, and that the plan has it, is durable together";
        let runs = |keys: &BTreeMap<Key, i32>| keys.keys().any(|key| matches!(key, Key::Run(_)));
        assert!(runs(&keys) && keys.contains_key(&Key::Clock), "{words}: {batch}: {keys:?}");
        assert_eq!(bench.input(input()), Some(Reply::Done), "{words}");
    }
}

/// KUDO Kafka, `not-allowed`: a change that is not allowed is refused with the reason. No plan runs for it and
/// completes.
#[test]
fn trap_forbidden_change_silently_completes() {
    let mut bench = deployed(KAFKA);
    let before = bench.engine.runs("deploy").len();
    let bad = version("./broker2").replace("count: 3", "count: 2");
    let Reply::Refused(Refusal::Target(items)) = bench.becomes(&bad) else { panic!() };
    assert_eq!(items.len(), 1, "only what is forbidden: {items:?}");
    assert_eq!(items[0].path, "pods.kafka.count");
    assert!(items[0].why.contains("allow-decommission"), "and what to do: {}", items[0].why);
    assert_eq!((bench.engine.runs("deploy").len(), bench.commands()), (before, vec![]));
    assert_eq!(bench.engine.model().unwrap().hash(), model(KAFKA).hash());
}

/// Strimzi #12649: no member is given up after a number of tries. It waits and says for what, and others go on.
#[test]
fn trap_fixed_retry_budget_then_everything_fails() {
    let mut bench = Bench::new(&parallel());
    bench.runs("kafka-1", "broker");
    bench.launched();
    for _ in 0..40 {
        bench.fails("kafka-0", "broker");
        let mut waited = 0;
        while bench.launched().is_empty() {
            assert_eq!(bench.phase("deploy", "broker").1[0], Delayed);
            assert!(
                bench.why("kafka-0")[0]
                    .contains("times in a row: it waits before it is tried again, until 0")
            );
            bench.pass(10);
            waited += 10;
            assert!(waited <= 300, "the wait is bounded");
        }
    }
    bench.runs("kafka-2", "broker");
    assert_eq!(bench.phase("deploy", "broker").1, [Starting, Complete, Complete]);
    bench.runs("kafka-0", "broker");
    assert_eq!(bench.status("deploy"), Complete);
}

/// Strimzi #10647: the fault of one member does not hide others.
#[test]
fn trap_one_members_fault_masks_all() {
    let mut bench = Bench::new(&parallel());
    let launch = bench.launch_of("kafka-1", "broker");
    bench.launch_answer("kafka-1", launch, LaunchAnswer::Never("no".into()));
    bench.runs("kafka-0", "broker");
    bench.observe("kafka-2", "broker", Seen::Running { ready: false });
    assert_eq!(bench.phase("deploy", "broker").1, [Complete, Error, Started]);
    assert_eq!(bench.why("kafka-0"), [""; 0]);
    assert!(bench.why("kafka-1")[0].contains("refused for good"));
    assert!(bench.why("kafka-2")[0].contains("has not reached its goal"));
    // The other members are recovered as usual.
    bench.launched();
    bench.fails("kafka-0", "broker");
    assert_eq!(bench.launched(), ["kafka-0:[broker]"]);
}

/// Strimzi's StorageDiff: a change of storage that cannot be made is not ignored while the rest of the target is
/// applied. Each item has its verdict, and nothing of the target is applied.
#[test]
fn trap_unsupported_storage_change_ignored() {
    let mut bench = deployed(KAFKA);
    let both = version("./broker2").replace("size: 5000", "size: 6000");
    let preview = bench.engine.preview(&Target::new(model(&both), installation()));
    let verdicts: Vec<_> =
        preview.changes.iter().map(|change| (change.path.as_str(), change.verdict)).collect();
    let [(volume, refused), (cmd, restarts)] = verdicts[..] else { panic!("{verdicts:?}") };
    assert!(volume.contains("volume") || volume.contains("size"), "{volume}");
    assert_eq!(refused, plan_core::spec::change::ChangeVerdict::Refused);
    assert_eq!(cmd, "pods.kafka.tasks.broker.cmd");
    assert_eq!(restarts, plan_core::spec::change::ChangeVerdict::Restarts);
    let Reply::Refused(Refusal::Target(items)) = bench.becomes(&both) else { panic!() };
    assert_eq!(items.iter().map(|item| item.path.as_str()).collect::<Vec<_>>(), [volume]);
    assert_eq!(bench.commands(), [""; 0]);
    let conf = bench.engine.pod(&instance("kafka-0")).unwrap().tasks().next().unwrap().last().unwrap().conf;
    assert_eq!(conf, model(KAFKA).pods()[0].tasks[0].conf);
}
