//! Moving: instances that go elsewhere.
//!
//! Invariant: an instance leaves its place only by a recorded permission, and what it had there becomes a debt
//! in the batch that gives it another.

use std::time::Duration;

use super::at::At;
use super::bug::Bug;
use super::effects::Event;
use super::reason::{Reason, Verdict};
use super::record::{Cause, Number, PodRecord, Stage};
use super::rules::{Question, Waker, eligible};
use super::session::agenda::MOST_CONSIDERED;
use super::time::Time;
use super::turn::Turn;

/// Who is down for too long, and was not seen in this session, is looked at again after so long.
const UNSEEN_AGAIN: Duration = Duration::from_secs(5);

impl Turn<'_> {
    /// An instance may, and shall, go elsewhere: what it waits for and what was refused of it is forgotten.
    pub(super) fn permit(&mut self, at: At, cause: Cause) {
        let now = self.now;
        let Some(record) = self.state.record(at) else { return };
        if record.place().is_none() {
            return;
        }
        if let Some(known) = record.permission() {
            // The word that is hardest to take back counts; what stands, stands for it too.
            if cause == Cause::Replace && known.cause != Cause::Replace {
                self.record_mut(at).permit(cause, now);
            }
            return;
        }
        let tasks: Vec<_> = record.tasks().iter().map(|task| task.name().clone()).collect();
        // Room at the old place is asked for no more.
        self.withdraw_where(at, |_| true);
        tasks.iter().for_each(|task| self.begin_anew(at, task));
        self.record_mut(at).permit(cause, now);
        self.event(Event::MayMove { instance: self.name(at), cause });
        self.wanted_otherwise(at);
        // Nobody may be left there to say that its tasks have ended.
        if cause == Cause::NodeGone {
            self.ask_for_instance(at);
        }
    }

    /// An instance that was lost, or down for too long, is there again: it stays, unless an operator replaces
    /// it or its tasks are being ended already.
    pub(super) fn may_stay(&mut self, at: At) {
        let Some(record) = self.state.record(at) else { return };
        let for_good = |cause| cause == Cause::Replace && !self.bug(Bug::ReplaceTakenBack);
        let lost = record.permission().is_some_and(|permission| !for_good(permission.cause));
        let down = record.tasks().iter().any(|task| task.down().is_some());
        let down = down || self.bug(Bug::NeverStays);
        if !lost || down || record.standing().any(|order| order.stage == Stage::Clearing) {
            return;
        }
        self.withdraw_where(at, |_| true);
        self.record_mut(at).stay();
        self.event(Event::Stays { instance: self.name(at) });
        self.touch(at);
        self.awaken(Waker::Wanted, at);
    }

    /// Lets go elsewhere who was down for too long, one after the other as the policy wants it.
    pub(super) fn end_patience(&mut self) {
        let now = self.now;
        // Who is asked whether it is there again is not given up yet.
        if !self.session.is_live() || self.session.patience > Some(now) {
            return;
        }
        let may = |turn: &Self, at| eligible(&Question::of_move(turn.state, at, now), turn.session);
        let first = self.state.deadlines.due(now).next().map(|at| may(self, at));
        if matches!(first, Some(Verdict::Defer(Reason::ReplacedLately { .. }))) {
            return;
        }
        let due = self.state.deadlines.due(now);
        let seen: Vec<At> = due.filter(|&at| self.state.is_seen(at)).take(MOST_CONSIDERED).collect();
        let all = seen.len() < MOST_CONSIDERED;
        for at in seen {
            if may(self, at) != Verdict::Allow {
                return;
            }
            self.permit(at, Cause::Timeout);
        }
        // Those who are left were not seen: they are looked at again.
        let unseen = all && self.state.deadlines.first().is_some_and(|due| due <= now);
        self.session.patience = unseen.then(|| now.after(UNSEEN_AGAIN));
    }

    /// When the next that is down for too long may go elsewhere.
    pub(super) fn next_patience(&self) -> Option<Time> {
        if !self.session.is_live() {
            return None;
        }
        let due = self.state.deadlines.first()?;
        Some(due.max(self.state.next_replacement()?).max(self.session.patience.unwrap_or_default()))
    }

    /// Asks the open questions of a pod again, as the others are elsewhere now.
    pub(super) fn ask_anew(&mut self, pod: u32) {
        let open: Vec<(Number, At)> = self.session.fits.open_of(pod).collect();
        for (launch, at) in open {
            let bound = |record: &PodRecord| record.place().is_some() && record.permission().is_none();
            if !self.state.record(at).is_some_and(bound) {
                self.renumber(at, launch);
            }
        }
    }
}
