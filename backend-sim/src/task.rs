//! Tasks, with their real state.
//!
//! Invariant: a task's life goes forward only, and ends once. Commands are not run.

use std::sync::Arc;

use plan_core::engine::{End, Handle, Number, Seen, Sighting, Words};
use plan_core::plan::{ContentHash, TaskConfig};
use plan_core::spec::{Goal, Seconds, TaskName};

use crate::choose::{Choose, Site};
use crate::latency::{CHECK, FINISHED, KILLED, READY_TRIES, RUNNING, STARTING, most, take};
use crate::node::Node;

/// The part of its life that a task is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    /// Its node does not have it yet.
    Launched,
    /// It is being fetched and set up.
    Starting,
    /// Its command runs.
    Running {
        /// Whether its readiness check passes; true if it has none.
        ready: bool,
    },
    /// It ended.
    Ended(End),
}

/// A task of one launch.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    /// Its instance, by number.
    pub(crate) instance: u32,
    /// Its name.
    pub(crate) name: TaskName,
    /// The order that launched it.
    pub(crate) launch: Number,
    /// Its configuration's hash.
    pub(crate) conf: ContentHash,
    /// Its configuration.
    pub(crate) config: Arc<TaskConfig>,
    /// Its node, by number.
    pub(crate) node: u32,
    /// The resources that it runs in.
    pub(crate) handle: Handle,
    /// Whether it is paused: it runs, no check of it passes, and it never finishes.
    pub(crate) paused: bool,
    /// The part of its life that it is in.
    pub(crate) life: Life,
    /// Why it ended, in words, if there are any.
    pub(crate) words: Option<Words>,
    /// Whether it ever attained its goal.
    pub(crate) attained: bool,
    /// Whether it was told to end.
    pub(crate) killing: bool,
    /// Whether it was told to end while its node was silent. It gets the request when the node is back.
    pub(crate) kill_waits: Option<Seconds>,
    /// Whether the backend knows of its end.
    pub(crate) end_known: bool,
    /// The session in which the backend said that it was lost, if it lives on after that.
    pub(crate) lost: Option<u32>,
    /// Whether the engine's records have its end, so that the backend has forgotten it.
    pub(crate) forgotten: bool,
    /// The session and number of the last observation of it that the engine heard.
    pub(crate) heard: (u32, u64),
    /// Whether the last observation that the engine heard says that its node is silent.
    pub(crate) believed_silent: bool,
    /// The observations of it; kept only if a fault lets the backend show an old state.
    pub(crate) told: Vec<Telling>,
}

/// An observation of a task.
#[derive(Debug, Clone)]
pub(crate) struct Telling {
    /// The time of the observation.
    pub(crate) time: u64,
    /// Its number.
    pub(crate) serial: u64,
    /// What.
    pub(crate) seen: Sighting,
}

impl Task {
    /// Whether it has not ended.
    pub(crate) fn lives(&self) -> bool {
        !matches!(self.life, Life::Ended(_))
    }

    /// The task as its backend sees it, while its node is heard of.
    pub(crate) fn seen(&self, node: &Node) -> Sighting {
        let seen = match self.life {
            Life::Launched | Life::Starting => Sighting::from(Seen::Starting),
            Life::Running { ready } => Sighting::from(Seen::Running { ready }).at(node.address.clone()),
            Life::Ended(end) => Sighting::from(Seen::Ended(end)),
        };
        seen.with_words(self.words.clone())
    }

    /// Ends the task, with a reason.
    pub(crate) fn ends(&mut self, end: End, words: Option<Words>) {
        self.enter(Life::Ended(end));
        self.words = words;
    }

    /// Goes into the next part of its life, and notes whether that reached its goal.
    pub(crate) fn enter(&mut self, life: Life) {
        self.life = life;
        self.attained |= match self.config.spec.goal {
            _ if self.paused => false,
            Goal::Running => life == Life::Running { ready: true },
            Goal::Once | Goal::Finish => life == Life::Ended(End::Finished),
        };
    }

    /// The next part of its life if nothing happens to it, and after how many microseconds.
    pub(crate) fn next(&self, choose: &mut dyn Choose, entity: u64) -> Option<(Life, u64)> {
        let check = self.config.spec.readiness_check.as_ref();
        match (self.life, check) {
            (Life::Launched, _) => Some((Life::Starting, take(choose, "starting", entity, &STARTING))),
            (Life::Starting, check) => {
                let ready = check.is_none();
                Some((Life::Running { ready }, take(choose, "running", entity, &RUNNING)))
            }
            (Life::Running { ready: false }, Some(check)) if !self.paused => {
                let tries = choose.choose(Site::new("ready", entity), READY_TRIES);
                let waits = u64::from(check.delay.0) + u64::from(tries) * u64::from(check.interval.0.max(1));
                Some((Life::Running { ready: true }, waits * 1_000_000 + CHECK))
            }
            (Life::Running { ready: true }, _) if self.config.spec.goal != Goal::Running && !self.paused => {
                Some((Life::Ended(End::Finished), take(choose, "finished", entity, &FINISHED)))
            }
            _ => None,
        }
    }

    /// The longest that a launch of it takes to its goal, and after that to its end, in microseconds.
    pub(crate) fn longest(config: &TaskConfig) -> u64 {
        let check = config.spec.readiness_check.as_ref().map_or(0, |check| {
            (u64::from(check.delay.0) + u64::from(READY_TRIES) * u64::from(check.interval.0.max(1)))
                * 1_000_000
                + CHECK
        });
        let grace = u64::from(config.spec.kill_grace_period.0) * 1_000_000;
        most(&STARTING) + most(&RUNNING) + check + most(&FINISHED) + grace + most(&KILLED)
    }

    /// How it ends when it is told to, and after how many microseconds.
    pub(crate) fn killed(&self, choose: &mut dyn Choose, entity: u64, grace: u64) -> (End, u64) {
        // A task that handles the request ends by itself, before its time is over.
        let end = match choose.choose(Site::new("kill-end", entity), 2) {
            0 => End::Killed,
            _ => End::Finished,
        };
        (end, take(choose, "killed", entity, &KILLED).min(grace + KILLED[0]))
    }
}
