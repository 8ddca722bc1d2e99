//! A store of records.
//!
//! Invariant: a batch is kept whole or not at all, and only under the newest epoch, so that a scheduler that
//! was replaced cannot write.

use std::collections::BTreeMap;

use plan_core::engine::records::ServiceRecord;
use plan_core::engine::{DebtRecord, Key, Record, Write};

/// A store in memory.
#[derive(Debug, Clone, Default)]
pub struct RecordStore {
    epoch: u64,
    records: BTreeMap<Key, Record>,
}

/// A commit under an epoch that a later one has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the epoch {used} is over: the store is at {present}")]
pub struct Fenced {
    /// The epoch of the commit.
    pub used: u64,
    /// The epoch of the store.
    pub present: u64,
}

impl RecordStore {
    /// Begins a new epoch, which ends all earlier ones.
    pub fn begin_epoch(&mut self) -> u64 {
        self.epoch += 1;
        self.epoch
    }

    /// Keeps a batch.
    ///
    /// # Errors
    /// Another epoch has begun; nothing is changed.
    pub fn commit(&mut self, epoch: u64, writes: Vec<Write>) -> Result<(), Fenced> {
        if epoch != self.epoch {
            return Err(Fenced { used: epoch, present: self.epoch });
        }
        for write in writes {
            match write {
                Write::Put(record) => {
                    self.records.insert(record.key(), record);
                }
                Write::Delete(key) => {
                    self.records.remove(&key);
                }
            }
        }
        Ok(())
    }

    /// Whether nothing was ever kept.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The record under a key.
    pub fn get(&self, key: &Key) -> Option<&Record> {
        self.records.get(key)
    }

    /// The service, if there is one.
    pub fn service(&self) -> Option<&ServiceRecord> {
        match self.records.get(&Key::Service) {
            Some(Record::Service(service)) => Some(service),
            _ => None,
        }
    }

    /// The debts, by number.
    pub fn debts(&self) -> impl Iterator<Item = &DebtRecord> {
        let debts = self.records.range(Key::Debt(0)..=Key::Debt(u64::MAX));
        debts.filter_map(|(_, record)| match record {
            Record::Debt(debt) => Some(&**debt),
            _ => None,
        })
    }

    /// All records, by key.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.records.values()
    }
}

#[cfg(test)]
mod tests {
    use plan_core::engine::records::ClockRecord;

    use super::*;

    #[test]
    fn an_old_epoch_writes_nothing() {
        let mut store = RecordStore::default();
        let old = store.begin_epoch();
        let new = store.begin_epoch();
        let put = |seq| vec![Write::Put(Record::Clock(ClockRecord { seq, ..ClockRecord::default() }))];
        assert_eq!(store.commit(old, put(1)), Err(Fenced { used: 1, present: 2 }));
        assert!(store.is_empty());
        assert_eq!(store.commit(new, put(2)), Ok(()));
        assert_eq!(store.records().count(), 1);
        assert_eq!(store.commit(new, vec![Write::Delete(Key::Clock)]), Ok(()));
        assert!(store.get(&Key::Clock).is_none());
    }
}
