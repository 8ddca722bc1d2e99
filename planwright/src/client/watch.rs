//! Shows changes as they happen.
//!
//! Invariant: a watch shows what was read last. It ends when nobody reads its output any more, when the service is
//! uninstalled, and when the scheduler is gone.

use std::io::{self, IsTerminal};

use plan_core::engine::Tree;
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use super::Came;
use super::follow::{BACK, Changes};
use super::http::Scheduler;
use super::trouble::Trouble;
use crate::Verdict;
use crate::screen::{Page, Screen, Wish};
use crate::ui::Ui;

/// One state of what is watched.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Seen {
    /// For programs.
    pub(super) value: Value,
    /// For people.
    pub(super) trees: Vec<Tree>,
    /// The notes about it.
    pub(super) notes: Vec<String>,
}

impl Seen {
    /// Whether people see the same.
    fn looks_like(&self, other: &Self) -> bool {
        self.trees == other.trees && self.notes == other.notes
    }
}

/// Something that can be watched.
pub(super) trait Show {
    /// The present state.
    async fn show(&self, scheduler: &Scheduler) -> Result<Seen, Trouble>;
}

/// Shows something whenever it changes, until the user ends it: on a terminal on a screen of its own, or else one state
/// after the other.
pub(super) async fn watch(ui: &mut Ui, scheduler: &Scheduler, what: &impl Show) -> Came {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb" || term.is_empty());
    let terminal = io::stdout().is_terminal() && io::stdin().is_terminal();
    let url = scheduler.found().url.as_str().trim_end_matches('/').to_owned();
    let mut screen =
        if terminal && !dumb && !ui.is_json() { Some(Screen::open(ui.colours())?) } else { None };
    let foot = "q leaves".to_owned();
    let mut page = Page { head: vec![url], foot, ..Page::default() };
    let mut last: Option<Seen> = None;
    let mut changes = Changes::of(scheduler).await;
    let mut away: Option<Instant> = None;
    let mut uninstalled = false;
    // One listener for the whole time, so that a Ctrl-C during a look is heard too.
    let mut interrupts = signal(SignalKind::interrupt())?;
    let gone = loop {
        let shown = tokio::select! {
            shown = what.show(scheduler) => shown,
            _ = interrupts.recv() => break None,
        };
        match shown {
            Ok(seen) => {
                away = None;
                changes.renew(scheduler).await;
                page.head.truncate(1);
                (page.trees, page.notes) = (seen.trees.clone(), seen.notes.clone());
                if ui.is_json() && last.as_ref() != Some(&seen) {
                    ui.json_line(&seen.value)?;
                } else if screen.is_none() && last.as_ref().is_none_or(|last| !last.looks_like(&seen)) {
                    if last.is_some() {
                        ui.say("")?;
                    }
                    show_once(ui, &seen)?;
                }
                last = Some(seen);
            }
            Err(Trouble::Unreachable(problem)) => {
                let since = *away.get_or_insert_with(Instant::now);
                if since.elapsed() >= BACK {
                    break Some(Trouble::Unreachable(problem));
                }
                page.head.truncate(1);
                page.head.push("the scheduler does not answer".to_owned());
                scheduler.find_again();
            }
            Err(_) if last.is_some() && changes.become_uninstalled().await => {
                uninstalled = true;
                break None;
            }
            Err(trouble) => break Some(trouble),
        }
        match &mut screen {
            Some(screen) => {
                screen.draw(&page)?;
                tokio::select! {
                    () = changes.next() => {}
                    wish = screen.wish() => if wish == Wish::Leave { break None },
                    _ = interrupts.recv() => break None,
                }
            }
            None => tokio::select! {
                () = changes.next() => {}
                _ = interrupts.recv() => break None,
            },
        }
        if changes.is_uninstalled() {
            uninstalled = true;
            break None;
        }
        if !ui.is_read() {
            break None;
        }
    };
    // The last state stays.
    if let (Some(screen), Some(last)) = (screen, &last) {
        drop(screen);
        show_once(ui, last)?;
    }
    if uninstalled {
        ui.note("the service is uninstalled");
    }
    match gone {
        Some(trouble) => Err(trouble.into()),
        None => Ok(Verdict::Good),
    }
}

/// Trees and notes, as a command that shows them once.
pub(super) fn show_once(ui: &mut Ui, seen: &Seen) -> io::Result<()> {
    for (nth, tree) in seen.trees.iter().enumerate() {
        if nth > 0 {
            ui.say("")?;
        }
        ui.tree(tree)?;
    }
    if !seen.notes.is_empty() {
        ui.say("")?;
    }
    seen.notes.iter().try_for_each(|note| ui.say(note))?;
    ui.finish()
}
