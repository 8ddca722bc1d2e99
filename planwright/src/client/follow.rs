//! Waits for changes.
//!
//! Invariant: an event only says that it is worth looking again, and only what is then read decides. So a lost event
//! costs time, and nothing else. The last event is an exception, since nobody can be asked afterwards whether a service
//! is uninstalled. No wait takes longer than allowed, whatever the scheduler does or does not answer.

use std::cell::Cell;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::time::{Instant, sleep, timeout};

use super::Stop;
use super::ended::Ended;
use super::http::Scheduler;
use super::trouble::Trouble;
use crate::arguments::Waiting;
use crate::problem::Problem;
use crate::ui::Ui;

/// How long without an event until the next look.
const LOOK: Duration = Duration::from_millis(500);
/// Events within this time are handled together.
const GLANCE: Duration = Duration::from_millis(30);
/// How long a scheduler that does not answer may take to start again.
pub(super) const BACK: Duration = Duration::from_secs(10);
/// The longest time between the end of a service and the event that tells it.
const SOON: Duration = Duration::from_secs(1);
/// How much of one event is kept. Its kind comes first.
const EVENT: usize = 64 * 1024;

/// The events of a scheduler.
pub(super) struct Changes {
    events: Option<BoxStream<'static, reqwest::Result<bytes::Bytes>>>,
    /// The beginning of an event that is not complete yet.
    text: Vec<u8>,
    uninstalled: bool,
}

impl Changes {
    /// The events from now on. If there is no stream of events, the client looks again now and then.
    pub(super) async fn of(scheduler: &Scheduler) -> Self {
        let mut changes = Self { events: None, text: Vec::new(), uninstalled: false };
        changes.renew(scheduler).await;
        changes
    }

    /// Follows again, if the stream has ended. The scheduler answers, and may have been started anew.
    pub(super) async fn renew(&mut self, scheduler: &Scheduler) {
        if self.events.is_none() {
            let events = scheduler.stream(&["v2", "events"], &[]).await.ok();
            self.events = events.map(|response| response.bytes_stream().boxed());
            self.text.clear();
        }
    }

    /// Waits until it is worth looking again.
    pub(super) async fn next(&mut self) {
        let Some(events) = &mut self.events else { return sleep(LOOK).await };
        match timeout(LOOK, events.next()).await {
            Ok(Some(Ok(bytes))) => {
                self.read(&bytes);
                sleep(GLANCE).await;
            }
            Err(_) => {}
            Ok(Some(Err(_)) | None) => {
                self.events = None;
                sleep(GLANCE).await;
            }
        }
    }

    /// Whether an event has said that nothing of the service is left.
    pub(super) fn is_uninstalled(&self) -> bool {
        self.uninstalled
    }

    /// Whether such an event comes soon. A service is refused as soon as it is gone, and the event may come a little
    /// later.
    pub(super) async fn become_uninstalled(&mut self) -> bool {
        let until = Instant::now() + SOON;
        while !self.uninstalled && self.events.is_some() && Instant::now() < until {
            self.next().await;
        }
        self.uninstalled
    }

    fn read(&mut self, bytes: &[u8]) {
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.text.len() < EVENT {
                self.text.extend_from_slice(line);
            }
            if line.ends_with(b"\n") {
                self.uninstalled |= self.text.trim_ascii() == b"event: uninstalled";
                self.text.clear();
            }
        }
    }
}

/// A check whether a wait is over.
pub(super) trait Look {
    /// How the wait ended, if it has.
    async fn look(&mut self, ui: &mut Ui, scheduler: &Scheduler) -> Result<Option<Ended>, Trouble>;

    /// What it means for the wait that the service is uninstalled.
    fn uninstalled(&self) -> Ended {
        Ended::Uninstalled
    }
}

/// What the user was told. The same message is shown once.
#[derive(Debug, Default)]
pub(super) struct Notes(Vec<String>);

/// How many messages are remembered.
const NOTES: usize = 64;

impl Notes {
    /// Shows a wait that only a person can end.
    pub(super) fn note(&mut self, ui: &mut Ui, notes: Vec<String>) {
        if notes != self.0 {
            notes.iter().for_each(|note| ui.note(note));
            self.0 = notes;
        }
    }

