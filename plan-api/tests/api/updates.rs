//! `deploy` of `/v1` is the plan that brings the target about, whatever its name is: clients of the SDK wait for it.

use plan_api::ApiLimits;
use serde_json::{Value, json};

use crate::rig::{Rig, model};

async fn submit(rig: &Rig, spec: &Value) -> u16 {
    let body = json!({ "spec": spec }).to_string();
    rig.ask("POST", "/v2/service/updated/target", &body).await.status.as_u16()
}

fn spec(greeting: &str) -> Value {
    serde_json::to_value(model("updated", greeting).spec()).unwrap()
}

/// The code of the plan, its first phase, its status, and how many errors it has.
async fn deploy(rig: &Rig) -> (u16, String, String, usize) {
    let reply = rig.ask("GET", "/v1/service/updated/plans/deploy", "").await;
    let body = reply.json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let errors = body["errors"].as_array().unwrap().len();
    (reply.status.as_u16(), text(&body["phases"][0]["name"]), text(&body["status"]), errors)
}

fn is(code: u16, phase: &str, status: &str, errors: usize) -> (u16, String, String, usize) {
    (code, phase.to_owned(), status.to_owned(), errors)
}

#[tokio::test]
async fn an_update_is_the_deployment_that_clients_wait_for() {
    let rig = Rig::empty(ApiLimits::default()).await;
    rig.submit("updated").await;
    rig.settle("updated").await;
    assert_eq!(deploy(&rig).await, is(200, "first", "COMPLETE", 0));

    assert_eq!(submit(&rig, &spec("again")).await, 200);
    rig.settle("updated").await;
    assert_eq!(deploy(&rig).await, is(202, "roll", "WAITING", 0));
    for _ in 0..2 {
        let reply = rig.ask("POST", "/v1/service/updated/plan/continue?phase=roll", "").await;
        assert_eq!(reply.status, 200, "{reply:?}");
        rig.settle("updated").await;
    }
    assert_eq!(deploy(&rig).await, is(200, "roll", "COMPLETE", 0));
    let restart = "/v1/service/updated/plans/deploy/restart?phase=roll&step=web-0:[main]";
    assert_eq!(rig.ask("POST", restart, "").await.status, 200);
    rig.end().await;
}

/// The service goes on as it is. A client that submitted the configuration and waits for it is told.
#[tokio::test]
async fn a_refused_configuration_is_an_error_of_the_deployment() {
    let rig = Rig::empty(ApiLimits::default()).await;
    rig.submit("updated").await;
    rig.settle("updated").await;
    let mut larger = spec("hello");
    larger["pods"]["web"]["resource-sets"]["main-resource-set"]["volumes"][0]["size"] = json!(32);
    assert_eq!(submit(&rig, &larger).await, 422);
    assert_eq!(deploy(&rig).await, is(417, "first", "ERROR", 1));
    let health = rig.ask("GET", "/v1/service/updated/health", "").await;
    assert_eq!(health.status, 200, "what runs is well");
    assert_eq!(submit(&rig, &spec("hello")).await, 200);
    assert_eq!(deploy(&rig).await, is(200, "first", "COMPLETE", 0));
    rig.end().await;
}
