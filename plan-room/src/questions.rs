//! Questions for room, which stand open until they can be answered.
//!
//! Invariant: a question is answered again when its answer changes, and is closed when there is room. The oldest order
//! is looked at first.

use std::collections::BTreeMap;

use plan_core::engine::{Fit, FitAnswer, Grant, Number};
use plan_core::spec::InstanceName;

use crate::fit::NoRoom;

/// An open question.
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
    /// Adds a question. A question for any node replaces all questions of the instance. Any other replaces the one of
    /// its order.
    pub fn ask(&mut self, fit: Box<Fit>, asked: u64) {
        let key = (fit.launch, fit.instance.clone());
        if fit.at.is_none() {
            self.open.retain(|(_, instance), _| *instance != key.1);
        }
        self.open.insert(key, Question { fit, asked, told: None });
    }

    /// Withdraws a question.
    pub fn withdraw(&mut self, instance: &InstanceName, launch: Number) {
        self.open.remove(&(launch, instance.clone()));
    }

    /// Withdraws all questions.
    pub fn clear(&mut self) {
        self.open.clear();
    }

    /// Whether no question is open.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// The open questions, the oldest order first.
    pub fn iter(&self) -> impl Iterator<Item = &Question> {
        self.open.values()
    }

    /// The orders that ask, the oldest first.
    pub fn orders(&self) -> Vec<(InstanceName, Number)> {
        self.open.keys().map(|(launch, instance)| (instance.clone(), *launch)).collect()
    }

    /// Looks at a question, and returns its answer if that has changed. An answer with room closes the question.
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
