//! `specs/kafka` with three real brokers: deployed, one killed, all restarted one after another, one replaced; under
//! load, and no acknowledged record is lost.
//!
//! It takes minutes, a JDK and Maven, and three gigabytes of memory, so that it runs when it is asked for:
//! `cargo test -p planwright --test kafka -- --ignored --nocapture`, as `.ci/run` does. `tests/rigs/kafka` has
//! what it is built from. `KAFKA_VERSION` is the version, if not the rig's own choice.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::print_stdout, reason = "what it measured is worth reading, also when it passes")]
#![cfg(target_os = "linux")]

mod brokers;
mod rig;
mod scheduler;

use std::time::{Duration, Instant};

use brokers::{Brokers, Witness};
use rig::{Rig, Topic};
use scheduler::Scheduler;

/// A broker of a busy machine takes its time.
const LONG: Duration = Duration::from_secs(300);

/// Replicated: what is acknowledged is on two of three brokers.
const ORDERS: Topic = Topic { name: "orders", partitions: 6, replicas: 3, in_sync: 2 };
/// On one broker only, and acknowledged by it alone: what is lost with that broker, the load checker must miss.
const FRAGILE: Topic = Topic { name: "fragile", partitions: 3, replicas: 1, in_sync: 1 };

#[test]
#[ignore = "three real brokers, for minutes: .ci/run asks for it"]
fn real_brokers_lose_no_acknowledged_record() {
    let rig = Rig::install();
    let begin = Instant::now();
    let scheduler = Scheduler::start(&rig);
    scheduler.complete("deploy", LONG);
    println!("deployed in {:.1} s", begin.elapsed().as_secs_f64());

    let brokers = Brokers::below(scheduler.folder());
    let first = brokers.all(3);
    let kafka = rig.cluster(&scheduler.endpoints("broker"));
    kafka.create(&ORDERS);
    let witness = Witness::start(&brokers);
    let load = kafka.load(&ORDERS, &[]);
    load.acknowledged(1_000);

    // A broker dies, and comes back with its log: the same one, at the same port, with the same volume.
    let dies = &first[1];
    let begin = Instant::now();
    dies.kill();
    let back = brokers.other_than(dies, LONG);
    scheduler.is_up("kafka-1", LONG);
    let gap = begin.elapsed().as_secs_f64();
    assert!(kafka.all_in_sync(&ORDERS), "kafka-1 counts as ready, and its replicas are not in sync");
    assert_eq!((&back.folder, back.port), (&dies.folder, dies.port));
    println!("killed, and in sync again after {gap:.1} s, with the log that it had");

    // Another heap, one broker after another.
    let before = brokers.all(3);
    let controller = brokers.controller();
    let begin = Instant::now();
    scheduler.update(&rig, &["BROKER_HEAP=272"], LONG * 2);
    println!("rolled in {:.1} s", begin.elapsed().as_secs_f64());
    assert!(kafka.all_in_sync(&ORDERS), "the update is complete, and not all replicas are in sync");
    for (old, new) in before.iter().zip(&brokers.all(3)) {
        assert!(old.process != new.process && new.has_argument("-Xmx272m"), "{old:?}, then {new:?}");
        assert_eq!((&new.folder, new.port), (&old.folder, old.port));
    }
    assert_eq!(brokers.controller().process, controller.process, "nothing of the controller has changed");

    load.acknowledged(500);
    let report = load.end();
    let seen = witness.end();
    println!("{}", report.text);
    println!("brokers: at least {} of 3 at any time, at most {} of one", seen.least_alive, seen.most_of_one);
    assert_eq!((report.lost, report.exit), (0, 0));
    assert!(report.acknowledged > 2_000);
    assert_eq!((seen.least_alive, seen.most_of_one), (2, 1));
    assert_eq!(report.least_in_sync, 2, "one broker at a time was out of sync, and never two");

    // A broker whose disk is gone has lost what nobody else had, and this the load checker sees.
    kafka.create(&FRAGILE);
    let load = kafka.load(&FRAGILE, &["acks=1", "enable.idempotence=false"]);
    load.acknowledged(500);
    scheduler.replace("kafka-2", LONG);
    kafka.accept_loss(&FRAGILE);
    load.acknowledged(200);
    let report = load.end();
    println!(
        "replaced; of records with no second replica {} of {} are lost",
        report.lost, report.acknowledged
    );
    assert!(report.lost > 0 && report.exit == 1, "{}", report.text);
    let report = kafka.verify(&ORDERS);
    assert_eq!((report.lost, report.exit), (0, 0), "{}", report.text);
    assert!(kafka.all_in_sync(&ORDERS), "kafka-2 was replaced, and its replicas are not in sync");

    scheduler.uninstall(LONG);
    assert_eq!(brokers.alive(), Vec::new());
}
