//! The end of what was asked of an instance.
//!
//! Invariant: only what was asked is waited for. What a plan still wants of the instance, a canary that waits for its
//! release for days, is another matter.

use plan_core::spec::PlanName;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::ended::Ended;
use super::follow::{Look, Notes};
use super::http::Scheduler;
use super::plan::Why;
use super::trouble::Trouble;
use crate::ui::Ui;

/// A verb for an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Restart,
    Replace,
    Pause,
    Resume,
}

impl Act {
    pub(super) fn verb(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::Replace => "replace",
            Self::Pause => "pause",
            Self::Resume => "resume",
        }
    }

    /// What is being done.
    pub(super) fn doing(self) -> &'static str {
        match self {
            Self::Restart => "is being restarted",
            Self::Replace => "is being replaced",
            Self::Pause => "is being paused",
            Self::Resume => "is being resumed",
        }
    }

    /// What was done.
    pub(super) fn done(self) -> &'static str {
        match self {
            Self::Restart => "was restarted, and its tasks have reached their goals",
            Self::Replace => "was replaced, and its tasks have reached their goals",
            Self::Pause => "is paused",
            Self::Resume => "was resumed",
        }
    }
}

/// An instance, as `/v2/pods` shows it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Known {
    place: Option<Place>,
    /// Present while the instance is to go elsewhere.
    moves: Option<IgnoredAny>,
    tasks: Vec<KnownTask>,
}

#[derive(Debug, Clone, Deserialize)]
struct Place {
    handle: String,
}

#[derive(Debug, Clone, Deserialize)]
struct KnownTask {
    name: String,
    goal: String,
    pause: Option<String>,
    launch: Option<u64>,
    reached: Option<Reached>,
}

#[derive(Debug, Clone, Deserialize)]
struct Reached {
    launch: u64,
}

impl Known {
    /// The instance as it is; `None` if there is none of this name.
    pub(super) async fn of(scheduler: &Scheduler, pod: &str) -> Option<Self> {
        // A verb for an instance that does not exist is refused with its reason.
        scheduler.get(&["v2", "pods", pod]).await.ok()
    }
}

impl KnownTask {
    /// Whether its last launch is newer than this one, and has reached its goal.
    fn is_up_since(&self, before: Option<u64>) -> bool {
        self.launch > before && self.reached.as_ref().map(|reached| reached.launch) == self.launch
    }
}

/// Waits until an instance has done what was asked of it.
pub(super) struct PodEnd<'a> {
    pub(super) pod: &'a str,
    pub(super) act: Act,
    /// The tasks that the verb names; all that are kept running if it names none.
    pub(super) tasks: &'a [String],
    /// The instance before it was asked; `None` if the same was asked before.
    pub(super) before: Option<Known>,
    pub(super) told: Notes,
}

impl PodEnd<'_> {
    /// Whether it is done.
    fn is_done(&self, now: &Known) -> bool {
        let prefix = format!("{}-", self.pod);
        let named = |task: &KnownTask| {
            let mut names = self.tasks.iter();
            self.tasks.is_empty() || names.any(|name| name.strip_prefix(&prefix).unwrap_or(name) == task.name)
        };
        // What was never launched is not restarted, paused or resumed.
        let concerns = |task: &&KnownTask| task.goal == "RUNNING" && task.launch.is_some() && named(task);
        let before = |task: &KnownTask| {
            let before = self.before.as_ref()?;
            before.tasks.iter().find(|known| known.name == task.name)
        };
        // A paused task is not restarted, and reaches no goal before it is resumed.
        let acts = || now.tasks.iter().filter(concerns).filter(|task| task.pause.is_none());
        let up = || acts().all(|task| task.is_up_since(before(task).and_then(|before| before.launch)));
        // What was not paused was not resumed, and may fail for reasons of its own.
        let was_paused = |task: &&KnownTask| before(task).is_none_or(|before| before.pause.is_some());
        let holds = || acts().filter(was_paused).all(|task| task.is_up_since(None));
        let handle = |known: &Known| known.place.as_ref().map(|place| place.handle.clone());
        let pauses = |wanted: Option<&str>| {
            now.tasks.iter().filter(concerns).all(|task| task.pause.as_deref() == wanted)
        };
        match self.act {
            Act::Restart => up(),
            Act::Replace => {
                let elsewhere = self.before.as_ref().is_none_or(|before| handle(before) != handle(now));
                now.moves.is_none() && elsewhere && up()
            }
            Act::Pause => pauses(Some("PAUSED")),
            Act::Resume => pauses(None) && holds(),
        }
    }
}

