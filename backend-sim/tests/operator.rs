//! Operators who are programs: the example does what it says, also when the engine crashes meanwhile.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;
#[path = "../examples/custom_scheduler.rs"]
mod custom_scheduler;

use std::time::Duration;

use backend_sim::{Act, Outcome, Scenario, run, run_with_operator};
use common::brokers;
use plan_core::engine::{Event, Reply, Verb};

#[test]
fn the_custom_scheduler_does_what_it_says() {
    let story = custom_scheduler::story().unwrap();
    let told = [
        " 60 s  store-2-server failed for the third time: start repair",
        "120 s  web uses 120 MB: it gets 256 MB",
        "240 s  the disk of store-1 is about to fail: replace it",
        "start repair: done",
    ];
    assert_eq!(story[..4], told);
    let page = include_str!("../../docs/src/embedding.md");
    assert!(page.contains(&told[..3].join("\n")), "the page shows what it prints");
    assert!(story[4].starts_with("target ") && story[4].ends_with(": done"), "{story:#?}");
    assert_eq!(story[5], "pod replace store-1: done");
    assert!(story[6..].iter().all(|line| line.ends_with("(COMPLETE)")), "{story:#?}");
}

#[test]
fn an_operator_who_does_nothing_changes_nothing() {
    let scenario = Scenario::new(brokers(3, "one", 64));
    let watched = run_with_operator(&scenario, &mut |_| Vec::new()).unwrap();
    let alone = run(&scenario).unwrap();
    assert_eq!((watched.digest, watched.time), (alone.digest, alone.time));
}

/// What it says is said again until there is a reply, and counts once.
#[test]
fn what_an_operator_says_survives_a_crash() {
    for point in ["before-commit", "after-commit", "before-command", "after-command"] {
        for nth in 1..40 {
            let mut scenario = Scenario::new(brokers(3, "one", 64));
            scenario.faults.push(format!("crash:{point}#{nth}").parse().unwrap());
            let mut said = false;
            let report = run_with_operator(&scenario, &mut |sight| {
                let up =
                    |event: &Event| matches!(event, Event::Reached { instance, .. } if instance.index == 0);
                if said || !sight.events.iter().any(up) {
                    return Vec::new();
                }
                said = true;
                let plan = "deploy".parse().unwrap();
                vec![
                    Act::Verb(Verb::Interrupt { plan, phase: None }),
                    Act::LookIn(Duration::from_secs(60)),
                    Act::Target(brokers(4, "two", 64)),
                ]
            });
            let report = report.unwrap();
            assert!(!matches!(report.outcome, Outcome::Violation(_)), "{point} {nth}: {:?}", report.outcome);
            if said {
                let replies: Vec<_> = report.replies.iter().map(|(_, reply)| reply).collect();
                assert_eq!(replies.first(), Some(&&Reply::Done), "{point} {nth}: {replies:?}");
                assert_eq!(replies.len(), 2, "{point} {nth}: {replies:?}");
            }
        }
    }
}
