//! Specifications (SDK rule R74). Invariant: an id is the hash of its configuration. Processors are numbers with a
//! fraction; records count thousandths.

use std::sync::Arc;

use axum::http::StatusCode;
use plan_core::engine::Engine;
use plan_core::plan::Model;
use serde_json::{Number, Value};
use uuid::Uuid;

use crate::call::{Call, read};
use crate::ids::configuration;
use crate::problem::Problem;
use crate::reply::{Answer, ok};

/// The specifications that are kept: the target, and the last one that the service reached.
fn kept(engine: &Engine) -> Vec<Arc<Model>> {
    let mut kept: Vec<Arc<Model>> = engine.model().into_iter().chain(engine.previous()).cloned().collect();
    kept.dedup_by_key(|model| model.hash());
    kept
}

/// The specification that the path names.
pub(super) async fn named(call: &Call) -> Result<Arc<Model>, Problem> {
    let text = call.param("id");
    let id: Uuid = text.parse().map_err(|_| {
        Problem::bad(format!("`{text}` is not a UUID")).hint("GET /v1/configurations lists the ids")
    })?;
    let service = call.service().await?;
    let found = read(&service, move |engine| {
        kept(engine).into_iter().find(|model| configuration(model.hash()) == id)
    });
    found.await?.ok_or_else(|| Problem::missing("Configuration", text))
}

async fn current(call: &Call) -> Result<Arc<Model>, Problem> {
    let service = call.service().await?;
    let model = read(&service, |engine| engine.model().cloned()).await?;
    model.ok_or_else(|| Problem::missing("Configuration", "target").hint("submit a specification first"))
}

/// A specification as `/v1/configurations` shows it (SDK rule R74).
fn shown(model: &Model) -> Result<Value, Problem> {
    let mut value = serde_json::to_value(model.spec())
        .map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    in_processors(&mut value);
    Ok(value)
}

/// Turns thousandths of processors into processors. A variable of the same name is a text, and stays.
fn in_processors(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                if matches!(key.as_str(), "cpus" | "gpus")
                    && let Some(thousandths) = value.as_u64()
                {
                    let text = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
                    *value = text.parse::<Number>().map_or(Value::Null, Value::Number);
                } else {
                    in_processors(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(in_processors),
        _ => {}
    }
}

/// `GET /v1/configurations`.
pub(crate) async fn list(call: Call) -> Answer {
    let service = call.service().await?;
    let ids = read(&service, |engine| kept(engine).iter().map(|model| configuration(model.hash())).collect());
    let mut ids: Vec<Uuid> = ids.await?;
    ids.sort();
    ok(&ids)
}

/// `GET /v1/configurations/{id}`.
pub(crate) async fn show(call: Call) -> Answer {
    let model = named(&call).await?;
    ok(&shown(&model)?)
}

/// `GET /v1/configurations/target`.
pub(crate) async fn target(call: Call) -> Answer {
    let model = current(&call).await?;
    ok(&shown(&model)?)
}

/// `GET /v1/configurations/targetId`.
pub(crate) async fn target_id(call: Call) -> Answer {
    ok(&[configuration(current(&call).await?.hash())])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_share_of_processors_is_a_number_of_processors() {
        let mut value = json!({
            "resource-sets": { "a": { "cpus": 100, "memory": 32, "limits": { "cpus": 2000 } } },
            "env": { "cpus": "100" }, "b": [{ "cpus": 5 }], "limits": { "cpus": "unlimited" },
        });
        in_processors(&mut value);
        let shown = json!({
            "resource-sets": { "a": { "cpus": 0.1, "memory": 32, "limits": { "cpus": 2.0 } } },
            "env": { "cpus": "100" }, "b": [{ "cpus": 0.005 }], "limits": { "cpus": "unlimited" },
        });
        assert_eq!(value, shown);
    }
}
