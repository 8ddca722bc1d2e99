//! Stores that fail, hang, go away and come back; records that cannot be used.

use std::sync::Arc;
use std::time::Duration;

use plan_driver::store::{Batch, RecordChange, Store};
use plan_driver::{Condition, DriverError, Retries, Scheduler};
use tokio::time::Instant;

use crate::kit::{Fate, Kit, Log, WatchedBackend, WatchedStore, model, name, options, restart, within};

fn is_away(condition: &Condition) -> bool {
    matches!(condition, Condition::StoreAway { .. })
}

#[tokio::test(start_paused = true)]
async fn a_store_goes_away_and_comes_back() {
    let kit = Kit::deployed(1).await;
    kit.store.commits.set([Fate::Fails]);
    kit.store.opens.set([Fate::Fails, Fate::Panics, Fate::Fails, Fate::Fails]);
    let asked = Instant::now();
    assert_eq!(kit.service.verb(restart("1")).await.unwrap_err(), DriverError::Unknown);
    kit.until(is_away).await;
    for _ in 0..3 {
        let Err(DriverError::Away(Condition::StoreAway { why, .. })) = kit.service.verb(restart("2")).await
        else {
            panic!("it is away");
        };
        assert!(why.contains("the test says so"), "{why}");
        assert_eq!(asked.elapsed(), Duration::ZERO, "answered at once");
    }
    kit.until(|condition| *condition == Condition::Running).await;
    // 50, 100, 200, 400, 800 ms: the lower ends of waits that double, as the jitter says.
    assert_eq!(asked.elapsed().as_millis(), 1550);
    assert_eq!(kit.log.count("open"), 5);
    kit.service.verb(restart("3")).await.unwrap();
    kit.complete().await;
    let Condition::Running = kit.service.condition() else { panic!("{}", kit.service.condition()) };
}

#[tokio::test(start_paused = true)]
async fn who_asks_while_the_store_hangs_is_told_at_once() {
    let kit = Kit::deployed(1).await;
    kit.store.commits.set([Fate::Fails]);
    kit.store.opens.set([Fate::Hangs]);
    kit.service.verb(restart("1")).await.unwrap_err();
    kit.noted("open", 1).await;
    let asked = Instant::now();
    assert!(matches!(kit.service.verb(restart("2")).await, Err(DriverError::Away(_))));
    assert_eq!(asked.elapsed(), Duration::ZERO);
    kit.until(|condition| *condition == Condition::Running).await;
    assert!(asked.elapsed() >= Duration::from_secs(29), "it had its patience: {:?}", asked.elapsed());
}

#[tokio::test(start_paused = true)]
async fn waits_grow_as_long_as_no_commit_is_durable() {
    let kit = Kit::deployed(1).await;
    for (fails, waits) in [(5, 50 + 100 + 200 + 400 + 800), (1, 50)] {
        let begun = Instant::now();
        kit.store.commits.set(std::iter::repeat_n(Fate::Fails, fails));
        while kit.store.commits.are_left() {
            // What the engine does by itself may fail in its place.
            let _ = kit.service.verb(restart(&format!("{fails} of {}", kit.log.count("commit")))).await;
            kit.until(|condition| *condition == Condition::Running).await;
        }
        assert_eq!(begun.elapsed().as_millis(), waits);
        kit.service.verb(restart(&format!("good after {fails}"))).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_spread_of_waits_is_the_injected_one() {
    let mut retries = Retries::default();
    retries.jitter = Arc::new(|| 1_000_000);
    let kit = Kit::with(options().with_retries(retries)).await;
    kit.deploy(1).await;
    kit.store.commits.set([Fate::Fails]);
    let begun = Instant::now();
    kit.service.verb(restart("1")).await.unwrap_err();
    kit.until(is_away).await;
    kit.until(|condition| *condition == Condition::Running).await;
    assert_eq!(begun.elapsed().as_millis(), 100);
}

#[tokio::test(start_paused = true)]
async fn who_is_fenced_does_nothing_any_more() {
    let kit = Kit::deployed(1).await;
    kit.store.memory.open(&name("hello")).await.unwrap();
    assert_eq!(kit.service.verb(restart("1")).await.unwrap_err(), DriverError::Unknown);
    let condition = kit.until(Condition::is_final).await;
    assert!(matches!(&condition, Condition::Superseded { why } if why.contains("epoch 1")), "{condition}");
    for _ in 0..2 {
        assert_eq!(kit.service.verb(restart("2")).await.unwrap_err(), DriverError::Away(condition.clone()));
    }
    assert!(kit.service.wait(|_| true).await.is_err());
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(kit.log.count("command"), 0);
    assert_eq!(kit.log.count("open"), 0);
    within(kit.scheduler.stop()).await;
}

#[tokio::test(start_paused = true)]
async fn records_that_cannot_be_used_are_left_untouched() {
    let bad: [(&str, &[u8], &str); 4] = [
        ("clock", b"{\"version\":1,\"rec", "cannot be read"),
        ("clock", b"{\"version\":99,\"record\":{}}", "has version 99"),
        ("pod/web-0", b"{\"version\":1,\"record\":{}}", "there is `pod/web-0`, and no record `service`"),
        ("what/ever", b"{}", "is no record's key"),
    ];
    for (key, bytes, told) in bad {
        let log = Log::default();
        let store = WatchedStore::new(&log);
        let epoch = store.memory.open(&name("hello")).await.unwrap().epoch;
        let batch = Batch { changes: vec![RecordChange::Put(key.to_owned(), bytes.to_vec())] };
        store.memory.commit(&name("hello"), epoch, batch).await.unwrap();
        let backend = WatchedBackend::new(&log);
        let scheduler =
            Scheduler::start(Arc::new(store.clone()), Arc::new(backend), options()).await.unwrap();
        let service = scheduler.find(&name("hello")).await.unwrap();
        let condition = within(service.conditions().wait_for(Condition::is_final)).await.unwrap().clone();
        assert!(matches!(&condition, Condition::Unusable { why } if why.contains(told)), "{condition}");
        let refused = service.target(model("hello", 1), None, None).await.unwrap_err();
        assert_eq!(refused, DriverError::Away(condition));
        assert_eq!(
            store.records("hello").await.into_iter().collect::<Vec<_>>(),
            [(key.to_owned(), bytes.to_vec())]
        );
        assert_eq!(log.count("session") + log.count("commit"), 0);
    }
}

/// More records than are made an engine in between.
#[tokio::test(start_paused = true)]
async fn many_records_are_taken_up_again() {
    let kit = Kit::deployed(1200).await;
    kit.scheduler.stop().await;
    let again = kit.scheduler.service(&name("hello")).await.unwrap();
    within(again.wait(|engine| engine.is_deployed())).await.unwrap();
    assert_eq!(again.read(|engine| engine.pods().count()).await.unwrap(), 1200);
}
