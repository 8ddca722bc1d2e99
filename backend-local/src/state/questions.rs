//! Questions for room, which stand open until they can be answered.
//!
//! Invariant: a question is answered anew when the answer is another than before, and for good when there is room.

use plan_core::engine::{Fit, FitAnswer, Number, Outcome};
use plan_core::spec::InstanceName;

use super::{Say, State};
use crate::room::{NoRoom, ServiceKey};

/// A question for room.
#[derive(Debug)]
pub(super) struct Open {
    fit: Box<Fit>,
    /// When it was asked, by the count of commands.
    asked: u64,
    told: Option<NoRoom>,
}

impl State {
    pub(crate) fn ask(&mut self, key: &ServiceKey, fit: Box<Fit>) {
        let asked = self.count;
        let of = (fit.instance.clone(), fit.launch);
        let elsewhere = fit.at.is_none();
        let open = &mut self.service(key).open;
        // A question that is asked again replaces the one before.
        open.retain(|(instance, launch), _| *instance != of.0 || *launch != of.1 && !elsewhere);
        open.insert(of.clone(), Open { fit, asked, told: None });
        self.consider(key, &of);
    }

    pub(crate) fn withdraw(&mut self, key: &ServiceKey, instance: &InstanceName, launch: Number) {
        self.service(key).open.remove(&(instance.clone(), launch));
        if self.rooms.withdraw(key, instance, launch) {
            self.look_again();
        }
    }

    /// Whether any question for room stands.
    pub(crate) fn is_asked(&self) -> bool {
        self.services.values().any(|service| !service.open.is_empty())
    }

    /// Looks at all open questions again.
    pub(crate) fn look_again(&mut self) {
        let all: Vec<_> = self
            .services
            .iter()
            .flat_map(|(key, service)| service.open.keys().map(move |of| (key.clone(), of.clone())))
            .collect();
        for (key, of) in all {
            self.consider(&key, &of);
        }
    }

    /// Answers a question if there is something new to say; with room, it is answered for good.
    fn consider(&mut self, key: &ServiceKey, of: &(InstanceName, Number)) {
        let Some(mut open) = self.service(key).open.remove(of) else { return };
        let answer = match self.rooms.fit(key, &open.fit, open.asked, self.count) {
            Ok(grant) => Some(FitAnswer::Fitted(grant)),
            Err(why) if open.told.as_ref() == Some(&why) => {
                self.service(key).open.insert(of.clone(), open);
                None
            }
            Err(why) => {
                open.told = Some(why.clone());
                self.service(key).open.insert(of.clone(), open);
                Some(match why {
                    NoRoom::Retry(why) => FitAnswer::Retry(why),
                    NoRoom::Gone(why) => FitAnswer::NodeGone(why),
                })
            }
        };
        if let Some(answer) = answer {
            let (instance, launch) = of.clone();
            self.say(key, Say::Outcome(Outcome::Fit { instance, launch, answer }));
        }
    }
}
