//! `uninstall`: ends and releases a whole service.

use super::ended::Ended;
use super::follow::{Changes, Look, wait_since};
use super::http::Scheduler;
use super::plan::Line;
use super::trouble::Trouble;
use super::{ask, tell};
use crate::Verdict;
use crate::arguments::Uninstall;
use crate::ui::Ui;
use plan_host::folder::RECORDS;

pub(crate) fn uninstall(ui: &mut Ui, arguments: &Uninstall) -> std::io::Result<Verdict> {
    let waiting = &arguments.waiting;
    ask(ui, &arguments.of, async |ui, scheduler| {
        // Nobody can be asked afterwards, so a wait listens before the uninstall begins.
        let mut changes = match waiting.wait {
            true => Some(Changes::of(scheduler).await),
            false => None,
        };
        let mut gone = Gone { had_records: has_records(scheduler) };
        let answered = scheduler.post(&["v2", "uninstall"], &[], None::<&()>).await?;
        let words = "the service is being uninstalled: its tasks are ended, and all that it has is released.";
        if answered.was_so() && !ui.is_json() {
            ui.say("the service is being uninstalled already")?;
        } else {
            tell(ui, &answered, words, waiting)?;
        }
        let Some(changes) = &mut changes else {
            if !ui.is_json() {
                ui.hint("`planwright plan status uninstall --watch` shows how far that is");
            }
            return Ok(Verdict::Good);
        };
        let ended = wait_since(ui, scheduler, waiting, changes, &mut gone).await?;
        let good = (&[Ended::Complete][..], "uninstalled");
        Ok(ended.tell_wanted(ui, "the uninstallation", good, answered.whole)?)
    })
}

/// Whether the scheduler is known to keep records on this machine's disk.
fn has_records(scheduler: &Scheduler) -> bool {
    scheduler.found().running.as_ref().is_some_and(|running| running.data_dir.join(RECORDS).exists())
}

/// Waits until nothing of a service is left.
struct Gone {
    /// Whether its records could be seen. If so, everything is gone when they are.
    had_records: bool,
}

impl Look for Gone {
    async fn look(&mut self, _: &mut Ui, scheduler: &Scheduler) -> Result<Option<Ended>, Trouble> {
        match scheduler.get::<Vec<Line>>(&["v2", "plans"]).await {
            Ok(plans) if plans.is_empty() => Ok(Some(Ended::Complete)),
            Ok(_) => Ok(None),
            // A scheduler ends when nothing is left, and removes the records.
            Err(Trouble::Unreachable(problem)) => match &scheduler.found().running {
                Some(running) if self.had_records && running.has_nothing() => Ok(Some(Ended::Complete)),
                _ => Err(Trouble::Unreachable(problem)),
            },
            Err(trouble) => Err(trouble),
        }
    }

    fn uninstalled(&self) -> Ended {
        Ended::Complete
    }
}
