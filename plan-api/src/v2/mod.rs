//! What `/v1` lacks: targets and previews, reasons, runs, debts, the audit, logs, and events.
//!
//! Invariant: the answer to a command that is done is [`super::reply::ReplyBody`]. The answer to a refused command is a
//! problem that also has `reply`. Times are milliseconds since 1970, by the scheduler's clock.

pub(super) mod events;
pub(super) mod logs;
pub(super) mod plans;
pub(super) mod pods;
pub(super) mod records;
pub(super) mod services;
pub(super) mod target;

use plan_core::engine::{Engine, Time, Wall, Why};
use serde::Serialize;

use crate::words;

/// Milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub(super) struct Millis(u64);

impl From<Wall> for Millis {
    fn from(wall: Wall) -> Self {
        Self(wall.0 / 1000)
    }
}

/// An engine, and the present time.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) engine: &'a Engine,
    pub(super) now: Wall,
}

impl Seen<'_> {
    /// The clock time of an engine time.
    pub(super) fn at(self, time: Time) -> Millis {
        let now = self.engine.time(self.now);
        if time > now {
            self.now.after(time.since(now)).into()
        } else {
            self.engine.wall(time, self.now).into()
        }
    }
}

/// The reason of a wait.
#[derive(Debug, Serialize)]
pub(super) struct WhyBody {
    /// What waits: a step, such as `deploy / broker / kafka-0:[broker]`, or `recovery`.
    what: String,
    status: plan_core::plan::Status,
    reason: String,
    /// What would clear it.
    clears: String,
    /// Since when, if known.
    since: Option<Millis>,
    /// When the wait is over, if time clears it.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Millis>,
}

impl WhyBody {
    pub(super) fn of(seen: Seen<'_>, why: Why) -> Self {
        Self {
            reason: words::reason(&why),
            clears: words::any_of(&why.remedies()),
            what: why.what,
            status: why.status,
            since: why.since.or(why.reason.since()).map(|since| seen.at(since)),
            until: why.reason.until().map(|until| seen.at(until)),
        }
    }
}
