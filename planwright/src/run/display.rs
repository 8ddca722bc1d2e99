//! The display of a running service: as a live screen, as a line per change, or as lines of JSON.
//!
//! Invariant: each form says the same, and none decides anything.

use std::io::{self, IsTerminal};

use plan_driver::Condition;
use serde_json::json;

use super::recording::Recording;
use super::snapshot::Snapshot;
use crate::arguments::Run;
use crate::running::Running;
use crate::screen::{Page, Screen, Wish};
use crate::ui::Ui;

/// A form, with its data.
pub(super) enum Display {
    /// A whole screen: its page, and how many of its first lines stay.
    Screen(Box<Screen>, Page, usize),
    /// A line per change.
    Lines(Condition),
}

impl Display {
    /// The form that fits: a screen, if there is a terminal and lines are not asked for.
    pub(super) fn new(
        ui: &Ui,
        arguments: &Run,
        running: &Running,
        recording: &Recording,
    ) -> io::Result<Self> {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb" || term.is_empty());
        let terminal = io::stdout().is_terminal() && io::stdin().is_terminal();
        if ui.is_json() || arguments.no_progress || arguments.verbose > 0 || dumb || !terminal {
            return Ok(Self::Lines(Condition::Running));
        }
        let mut head = vec![
            format!("{} at {}", running.service, running.url),
            format!("data folder: {}", running.data_dir.display()),
        ];
        head.extend(recording.line());
        let stays = head.len();
        let page = Page {
            head,
            foot: "Ctrl-C ends the scheduler; tasks go on running".to_owned(),
            ..Page::default()
        };
        Ok(Self::Screen(Box::new(Screen::open(ui.colours())?), page, stays))
    }

    /// Shows the present snapshot, compared with the one before.
    pub(super) fn show(
        &mut self,
        ui: &mut Ui,
        before: &Snapshot,
        now: &Snapshot,
        condition: &Condition,
    ) -> io::Result<()> {
        match self {
            Self::Screen(screen, page, stays) => {
                page.trees = now.trees();
                page.head.truncate(*stays);
                if *condition != Condition::Running {
                    page.head.push(condition.to_string());
                }
                let proposed = page.notes.iter().position(|note| note.is_empty()).unwrap_or(page.notes.len());
                page.notes.splice(..proposed, now.whys.iter().cloned());
                screen.draw(page)
            }
            Self::Lines(last) => {
                for change in now.changes(before) {
                    if ui.is_json() {
                        ui.json_line(
                            &json!({ "event": "status", "what": change.what, "status": change.status }),
                        )?;
                    } else {
                        ui.progress(format_args!("{}: {}", change.what, change.status));
                    }
                }
                if last != condition {
                    last.clone_from(condition);
                    if ui.is_json() {
                        ui.json_line(&json!({ "event": "condition", "condition": condition.to_string() }))?;
                    } else {
                        ui.progress(condition);
                    }
                }
                Ok(())
            }
        }
    }

    /// Proposes what to try, once the service is what it should be.
    pub(super) fn propose(&mut self, ui: &mut Ui, suggestions: Vec<String>) -> io::Result<()> {
        let lines = ["try, from another terminal:".to_owned()];
        let lines =
            lines.into_iter().chain(suggestions.into_iter().map(|suggestion| format!("  {suggestion}")));
        match self {
            Self::Screen(screen, page, _) => {
                page.notes.push(String::new());
                page.notes.extend(lines);
                screen.draw(page)
            }
            Self::Lines(_) if ui.is_json() => Ok(()),
            Self::Lines(_) => {
                lines.for_each(|line| ui.progress(line));
                Ok(())
            }
        }
    }

    /// Shows a problem outside of the service. It stays visible.
    pub(super) fn warn(&mut self, ui: &mut Ui, what: String) -> io::Result<()> {
        match self {
            Self::Screen(screen, page, stays) => {
                page.head.insert(*stays, what);
                *stays += 1;
                screen.draw(page)
            }
            Self::Lines(_) if ui.is_json() => ui.json_line(&json!({ "event": "warning", "what": what })),
            Self::Lines(_) => {
                ui.complain(&what);
                Ok(())
            }
        }
    }

    /// Waits until someone at the terminal wants to leave, and draws the page again when it scrolls.
    pub(super) async fn leave(&mut self) {
        match self {
            Self::Lines(_) => std::future::pending().await,
            Self::Screen(screen, page, _) => {
                // A terminal that cannot be drawn on counts as gone.
                while screen.wish().await == Wish::Again && screen.draw(page).is_ok() {}
            }
        }
    }
}
