//! What is wrong with a request, or with its answer.
//!
//! Invariant: every error is JSON (RFC 9457, `application/problem+json`) with a status, what is wrong, and what to do
//! about it.

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use plan_core::engine::{Refusal, RefusedItem};
use plan_driver::DriverError;
use plan_driver::backend::LogError;
use serde::Serialize;

use super::reply::pretty;
use plan_core::spec::Problem as Diagnostic;

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    /// The status in words.
    title: &'static str,
    /// The status.
    #[serde(serialize_with = "number")]
    status: StatusCode,
    /// What is wrong.
    detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// `refused`, in the answer to a command of `/v2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reply: Option<&'static str>,
    /// The parts of the problem.
    #[serde(flatten)]
    parts: Option<Box<Parts>>,
    /// The seconds after which the client may ask again.
    #[serde(skip)]
    retry_after: Option<u32>,
}

/// What is wrong with a specification, one by one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Parts {
    /// What the engine refuses.
    Items(Vec<RefusedItem>),
    /// What the backend does not support.
    Diagnostics(Vec<Diagnostic>),
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

impl Problem {
    /// A problem with this message.
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Problem");
        let detail = detail.into();
        Self { title, status, detail, hint: None, reply: None, parts: None, retry_after: None }
    }

    /// The request makes no sense.
    pub(crate) fn bad(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// Something does not exist, in the SDK's words: `Plan p not found`.
    pub(crate) fn missing(thing: &str, name: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("{thing} {name} not found"))
    }

    /// The problem, with what to do about it.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The problem, as the answer to a command of `/v2`.
    #[must_use]
    pub(crate) fn reply(mut self, reply: &'static str) -> Self {
        self.reply = Some(reply);
        self
    }

    /// The problem with its parts.
    #[must_use]
    pub(crate) fn items(mut self, items: Vec<RefusedItem>) -> Self {
        self.parts = (!items.is_empty()).then(|| Parts::Items(items).into());
        self
    }

    /// The problem, which is over in about this many seconds.
    #[must_use]
    pub(crate) fn again_in(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Its status.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, pretty(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<DriverError> for Problem {
    fn from(error: DriverError) -> Self {
        let words = error.to_string();
        match error {
            DriverError::Busy => Self::new(StatusCode::SERVICE_UNAVAILABLE, words).again_in(1),
            DriverError::Away(condition) => {
                let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, words);
                if condition.is_final() { problem } else { problem.again_in(5) }
            }
            DriverError::Unknown => Self::new(StatusCode::INTERNAL_SERVER_ERROR, words)
                .hint("say the same again, with the same header Planwright-Request: it is not done twice"),
            DriverError::Unsupported { backend, findings } => {
                let words =
                    format!("the backend `{backend}` does not support what the specification declares");
                let found = findings.into_iter().map(|finding| finding.problem(backend));
                let parts = Some(Parts::Diagnostics(found.collect()).into());
                Self { parts, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, words) }
            }
            // A later kind of failure. Only its words are known.
            _ => Self::new(StatusCode::INTERNAL_SERVER_ERROR, words),
        }
    }
}

impl From<LogError> for Problem {
    fn from(error: LogError) -> Self {
        let words = plan_driver::with_causes(&error);
        match error {
            LogError::Unsupported { .. } => Self::new(StatusCode::NOT_IMPLEMENTED, words),
            LogError::NoSuchLog(_) => Self::new(StatusCode::NOT_FOUND, words),
            _ => Self::new(StatusCode::SERVICE_UNAVAILABLE, words).again_in(5),
        }
    }
}

/// A refusal in the SDK's words, where the SDK has any.
impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let words = refusal.to_string();
        match refusal {
            Refusal::NoPlan(plan) => Self::missing("Plan", plan),
            Refusal::NoPhase { phase, .. } => Self::missing("Phase", phase).hint(words),
            Refusal::NoStep { step, .. } => Self::missing("Step", step).hint(words),
            Refusal::NoInstance(instance) => Self::missing("Pod", instance),
            Refusal::NoTask { instance, task } => {
                Self::missing("Task", task).hint(format!("`{instance}` has no such task"))
            }
            Refusal::Parameter(name) => Self::bad(format!(
                "Couldn't parse parameters: {name} is not a valid environment variable name"
            )),
            Refusal::Target(items) => {
                Self::new(refusal_status(&Refusal::Target(Vec::new())), "the target is refused").items(items)
            }
            other => Self::new(refusal_status(&other), words),
        }
    }
}

/// The status of a refusal.
pub(crate) fn refusal_status(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::NoService
        | Refusal::NoPlan(_)
        | Refusal::NoPhase { .. }
        | Refusal::NoStep { .. }
        | Refusal::NoInstance(_)
        | Refusal::NoTask { .. }
        | Refusal::NoDebt(_) => StatusCode::NOT_FOUND,
        Refusal::Parameter(_) => StatusCode::BAD_REQUEST,
        Refusal::Target(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Refusal::Superseded => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::CONFLICT,
    }
}
