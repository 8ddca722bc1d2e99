//! Moving: instances that leave their place for another.
//!
//! Invariant: an instance leaves its place only with a recorded relocation. What it had there becomes a debt in the
//! same batch that gives it the new place.

use super::at::At;
use super::bug::Bug;
use super::effects::Event;
use super::record::{Cause, Number, OrderStage, PodRecord};
use super::rules::{Question, objection};
use super::session::Session;
use super::session::agenda::MOST_CONSIDERED;
use super::state::State;
use super::time::Time;
use super::transition::Transition;

impl State {
    /// When the next instance that is down for too long may move, if it waits for time alone.
    pub(super) fn next_move(&self, session: &Session) -> Option<Time> {
        let (due, at) = self.deadlines.first_after(session.patience.looked_at())?;
        match objection(&Question::of_move(self, at, due)?, session) {
            Some((rule, verdict)) if rule.holds_all => verdict.reason()?.until(),
            _ => Some(due),
        }
    }
}

impl Transition<'_> {
    /// Permits an instance to move. Its waits and refusals are forgotten.
    pub(super) fn allow_relocation(&mut self, at: At, cause: Cause) {
        let now = self.now;
        let Some(record) = self.state.record(at) else { return };
        if record.place().is_none() {
            return;
        }
        if let Some(known) = record.relocation() {
            // `Replace` takes the place of any other cause, as a cause like a lost node can be taken back and `Replace`
            // cannot. Orders that already ask for another place stay valid.
            if cause == Cause::Replace && known.cause != Cause::Replace {
                self.record_mut(at).allow_relocation(cause, now);
            }
            return;
        }
        let tasks: Vec<_> = record.tasks().iter().map(|task| task.name().clone()).collect();
        // Orders that ask for room at the old place are withdrawn.
        self.withdraw_where(at, |_| true);
        tasks.iter().for_each(|task| self.begin_anew(at, task));
        self.record_mut(at).allow_relocation(cause, now);
        self.event(Event::MayMove { instance: self.name(at), cause });
        self.touch(at);
        // On a lost node there may be nothing left that could report the ends of the tasks, so their states are asked
        // for.
        if cause == Cause::NodeGone {
            self.ask_for_instance(at);
        }
    }

    /// Cancels the relocation of an instance that is up again after a loss or a long failure. Not if an
    /// operator replaces the instance, or if its tasks are being ended already.
    pub(super) fn may_stay(&mut self, at: At) {
        let Some(record) = self.state.record(at) else { return };
        let for_good = |cause| cause == Cause::Replace && !self.bug(Bug::ReplaceTakenBack);
        let lost = record.relocation().is_some_and(|relocation| !for_good(relocation.cause));
        let down = record.tasks().iter().any(|task| task.down().is_some());
        let down = down || self.bug(Bug::NeverStays);
        if !lost || down || record.standing().any(|order| order.stage == OrderStage::Displacing) {
            return;
        }
        self.withdraw_where(at, |_| true);
        self.record_mut(at).cancel_relocation();
        self.event(Event::Stays { instance: self.name(at) });
        self.touch(at);
    }

    /// Permits the instances that are down for too long to move, one after the other as the replacement failure policy
    /// says. An instance that was not seen yet is looked at again when it is.
    pub(super) fn consider_moves(&mut self) {
        let (now, mut permitted, mut last) = (self.now, 0, None);
        while let Some((due, at)) = self.state.deadlines.next_due(last, now) {
            last = Some((due, at));
            let Some(question) = Question::of_move(self.state, at, now) else { continue };
            match objection(&question, self.session) {
                None => self.allow_relocation(at, Cause::Timeout),
                Some((rule, _)) if rule.holds_all => return,
                Some(_) => continue,
            }
            permitted += 1;
            if permitted == MOST_CONSIDERED {
                return;
            }
        }
        self.session.patience.looked(now);
    }

    /// Asks a pod's open questions for room again, as other instances have new places.
    pub(super) fn ask_anew(&mut self, pod: u32) {
        let open: Vec<(Number, At)> = self.session.fits.open_of(pod).collect();
        for (launch, at) in open {
            let bound = |record: &PodRecord| record.place().is_some() && record.relocation().is_none();
            if !self.state.record(at).is_some_and(bound) {
                self.renumber(at, launch);
            }
        }
    }
}
