//! Who gives up, at any moment, leaves nothing half done: who asks, who ends the scheduler, and the process.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use plan_core::engine::{Engine, Reply};
use plan_core::plan::Status;
use plan_driver::{Condition, DriverError, Scheduler};

use crate::kit::{
    Fate, Kit, Log, WatchedBackend, WatchedStore, interrupt, model, name, options, restart, settle, within,
};

/// Polls a future so often, with time going on in between, then drops it. Gives what it came to, if it did.
async fn given_up<T>(of: impl Future<Output = T>, polls: u32) -> Option<T> {
    let mut of = pin!(of);
    for _ in 0..polls {
        if let std::task::Poll::Ready(done) = futures::poll!(&mut of) {
            return Some(done);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    None
}

/// A kit whose commits take a while, so that there are moments in their middle.
async fn slow() -> Kit {
    let log = Log::default();
    let (mut store, backend) = (WatchedStore::new(&log), WatchedBackend::new(&log));
    store.takes = Duration::from_millis(4);
    let scheduler =
        Scheduler::start(Arc::new(store.clone()), Arc::new(backend.clone()), options()).await.unwrap();
    let service = scheduler.service(&name("hello")).await.unwrap();
    let kit = Kit { log, store, backend, scheduler, service };
    kit.deploy(1).await;
    kit.log.take();
    kit
}

async fn audits(kit: &Kit) -> usize {
    kit.service.read(|engine| engine.audit().count()).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_verb_that_is_given_up_at_any_moment_is_done_once_or_never() {
    for polls in 0.. {
        let kit = slow().await;
        let done = given_up(kit.service.verb(restart("once")), polls).await;
        let asked = u32::from(polls > 0) as usize;
        within(kit.service.wait(move |engine| engine.audit().count() == asked)).await.unwrap();
        kit.noted("command launch", asked).await;
        // Who asks again under the same id is told what came of it the first time.
        assert_eq!(kit.service.verb(restart("once")).await.unwrap(), Reply::Done, "{polls}");
        kit.noted("command launch", 1).await;
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert_eq!((audits(&kit).await, kit.log.count("command launch")), (1, 1), "given up at {polls}");
        if done.is_some() {
            assert!(polls > 4, "the middle of the commit was met");
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_given_up_at_any_moment_is_whole_or_not_there() {
    for polls in 0.. {
        let kit = slow().await;
        let done = given_up(kit.service.target(model("hello", 3), None, None), polls).await;
        // All that it led to.
        tokio::time::sleep(Duration::from_secs(600)).await;
        let (pods, status) =
            kit.service.read(|engine| (engine.pods().count(), engine.plan_status("deploy"))).await.unwrap();
        assert_eq!(pods, if polls > 0 { 3 } else { 1 }, "given up at {polls}");
        assert_eq!(status, Some(Status::Complete));
        if done.is_some() {
            assert!(polls > 4, "the middle of the commit was met");
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_reads_or_waits_and_gives_up_is_in_nobodys_way() {
    let kit = slow().await;
    for polls in 0..8 {
        kit.store.open_gate.send_replace(false);
        let verb = tokio::spawn({
            let service = kit.service.clone();
            async move { service.verb(interrupt(&format!("read-{polls}"))).await }
        });
        settle().await;
        assert_eq!(given_up(kit.service.read(|_| ()), polls).await, None);
        assert!(given_up(kit.service.wait(|_| true), polls).await.is_none());
        kit.store.open_gate.send_replace(true);
        within(verb).await.unwrap().unwrap();
    }
    assert_eq!(audits(&kit).await, 8);
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_is_given_up_still_ends_it() {
    for polls in 1..8 {
        let kit = slow().await;
        kit.store.open_gate.send_replace(false);
        let verb = tokio::spawn({
            let service = kit.service.clone();
            async move { service.verb(restart("once")).await }
        });
        kit.noted("commit", 1).await;
        assert_eq!(given_up(kit.service.stop(), polls).await, None);
        kit.store.open_gate.send_replace(true);
        assert_eq!(within(verb).await.unwrap().unwrap(), Reply::Done, "it was asked before");
        kit.until(Condition::is_final).await;
    }
}

/// Whatever comes of the commit: the verb is answered, the end comes, and the next scheduler finds it done or not done.
#[tokio::test(start_paused = true)]
async fn a_stop_in_the_middle_of_a_commit_waits_for_it() {
    for fate in [Fate::Good, Fate::Fails, Fate::DoneUnknown, Fate::LostUnknown, Fate::Hangs, Fate::Panics] {
        let kit = slow().await;
        kit.store.open_gate.send_replace(false);
        kit.store.commits.set([fate]);
        let verb = tokio::spawn({
            let service = kit.service.clone();
            async move { service.verb(restart("once")).await }
        });
        kit.noted("commit", 1).await;
        let stop = tokio::spawn({
            let service = kit.service.clone();
            async move { service.stop().await }
        });
        settle().await;
        assert!(!stop.is_finished(), "{fate:?}: the commit is not over");
        kit.store.open_gate.send_replace(true);
        within(stop).await.unwrap();
        let answer = within(verb).await.unwrap();
        let expected = if fate == Fate::Good { Ok(Reply::Done) } else { Err(DriverError::Unknown) };
        assert_eq!(answer, expected, "{fate:?}");
        assert!(kit.service.condition().is_final());
        let again = kit.scheduler.service(&name("hello")).await.unwrap();
        assert_eq!(again.verb(restart("once")).await.unwrap(), Reply::Done, "{fate:?}");
        let count = again.read(|engine| engine.audit().count()).await.unwrap();
        assert_eq!(count, 1, "{fate:?}");
        kit.noted("command launch", 1).await;
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert_eq!(kit.log.count("command launch"), 1, "{fate:?}");
    }
}

/// The process ends at any moment: every task of it is dropped where it waits. The next one goes on.
#[test]
fn a_process_that_ends_at_any_moment_leaves_what_the_next_goes_on_with() {
    let process =
        || tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    for moment in 0_u64.. {
        let log = Log::default();
        let (mut store, backend) = (WatchedStore::new(&log), WatchedBackend::new(&log));
        store.takes = Duration::from_millis(2);
        let life = || {
            let (store, backend, log) = (store.clone(), backend.clone(), log.clone());
            async move {
                let scheduler =
                    Scheduler::start(Arc::new(store), Arc::new(backend), options()).await.unwrap();
                let service = scheduler.service(&name("hello")).await.unwrap();
                service.target(model("hello", 2), None, None).await.unwrap();
                within(service.wait(Engine::is_deployed)).await.unwrap();
                service.verb(restart("once")).await.unwrap();
                // One for each member, and one for the verb, whoever gave it.
                within(async {
                    while log.kinds("command launch").len() < 3 {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                })
                .await;
                scheduler
            }
        };
        let first = async { tokio::time::timeout(Duration::from_millis(moment), life()).await };
        let over = process().block_on(first).is_ok();
        process().block_on(async {
            let scheduler = life().await;
            tokio::time::sleep(Duration::from_secs(600)).await;
            within(scheduler.stop()).await;
        });
        let launches = log.kinds("command launch");
        assert_eq!(launches.len(), 3, "ended after {moment} ms: {launches:?}");
        if over {
            assert!(moment > 20, "the middle of several commits was met");
            return;
        }
    }
}
