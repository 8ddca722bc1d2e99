//! Who asks, who waits, who reads, and who does not wait for the answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use plan_core::engine::{Incarnation, Observation, Reply, Seen};
use plan_driver::backend::BackendReport;
use plan_driver::{Condition, DriverError, Limits, Scheduler};

use crate::kit::{
    Fate, Kit, Log, WatchedBackend, WatchedStore, interrupt, model, name, options, restart, settle, within,
};

#[tokio::test(start_paused = true)]
async fn a_full_queue_has_an_answer() {
    let mut limits = Limits::default();
    limits.requests = 4;
    let kit = Kit::with(options().with_limits(limits)).await;
    kit.deploy(1).await;
    kit.log.take();
    kit.store.open_gate.send_replace(false);
    let ask = |id: &str| {
        let (service, id) = (kit.service.clone(), id.to_owned());
        tokio::spawn(async move { service.verb(interrupt(&id)).await })
    };
    let first = ask("first");
    kit.noted("commit", 1).await;
    let waiting: Vec<_> = ["a", "b", "c", "d"].map(ask).into();
    settle().await;
    assert_eq!(ask("e").await.unwrap().unwrap_err(), DriverError::Busy);
    assert_eq!(kit.service.read(|_| ()).await.unwrap_err(), DriverError::Busy);
    // Who waits for something stands in line.
    let waits = tokio::spawn({
        let service = kit.service.clone();
        async move { service.wait(|engine| engine.audit().count() == 5).await }
    });
    settle().await;
    kit.store.open_gate.send_replace(true);
    first.await.unwrap().unwrap();
    for asked in waiting {
        asked.await.unwrap().unwrap();
    }
    within(waits).await.unwrap().unwrap();
    assert_eq!(ask("e").await.unwrap().unwrap(), Reply::AlreadySo);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_wait_for_the_answer_loses_nothing() {
    let kit = Kit::deployed(1).await;
    kit.store.open_gate.send_replace(false);
    for id in ["a", "b", "c"] {
        let mut asking = Box::pin(kit.service.verb(restart(id)));
        assert!(futures::poll!(&mut asking).is_pending());
        drop(asking);
        settle().await;
    }
    let mut reading = Box::pin(kit.service.read(|_| ()));
    assert!(futures::poll!(&mut reading).is_pending());
    drop(reading);
    kit.store.open_gate.send_replace(true);
    within(kit.service.wait(|engine| engine.audit().count() == 3)).await.unwrap();
    kit.complete().await;
}

#[tokio::test(start_paused = true)]
async fn who_reads_and_panics_breaks_nothing() {
    let kit = Kit::deployed(1).await;
    let read = kit.service.read(|_| -> u32 { panic!("the reader panics") }).await;
    assert_eq!(read.unwrap_err(), DriverError::Unknown);
    assert_eq!(kit.service.verb(restart("1")).await.unwrap(), Reply::Done);
}

#[tokio::test(start_paused = true)]
async fn it_ends_after_what_was_asked_before() {
    let kit = Kit::deployed(1).await;
    let (_, session) = kit.backend.last_session();
    kit.store.open_gate.send_replace(false);
    let before: Vec<_> = (0..5)
        .map(|n| {
            let service = kit.service.clone();
            tokio::spawn(async move { service.verb(interrupt(&n.to_string())).await })
        })
        .collect();
    settle().await;
    let stops: Vec<_> = (0..2)
        .map(|_| {
            let service = kit.service.clone();
            tokio::spawn(async move { service.stop().await })
        })
        .collect();
    settle().await;
    let behind = tokio::spawn({
        let service = kit.service.clone();
        async move { service.verb(interrupt("behind")).await }
    });
    settle().await;
    kit.store.open_gate.send_replace(true);
    for asked in before {
        assert!(within(asked).await.unwrap().is_ok());
    }
    for stop in stops {
        within(stop).await.unwrap();
    }
    let stopped = Condition::Stopped { why: "it was told to".to_owned() };
    assert_eq!(within(behind).await.unwrap().unwrap_err(), DriverError::Away(stopped.clone()));
    assert_eq!(kit.service.condition(), stopped);
    within(session.over()).await;
    assert_eq!(kit.service.verb(interrupt("6")).await.unwrap_err(), DriverError::Away(stopped));
    assert_eq!(kit.log.count("command"), 0, "what runs goes on running");
    // Another one goes on where it was.
    let again = kit.scheduler.service(&name("hello")).await.unwrap();
    within(again.wait(|engine| engine.audit().count() == 5)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn services_do_not_disturb_each_other() {
    let log = Log::default();
    let mut store = WatchedStore::new(&log);
    store.only = Some(name("bad"));
    let backend = WatchedBackend::new(&log);
    let scheduler = Scheduler::start(Arc::new(store.clone()), Arc::new(backend), options()).await.unwrap();
    let (good, bad) =
        (scheduler.service(&name("good")).await.unwrap(), scheduler.service(&name("bad")).await.unwrap());
    for fate in [Fate::Hangs, Fate::Fails, Fate::Panics] {
        store.commits.set([fate]);
        let fails = tokio::spawn({
            let bad = bad.clone();
            async move { bad.target(model("bad", 1), None, None).await }
        });
        let begun = tokio::time::Instant::now();
        let count = 1 + u32::from(fate == Fate::Fails);
        good.target(model("good", count), None, None).await.unwrap();
        within(good.wait(move |engine| engine.pods().count() >= count as usize)).await.unwrap();
        assert!(begun.elapsed() < Duration::from_millis(10), "{fate:?}: {:?}", begun.elapsed());
        assert_eq!(within(fails).await.unwrap().unwrap_err(), DriverError::Unknown);
        within(bad.conditions().wait_for(|condition| *condition == Condition::Running)).await.unwrap();
    }
    within(scheduler.stop()).await;
    assert_eq!(scheduler.names().await, [name("bad"), name("good")]);
}

/// Who asks without end keeps neither the backend out nor the time.
#[tokio::test(start_paused = true)]
async fn asking_without_end_starves_nobody() {
    let kit = Kit::new().await;
    let asked = Arc::new(AtomicU32::new(0));
    for asker in 0..300 {
        let (service, asked) = (kit.service.clone(), asked.clone());
        tokio::spawn(async move {
            for n in 0.. {
                let id = format!("{asker}-{n}");
                if let Err(DriverError::Away(_)) = service.verb(interrupt_other(&id)).await {
                    return;
                }
                asked.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        });
    }
    // Real time is what bounds it: with three hundred who ask always, virtual time never goes on.
    kit.service.target(model("hello", 5), None, None).await.unwrap_or(Reply::Done);
    while !matches!(kit.service.read(|engine| engine.is_deployed()).await, Ok(true)) {
        tokio::task::yield_now().await;
        let asked = asked.load(Ordering::Relaxed);
        assert!(asked < 100_000, "not deployed while {asked} were asked");
    }
    within(kit.scheduler.stop()).await;
}

/// A verb that is refused, so that it changes nothing but the audit.
fn interrupt_other(id: &str) -> plan_core::engine::Request {
    let verb = plan_core::engine::Verb::GiveUp { debt: 7 };
    plan_core::engine::Request { id: id.into(), who: "test".into(), verb }
}

/// A backend that tells without end keeps out nobody who asks.
#[tokio::test(start_paused = true)]
async fn telling_without_end_starves_nobody() {
    let kit = Kit::deployed(1).await;
    let (identity, reports) = kit.backend.last_session();
    let told = Arc::new(AtomicU32::new(0));
    for _ in 0..50 {
        let (told, reports, installation) = (told.clone(), reports.clone(), identity.installation.clone());
        tokio::spawn(async move {
            let of = Incarnation {
                installation,
                instance: "web-0".parse().unwrap(),
                task: "server".parse().unwrap(),
                launch: 1,
            };
            let report = BackendReport::Observed(Observation::new(of, 1, Seen::Starting));
            while reports.tell(report.clone()).await.is_ok() {
                told.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    settle().await;
    for n in 0..20 {
        let before = told.load(Ordering::Relaxed);
        kit.service.verb(interrupt(&n.to_string())).await.unwrap();
        let meanwhile = told.load(Ordering::Relaxed) - before;
        assert!(meanwhile < 5000, "{meanwhile} were told before a verb was answered");
    }
    assert!(told.load(Ordering::Relaxed) > 1000);
    within(kit.scheduler.stop()).await;
}
