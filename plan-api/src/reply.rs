//! Answers, as bytes.
//!
//! Invariant: a body is JSON indented by two blanks, or plain text where the SDK has plain text (SDK rule R70).

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use plan_core::engine::{Refusal, RefusedItem, Reply};
use plan_driver::Service;
use serde::Serialize;

use super::problem::Problem;
use super::refused::refused;

/// The result of a handler.
pub(crate) type Answer = Result<Response, Problem>;

/// A value as indented JSON.
pub(crate) fn pretty(value: &impl Serialize) -> String {
    // Serialization fails only for maps whose keys are not strings, and there are none.
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// A value with a status.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let mut response = (status, pretty(value)).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A value.
pub(crate) fn ok(value: &impl Serialize) -> Answer {
    Ok(json(StatusCode::OK, value))
}

/// A plain text.
pub(crate) fn text(text: impl Into<String>) -> Answer {
    Ok(text.into().into_response())
}

/// A message, as the answer to a command of `/v1`.
pub(crate) fn message(status: StatusCode, message: impl Into<String>) -> Response {
    #[derive(Serialize)]
    struct Message {
        message: String,
    }
    json(status, &Message { message: message.into() })
}

/// The result of a verb or a target: the answer of `/v2` if it is done, and what the audit and a preview say about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ReplyBody {
    /// `done`, `already-so` or `refused`.
    pub(crate) reply: &'static str,
    /// The same in words, with the reason.
    pub(crate) message: String,
    /// The refused items of a target.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) items: Vec<RefusedItem>,
}

impl From<&Reply> for ReplyBody {
    fn from(reply: &Reply) -> Self {
        let (word, message, items) = match reply {
            Reply::Done => ("done", "done".to_owned(), Vec::new()),
            Reply::AlreadySo => ("already-so", "it was so already: nothing changed".to_owned(), Vec::new()),
            Reply::Refused(refusal) => {
                let items = match refusal {
                    Refusal::Target(items) => items.clone(),
                    _ => Vec::new(),
                };
                ("refused", refusal.to_string(), items)
            }
        };
        Self { reply: word, message, items }
    }
}

/// The answer of `/v2` to a verb or a target.
pub(crate) async fn replied(service: &Service, reply: Reply) -> Answer {
    match reply {
        Reply::Refused(refusal) => Err(refused(service, refusal).await),
        done => ok(&ReplyBody::from(&done)),
    }
}
