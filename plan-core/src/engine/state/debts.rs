//! The debts, with indices by instance and by launch.
//!
//! Invariant: a launch belongs to at most one debt, and is found there until its end is seen. An instance without debts
//! is in no index.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::engine::record::{DebtCause, DebtRecord, Handle, Number};
use crate::spec::{InstanceName, TaskName};

/// The debts that are not settled yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::engine) struct Debts {
    all: BTreeMap<Number, Arc<DebtRecord>>,
    /// The debt that each launch belongs to.
    owed: BTreeMap<(Number, TaskName), Number>,
    /// The debts of each instance.
    owing: BTreeMap<InstanceName, BTreeSet<Number>>,
    /// How many debts are of instances that left the target.
    of_leavers: usize,
}

/// A debt before and after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) struct Changed {
    pub(in crate::engine) old: Arc<DebtRecord>,
    pub(in crate::engine) new: Arc<DebtRecord>,
}

impl Debts {
    /// The debt with this number.
    pub(in crate::engine) fn get(&self, number: Number) -> Option<&Arc<DebtRecord>> {
        self.all.get(&number)
    }

    /// All debts, oldest first.
    pub(in crate::engine) fn iter(&self) -> impl Iterator<Item = &Arc<DebtRecord>> {
        self.all.values()
    }

    /// Whether there is no debt.
    pub(in crate::engine) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The debts of an instance, oldest first.
    pub(in crate::engine) fn of(&self, instance: &InstanceName) -> impl Iterator<Item = &Arc<DebtRecord>> {
        let numbers = self.owing.get(instance).into_iter().flatten();
        numbers.filter_map(|number| self.all.get(number))
    }

    /// The debt that a launch of a task belongs to.
    pub(in crate::engine) fn that_owes(&self, launch: Number, task: &TaskName) -> Option<&Arc<DebtRecord>> {
        // Usually there is no debt.
        if self.owed.is_empty() {
            return None;
        }
        self.all.get(self.owed.get(&(launch, task.clone()))?)
    }

    /// All launches of debts, each with its debt.
    pub(in crate::engine) fn owed(&self) -> impl Iterator<Item = (Number, &TaskName, Number)> {
        self.owed.iter().map(|((launch, task), debt)| (*launch, task, *debt))
    }

    /// Whether an instance that left the target has a debt.
    pub(in crate::engine) fn has_leaver(&self) -> bool {
        self.of_leavers > 0
    }

    /// Adds a debt.
    pub(in crate::engine) fn insert(&mut self, debt: Arc<DebtRecord>) {
        for owed in &debt.kill {
            self.owed.insert((owed.launch, owed.task.clone()), debt.number);
        }
        self.owing.entry(debt.instance.clone()).or_default().insert(debt.number);
        self.of_leavers += usize::from(debt.cause == DebtCause::Decommission);
        self.all.insert(debt.number, debt);
    }

    /// Notes that a launch of a debt has ended.
    pub(in crate::engine) fn ended(
        &mut self,
        number: Number,
        launch: Number,
        task: &TaskName,
    ) -> Option<Changed> {
        self.owed.remove(&(launch, task.clone()));
        self.change(number, |debt| debt.kill.retain(|owed| owed.launch != launch || owed.task != *task))
    }

    /// Takes the handle out of a debt, as it is in use.
    pub(in crate::engine) fn keep(&mut self, number: Number) -> Option<Changed> {
        self.change(number, |debt| debt.release = None)
    }

    /// The debts of an instance that release a handle.
    pub(in crate::engine) fn that_release(&self, instance: &InstanceName, handle: &Handle) -> Vec<Number> {
        let debts = self.of(instance).filter(|debt| debt.release.as_ref() == Some(handle));
        debts.map(|debt| debt.number).collect()
    }

    /// Removes a debt.
    pub(in crate::engine) fn remove(&mut self, number: Number) -> Option<Arc<DebtRecord>> {
        let debt = self.all.remove(&number)?;
        for owed in &debt.kill {
            self.owed.remove(&(owed.launch, owed.task.clone()));
        }
        if let Some(owing) = self.owing.get_mut(&debt.instance) {
            owing.remove(&number);
            if owing.is_empty() {
                self.owing.remove(&debt.instance);
            }
        }
        self.of_leavers -= usize::from(debt.cause == DebtCause::Decommission);
        Some(debt)
    }

    fn change(&mut self, number: Number, change: impl FnOnce(&mut DebtRecord)) -> Option<Changed> {
        let debt = self.all.get_mut(&number)?;
        let old = debt.clone();
        change(Arc::make_mut(debt));
        Some(Changed { old, new: debt.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::record::Owed;
    use crate::engine::time::Time;

    fn debt(number: Number, instance: &str, cause: DebtCause, kill: &[(Number, &str)]) -> Arc<DebtRecord> {
        let kill = kill.iter().map(|&(launch, task)| Owed {
            launch,
            task: task.parse().unwrap(),
            grace: Default::default(),
        });
        Arc::new(DebtRecord {
            number,
            instance: instance.parse().unwrap(),
            cause,
            since: Time::from_micros(0),
            node: "node-1".parse().unwrap(),
            kill: kill.collect(),
            release: Some(Handle("a".into())),
        })
    }

    fn numbers<'a>(debts: impl Iterator<Item = &'a Arc<DebtRecord>>) -> Vec<Number> {
        debts.map(|debt| debt.number).collect()
    }

    #[test]
    fn a_launch_is_found_where_it_is_owed_until_it_ended() {
        let mut debts = Debts::default();
        assert!(debts.that_owes(7, &"broker".parse().unwrap()).is_none());
        debts.insert(debt(1, "kafka-0", DebtCause::Moved, &[(7, "broker"), (7, "logs")]));
        let (broker, logs) = ("broker".parse().unwrap(), "logs".parse().unwrap());
        assert_eq!(debts.that_owes(7, &broker).unwrap().number, 1);
        assert!(debts.that_owes(8, &broker).is_none());
        let changed = debts.ended(1, 7, &broker).unwrap();
        assert_eq!((changed.old.kill.len(), changed.new.kill.len()), (2, 1));
        assert!(debts.that_owes(7, &broker).is_none());
        assert_eq!(debts.owed().collect::<Vec<_>>(), [(7, &logs, 1)]);
        assert!(debts.ended(2, 7, &broker).is_none());
    }

    #[test]
    fn debts_are_found_by_who_owes() {
        let mut debts = Debts::default();
        let (one, other) = ("kafka-0".parse().unwrap(), "kafka-1".parse().unwrap());
        debts.insert(debt(2, "kafka-0", DebtCause::Decommission, &[(7, "broker")]));
        debts.insert(debt(1, "kafka-0", DebtCause::Moved, &[]));
        debts.insert(debt(3, "kafka-1", DebtCause::Moved, &[]));
        assert_eq!((numbers(debts.of(&one)), numbers(debts.iter())), (vec![1, 2], vec![1, 2, 3]));
        assert!(debts.has_leaver());
        assert_eq!(debts.that_release(&one, &Handle("a".into())), [1, 2]);
        debts.keep(1).unwrap();
        assert_eq!(debts.that_release(&one, &Handle("a".into())), [2]);
        assert_eq!(debts.remove(2).unwrap().number, 2);
        assert!(!debts.has_leaver() && debts.remove(2).is_none() && debts.owed().next().is_none());
        assert_eq!(numbers(debts.of(&one)), [1]);
        debts.remove(1).unwrap();
        debts.remove(3).unwrap();
        assert_eq!((numbers(debts.of(&other)), debts), (vec![], Debts::default()));
    }
}
