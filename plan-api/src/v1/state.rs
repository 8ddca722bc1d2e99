//! What is known of the service as a whole, small files, and zones (SDK rule R75).

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest as _, Multipart, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use bytes::Bytes;
use plan_core::engine::{Engine, Place, PodView};
use serde_json::{Value, json};

use super::pods::tasks_of;
use super::tasks::full_name;
use crate::call::{Call, read};
use crate::files::{FILE_BYTES, FILES, OperatorFiles, is_name};
use crate::ids::configuration;
use crate::problem::Problem;
use crate::reply::{Answer, ok, text};

/// `GET /v1/state/frameworkId`.
pub(crate) async fn framework_id(call: Call) -> Answer {
    let service = call.service().await?;
    let id = read(&service, |engine| engine.installation().cloned()).await?;
    ok(&[id.ok_or_else(|| Problem::missing("Framework", "ID").hint("submit a specification first"))?])
}

/// What is known of a service as a whole.
fn all_properties(engine: &Engine) -> BTreeMap<&'static str, Value> {
    let Some(model) = engine.model() else { return BTreeMap::new() };
    let previous = engine.previous().map(|model| configuration(model.hash()));
    BTreeMap::from([
        ("deployed", json!(engine.is_deployed())),
        ("previous-configuration", json!(previous)),
        ("target-configuration", json!(configuration(model.hash()))),
        ("uninstalling", json!(engine.is_uninstalling())),
    ])
}

/// `GET /v1/state/properties`.
pub(crate) async fn properties(call: Call) -> Answer {
    let service = call.service().await?;
    ok(&read(&service, all_properties).await?.keys().collect::<Vec<_>>())
}

/// `GET /v1/state/properties/{property}`.
pub(crate) async fn property(call: Call) -> Answer {
    let service = call.service().await?;
    let name = call.param("property");
    let all = read(&service, all_properties).await?;
    ok(all.get(name).ok_or_else(|| Problem::missing("Property", name))?)
}

/// `PUT /v1/state/refresh`.
pub(crate) async fn refresh(call: Call) -> Answer {
    call.service().await?;
    Err(Problem::new(
        StatusCode::CONFLICT,
        "there is no cache to refresh: what is shown is read off the engine",
    ))
}

/// Works with files on a thread that may block.
async fn with_files<T: Send + 'static>(
    files: Arc<dyn OperatorFiles>,
    act: impl FnOnce(&dyn OperatorFiles) -> io::Result<T> + Send + 'static,
) -> Result<T, Problem> {
    let failed = |error: io::Error| {
        tracing::warn!(%error, "the files of a service cannot be used");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the files cannot be used: {error}"))
    };
    let done = tokio::task::spawn_blocking(move || act(&*files)).await;
    done.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(failed)
}

fn file_name(call: &Call) -> Result<String, Problem> {
    let name = call.param("file");
    if is_name(name) {
        Ok(name.to_owned())
    } else {
        Err(Problem::bad(format!("`{name}` cannot name a file"))
            .hint("a name has letters, digits, `_`, `-` and `.`, and does not begin with the last two"))
    }
}

/// `GET /v1/state/files`: plain text (SDK rule R75).
pub(crate) async fn files(call: Call) -> Answer {
    let service = call.service().await?.name().to_string();
    let names = with_files(call.api.files.clone(), move |files| files.list(&service)).await?;
    text(format!("[{}]", names.join(", ")))
}

/// `GET /v1/state/files/{file}`.
pub(crate) async fn file(call: Call) -> Answer {
    let service = call.service().await?.name().to_string();
    let name = file_name(&call)?;
    let bytes = with_files(call.api.files.clone(), move |files| files.load(&service, &name)).await?;
    let bytes = bytes.ok_or_else(|| {
        Problem::new(StatusCode::NOT_FOUND, "Failed to get the file").hint("GET /v1/state/files lists them")
    })?;
    Ok(axum::response::IntoResponse::into_response(([(CONTENT_TYPE, "text/plain; charset=utf-8")], bytes)))
}

