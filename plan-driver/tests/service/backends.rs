//! Backends that hang, panic, and lose their sessions.

use std::time::Duration;

use plan_core::engine::{CommandOutcome, Incarnation, Observation, Reply, Request, Seen, Verb};
use plan_driver::backend::BackendReport;
use plan_driver::{Condition, DriverError};
use tokio::time::Instant;

use crate::kit::{Fate, Kit, interrupt, model, restart, settle, within};

fn is_away(condition: &Condition) -> bool {
    matches!(condition, Condition::BackendAway { .. })
}

#[tokio::test(start_paused = true)]
async fn a_session_that_cannot_be_opened_is_tried_again() {
    for (fate, words) in [
        (Fate::Fails, "the test says so"),
        (Fate::Hangs, "does not answer"),
        (Fate::Panics, "it panicked: the backend panics"),
    ] {
        let kit = Kit::new().await;
        kit.backend.opens.set([fate, fate]);
        kit.service.target(model("hello", 1), None, None).await.unwrap();
        let away = kit.until(is_away).await;
        assert!(away.to_string().contains(words), "{away}");
        // Verbs are taken meanwhile.
        assert_eq!(kit.service.verb(interrupt("1")).await.unwrap(), Reply::Done);
        assert_eq!(kit.service.verb(interrupt("2")).await.unwrap(), Reply::AlreadySo);
        let begun = Instant::now();
        kit.until(|condition| *condition == Condition::Running).await;
        assert!(begun.elapsed() < Duration::from_secs(40));
        assert_eq!(kit.log.count("session"), 3);
        let verb = Verb::Continue { plan: "deploy".parse().unwrap(), phase: None };
        kit.service.verb(Request { id: "3".into(), who: "test".into(), verb }).await.unwrap();
        kit.complete().await;
    }
}

/// Whatever becomes of a command, what it was for is done in the end, once.
#[tokio::test(start_paused = true)]
async fn a_session_that_is_lost_with_a_command_is_opened_anew() {
    for fate in [Fate::Fails, Fate::DoneUnknown, Fate::Hangs, Fate::Panics] {
        for nth in 0..8 {
            let kit = Kit::new().await;
            let fates = std::iter::repeat_n(Fate::Good, nth).chain([fate]);
            kit.backend.commands.set(fates);
            kit.deploy(2).await;
            let launched = kit.log.take();
            let number = |of: &str| {
                let all =
                    launched.iter().filter_map(|noted| noted.strip_prefix(&format!("command launch {of} ")));
                let mut all: Vec<_> = all.map(str::to_owned).collect();
                all.dedup();
                all.len()
            };
            assert!(number("web-0") <= 2 && number("web-1") <= 2, "{fate:?} {nth}: {launched:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn waits_grow_as_long_as_a_session_tells_nothing() {
    let kit = Kit::new().await;
    // The first command of each session is refused.
    kit.backend.commands.set([Fate::Fails; 6]);
    let begun = Instant::now();
    kit.deploy(1).await;
    let waited: u64 = [50, 100, 200, 400, 800, 1600].iter().sum();
    assert!(begun.elapsed() >= Duration::from_millis(waited), "{:?}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_millis(2 * waited), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn nothing_that_an_earlier_session_tells_counts() {
    let kit = Kit::deployed(1).await;
    let (_, old) = kit.backend.last_session();
    kit.backend.commands.set([Fate::Fails]);
    kit.service.verb(restart("1")).await.unwrap();
    kit.until(is_away).await;
    within(old.over()).await;
    kit.until(|condition| *condition == Condition::Running).await;
    kit.complete().await;
    assert!(old.tell(BackendReport::Outcome(CommandOutcome::Deregistered)).await.is_err());
    assert!(kit.service.read(|engine| engine.installation().is_some()).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_panics_over_a_specification_keeps_it_out() {
    let kit = Kit::new().await;
    kit.backend.check_panics.store(true, std::sync::atomic::Ordering::Relaxed);
    let error = kit.service.target(model("hello", 1), None, None).await.unwrap_err();
    assert!(matches!(error, DriverError::Unsupported { .. }), "{error}");
    kit.backend.check_panics.store(false, std::sync::atomic::Ordering::Relaxed);
    kit.deploy(1).await;
}

#[tokio::test(start_paused = true)]
async fn a_launch_of_another_scheduler_ends_this_one() {
    let kit = Kit::deployed(1).await;
    let (identity, reports) = kit.backend.last_session();
    let of = Incarnation {
        installation: identity.installation,
        instance: "web-0".parse().unwrap(),
        task: "server".parse().unwrap(),
        launch: 1_000_000,
    };
    let seen = Seen::Running { ready: true };
    let told = reports.tell(BackendReport::Observed(Observation::new(of, 1, seen))).await.unwrap();
    let condition = kit.until(Condition::is_final).await;
    assert!(
        matches!(&condition, Condition::Superseded { why } if why.contains("`server` of `web-0` as 1000000")),
        "{condition}"
    );
    drop(told);
    assert_eq!(kit.service.verb(restart("1")).await.unwrap_err(), DriverError::Away(condition));
    assert_eq!(kit.log.count("command"), 0);
}

/// A service is taken away, and another one comes in its place, also in one batch: its session is its own.
#[tokio::test(start_paused = true)]
async fn another_installation_has_a_session_of_its_own() {
    let mut at_once = 0;
    for shift in 0..6 {
        let kit = Kit::deployed(1).await;
        let (old, reports) = kit.backend.last_session();
        kit.backend.keeps_service.store(true, std::sync::atomic::Ordering::Relaxed);
        let request = Request { id: "away".into(), who: "test".into(), verb: Verb::Uninstall };
        kit.service.verb(request).await.unwrap();
        kit.noted("command deregister", 1).await;
        for _ in 0..shift {
            kit.service.read(|_| ()).await.unwrap();
        }
        kit.store.open_gate.send_replace(false);
        let commits = kit.log.count("commit");
        let verb = tokio::spawn({
            let service = kit.service.clone();
            async move { service.verb(interrupt("1")).await }
        });
        kit.noted("commit", commits + 1).await;
        // Both wait for the commit: which of them is taken first is a matter of whose turn it is.
        reports.tell(BackendReport::Outcome(CommandOutcome::Deregistered)).await.unwrap();
        let target = tokio::spawn({
            let service = kit.service.clone();
            async move { service.target(model("hello", 1), None, None).await }
        });
        settle().await;
        kit.store.open_gate.send_replace(true);
        verb.await.unwrap().unwrap();
        if target.await.unwrap().unwrap() == Reply::Done {
            at_once += 1;
            kit.complete().await;
        } else {
            within(reports.over()).await;
            kit.deploy(1).await;
        }
        let (new, _) = kit.backend.last_session();
        assert_ne!(new.installation, old.installation);
        let has = kit.service.read(|engine| engine.installation().cloned()).await.unwrap();
        assert_eq!(has, Some(new.installation));
    }
    assert!(at_once > 0, "both were in one batch at least once");
}
