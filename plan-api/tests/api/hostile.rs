//! Clients that mean no good: what they send is bounded, and whoever means well is served.

use std::time::Duration;

use plan_api::ApiLimits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::rig::Rig;

/// Short times, so that the test need not wait for long.
fn hasty() -> ApiLimits {
    ApiLimits {
        header_time: Duration::from_millis(300),
        body_time: Duration::from_millis(300),
        connections: 32,
        ..ApiLimits::default()
    }
}

/// Sends bytes as they are and reads to the end.
async fn raw(rig: &Rig, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(rig.address).await.unwrap();
    // The server may have heard enough before the end.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await;
    // It may close while bytes of ours are under way: then the connection is reset, after its answer.
    let _ = read.expect("it is answered, or closed");
    String::from_utf8_lossy(&answer).into_owned()
}

fn head(rig: &Rig, line: &str, more: &str) -> String {
    let (host, token) = (rig.address, rig.token.reveal());
    format!("{line} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n{more}\r\n")
}

fn status(answer: &str) -> u16 {
    answer
        .split(' ')
        .nth(1)
        .and_then(|word| word.parse().ok())
        .unwrap_or_else(|| panic!("no answer: {answer:?}"))
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_or_while_it_comes() {
    let limits = ApiLimits { target_bytes: 100_000, body_bytes: 1_000, ..hasty() };
    let rig = Rig::with(limits).await;
    for (path, bound) in [("/v2/target", 100_000), ("/v1/plans/deploy/start", 1_000)] {
        let declared = head(&rig, &format!("POST {path}"), &format!("content-length: {}\r\n", bound + 1));
        assert_eq!(status(&raw(&rig, declared.as_bytes()).await), 413, "{path}");
        let huge = head(&rig, &format!("POST {path}"), "content-length: 99999999999999\r\n");
        assert_eq!(status(&raw(&rig, huge.as_bytes()).await), 413, "{path}");
        let mut chunked = head(&rig, &format!("POST {path}"), "transfer-encoding: chunked\r\n").into_bytes();
        for _ in 0..=bound / 1_000 {
            chunked.extend(format!("3e8\r\n{}\r\n", "x".repeat(1_000)).bytes());
        }
        assert_eq!(status(&raw(&rig, &chunked).await), 413, "{path}");
    }
    rig.end().await;
}

#[tokio::test]
async fn who_is_slow_is_not_waited_for() {
    let rig = Rig::with(hasty()).await;
    let begun = tokio::time::Instant::now();
    let slow_body = head(&rig, "POST /v2/target", "content-length: 10\r\n");
    let slow_headers = "GET /v1/health HTTP/1.1\r\nhost: ";
    let (body, headers, nothing) =
        tokio::join!(raw(&rig, slow_body.as_bytes()), raw(&rig, slow_headers.as_bytes()), raw(&rig, b""));
    assert_eq!(status(&body), 408, "{body}");
    assert!(headers.is_empty() || status(&headers) == 408, "{headers}");
    assert_eq!(nothing, "");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    // One that was answered, and says no more.
    let kept = raw(&rig, head(&rig, "GET /v1/plans", "").as_bytes()).await;
    assert_eq!(status(&kept), 200);
    rig.end().await;
}

#[tokio::test]
async fn headers_are_bounded() {
    let rig = Rig::with(hasty()).await;
    let many = (0..200).map(|n| format!("x-{n}: 1\r\n")).collect::<String>();
    assert_eq!(status(&raw(&rig, head(&rig, "GET /v1/plans", &many).as_bytes()).await), 431);
    let long = format!("x: {}\r\n", "y".repeat(100_000));
    assert_eq!(status(&raw(&rig, head(&rig, "GET /v1/plans", &long).as_bytes()).await), 431);
    let path = format!("GET /v1/plans/{}", "y".repeat(100_000));
    assert!(matches!(status(&raw(&rig, head(&rig, &path, "").as_bytes()).await), 414 | 431));
    assert_eq!(status(&raw(&rig, b"\x16\x03\x01 this is no HTTP\r\n\r\n").await), 400);
    rig.end().await;
}

#[tokio::test]
async fn who_opens_connections_and_says_nothing_keeps_nobody_out() {
    // Long times: it is not the clock that lets others in.
    let rig = Rig::with(ApiLimits { connections: 32, ..ApiLimits::default() }).await;
    let mut silent = Vec::new();
    for nth in 0..200 {
        let mut stream = TcpStream::connect(rig.address).await.unwrap();
        if nth % 2 == 0 {
            let _ = stream.write_all(b"POST /v2/target HTTP/1.1\r\nhost: ").await;
        }
        silent.push(stream);
    }
    let reply = rig.ask("GET", "/v1/plans", "").await;
    assert_eq!(reply.status, 200, "{reply:?}");
    // The oldest of them had to go.
    let mut byte = [0];
    let read =
        tokio::time::timeout(Duration::from_secs(10), silent[0].read(&mut byte)).await.expect("it is closed");
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    rig.end().await;
}

#[tokio::test]
async fn when_all_are_at_work_another_is_told_so() {
    let limits = ApiLimits { connections: 2, ..ApiLimits::default() };
    let rig = Rig::with(limits).await;
    let bearer = format!("Bearer {}", rig.token.reveal());
    let headers = [("authorization", bearer.as_str())];
    let _first = rig.open("GET", "/v2/events", &headers, "").await;
    let _second = rig.open("GET", "/v2/events", &headers, "").await;
    let mut third = TcpStream::connect(rig.address).await.unwrap();
    let mut answer = String::new();
    let read = tokio::time::timeout(Duration::from_secs(10), third.read_to_string(&mut answer)).await;
    read.expect("it is answered").unwrap();
    assert_eq!(status(&answer), 503, "{answer}");
    assert!(answer.contains("retry-after: 1"), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(body).unwrap()["status"], 503);
    rig.end().await;
}
