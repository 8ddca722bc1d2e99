//! What every store must do, as scenarios, for the tests of a new store.
//!
//! Invariant: a scenario tests only what [`Store`] promises, and begins with an empty store of its own. Only a store's
//! own tests can check that acknowledged commits outlive a crash.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::{BoxFuture, join_all};
use plan_core::spec::ServiceName;

use super::{Batch, Epoch, RecordChange, Store, StoreError};

/// A store did not do what it must.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StoreViolation(String);

/// Tests one promise on an empty store.
pub type StoreScenario = fn(Arc<dyn Store>) -> BoxFuture<'static, Result<(), StoreViolation>>;

/// All scenarios, by name.
pub const SCENARIOS: [(&str, StoreScenario); 9] = [
    ("an empty store", |store| empty(store).boxed()),
    ("changes in their order", |store| changes(store).boxed()),
    ("the fence", |store| fence(store).boxed()),
    ("an empty batch", |store| empty_batch(store).boxed()),
    ("several services", |store| services(store).boxed()),
    ("any key and any bytes", |store| any_bytes(store).boxed()),
    ("many records", |store| many(store).boxed()),
    ("committers at the same time", |store| together(store).boxed()),
    ("a successor in the middle of commits", |store| successor(store).boxed()),
];

macro_rules! ensure {
    ($holds:expr, $($what:tt)+) => {
        if !$holds {
            return Err(StoreViolation(format!($($what)+)));
        }
    };
}

impl From<StoreError> for StoreViolation {
    fn from(error: StoreError) -> Self {
        Self(crate::error::with_causes(&error))
    }
}

fn service(name: &str) -> Result<ServiceName, StoreViolation> {
    ServiceName::new(name).map_err(|error| StoreViolation(error.to_string()))
}

fn put(key: impl Into<String>, bytes: impl Into<Vec<u8>>) -> RecordChange {
    RecordChange::Put(key.into(), bytes.into())
}

fn delete(key: impl Into<String>) -> RecordChange {
    RecordChange::Delete(key.into())
}

fn batch(changes: impl Into<Vec<RecordChange>>) -> Batch {
    Batch { changes: changes.into() }
}

