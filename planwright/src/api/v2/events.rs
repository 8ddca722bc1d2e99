//! What happens, as server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::IntoResponse as _;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::stream;
use plan_driver::{Condition, Service};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::watch;

use super::services::ConditionBody;
use crate::api::call::Call;
use crate::api::reply::Answer;

struct Follower {
    service: Service,
    conditions: watch::Receiver<Condition>,
    _place: Option<OwnedSemaphorePermit>,
}

/// `GET /v2/events`.
pub(in crate::api) async fn follow(mut call: Call) -> Answer {
    let service = call.service().await?;
    let mut conditions = service.conditions();
    conditions.mark_changed();
    let follower = Follower { service, conditions, _place: call.stream.take() };
    let events = stream::unfold(follower, |mut follower| async move {
        follower.conditions.changed().await.ok()?;
        let condition = follower.conditions.borrow_and_update().clone();
        let body = ConditionBody::of(&follower.service, &condition);
        let event = Event::default().event("condition").json_data(&body).unwrap_or_default();
        Some((Ok::<_, Infallible>(event), follower))
    });
    let alive = KeepAlive::new().interval(Duration::from_secs(15));
    Ok(Sse::new(events).keep_alive(alive).into_response())
}
