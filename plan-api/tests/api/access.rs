//! Who is let in.

use plan_api::{Api, ListenError, Token, route_views};
use plan_driver::Options;
use plan_driver::Scheduler;
use plan_driver::backend::prompt::PromptBackend;
use plan_driver::store::MemoryStore;
use std::sync::Arc;

use crate::rig::Rig;

#[tokio::test]
async fn every_route_but_health_wants_the_token() {
    let rig = Rig::new().await;
    for route in route_views() {
        let path = route.path.replace(['{', '}'], "");
        for headers in [&[][..], &[("authorization", "Bearer wrong")]] {
            let reply = rig.send(route.method, &path, headers, "").await;
            if route.path == "/v1/health" {
                assert_eq!(reply.status, 200, "{reply:?}");
                continue;
            }
            assert_eq!(reply.status, 401, "{} {path}: {reply:?}", route.method);
            assert_eq!(reply.header("www-authenticate"), "Bearer");
            assert_eq!(reply.header("content-type"), "application/problem+json");
            assert_eq!(reply.json()["status"], 401);
        }
    }
    // What is not there is not told to strangers either.
    assert_eq!(rig.send("GET", "/nothing", &[], "").await.status, 401);
    let old = format!("token={}", rig.token.reveal());
    assert_eq!(rig.send("GET", "/v1/plans", &[("authorization", &old)], "").await.status, 200);
    rig.end().await;
}

#[tokio::test]
async fn pages_of_other_sites_get_nothing_even_with_the_token() {
    let rig = Rig::new().await;
    for (headers, status) in [
        (&[("host", "evil.example")][..], 403),
        (&[("host", "localhost:1")], 403),
        (&[("origin", "http://evil.example")], 403),
        (&[("origin", "null")], 403),
        (&[], 200),
    ] {
        let reply = rig.ask_with("GET", "/v1/plans", headers, "").await;
        assert_eq!(reply.status, status, "{headers:?}: {reply:?}");
        assert_eq!(reply.headers.get("access-control-allow-origin"), None);
        assert_eq!(reply.header("cache-control"), "no-store");
        let health = rig.send("GET", "/v1/health", headers, "").await;
        assert_eq!(health.status, status, "{headers:?}: {health:?}");
    }
    let preflight = [("origin", "http://evil.example"), ("access-control-request-method", "POST")];
    assert_eq!(rig.send("OPTIONS", "/v1/plans", &preflight, "").await.status, 403);
    rig.end().await;
}

#[tokio::test]
async fn it_listens_on_the_loopback_alone() {
    let store = Arc::new(MemoryStore::new());
    let backend = Arc::new(PromptBackend::new());
    let scheduler = Arc::new(Scheduler::start(store, backend, Options::default()).await.unwrap());
    let api = |listen: &str| {
        let token = Token::parse(&"5a".repeat(32)).unwrap();
        Api::new(scheduler.clone(), token, listen.parse().unwrap())
    };
    for listen in ["0.0.0.0:0", "[::]:0", "192.168.1.1:0"] {
        let refused = api(listen).bind().await.unwrap_err();
        assert!(matches!(refused, ListenError::NotLoopback(_)), "{listen}: {refused}");
        assert!(refused.to_string().contains("TLS"), "{refused}");
    }
    let first = api("127.0.0.1:0").bind().await.unwrap();
    let second = api(&first.address().to_string()).bind().await.unwrap_err();
    assert!(matches!(second, ListenError::Bind(..)), "{second}");
}