impl Look for PodEnd<'_> {
    async fn look(&mut self, ui: &mut Ui, scheduler: &Scheduler) -> Result<Option<Ended>, Trouble> {
        let now: Known = scheduler.get(&["v2", "pods", self.pod]).await?;
        if self.is_done(&now) {
            return Ok(Some(Ended::Complete));
        }
        let whys: Vec<Why> = scheduler.get(&["v2", "pods", self.pod, "why"]).await?;
        // Recovery does what is asked of an instance. What holds a plan's step does not hold it.
        let of_recovery = |status: &str| -> Vec<String> {
            let whys =
                whys.iter().filter(|why| why.status == status && why.what.starts_with(PlanName::RECOVERY));
            whys.map(Why::line).collect()
        };
        let refused = of_recovery("ERROR");
        if !refused.is_empty() {
            return Ok(Some(Ended::Error(refused)));
        }
        // Only a person can end such a wait, so the user is told about it.
        self.told.note(ui, of_recovery("WAITING"));
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Its name and goal, its last launch, the launch that reached the goal, and its pause.
    type OfTask<'a> = (&'a str, &'a str, Option<u64>, Option<u64>, Option<&'a str>);

    fn known(handle: &str, tasks: &[OfTask<'_>]) -> Known {
        let tasks = tasks.iter().map(|(name, goal, launch, reached, pause)| {
            let reached = reached.map(|launch| json!({ "launch": launch }));
            json!({ "name": name, "goal": goal, "launch": launch, "reached": reached, "pause": pause })
        });
        let known =
            json!({ "place": { "handle": handle }, "moves": null, "tasks": tasks.collect::<Vec<_>>() });
        serde_json::from_value(known).unwrap()
    }

    #[test]
    fn what_was_asked_is_done_when_a_newer_launch_has_reached_its_goal() {
        let before = |server: Option<&str>, agent: Option<&str>| {
            known(
                "a",
                &[
                    ("server", "RUNNING", Some(3), Some(3), server),
                    ("agent", "RUNNING", Some(3), Some(3), agent),
                    ("later", "RUNNING", None, None, None),
                    ("job", "ONCE", Some(1), Some(1), None),
                ],
            )
        };
        let all: &[String] = &[];
        let agent = &["web-0-agent".to_owned()][..];
        let table = [
            (Act::Restart, all, "a", [(3, 3), (3, 3)], None, false),
            (Act::Restart, all, "a", [(5, 3), (5, 5)], None, false),
            (Act::Restart, all, "a", [(5, 5), (5, 5)], None, true),
            (Act::Restart, all, "a", [(3, 3), (3, 3)], Some("PAUSED"), true),
            (Act::Restart, agent, "a", [(3, 3), (5, 5)], None, true),
            (Act::Restart, agent, "a", [(5, 5), (3, 3)], None, false),
            (Act::Replace, all, "a", [(5, 5), (5, 5)], None, false),
            (Act::Replace, all, "b", [(5, 5), (5, 4)], None, false),
            (Act::Replace, all, "b", [(5, 5), (5, 5)], None, true),
            (Act::Pause, all, "a", [(3, 3), (3, 3)], None, false),
            (Act::Pause, all, "a", [(5, 3), (5, 3)], Some("PAUSING"), false),
            (Act::Pause, all, "a", [(5, 3), (5, 3)], Some("PAUSED"), true),
            (Act::Resume, all, "a", [(5, 3), (5, 3)], Some("STARTING"), false),
            (Act::Resume, all, "a", [(6, 6), (6, 3)], None, false),
            (Act::Resume, all, "a", [(6, 6), (6, 6)], None, true),
        ];
        for (act, tasks, handle, [server, agent], pause, done) in table {
            let of = |name, (launch, reached)| (name, "RUNNING", Some(launch), Some(reached), pause);
            let now = known(
                handle,
                &[
                    of("server", server),
                    of("agent", agent),
                    ("later", "RUNNING", None, None, None),
                    ("job", "ONCE", Some(1), Some(1), None),
                ],
            );
            let paused = (act == Act::Resume).then_some("PAUSED");
            let end = PodEnd {
                pod: "web-0",
                act,
                tasks,
                before: Some(before(paused, paused)),
                told: Notes::default(),
            };
            assert_eq!(end.is_done(&now), done, "{act:?} {tasks:?} {handle} {server:?} {agent:?} {pause:?}");
        }
        let end = |act, before| PodEnd { pod: "web-0", act, tasks: all, before, told: Notes::default() };
        // Of two tasks one was paused: the other one was not resumed, and may fail for reasons of its own.
        let of = |name, reached| (name, "RUNNING", Some(6), Some(reached), None);
        let half = known("a", &[of("server", 6), of("agent", 3)]);
        assert!(end(Act::Resume, Some(before(Some("PAUSED"), None))).is_done(&half));
        assert!(!end(Act::Resume, Some(before(None, Some("PAUSED")))).is_done(&half));
        // Where the same was asked before, what runs now is what was asked for.
        assert!(end(Act::Restart, None).is_done(&before(None, None)));
    }
}
