//! The traps that others fell into (the reference report on operators, §6.2), each with the test that it is
//! not one here.
//!
//! Not here yet, as what they are about is not:
//! - *`--wait` ignores failure*: what waits for a plan is the program and the driver; a plan's status is
//!   `ERROR` as soon as a step's is ([`trap_child_failure_invisible_to_parent`]), and `simulate` exits with 1.
//! - *a terminated member is deleted with no gate*, *any replica that is out of sync halts all*, *RF ≤ minISR:
//!   deny is a deadlock, allow an outage*: gates and budgets.
//! - *leader last given up*: nobody is asked who leads.
//! - *rebalance during a roll*: `excludes` between runs. Two runs do not act on one slot
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

/// StatefulSet #67250: broken members can always be replaced, first, and only they.
#[test]
fn trap_bad_template_blocks_its_own_revert() {
    for broken in [Seen::Running { ready: false }, Seen::Ended(End::Failed)] {
        let mut bench = deployed(KAFKA);
        bench.becomes(&version("./bad"));
        ends(&mut bench, "kafka-0");
        bench.observe("kafka-0", "broker", broken);
        if broken == Seen::Ended(End::Failed) {
            // It loops, and waits longer and longer.
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

/// KUDO #1764: what is invalid is an error until the specification changes, and what is not is tried again.
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
    // What merely did not work is no error.
    let launch = bench.launch_of("kafka-0", "broker");
    bench.launch_answer("kafka-0", launch, LaunchAnswer::Retry("busy".into()));
    assert_ne!(bench.phase("deploy", "broker").1[0], Error);
    bench.pass(60);
    assert_eq!(bench.launched(), ["kafka-0:[broker]"]);
}

/// KUDO: what hangs can be cancelled or skipped, and it is noted who did.
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
    // Cancelled: the next target need not wait for it.
    let mut bench = hung();
    assert_eq!(bench.say("stop roll"), Reply::Done);
    assert_eq!(bench.engine.runs("roll").last().unwrap().outcome, RunOutcome::Stopped);
    assert_eq!(bench.becomes(&format!("{}{}", version("./next"), &side[KAFKA.len()..])), Reply::Done);
    // Skipped: the rest goes on.
    let mut bench = hung();
    assert_eq!(bench.say("force-complete roll roll kafka-0:[broker]"), Reply::Done);
    assert_eq!(bench.commands(), ["fit kafka-1", "kill kafka-1-broker"]);
    let audit = bench.engine.audit().last().unwrap();
    assert_eq!(
        (audit.who.as_str(), audit.verb.as_str(), &audit.reply),
        ("test", "force-complete roll roll kafka-0:[broker]", &Reply::Done)
    );
}

/// KUDO: what fails below is seen above.
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

/// KUDO: all that an input changes is one batch, and each record of it is whole. A batch that is lost leaves
/// what was before, and the same input makes it again.
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

/// KUDO Kafka, `not-allowed`: what must not change is refused with the reason; no plan runs for it and completes.
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

/// Strimzi #12649: nothing is given up after so many tries; it waits, says for what, and others go on.
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

/// Strimzi #10647: a member's fault is its own.
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
    // The others are looked after as ever.
    bench.launched();
    bench.fails("kafka-0", "broker");
    assert_eq!(bench.launched(), ["kafka-0:[broker]"]);
}

/// Strimzi's StorageDiff: a change of storage that cannot be is not passed over with all that came with it; each
/// item has its verdict, and nothing of the target is taken.
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
    let conf = bench.engine.pod(&instance("kafka-0")).unwrap().tasks()[0].last().unwrap().conf;
    assert_eq!(conf, model(KAFKA).pods()[0].tasks[0].conf);
}
