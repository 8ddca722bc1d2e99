//! Questions for room, which stand open until they can be answered.
//!
//! Invariant: free room is offered to every open question before anything else happens.

use plan_core::engine::{CommandOutcome, Fit, Handle, Number};
use plan_core::spec::InstanceName;
use plan_room::{RoomRequest, When};
use smol_str::format_smolstr;

use super::State;
use super::sessions::Say;
use crate::room::{Machine, ServiceKey};

impl State {
    pub(crate) fn ask(&mut self, key: &ServiceKey, fit: Box<Fit>) {
        let asked = self.count;
        let (instance, launch) = (fit.instance.clone(), fit.launch);
        self.sessions.service(key).questions.ask(fit, asked);
        self.consider(key, &instance, launch);
        self.look_if_freed();
    }

    pub(crate) fn withdraw(&mut self, key: &ServiceKey, instance: &InstanceName, launch: Number) {
        self.sessions.service(key).questions.withdraw(instance, launch);
        self.book.withdraw(key, instance, launch);
        self.look_if_freed();
    }

    /// Whether any question for room is open.
    pub(crate) fn is_asked(&self) -> bool {
        self.sessions.services().any(|(_, service)| !service.questions.is_empty())
    }

    /// Looks at all open questions again, and repeats that while it frees room.
    pub(crate) fn look_again(&mut self) {
        loop {
            self.book.take_freed();
            let all: Vec<_> = self
                .sessions
                .services()
                .flat_map(|(key, service)| service.questions.orders().into_iter().map(|of| (key.clone(), of)))
                .collect();
            for (key, (instance, launch)) in all {
                self.consider(&key, &instance, launch);
            }
            if !self.book.take_freed() {
                break;
            }
        }
    }

    fn look_if_freed(&mut self) {
        if self.book.take_freed() {
            self.look_again();
        }
    }

    /// The present moment, by the count of commands.
    pub(crate) fn now(&self, key: &ServiceKey) -> When {
        When { command: self.count, session: self.sessions.number(key).unwrap_or_default() }
    }

    /// Answers a question if the answer is new. An answer with room closes the question.
    fn consider(&mut self, key: &ServiceKey, instance: &InstanceName, launch: Number) {
        let now = self.now(key);
        let book = &mut self.book;
        let answer = self.sessions.service(key).questions.consider(instance, launch, |question| {
            let fit = question.fit();
            // A launch number is given to one order, and an order has one place.
            let fresh = Handle(format_smolstr!("{}@{}", fit.instance, fit.launch));
            let ask = RoomRequest { owner: key, fit, asked: question.asked(), now, fresh, until: None };
            book.fit(&ask, &mut Machine)
        });
        if let Some(answer) = answer {
            let instance = instance.clone();
            self.sessions.say(key, Say::Outcome(CommandOutcome::Fit { instance, launch, answer }));
        }
    }
}
