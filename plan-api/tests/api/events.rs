//! What happens, followed.

use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use plan_api::ApiLimits;

use crate::rig::Rig;

/// A stream of events.
struct Follower {
    body: Incoming,
    text: String,
}

/// An event.
#[derive(Debug, Clone, PartialEq)]
struct Event {
    kind: String,
    id: Option<String>,
    data: serde_json::Value,
}

impl Follower {
    async fn new(rig: &Rig, path: &str, after: Option<&str>) -> Self {
        let bearer = format!("Bearer {}", rig.token.reveal());
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend(after.map(|after| ("last-event-id", after)));
        let response = rig.open("GET", path, &headers, "").await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body(), text: String::new() }
    }

    /// The next event; none at the stream's end.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field =
                    |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                let event = Event {
                    kind: field("event: ").unwrap(),
                    id: field("id: "),
                    data: serde_json::from_str(&field("data: ").unwrap()).unwrap(),
                };
                self.text = rest.to_owned();
                return Some(event);
            }
            let frame =
                tokio::time::timeout(Duration::from_secs(10), self.body.frame()).await.expect("an event");
            let data = frame?.unwrap().into_data().unwrap();
            self.text.push_str(std::str::from_utf8(&data).unwrap());
        }
    }

    /// The events up to the first of this kind.
    async fn until(&mut self, kind: &str) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            let event = self.next().await.unwrap_or_else(|| panic!("no `{kind}` after {events:?}"));
            let last = event.kind == kind;
            events.push(event);
            if last {
                return events;
            }
        }
    }
}

#[tokio::test]
async fn what_happens_is_told_with_names_and_reasons() {
    let rig = Rig::new().await;
    let mut follower = Follower::new(&rig, "/v2/events", None).await;
    let first = follower.next().await.unwrap();
    assert_eq!((first.kind.as_str(), &first.data["condition"]), ("condition", &"running".into()));
    rig.ask("POST", "/v2/plans/sidecar/start", "{}").await;
    let events = follower.until("run-ended").await;
    let told: Vec<_> = events
        .iter()
        .map(|event| format!("{}: {}", event.kind, event.data["message"].as_str().unwrap()))
        .collect();
    insta::assert_snapshot!(told.join("\n"));
    for event in &events {
        assert_eq!(event.data["what"], event.kind.as_str());
    }
    rig.end().await;
}

#[tokio::test]
async fn who_comes_back_misses_nothing() {
    let rig = Rig::new().await;
    let mut follower = Follower::new(&rig, "/v2/events", None).await;
    rig.ask("POST", "/v2/plans/sidecar/start", "{}").await;
    let first = follower.until("run-began").await;
    let last = first.last().unwrap().id.clone().unwrap();
    let rest = follower.until("run-ended").await;
    drop(follower);
    rig.ask("POST", "/v2/pods/hello-0/restart", "").await;
    rig.settle("hello").await;
    let mut back = Follower::new(&rig, "/v2/events", Some(&last)).await;
    assert_eq!(back.next().await.unwrap().kind, "condition");
    assert_eq!(back.until("run-ended").await, rest);
    let mut numbers = vec![rest.last().unwrap().data["number"].as_u64().unwrap()];
    for event in back.until("reached").await {
        numbers.push(event.data["number"].as_u64().unwrap());
    }
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");

    // Of another process, or of one that is no id.
    let mut lost = Follower::new(&rig, "/v2/events", Some("0000000000000001-3")).await;
    assert_eq!(lost.next().await.unwrap().kind, "resync");
    let bad = rig.ask_with("GET", "/v2/events", &[("last-event-id", "yesterday")], "").await;
    assert_eq!(bad.status, 400, "{bad:?}");
    rig.end().await;
}

#[tokio::test]
async fn a_stream_ends_with_its_service_and_with_the_server() {
    let rig = Rig::new().await;
    rig.submit("full").await;
    let mut follower = Follower::new(&rig, "/v2/service/full/events", None).await;
    let mut other = Follower::new(&rig, "/v2/events", None).await;
    assert_eq!(other.next().await.unwrap().kind, "condition");
    rig.service("full").await.stop().await;
    loop {
        let event = follower.next().await.expect("the end is told");
        if event.kind == "condition" && event.data["condition"] == "stopped" {
            break;
        }
    }
    assert_eq!(follower.next().await, None);
    rig.end().await;
    // The server does not wait for who follows, longer than its grace.
    let cut = tokio::time::timeout(Duration::from_secs(10), other.body.frame()).await.expect("it is cut");
    assert!(cut.is_none_or(|frame| frame.is_err()));
}

#[tokio::test]
async fn so_many_follow_and_no_more() {
    let limits = ApiLimits { streams: 2, ..ApiLimits::default() };
    let rig = Rig::with(limits).await;
    let mut first = Follower::new(&rig, "/v2/events", None).await;
    let bearer = format!("Bearer {}", rig.token.reveal());
    let headers = [("authorization", bearer.as_str())];
    let log = "/v2/pods/hello-0/logs?follow=true";
    let mut second = rig.open("GET", log, &headers, "").await.into_body();
    let line = second.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(&line[..], b"hello hello-0 main stdout None\n");
    let third = rig.ask("GET", "/v2/events", "").await;
    assert_eq!((third.status.as_u16(), third.header("retry-after")), (503, "5"), "{third:?}");
    assert_eq!(first.next().await.unwrap().kind, "condition");
    drop(second);
    // The place is free as soon as the server sees that nobody reads.
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    loop {
        let again = rig.open("GET", log, &headers, "").await;
        if again.status() == 200 {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "the place is never free");
        tokio::task::yield_now().await;
    }
    rig.end().await;
}
