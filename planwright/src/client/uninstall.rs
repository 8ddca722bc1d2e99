//! `uninstall`: all of a service is ended and released.

use super::follow::{Ended, Look, wait};
use super::http::Scheduler;
use super::plan::Line;
use super::trouble::Trouble;
use super::{ask, tell};
use crate::Verdict;
use crate::arguments::Uninstall;
use crate::ui::Ui;

pub(crate) fn uninstall(ui: &mut Ui, arguments: &Uninstall) -> std::io::Result<Verdict> {
    ask(ui, &arguments.of, async |ui, scheduler| {
        let answered = scheduler.post(&["v2", "uninstall"], &[], None::<&()>).await?;
        let words = "the service is being uninstalled: its tasks are ended, and all that it has is released.";
        if answered.was_so() && !ui.is_json() {
            ui.say("the service is being uninstalled already")?;
        } else {
            tell(ui, &answered, words)?;
        }
        if !arguments.waiting.wait {
            if !ui.is_json() {
                ui.hint("`planwright plan status uninstall --watch` shows how far that is");
            }
            return Ok(Verdict::Good);
        }
        let ended = wait(ui, scheduler, &arguments.waiting, &mut Gone).await?;
        if ended == Ended::Complete {
            ui.progress("uninstalled");
            return Ok(Verdict::Good);
        }
        Ok(ended.tell(ui, "the uninstallation"))
    })
}

/// A service, until nothing is left of it.
struct Gone;

impl Look for Gone {
    async fn look(&mut self, _: &mut Ui, scheduler: &Scheduler) -> Result<Option<Ended>, Trouble> {
        match scheduler.get::<Vec<Line>>(&["v2", "plans"]).await {
            Ok(plans) if plans.is_empty() => Ok(Some(Ended::Complete)),
            Ok(_) => Ok(None),
            // A scheduler ends when nothing is left, and takes the records with it.
            Err(Trouble::Unreachable(problem)) => match &scheduler.found().running {
                Some(running) if running.has_nothing() => Ok(Some(Ended::Complete)),
                _ => Err(Trouble::Unreachable(problem)),
            },
            Err(trouble) => Err(trouble),
        }
    }
}
