//! Backoff: waits between tries (`docs/decisions/0006-backoff.md`).
//!
//! Invariant: a wait holds until a wake after its end takes it out of the record. Nothing else looks at the clock.

use std::time::Duration;

use crate::spec::{Goal, TaskName};

use super::at::At;
use super::bug::Bug;
use super::record::Number;
use super::time::Time;
use super::transition::Transition;

/// The wait after the second failure in a row. After the first failure there is no wait.
const FIRST_WAIT: Duration = Duration::from_secs(10);
/// The longest wait.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// How long a task has to keep its goal before its failures are counted anew.
const STABLE_AFTER: Duration = Duration::from_secs(600);

/// How long a task waits after this many failures in a row.
fn backoff(failures: u32) -> Duration {
    match failures {
        0 | 1 => Duration::ZERO,
        more => FIRST_WAIT.saturating_mul(1 << (more - 2).min(16)).min(LONGEST_WAIT),
    }
}

impl Transition<'_> {
    /// Counts a failure of a task, and sets its wait, which grows with each failure in a row.
    pub(super) fn failed(&mut self, at: At, name: &TaskName) {
        let now = self.now;
        self.lasted(at, name);
        if self.state.record(at).is_none_or(|record| record.task(name).is_none()) {
            return;
        }
        let wait = backoff(self.record_mut(at).fail(name));
        self.delay(at, name, (wait > Duration::ZERO).then(|| now.after(wait)));
    }

    /// Counts a task's failures anew if it ends after it kept its goal for long.
    pub(super) fn lasted(&mut self, at: At, name: &TaskName) {
        let now = self.now;
        let Some(task) = self.state.record(at).and_then(|record| record.task(name)) else { return };
        let lasted =
            task.reached().filter(|reached| Some(reached.launch) == task.last().map(|last| last.launch));
        if task.failures() > 0 && lasted.is_some_and(|reached| now.since(reached.at) >= STABLE_AFTER) {
            self.record_mut(at).forgive(name);
        }
    }

    /// Forgets a task's wait, its failures, and its refusal for good.
    pub(super) fn begin_anew(&mut self, at: At, name: &TaskName) {
        self.delay(at, name, None);
        let record = self.record_mut(at);
        record.forgive(name);
        record.ask_once_more(name);
    }

    /// Lets a task wait until a time; `None` ends its wait.
    pub(super) fn delay(&mut self, at: At, name: &TaskName, until: Option<Time>) {
        let old = self.state.record(at).and_then(|record| record.task(name)).and_then(|t| t.delayed_until());
        if old == until {
            return;
        }
        let written = until.filter(|_| !self.bug(Bug::BackoffNotWritten));
        self.record_mut(at).delay(name, written);
        if let Some(old) = old {
            let record = self.state.record(at);
            let shared =
                record.is_some_and(|r| r.tasks().iter().any(|task| task.delayed_until() == Some(old)));
            if !shared {
                self.state.delays.remove(at, old);
            }
        }
        if let Some(until) = until {
            self.state.delays.add(at, until);
        }
    }

    /// Notes that a task that should run does not, or is not heard of.
    pub(super) fn goes_down(&mut self, at: At, launch: Number, name: &TaskName) {
        let record = self.state.record(at);
        let order = record.and_then(|record| record.order(launch));
        let goal = order.and_then(|order| self.state.goal_of(order, name)).map(|(goal, _)| goal);
        let known = record.and_then(|record| record.task(name)).is_some_and(|task| task.down().is_some());
        if goal == Some(Goal::Running) && !known {
            let now = self.now;
            self.record_mut(at).goes_down(name, now);
        }
    }
}