/// The records as text, under a new epoch.
async fn records(store: &dyn Store, service: &ServiceName) -> Result<Vec<(String, String)>, StoreViolation> {
    let records = store.open(service).await?.records.into_iter();
    Ok(records.map(|(key, bytes)| (key, String::from_utf8_lossy(&bytes).into_owned())).collect())
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

async fn empty(store: Arc<dyn Store>) -> Result<(), StoreViolation> {
    ensure!(store.services().await?.is_empty(), "an empty store has services");
    let kafka = service("kafka")?;
    let (first, second) = (store.open(&kafka).await?, store.open(&kafka).await?);
    ensure!(first.records.is_empty() && second.records.is_empty(), "an empty store has records");
    ensure!(first.epoch < second.epoch, "epoch {} is followed by {}", first.epoch, second.epoch);
    ensure!(store.services().await?.is_empty(), "a service without records is listed");
    Ok(())
}

/// Changes, and the records after them.
type Step<'a> = (&'a [RecordChange], &'a [(&'a str, &'a str)]);

async fn changes(store: Arc<dyn Store>) -> Result<(), StoreViolation> {
    let kafka = service("kafka")?;
    let epoch = store.open(&kafka).await?.epoch;
    let steps: [Step<'_>; 4] = [
        (&[put("b", "1"), put("a", "2"), put("c", "3")], &[("a", "2"), ("b", "1"), ("c", "3")]),
        (&[put("a", "4"), delete("b")], &[("a", "4"), ("c", "3")]),
        (&[put("d", "5"), delete("d"), delete("c"), put("c", "6")], &[("a", "4"), ("c", "6")]),
        (&[delete("nothing"), put("a", "7"), put("a", "8")], &[("a", "8"), ("c", "6")]),
    ];
    let mut epoch = epoch;
    for (changes, expected) in steps {
        store.commit(&kafka, epoch, batch(changes)).await?;
        let opened = store.open(&kafka).await?;
        epoch = opened.epoch;
        let found: Vec<_> = opened
            .records
            .into_iter()
            .map(|(key, bytes)| (key, String::from_utf8_lossy(&bytes).into_owned()))
            .collect();
        ensure!(found == pairs(expected), "after {changes:?} there is {found:?}");
    }
    store.commit(&kafka, epoch, batch([delete("a"), delete("c")])).await?;
    ensure!(store.services().await?.is_empty(), "a service is listed that has no records any more");
    Ok(())
}

async fn fence(store: Arc<dyn Store>) -> Result<(), StoreViolation> {
    let kafka = service("kafka")?;
    let old = store.open(&kafka).await?.epoch;
    store.commit(&kafka, old, batch([put("a", "1")])).await?;
    let new = store.open(&kafka).await?.epoch;
    let refused = store.commit(&kafka, old, batch([put("a", "2"), put("b", "2"), delete("a")])).await;
    match refused {
        Err(StoreError::Fenced { service, held, latest }) => {
            ensure!(
                (service == kafka, held, latest) == (true, old, new),
                "fenced: {service}, {held}, {latest}"
            );
        }
        other => return Err(StoreViolation(format!("a commit under an old epoch came to {other:?}"))),
    }
    store.commit(&kafka, new, batch([put("c", "3")])).await?;
    let later = store.commit(&kafka, Epoch(new.0 + 1), batch([put("d", "4")])).await;
    ensure!(
        matches!(later, Err(StoreError::Fenced { .. })),
        "an epoch that was never opened came to {later:?}"
    );
    let found = records(&*store, &kafka).await?;
    ensure!(found == pairs(&[("a", "1"), ("c", "3")]), "after refused commits there is {found:?}");
    Ok(())
}

async fn empty_batch(store: Arc<dyn Store>) -> Result<(), StoreViolation> {
    let kafka = service("kafka")?;
    let old = store.open(&kafka).await?.epoch;
    store.commit(&kafka, old, Batch::default()).await?;
    store.open(&kafka).await?;
    let refused = store.commit(&kafka, old, Batch::default()).await;
    ensure!(
        matches!(refused, Err(StoreError::Fenced { .. })),
        "an empty batch passes the fence: {refused:?}"
    );
    Ok(())
}

async fn services(store: Arc<dyn Store>) -> Result<(), StoreViolation> {
    // Names that begin with each other, and one in a folder.
    let names = ["a", "a-b", "a/b", "ab", "b"];
    let mut epochs = Vec::new();
    for name in names {
        let name = service(name)?;
        let epoch = store.open(&name).await?.epoch;
        store.commit(&name, epoch, batch([put("key", name.as_str()), put("other", "1")])).await?;
        epochs.push((name, epoch));
    }
    let found = store.services().await?;
    let mut expected: Vec<_> = epochs.iter().map(|(name, _)| name.clone()).collect();
    expected.sort();
    ensure!(found == expected, "the services are {found:?}");
    for (name, epoch) in &epochs {
        store.commit(name, *epoch, batch([delete("other")])).await?;
        let found = records(&*store, name).await?;
        ensure!(found == pairs(&[("key", name.as_str())]), "`{name}` has {found:?}");
        // Its new epoch fences no other service, so the loop goes on.
    }
    Ok(())
}

async fn any_bytes(store: Arc<dyn Store>) -> Result<(), StoreViolation> {
    let kafka = service("kafka")?;
    let epoch = store.open(&kafka).await?.epoch;
    let all: Vec<u8> = (0..=255).collect();
    let large: Vec<u8> = (0..256 * 1024_u32).map(|n| (n % 251) as u8).collect();
    let mut records = vec![
        ("pod/kafka-0".to_owned(), all),
        ("pod/kafka-10".to_owned(), Vec::new()),
        ("pod/kafka-2".to_owned(), vec![0]),
        (format!("spec/{}", "f".repeat(200)), large),
        ("ü 空/ \"x\"".to_owned(), b"\n".to_vec()),
    ];
    let changes: Vec<_> = records.iter().map(|(key, bytes)| put(key.as_str(), bytes.clone())).collect();
    store.commit(&kafka, epoch, batch(changes)).await?;
    let found = store.open(&kafka).await?.records;
    records.sort();
    ensure!(found == records, "{} records, other than those that were kept", found.len());
    Ok(())
}

async fn many(store: Arc<dyn Store>) -> Result<(), StoreViolation> {
    const RECORDS: usize = 100_000;
    let kafka = service("kafka")?;
    let epoch = store.open(&kafka).await?.epoch;
    let key = |n: usize| format!("pod/kafka-{n:06}");
    for first in (0..RECORDS).step_by(5000) {
        let changes: Vec<_> = (first..first + 5000).map(|n| put(key(n), n.to_string())).collect();
        store.commit(&kafka, epoch, batch(changes)).await?;
    }
    let found = store.open(&kafka).await?.records;
    ensure!(found.len() == RECORDS, "{} records of {RECORDS}", found.len());
    let wrong =
        (0..).zip(&found).find(|(n, (has, bytes))| *has != key(*n) || *bytes != n.to_string().as_bytes());
    ensure!(wrong.is_none(), "{wrong:?} is not what was kept");
    Ok(())
}

async fn together(store: Arc<dyn Store>) -> Result<(), StoreViolation> {
    const COMMITS: u32 = 20;
    let committer = async |name: String| -> Result<(), StoreViolation> {
        let name = service(&name)?;
        let epoch = store.open(&name).await?.epoch;
        for n in 0..COMMITS {
            let changes = [put(format!("key-{n}"), n.to_string()), put("last", n.to_string())];
            store.commit(&name, epoch, batch(changes)).await?;
        }
        Ok(())
    };
    let names = (0..16).map(|n| format!("service-{n}"));
    join_all(names.map(committer)).await.into_iter().collect::<Result<(), _>>()?;
    let services = store.services().await?;
    ensure!(services.len() == 16, "{} services of 16", services.len());
    for name in services {
        let found = records(&*store, &name).await?;
        let last = (COMMITS - 1).to_string();
        ensure!(found.len() == COMMITS as usize + 1, "`{name}` has {} records", found.len());
        ensure!(found.last() == Some(&("last".to_owned(), last)), "`{name}` ends with {:?}", found.last());
    }
    Ok(())
}

/// One scheduler commits until it is fenced. Its successor reads all that was acknowledged, and nothing later.
async fn successor(store: Arc<dyn Store>) -> Result<(), StoreViolation> {
    let kafka = service("kafka")?;
    let epoch = store.open(&kafka).await?.epoch;
    let (told, mut tells) = tokio::sync::mpsc::unbounded_channel();
    let old = async {
        for n in 0_u64.. {
            match store.commit(&kafka, epoch, batch([put("n", n.to_string())])).await {
                Ok(()) => drop(told.send(n)),
                Err(StoreError::Fenced { .. }) => return Ok(n),
                Err(error) => return Err(StoreViolation::from(error)),
            }
            tokio::task::yield_now().await;
        }
        Err(StoreViolation("it was never fenced".to_owned()))
    };
    let new = async {
        while tells.recv().await.is_some_and(|acknowledged| acknowledged < 5) {}
        let opened = store.open(&kafka).await?;
        store.commit(&kafka, opened.epoch, batch([put("successor", "1")])).await?;
        Ok::<_, StoreViolation>(opened.records)
    };
    let (fenced, read) = futures::join!(old, new);
    let (fenced, read) = (fenced?, read?);
    let last = (fenced - 1).to_string();
    let read: Vec<_> =
        read.into_iter().map(|(key, bytes)| (key, String::from_utf8_lossy(&bytes).into_owned())).collect();
    ensure!(read == pairs(&[("n", &last)]), "the successor read {read:?}, and {last} was acknowledged last");
    let found = records(&*store, &kafka).await?;
    ensure!(found == pairs(&[("n", &last), ("successor", "1")]), "in the end there is {found:?}");
    Ok(())
}