    /// Shows each message that is new. The wait goes on by itself.
    pub(super) fn note_each(&mut self, ui: &mut Ui, notes: Vec<String>) {
        for note in notes {
            if !self.0.contains(&note) {
                ui.note(&note);
                self.0.push(note);
            }
        }
        let old = self.0.len().saturating_sub(NOTES);
        self.0.drain(..old);
    }
}

/// Looks until the wait is over. Waits for a scheduler that is started again meanwhile.
pub(super) async fn wait(
    ui: &mut Ui,
    scheduler: &Scheduler,
    waiting: &Waiting,
    look: &mut impl Look,
) -> Result<Ended, Stop> {
    let heard = Cell::new(false);
    let looking = async {
        let mut changes = Changes::of(scheduler).await;
        look_until(ui, scheduler, &mut changes, look, &heard).await
    };
    bounded(scheduler, waiting, looking, &heard).await
}

/// The same, with events that were followed before the work began.
pub(super) async fn wait_since(
    ui: &mut Ui,
    scheduler: &Scheduler,
    waiting: &Waiting,
    changes: &mut Changes,
    look: &mut impl Look,
) -> Result<Ended, Stop> {
    let heard = Cell::new(true);
    let looking = look_until(ui, scheduler, changes, look, &heard);
    bounded(scheduler, waiting, looking, &heard).await
}

async fn bounded(
    scheduler: &Scheduler,
    waiting: &Waiting,
    looking: impl Future<Output = Result<Ended, Trouble>>,
    heard: &Cell<bool>,
) -> Result<Ended, Stop> {
    let Some(time) = waiting.timeout else { return Ok(looking.await?) };
    match timeout(time, looking).await {
        Ok(ended) => Ok(ended?),
        Err(_) if heard.get() => Ok(Ended::TimedOut),
        // Nobody knows whether the work goes on.
        Err(_) => Err(scheduler.silent().into()),
    }
}

/// Looks until the wait is over. `heard` is whether the last look was answered.
async fn look_until(
    ui: &mut Ui,
    scheduler: &Scheduler,
    changes: &mut Changes,
    look: &mut impl Look,
    heard: &Cell<bool>,
) -> Result<Ended, Trouble> {
    let mut away: Option<Instant> = None;
    loop {
        match look.look(ui, scheduler).await {
            Ok(Some(ended)) => return Ok(ended),
            Ok(None) => {
                heard.set(true);
                away = None;
                changes.renew(scheduler).await;
            }
            Err(Trouble::Unreachable(problem)) => {
                heard.set(false);
                let since = *away.get_or_insert_with(Instant::now);
                if since.elapsed() >= BACK {
                    let gone = Problem::error(format!("the scheduler is gone: {}", problem.message));
                    return Err(Trouble::Unreachable(gone.help(problem.help.unwrap_or_default()).into()));
                }
            }
            Err(_) if heard.get() && changes.become_uninstalled().await => return Ok(look.uninstalled()),
            Err(trouble) => return Err(trouble),
        }
        changes.next().await;
        if changes.is_uninstalled() {
            return Ok(look.uninstalled());
        }
        if away.is_some() {
            scheduler.find_again();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_event_is_heard_however_it_comes_in_pieces() {
        for (pieces, heard) in [
            (&["event: uninstalled\ndata: {}\n\n"][..], true),
            (&["event: st", "ep\ndata: {}\n\nevent: uninst", "alled\r\n"], true),
            (&["data: event: uninstalled\n\n"], false),
            (&["event: uninstalled"], false),
            (&[": a comment\n\n", "event: reached\n"], false),
        ] {
            let mut changes = Changes { events: None, text: Vec::new(), uninstalled: false };
            pieces.iter().for_each(|piece| changes.read(piece.as_bytes()));
            assert_eq!(changes.is_uninstalled(), heard, "{pieces:?}");
        }
        let mut changes = Changes { events: None, text: Vec::new(), uninstalled: false };
        (0..100).for_each(|_| changes.read(&[b'x'; 4096]));
        assert!(changes.text.len() < 2 * EVENT, "what has no end is not kept");
    }
}
