//! The API of DC/OS Commons (SDK rules R70 to R79).
//!
//! Invariant: a client of the SDK gets the SDK's paths, bodies and codes, except where those were faults: errors are
//! JSON, whatever does not exist is 404, and the codes of health have their usual meaning.

pub(super) mod artifacts;
pub(super) mod configurations;
pub(super) mod debug;
pub(super) mod endpoints;
pub(super) mod health;
pub(super) mod plans;
pub(super) mod pods;
pub(super) mod state;
pub(super) mod tasks;

use super::call::{Call, sanitized};
use super::reply::{Answer, ok};

/// `GET /v1/multi`.
pub(super) async fn multi(call: Call) -> Answer {
    let names = call.api.scheduler.names().await;
    ok(&names.iter().map(sanitized).collect::<Vec<_>>())
}
