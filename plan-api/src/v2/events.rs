//! Events, as server-sent events.
//!
//! Invariant: a client that comes back with its last id gets all events that it missed, once and in order, or the event
//! `resync`. After `resync` some events are lost, and the client has to ask for the present state. A stream ends with
//! its service.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::IntoResponse as _;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::stream;
use plan_core::engine::Story;
use plan_driver::{Condition, EventId, Followed, Happened, Service};
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, broadcast, watch};

use super::Millis;
use super::services::ConditionBody;
use crate::call::Call;
use crate::problem::Problem;
use crate::reply::Answer;

/// How long without an event until a comment is sent, so that a broken connection is noticed.
const ALIVE: Duration = Duration::from_secs(15);

/// Something that happened.
#[derive(Debug, Serialize)]
struct StoryBody<'a> {
    number: u64,
    at: Millis,
    /// What it is about: an instance, a plan, the service.
    subject: String,
    /// The event, in words.
    message: String,
    #[serde(flatten)]
    story: &'a Story,
}

/// A client that follows a service.
struct Follower {
    service: Service,
    missed: VecDeque<Arc<Happened>>,
    lost: bool,
    next: broadcast::Receiver<Arc<Happened>>,
    conditions: watch::Receiver<Condition>,
    /// The condition of the scheduler, if that is not told yet.
    condition: Option<Condition>,
    ended: bool,
    /// Its permit to follow.
    _place: Option<OwnedSemaphorePermit>,
}

/// `GET /v2/events`.
pub(crate) async fn follow(mut call: Call) -> Answer {
    let service = call.service().await?;
    let after: Option<EventId> = match call.headers.get("last-event-id") {
        None => None,
        Some(id) => {
            let id = id.to_str().unwrap_or("").parse();
            Some(id.map_err(|error| Problem::bad(format!("the header `Last-Event-ID`: {error}")))?)
        }
    };
    let mut conditions = service.conditions();
    let condition = Some(conditions.borrow_and_update().clone());
    let Followed { since, next } = match after {
        Some(after) => service.follow(after),
        None => Followed { since: Some(Vec::new()), next: service.events() },
    };
    let lost = since.is_none();
    let missed = since.unwrap_or_default().into();
    let place = call.stream.take();
    let follower =
        Follower { service, missed, lost, next, conditions, condition, ended: false, _place: place };
    let events = stream::unfold(follower, |mut follower| async move {
        let event = follower.event().await?;
        Some((Ok::<_, Infallible>(event), follower))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE)).into_response())
}

impl Follower {
    /// The next event; `None` when there will be no more.
    async fn event(&mut self) -> Option<Event> {
        if std::mem::take(&mut self.lost) {
            return Some(resync());
        }
        if let Some(condition) = self.condition.take() {
            self.ended = condition.is_final();
            return Some(event("condition", &ConditionBody::of(&self.service, &condition)));
        }
        if let Some(happened) = self.missed.pop_front() {
            return Some(self.told(&happened));
        }
        if self.ended {
            return None;
        }
        tokio::select! {
            biased;
            happened = self.next.recv() => Some(match happened {
                Ok(happened) => self.told(&happened),
                Err(RecvError::Lagged(_)) => resync(),
                Err(RecvError::Closed) => return None,
            }),
            changed = self.conditions.changed() => {
                changed.ok()?;
                let condition = self.conditions.borrow_and_update().clone();
                self.ended = condition.is_final();
                Some(event("condition", &ConditionBody::of(&self.service, &condition)))
            }
        }
    }

    fn told(&self, happened: &Happened) -> Event {
        let story = &happened.story;
        let body = StoryBody {
            number: happened.number,
            at: happened.at.into(),
            subject: story.subject(),
            message: format!("{} {story}", story.subject()),
            story,
        };
        event(story.kind(), &body).id(self.service.event_id(happened).to_string())
    }
}

/// Some events are lost.
fn resync() -> Event {
    #[derive(Serialize)]
    struct Lost {
        message: &'static str,
    }
    event("resync", &Lost { message: "some events are lost: ask anew for what is so" })
}

fn event(kind: &str, body: &impl Serialize) -> Event {
    // The data of an event is one line. Serialization fails only for maps whose keys are not strings, and there are
    // none.
    Event::default().event(kind).data(serde_json::to_string(body).unwrap_or_default())
}
