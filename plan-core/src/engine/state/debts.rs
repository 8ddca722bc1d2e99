//! The debts, by who owes and by what is owed.
//!
//! Invariant: a launch is owed by at most one debt, and each debt is found by its instance.

use std::sync::Arc;

use crate::engine::at::At;
use crate::engine::bug::Bug;
use crate::engine::record::{DebtCause, DebtRecord, Number};
use crate::spec::InstanceName;

use super::State;

impl State {
    /// What an instance still owes of an earlier life, in which it, or a task of it, left the target: nothing of
    /// it is launched before that is settled.
    pub(in crate::engine) fn unsettled(&self, at: At) -> Option<&DebtRecord> {
        if self.debts.is_empty() || self.bug(Bug::OwedComesBack) {
            return None;
        }
        self.debts_of(&self.name(at)).find(|debt| debt.cause != DebtCause::Moved).map(|debt| &**debt)
    }

    /// What an instance owes.
    pub(in crate::engine) fn debts_of(&self, name: &InstanceName) -> impl Iterator<Item = &Arc<DebtRecord>> {
        let numbers = self.owing.get(name).into_iter().flatten();
        numbers.filter_map(|number| self.debts.get(number))
    }

    pub(in crate::engine) fn index_debt(&mut self, debt: &Arc<DebtRecord>) {
        for owed in &debt.kill {
            self.owed.insert((owed.launch, owed.task.clone()), debt.number);
        }
        self.owing.entry(debt.instance.clone()).or_default().insert(debt.number);
        self.leaves += usize::from(debt.cause == DebtCause::Decommission);
        self.debts.insert(debt.number, debt.clone());
    }

    /// Forgets a debt.
    pub(in crate::engine) fn remove_debt(&mut self, number: Number) -> Option<Arc<DebtRecord>> {
        let debt = self.debts.remove(&number)?;
        for owed in &debt.kill {
            self.owed.remove(&(owed.launch, owed.task.clone()));
        }
        if let Some(owing) = self.owing.get_mut(&debt.instance) {
            owing.remove(&number);
            if owing.is_empty() {
                self.owing.remove(&debt.instance);
            }
        }
        self.leaves -= usize::from(debt.cause == DebtCause::Decommission);
        Some(debt)
    }
}
