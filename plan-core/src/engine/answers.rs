//! The backend's answers to questions for room, and to launches.
//!
//! Invariant: an answer counts for its order as long as the order asks. A grant that no order asks for is given back.

use super::at::At;
use super::bug::Bug;
use super::effects::{Command, Event};
use super::input::{FitAnswer, LaunchAnswer};
use super::record::{Cause, Number, OrderStage, OrderedTask, TaskState};
use super::transition::Transition;
use super::words::Words;

impl Transition<'_> {
    /// Takes the backend's answer to a question for room.
    pub(super) fn fit_answered(&mut self, at: At, launch: Number, answer: FitAnswer) {
        let stage = self.state.record(at).and_then(|record| record.order(launch)).map(|order| order.stage);
        if !matches!(stage, Some(OrderStage::Requested | OrderStage::Displacing)) {
            // The question was withdrawn, or its order was given by an earlier answer. This grant is given back, unless
            // a record names it.
            if stage.is_none() && matches!(answer, FitAnswer::Fitted(_)) {
                self.command(Command::Withdraw { instance: self.name(at), launch });
            }
            return;
        }
        match answer {
            FitAnswer::Fitted(grant) => {
                // A question of an earlier session is asked again in this one.
                if self.session.fits.granted(launch, grant) {
                    self.advance(at, launch);
                }
            }
            FitAnswer::Retry(why) => {
                self.tell(|keeper, transition| keeper.asks_no_more(transition, at));
                if self.session.fits.refused(launch, &why) {
                    self.event(Event::NoRoom { instance: self.name(at), why });
                }
            }
            FitAnswer::Never(why) => self.never_fits(at, launch, why),
            FitAnswer::NodeGone(why) => {
                let lives = self.state.record(at).is_some_and(|record| record.place().is_some());
                if lives {
                    self.allow_relocation(at, Cause::NodeGone);
                } else {
                    self.fit_answered(at, launch, FitAnswer::Retry(why));
                }
            }
        }
    }

    /// Takes the backend's answer to a launch.
    pub(super) fn launch_answered(&mut self, at: At, launch: Number, answer: LaunchAnswer) {
        let Some(record) = self.state.record(at) else { return };
        let of_launch = record.slots().iter().filter_map(|slot| slot.occupant());
        let states: Vec<_> = of_launch.filter(|o| o.launch == launch).map(|o| o.state).collect();
        // Any observation of the launch is newer than the answer.
        let unseen = states.iter().all(|state| *state == TaskState::Launching);
        match answer {
            _ if states.is_empty() => {}
            LaunchAnswer::Done => {}
            LaunchAnswer::Retry(why) if unseen => self.refused(at, launch, why, None),
            LaunchAnswer::Never(why) if unseen => self.refused(at, launch, why.clone(), Some(why)),
            LaunchAnswer::Unknown if self.bug(Bug::UnknownNotAsked) => {}
            LaunchAnswer::Unknown | LaunchAnswer::Retry(_) | LaunchAnswer::Never(_) => {
                self.ask_for_instance(at);
            }
        }
    }

    /// Notes that a launch was certainly not carried out: it ended before it began, and its number is spent.
    fn refused(&mut self, at: At, launch: Number, why: Words, never: Option<Words>) {
        let Some(order) = self.state.record(at).and_then(|record| record.order(launch)) else { return };
        let tasks = order.tasks.clone();
        let unseen = !self.state.is_seen(at);
        let (now, for_good) = (self.now, never.is_some());
        self.event(Event::Refused { instance: self.name(at), launch, why: why.clone(), for_good });
        for OrderedTask { task, conf, .. } in &*tasks {
            let record = self.record_mut(at);
            record.refuse(launch, task, &why, now);
            match &never {
                Some(why) => record.refuse_for_good(task, *conf, why.clone()),
                None => self.failed(at, task),
            }
            self.goes_down(at, launch, task);
        }
        self.forget_place(at, launch);
        self.touch(at);
        for OrderedTask { task, .. } in &*tasks {
            self.session.kills.spare(&(at, launch, task.clone()));
            self.way_is_clear(at, launch, task);
        }
        // What was not seen yet was this launch: what waited for that goes on.
        if unseen && !self.bug(Bug::RefusedUnseen) {
            self.take_up(at);
        }
    }

    /// Notes that the backend will never have room for an order.
    fn never_fits(&mut self, at: At, launch: Number, why: Words) {
        let Some(order) = self.state.record(at).and_then(|record| record.order(launch)) else { return };
        let tasks = order.tasks.clone();
        self.event(Event::Refused { instance: self.name(at), launch, why: why.clone(), for_good: true });
        self.spend(at, launch);
        let record = self.record_mut(at);
        for OrderedTask { task, conf, .. } in &*tasks {
            record.refuse_for_good(task, *conf, why.clone());
        }
        self.touch(at);
    }
}
