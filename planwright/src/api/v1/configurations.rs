//! Specifications (C§6.4). Invariant: an id is the hash of what it is the id of.

use std::sync::Arc;

use plan_core::engine::Engine;
use plan_core::plan::Model;
use uuid::Uuid;

use crate::api::call::{Call, read};
use crate::api::ids::configuration;
use crate::api::problem::Problem;
use crate::api::reply::{Answer, ok};

/// The specifications that are kept: the target, and the last that the service became.
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

/// `GET /v1/configurations`.
pub(in crate::api) async fn list(call: Call) -> Answer {
    let service = call.service().await?;
    let ids = read(&service, |engine| kept(engine).iter().map(|model| configuration(model.hash())).collect());
    let mut ids: Vec<Uuid> = ids.await?;
    ids.sort();
    ok(&ids)
}

/// `GET /v1/configurations/{id}`.
pub(in crate::api) async fn show(call: Call) -> Answer {
    ok(named(&call).await?.spec())
}

/// `GET /v1/configurations/target`.
pub(in crate::api) async fn target(call: Call) -> Answer {
    ok(current(&call).await?.spec())
}

/// `GET /v1/configurations/targetId`.
pub(in crate::api) async fn target_id(call: Call) -> Answer {
    ok(&[configuration(current(&call).await?.hash())])
}
