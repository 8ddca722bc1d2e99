//! Questions for room, which stand open until they can be answered.
//!
//! Invariant: a question is answered anew when the answer is another than before, and for good when there is room. The
//! oldest order is looked at first.

use std::collections::BTreeMap;

use plan_core::engine::{Fit, FitAnswer, Grant, Number};
use plan_core::spec::InstanceName;

use crate::fit::NoRoom;

/// A question that stands.
#[derive(Debug, Clone)]
pub struct Question {
    fit: Box<Fit>,
    asked: u64,
    told: Option<NoRoom>,
}

impl Question {
    /// What is asked.
    pub fn fit(&self) -> &Fit {
        &self.fit
    }

    /// When it was asked, by the count of commands.
    pub fn asked(&self) -> u64 {
        self.asked
    }
}

/// The questions of one session.
#[derive(Debug, Clone, Default)]
pub struct Questions {
    open: BTreeMap<(Number, InstanceName), Question>,
}

impl Questions {
    /// A question comes. One that asks for any node replaces all of the instance, any other the one of its order.
    pub fn ask(&mut self, fit: Box<Fit>, asked: u64) {
        let key = (fit.launch, fit.instance.clone());
        if fit.at.is_none() {
            self.open.retain(|(_, instance), _| *instance != key.1);
        }
        self.open.insert(key, Question { fit, asked, told: None });
    }

    /// A question is not asked any more.
    pub fn withdraw(&mut self, instance: &InstanceName, launch: Number) {
        self.open.remove(&(launch, instance.clone()));
    }

    /// None is asked any more.
    pub fn clear(&mut self) {
        self.open.clear();
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Those that stand, the oldest order first.
    pub fn iter(&self) -> impl Iterator<Item = &Question> {
        self.open.values()
    }

    /// The orders that ask, the oldest first.
    pub fn orders(&self) -> Vec<(InstanceName, Number)> {
        self.open.keys().map(|(launch, instance)| (instance.clone(), *launch)).collect()
    }

    /// Looks at one: what is to be told, if that is another than before. With room it is answered for good.
    pub fn consider(
        &mut self,
        instance: &InstanceName,
        launch: Number,
        room: impl FnOnce(&Question) -> Result<Grant, NoRoom>,
    ) -> Option<FitAnswer> {
        let key = (launch, instance.clone());
        let question = self.open.get_mut(&key)?;
        match room(question) {
            Ok(grant) => {
                self.open.remove(&key);
                Some(FitAnswer::Fitted(grant))
            }
            Err(why) if question.told.as_ref() == Some(&why) => None,
            Err(why) => {
                question.told = Some(why.clone());
                Some(why.into())
            }
        }
    }
}
