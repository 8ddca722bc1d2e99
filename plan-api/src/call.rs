//! A parsed request.
//!
//! Invariant: a handler gets a request only if its path, its query and its headers have the declared form. Any other
//! request gets an answer that says what is wrong. No query parameter is ignored.

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use plan_core::engine::{Author, Engine, Reply, Request, Verb};
use plan_core::spec::{InstanceName, NameError, PlanName, ServiceName, TaskName};
use plan_driver::Service;
use serde::de::DeserializeOwned;
use smol_str::SmolStr;
use tokio::sync::OwnedSemaphorePermit;

use super::Shared;
use super::problem::Problem;

/// The header that names a request, so that it is not done twice.
pub const REQUEST: &str = "planwright-request";
/// The header that says who asks, for the audit.
pub const WHO: &str = "planwright-who";

/// A request.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) api: Arc<Shared>,
    pub(crate) headers: HeaderMap,
    pub(crate) params: Vec<(String, String)>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Bytes,
    /// A permit for an answer that does not end by itself.
    pub(crate) stream: Option<OwnedSemaphorePermit>,
}

/// A service's name in a path: without a leading slash, and with `__` for each other slash (SDK rule R79).
pub(crate) fn sanitized(name: &ServiceName) -> String {
    name.as_str().trim_start_matches('/').replace('/', "__")
}

impl Call {
    /// A part of the path.
    pub(crate) fn param(&self, name: &str) -> &str {
        let found = self.params.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value)
    }

    /// A parameter of the query, unless it is blank.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// A parameter of the query that is `true` or `false`.
    pub(crate) fn switch(&self, name: &str) -> Result<bool, Problem> {
        match self.query(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(Problem::bad(format!("`{name}` is `true` or `false`, not `{other}`"))),
        }
    }

    /// The service that the path names, or the default one.
    pub(crate) async fn service(&self) -> Result<Service, Problem> {
        let scheduler = &self.api.scheduler;
        let names = scheduler.names().await;
        let wanted = self.param("service");
        let name = if !wanted.is_empty() {
            let named = |name: &&ServiceName| name.as_str() == wanted || sanitized(name) == wanted;
            names.iter().find(named).ok_or_else(|| Problem::missing("Service", wanted).hint(known(&names)))?
        } else if let Some(main) = &self.api.main {
            main
        } else {
            match names.as_slice() {
                [one] => one,
                [] => {
                    return Err(Problem::new(StatusCode::NOT_FOUND, "there is no service yet")
                        .hint("submit one: POST /v2/target"));
                }
                _ => {
                    return Err(Problem::new(StatusCode::NOT_FOUND, "there are several services: name one")
                        .hint(format!(
                            "ask for /v1/service/NAME/... or /v2/service/NAME/...; {}",
                            known(&names)
                        )));
                }
            }
        };
        let found = scheduler.find(name).await;
        found.ok_or_else(|| Problem::missing("Service", name).hint(known(&names)))
    }

    /// The instance that the path names.
    pub(crate) fn instance(&self) -> Result<InstanceName, Problem> {
        let text = self.param("instance");
        text.parse().map_err(|error: NameError| Problem::missing("Pod", text).hint(error.to_string()))
    }

    /// The plan that the path names.
    pub(crate) fn plan(&self) -> Result<PlanName, Problem> {
        let text = self.param("plan");
        text.parse().map_err(|error: NameError| Problem::missing("Plan", text).hint(error.to_string()))
    }

    /// The client's name, and the name of its request.
    pub(crate) fn author(&self) -> Result<Author, Problem> {
        let id = self.word(REQUEST)?;
        let id = id.unwrap_or_else(|| uuid::Uuid::new_v4().to_string().into());
        Ok(Author { id, who: self.word(WHO)?.unwrap_or_else(|| SmolStr::new_static("api")) })
    }

    /// A header that goes into the audit.
    fn word(&self, name: &'static str) -> Result<Option<SmolStr>, Problem> {
        let Some(value) = self.headers.get(name) else { return Ok(None) };
        author_word(name, value.to_str().unwrap_or("")).map(Some)
    }

    /// Sends a verb in the client's name.
    pub(crate) async fn say(&self, service: &Service, verb: Verb) -> Result<Reply, Problem> {
        let Author { id, who } = self.author()?;
        Ok(service.verb(Request { id, who, verb }).await?)
    }

    /// The body as JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self, what: &str) -> Result<T, Problem> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let status = match error.classify() {
                serde_json::error::Category::Data => StatusCode::UNPROCESSABLE_ENTITY,
                _ => StatusCode::BAD_REQUEST,
            };
            Problem::new(status, format!("the body is not {what}: {error}"))
        })
    }

    /// The body as JSON. An empty body is the default value.
    pub(crate) fn json_or_default<T: DeserializeOwned + Default>(&self, what: &str) -> Result<T, Problem> {
        if self.body.trim_ascii().is_empty() { Ok(T::default()) } else { self.json(what) }
    }

    /// The tasks that the body lists, by their own names or with the name of the instance in front.
    pub(crate) fn tasks(&self, instance: &InstanceName) -> Result<Vec<TaskName>, Problem> {
        let texts: Vec<String> = self.json_or_default("a list of task names, as [\"main\"]")?;
        let prefix = format!("{instance}-");
        let name = |text: &String| {
            let short = text.strip_prefix(&prefix).unwrap_or(text);
            short.parse().map_err(|error: NameError| Problem::bad(format!("`{text}`: {error}")))
        };
        texts.iter().map(name).collect()
    }
}

/// A word that goes into the audit: short, and in one line.
pub(crate) fn author_word(name: &str, text: &str) -> Result<SmolStr, Problem> {
    let good = !text.is_empty() && text.len() <= 128 && text.chars().all(|c| !c.is_control());
    if good {
        Ok(text.into())
    } else {
        Err(Problem::bad(format!("`{name}` has 1 to 128 characters, none of which is a control character")))
    }
}

fn known(names: &[ServiceName]) -> String {
    let names: Vec<String> = names.iter().map(sanitized).collect();
    if names.is_empty() { "there is none".to_owned() } else { format!("there are: {}", names.join(", ")) }
}

/// Reads something from a service's engine.
pub(crate) async fn read<R: Send + 'static>(
    service: &Service,
    read: impl FnOnce(&Engine) -> R + Send + 'static,
) -> Result<R, Problem> {
    Ok(service.read(read).await?)
}
