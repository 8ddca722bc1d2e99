//! Wakes: waits that are over, and kills and questions that are repeated.
//!
//! Invariant: nothing else looks at the clock. An early wake changes nothing.

use crate::spec::TaskName;

use super::at::At;
use super::backoff::LONGEST_WAIT;
use super::bug::Bug;
use super::rules::Whom;
use super::session::agenda::Item;
use super::time::Time;
use super::transition::Transition;
use super::waker::Waker;

impl Transition<'_> {
    /// Does what is due at this time.
    pub(super) fn wake(&mut self) {
        if self.session.reconciliation.is_fresh() {
            self.session.reconciliation.begin();
            self.cut_waits();
            for nth in 0..self.state.active().len() {
                let run = &self.state.active()[nth];
                let (number, phases) = (run.number(), run.layout.phases.len() as u32);
                self.session.agenda.sweep(number, 0..phases);
            }
            self.consider_hurt();
            self.ask_owed();
        }
        self.end_waits(self.now);
        if self.state.next_move(self.session).is_some_and(|time| time <= self.now) {
            self.awaken(Waker::Time, Whom::Movers);
        }
        // What moves comes first: its orders are withdrawn, and not gone on with.
        if self.session.agenda.take(Item::Move) {
            self.consider_moves();
        }
        self.pursue_due();
        if self.session.farewell.overdue(self.now) {
            self.session.agenda.consider(Item::Leave);
        }
        self.kill_due();
        self.consider_due();
        self.ask_again();
        self.go_on_starting();
    }

    /// Ends the waits that are over.
    fn end_waits(&mut self, until: Time) {
        while let Some((time, at)) = self.state.delays.first() {
            if time > until || self.bug(Bug::BackoffForever) {
                return;
            }
            self.end_wait(at, time);
        }
    }

    /// Ends waits that are longer than the longest wait. They come from a clock that was far off.
    fn cut_waits(&mut self) {
        let longest = self.now.after(LONGEST_WAIT);
        while let Some((time, at)) = self.state.delays.last() {
            if time <= longest {
                return;
            }
            self.end_wait(at, time);
        }
    }

    fn end_wait(&mut self, at: At, time: Time) {
        self.state.delays.remove(at, time);
        let tasks = self.state.record(at).map(|record| record.tasks()).unwrap_or_default();
        let over: Vec<TaskName> = tasks
            .iter()
            .filter(|task| task.delayed_until() == Some(time))
            .map(|task| task.name().clone())
            .collect();
        for task in over {
            self.record_mut(at).delay(&task, None);
        }
        self.touch(at);
    }
}