/// `PUT /v1/state/files/{file}`.
pub(crate) async fn keep_file(call: Call) -> Answer {
    let service = call.service().await?.name().to_string();
    let name = file_name(&call)?;
    let bytes = uploaded(&call).await?;
    if bytes.len() > FILE_BYTES {
        let words = format!("the file has {} bytes, and at most {FILE_BYTES} are kept", bytes.len());
        return Err(Problem::bad(words));
    }
    let kept = with_files(call.api.files.clone(), move |files| {
        let names = files.list(&service)?;
        if names.len() >= FILES && !names.contains(&name) {
            return Ok(false);
        }
        files.keep(&service, &name, &bytes).map(|()| true)
    });
    if kept.await? {
        text("")
    } else {
        Err(Problem::new(StatusCode::INSUFFICIENT_STORAGE, format!("there are {FILES} files already")))
    }
}

/// The field `file` of a form, or the body as it is.
async fn uploaded(call: &Call) -> Result<Bytes, Problem> {
    let kind = call.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
    if !kind.starts_with("multipart/form-data") {
        return Ok(call.body.clone());
    }
    let form = |error: &dyn std::fmt::Display| Problem::bad(format!("the form cannot be read: {error}"));
    let mut request = Request::new(Body::from(call.body.clone()));
    *request.headers_mut() = call.headers.clone();
    let mut parts = Multipart::from_request(request, &()).await.map_err(|error| form(&error.body_text()))?;
    while let Some(field) = parts.next_field().await.map_err(|error| form(&error.body_text()))? {
        if field.name() == Some("file") {
            return field.bytes().await.map_err(|error| form(&error.body_text()));
        }
    }
    Err(Problem::bad("the form has no field `file`"))
}

/// The zone of each task whose node is in one.
fn zones_of(engine: &Engine) -> BTreeMap<String, String> {
    let mut zones = BTreeMap::new();
    for (instance, record) in engine.pods() {
        let Some(zone) = record.place().and_then(|place| place.node.zone.as_ref()) else { continue };
        for (task, _) in tasks_of(engine, &instance) {
            zones.insert(full_name(&instance, &task), zone.to_string());
        }
    }
    zones
}

/// `GET /v1/state/zone/tasks`.
pub(crate) async fn zones(call: Call) -> Answer {
    let service = call.service().await?;
    ok(&read(&service, zones_of).await?)
}

/// `GET /v1/state/zone/tasks/{task}`: plain text (SDK rule R75).
pub(crate) async fn zone(call: Call) -> Answer {
    let service = call.service().await?;
    let task = call.param("task");
    let mut zones = read(&service, zones_of).await?;
    text(zones.remove(task).ok_or_else(|| Problem::missing("Zone of task", task))?)
}

/// `GET /v1/state/zone/{pod}/{ip}`: plain text (SDK rule R75). An instance is found by the name of its node, or by an
/// address of one of its tasks.
pub(crate) async fn node_zone(call: Call) -> Answer {
    let service = call.service().await?;
    let (pod, ip) = (call.param("pod").to_owned(), call.param("ip").to_owned());
    let words = format!("{pod} on {ip}");
    let zone = read(&service, move |engine| {
        let mut pods = engine.pods().filter(|(instance, _)| instance.pod == *pod.as_str());
        let address = ip.parse::<IpAddr>().ok();
        let is_there = |record: PodView<'_>| {
            let mut occupants = record.slots().iter().filter_map(|slot| slot.occupant());
            address.is_some()
                && occupants.any(|one| one.address.as_ref().is_some_and(|told| told.ip == address))
        };
        let zone = pods.find_map(|(_, record)| {
            let on = |place: &&Arc<Place>| place.node.name == *ip.as_str() || is_there(record);
            record.place().filter(on)?.node.zone.clone()
        });
        zone.map(|zone| zone.to_string())
    });
    text(zone.await?.ok_or_else(|| Problem::missing("Zone of", words))?)
}
