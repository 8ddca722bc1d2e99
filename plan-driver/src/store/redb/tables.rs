//! The tables in the file, and the version of their content.
//!
//! Invariant: a file with tables has our tables, and a version under `format`. A file of another program, or of a newer
//! version, is refused.

use std::sync::Arc;

use redb::{
    Database, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, TableHandle,
    WriteTransaction,
};

use crate::store::{Batch, Epoch, RecordChange};

/// The version of the tables' content.
pub(super) const FORMAT: u64 = 1;

/// `format`: the version.
const ABOUT: TableDefinition<'_, &str, u64> = TableDefinition::new("planwright");
/// By service and key.
const RECORDS: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("records");
/// By service.
const EPOCHS: TableDefinition<'_, &str, u64> = TableDefinition::new("epochs");

/// What went wrong in redb. All callers that waited for one transaction get the same error.
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
pub(super) struct Fault(Arc<redb::Error>);

macro_rules! faults {
    ($($error:ident),*) => {$(
        impl From<redb::$error> for Fault {
            fn from(error: redb::$error) -> Self {
                Self(Arc::new(error.into()))
            }
        }
    )*};
}

faults!(CommitError, DatabaseError, StorageError, TableError, TransactionError);

impl Fault {
    /// Whether the content of the file is the problem, and not the access to it.
    pub(super) fn is_damage(&self) -> bool {
        match &*self.0 {
            redb::Error::Corrupted(_) | redb::Error::UpgradeRequired(_) => true,
            redb::Error::Io(error) => {
                matches!(error.kind(), std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof)
            }
            redb::Error::TableTypeMismatch { .. }
            | redb::Error::TableIsMultimap(_)
            | redb::Error::TableIsNotMultimap(_)
            | redb::Error::TypeDefinitionChanged { .. }
            | redb::Error::TableDoesNotExist(_) => true,
            _ => false,
        }
    }
}

/// Whose file it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// Nobody's, since the file is empty.
    Nobody,
    /// Ours.
    Ours,
    /// Ours, in an unknown version.
    Newer(u64),
    /// Another program's, which has such a table.
    Another(String),
}

/// Whose file it is.
pub(super) fn owner(database: &Database) -> Result<Owner, Fault> {
    let transaction = database.begin_read()?;
    let mut tables: Vec<String> = transaction.list_tables()?.map(|table| table.name().to_owned()).collect();
    tables.extend(
        transaction.list_multimap_tables()?.map(|table| redb::MultimapTableHandle::name(&table).to_owned()),
    );
    if tables.is_empty() {
        return Ok(Owner::Nobody);
    }
    if !tables.iter().any(|table| table == ABOUT.name()) {
        return Ok(Owner::Another(tables.swap_remove(0)));
    }
    let format = transaction.open_table(ABOUT)?.get("format")?.map(|format| format.value());
    match format {
        Some(FORMAT) => {
            transaction.open_table(RECORDS)?;
            transaction.open_table(EPOCHS)?;
            Ok(Owner::Ours)
        }
        Some(newer) => Ok(Owner::Newer(newer)),
        None => Ok(Owner::Another(ABOUT.name().to_owned())),
    }
}

/// Makes an empty file ours.
pub(super) fn found(database: &Database) -> Result<(), Fault> {
    let transaction = begin(database)?;
    transaction.open_table(ABOUT)?.insert("format", FORMAT)?;
    transaction.open_table(RECORDS)?;
    transaction.open_table(EPOCHS)?;
    Ok(transaction.commit()?)
}

/// A transaction that is on disk as a whole when its commit returns.
pub(super) fn begin(database: &Database) -> Result<WriteTransaction, Fault> {
    let mut transaction = database.begin_write()?;
    // With one phase, redb takes a damaged latest commit after a crash for an unfinished one, and goes back to the
    // commit before it. An acknowledged commit would be lost silently.
    transaction.set_two_phase_commit(true);
    Ok(transaction)
}

/// The fence's answer to a commit.
pub(super) enum Fence {
    /// The commit is made.
    Passed,
    /// A later epoch, this one, was opened. Nothing is changed.
    Closed(Epoch),
}

/// Adds a batch to the transaction, if its epoch is the latest.
pub(super) fn apply(
    transaction: &WriteTransaction,
    service: &str,
    epoch: Epoch,
    batch: &Batch,
) -> Result<Fence, Fault> {
    let latest = latest(transaction, service)?;
    if latest != epoch {
        return Ok(Fence::Closed(latest));
    }
    let mut records = transaction.open_table(RECORDS)?;
    for change in &batch.changes {
        match change {
            RecordChange::Put(key, bytes) => drop(records.insert((service, key.as_str()), bytes.as_slice())?),
            RecordChange::Delete(key) => drop(records.remove((service, key.as_str()))?),
        }
    }
    Ok(Fence::Passed)
}

fn latest(transaction: &WriteTransaction, service: &str) -> Result<Epoch, Fault> {
    let epochs = transaction.open_table(EPOCHS)?;
    let latest = epochs.get(service)?.map_or(0, |epoch| epoch.value());
    Ok(Epoch(latest))
}

/// Begins the next epoch of a service.
pub(super) fn next_epoch(transaction: &WriteTransaction, service: &str) -> Result<Epoch, Fault> {
    let next = Epoch(latest(transaction, service)?.0 + 1);
    transaction.open_table(EPOCHS)?.insert(service, next.0)?;
    Ok(next)
}

/// A key and its bytes.
pub(super) type Pair = (String, Vec<u8>);

/// The records of a service, in the order of their keys.
pub(super) fn records(transaction: &WriteTransaction, service: &str) -> Result<Vec<Pair>, Fault> {
    let records = transaction.open_table(RECORDS)?;
    of(&records, service)
}

fn of(
    records: &impl ReadableTable<(&'static str, &'static str), &'static [u8]>,
    service: &str,
) -> Result<Vec<Pair>, Fault> {
    let mut found = Vec::new();
    for record in records.range((service, "")..)? {
        let (key, bytes) = record?;
        let (of, key) = key.value();
        if of != service {
            break;
        }
        found.push((key.to_owned(), bytes.value().to_vec()));
    }
    Ok(found)
}

/// The services that have records.
pub(super) fn services(transaction: &ReadTransaction) -> Result<Vec<String>, Fault> {
    let records = transaction.open_table(RECORDS)?;
    let mut found: Vec<String> = Vec::new();
    loop {
        // No name contains NUL, so this key comes right after all records of the last service.
        let behind = found.last().map_or_else(String::new, |last| format!("{last}\0"));
        let Some(first) = records.range((behind.as_str(), "")..)?.next() else { return Ok(found) };
        let service = first?.0.value().0.to_owned();
        found.push(service);
    }
}

/// All records of all services.
pub(super) fn everything(transaction: &ReadTransaction) -> Result<Vec<(String, Pair)>, Fault> {
    let records = transaction.open_table(RECORDS)?;
    let mut found = Vec::new();
    for record in records.iter()? {
        let (key, bytes) = record?;
        let (service, key) = key.value();
        found.push((service.to_owned(), (key.to_owned(), bytes.value().to_vec())));
    }
    Ok(found)
}

/// Whether a service has records.
pub(super) fn has_records(transaction: &WriteTransaction, service: &str) -> Result<bool, Fault> {
    let records = transaction.open_table(RECORDS)?;
    let first = records.range((service, "")..)?.next().transpose()?;
    Ok(first.is_some_and(|(key, _)| key.value().0 == service))
}
