//! The latest events, for listeners, and for listeners that come back.
//!
//! Invariant: a listener that follows from an event on gets every later event once, in order, or is told that some are
//! lost.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use plan_core::engine::{Event, Story, Wall};
use serde::{Serialize, Serializer};
use tokio::sync::broadcast;

/// Something that happened to a service.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Happened {
    /// Grows by one with each event of a loop.
    pub number: u64,
    /// When.
    pub at: Wall,
    /// What.
    pub event: Event,
    /// The same in words, made while the engine still knew all names in it.
    pub story: Story,
}

/// Names an event among the events of all loops. A new loop counts from the beginning, under another era.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventId {
    /// Drawn by the loop when it began.
    pub era: u64,
    /// [`Happened::number`].
    pub number: u64,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.era, self.number)
    }
}

/// As its text.
impl Serialize for EventId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The text names no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event's id is as `1f2e3d4c5b6a7988-17`")]
pub struct EventIdError;

impl FromStr for EventId {
    type Err = EventIdError;

    fn from_str(text: &str) -> Result<Self, EventIdError> {
        let (era, number) = text.split_once('-').ok_or(EventIdError)?;
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit());
        if !digits(era) || !digits(number) {
            return Err(EventIdError);
        }
        let era = u64::from_str_radix(era, 16).map_err(|_| EventIdError)?;
        Ok(Self { era, number: number.parse().map_err(|_| EventIdError)? })
    }
}

/// The events since an event, and those from now on.
#[derive(Debug)]
pub struct Followed {
    /// The events since then; `None` if some are lost.
    pub since: Option<Vec<Arc<Happened>>>,
    /// The events from now on.
    pub next: broadcast::Receiver<Arc<Happened>>,
}

/// The latest events of a loop.
#[derive(Debug)]
pub(super) struct History {
    pub(super) era: u64,
    kept: Mutex<Kept>,
    listeners: broadcast::Sender<Arc<Happened>>,
    places: usize,
}

#[derive(Debug, Default)]
struct Kept {
    last: u64,
    events: VecDeque<Arc<Happened>>,
}

impl History {
    pub(super) fn new(places: usize) -> Self {
        let (listeners, _) = broadcast::channel(places);
        let (era, _) = uuid::Uuid::new_v4().as_u64_pair();
        Self { era, kept: Mutex::default(), listeners, places }
    }

    /// A panic elsewhere leaves the events whole, since no change of them can panic half-way.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, at: Wall, event: Event, story: Story) {
        let mut kept = self.kept();
        kept.last += 1;
        let happened = Arc::new(Happened { number: kept.last, at, event, story });
        if kept.events.len() >= self.places {
            kept.events.pop_front();
        }
        kept.events.push_back(happened.clone());
        // There may be no listener. The event is sent before anyone can look at the history, so no listener gets it
        // twice or never.
        let _ = self.listeners.send(happened);
    }

    pub(super) fn listen(&self) -> broadcast::Receiver<Arc<Happened>> {
        self.listeners.subscribe()
    }

    pub(super) fn follow(&self, after: EventId) -> Followed {
        let kept = self.kept();
        let next = self.listeners.subscribe();
        let first = kept.last + 1 - kept.events.len() as u64;
        let known = after.era == self.era && after.number <= kept.last && after.number + 1 >= first;
        let later =
            || kept.events.iter().filter(|happened| happened.number > after.number).cloned().collect();
        Followed { since: known.then(later), next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(followed: &Followed) -> Option<Vec<u64>> {
        followed.since.as_ref().map(|since| since.iter().map(|happened| happened.number).collect())
    }

    #[test]
    fn who_comes_back_gets_what_was_missed_or_is_told_that_it_is_lost() {
        let history = History::new(4);
        let after = |number| history.follow(EventId { era: history.era, number });
        assert_eq!(numbers(&after(0)), Some(Vec::new()));
        assert_eq!(numbers(&after(1)), None, "it has not happened");
        for _ in 0..6 {
            history.add(Wall(0), Event::Uninstalled, Story::Uninstalled);
        }
        assert_eq!(numbers(&after(6)), Some(Vec::new()));
        assert_eq!(numbers(&after(4)), Some(vec![5, 6]));
        assert_eq!(numbers(&after(2)), Some(vec![3, 4, 5, 6]));
        assert_eq!(numbers(&after(1)), None, "event 2 is not kept any more");
        assert_eq!(numbers(&history.follow(EventId { era: !history.era, number: 6 })), None);
        let mut followed = after(6);
        history.add(Wall(0), Event::Uninstalled, Story::Uninstalled);
        assert_eq!(followed.next.try_recv().map(|happened| happened.number), Ok(7));
    }

    #[test]
    fn an_id_is_read_as_it_is_written() {
        for (era, number) in [(0, 0), (1, 17), (u64::MAX, u64::MAX)] {
            let id = EventId { era, number };
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        for text in ["", "-", "1-", "-1", "x-1", "1-x", "+1-1", "1-+1", "11111111111111111-1", "17"] {
            assert_eq!(text.parse::<EventId>(), Err(EventIdError), "{text}");
        }
    }
}
