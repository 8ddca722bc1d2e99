//! The store on disk, when the disk does not do what it should.
#![expect(clippy::unwrap_used, reason = "what is shared by tests is test code")]

mod disk;
mod lot;

use std::collections::BTreeMap;
use std::path::Path;

use disk::Disk;
use lot::Lot;
use plan_core::spec::ServiceName;
use plan_driver::store::lines::{read_lines, write_lines};
use plan_driver::store::{Batch, Epoch, RecordChange, RedbStore, Store, StoreError};
use redb::{Database, TableDefinition};

fn kafka() -> ServiceName {
    ServiceName::new("kafka").unwrap()
}

type Records = BTreeMap<String, Vec<u8>>;

/// Some changes, of a few keys, so that they meet.
fn some_changes(lot: &mut Lot, number: u64) -> Vec<RecordChange> {
    let mut changes = vec![RecordChange::Put("number".to_owned(), number.to_string().into_bytes())];
    for _ in 0..lot.draw(6) {
        let key = format!("key-{}", lot.draw(40));
        if lot.draw(4) == 0 {
            changes.push(RecordChange::Delete(key));
        } else {
            let len = if lot.draw(10) == 0 { 20_000 } else { 300 };
            changes.push(RecordChange::Put(key, vec![number as u8; len]));
        }
    }
    changes
}

fn applied(records: &Records, changes: &[RecordChange]) -> Records {
    let mut records = records.clone();
    for change in changes {
        match change {
            RecordChange::Put(key, bytes) => drop(records.insert(key.clone(), bytes.clone())),
            RecordChange::Delete(key) => drop(records.remove(key)),
        }
    }
    records
}

/// Power is lost in the middle of commits, of opening, and of closing: what was acknowledged is there, the batch that
/// was under way is there whole or not at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_loss_of_power_every_acknowledged_batch_is_there_whole() {
    let mut batches = 0;
    for seed in 0..25 {
        let mut lot = Lot(seed);
        let disk = Disk::new();
        // A file is founded under another name, and takes its own when it is whole.
        drop(RedbStore::on(disk.clone()).await.unwrap());
        let (mut records, mut under_way) = (Records::new(), None::<Records>);
        let mut number = 0;
        let (mut losses, mut begun) = (0, false);
        while losses < 12 {
            let soon = if lot.draw(3) == 0 { 12 } else { 120 };
            disk.lose_power_after(lot.draw(soon));
            match RedbStore::on(disk.clone()).await {
                Err(StoreError::Failed { .. }) => {}
                Err(error) => panic!("seed {seed}: {error}"),
                Ok(store) => {
                    if let Ok(opened) = store.open(&kafka()).await {
                        let found: Records = opened.records.into_iter().collect();
                        let expected = [Some(&records), under_way.as_ref()];
                        assert!(
                            expected.contains(&Some(&found)),
                            "seed {seed}: after loss {losses}, batch {number}"
                        );
                        (records, under_way, begun) = (found, None, true);
                        loop {
                            number += 1;
                            let changes = some_changes(&mut lot, number);
                            let then = applied(&records, &changes);
                            match store.commit(&kafka(), opened.epoch, Batch { changes }).await {
                                Ok(()) => records = then,
                                Err(StoreError::Unknown { .. }) => {
                                    under_way = Some(then);
                                    break;
                                }
                                Err(StoreError::Failed { .. }) => break,
                                Err(error) => panic!("seed {seed}: {error}"),
                            }
                        }
                    }
                    // Closing writes, too, and there is no power.
                    drop(store);
                }
            }
            losses += 1;
            disk.power_is_back(|| lot.draw(2) == 0);
        }
        assert!(begun, "seed {seed}: it was never opened");
        batches += number;
    }
    assert!(batches > 500, "{batches} batches");
}

/// Wherever a byte of a store is not what it was, it is refused and not touched, or all records are there.
#[tokio::test]
async fn a_damaged_file_is_refused_or_is_whole() {
    let disk = Disk::new();
    let store = RedbStore::on(disk.clone()).await.unwrap();
    let epoch = store.open(&kafka()).await.unwrap().epoch;
    let mut records = Records::new();
    let mut lot = Lot(1);
    for number in 0..30 {
        let changes = some_changes(&mut lot, number);
        records = applied(&records, &changes);
        store.commit(&kafka(), epoch, Batch { changes }).await.unwrap();
    }
    // As it is when the process is killed now, and as it is when it ends well.
    let killed = disk.bytes();
    drop(store);
    let ended = disk.bytes();
    let (mut refused, mut whole) = (0, 0);
    for good in [killed, ended] {
        for _ in 0..60 {
            let mut bytes = good.clone();
            match lot.draw(4) {
                0 => bytes.truncate(lot.draw(bytes.len() as u64) as usize),
                1 => {
                    let page = lot.draw(bytes.len() as u64 / 4096) as usize * 4096;
                    bytes[page..page + 4096].fill(0);
                }
                _ => {
                    let at = lot.draw(bytes.len() as u64) as usize;
                    bytes[at] ^= 1 << lot.draw(8);
                }
            }
            let disk = Disk::of(bytes.clone());
            match RedbStore::on(disk.clone()).await {
                Err(StoreError::Unusable { what }) => {
                    assert!(what.starts_with("`disk` is "), "{what}");
                    assert!(what.contains("it was not touched"), "{what}");
                    assert_eq!(disk.bytes(), bytes);
                    refused += 1;
                }
                // A file of no byte is a new one.
                Ok(_) if bytes.is_empty() => {}
                Ok(store) => {
                    let found: Records = store.open(&kafka()).await.unwrap().records.into_iter().collect();
                    assert_eq!(found, records);
                    whole += 1;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
    assert!(refused > 20 && whole > 5, "{refused} were refused, {whole} were whole");
}

async fn refusal(path: &Path) -> String {
    let before = std::fs::read(path).unwrap();
    let error = RedbStore::open(path).await.unwrap_err();
    assert_eq!(std::fs::read(path).unwrap(), before, "what is refused is not touched");
    assert!(matches!(error, StoreError::Unusable { .. }), "{error:?}");
    error.to_string().replace(&path.display().to_string(), "FILE")
}

#[tokio::test]
async fn what_is_not_ours_is_refused_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text");
    std::fs::write(&text, "name: kafka\n").unwrap();
    assert!(refusal(&text).await.starts_with("`FILE` is no store that can be read ("));

    let other = folder.path().join("other");
    let database = Database::create(&other).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(TableDefinition::<u64, u64>::new("accounts")).unwrap().insert(1, 2).unwrap();
    transaction.commit().unwrap();
    drop(database);
    assert_eq!(
        refusal(&other).await,
        "`FILE` is another program's (it has the table `accounts`); it was not touched: put a copy of the right file \
         in its place, or name another"
    );

    let newer = folder.path().join("newer");
    drop(RedbStore::open(&newer).await.unwrap());
    let database = Database::create(&newer).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction
        .open_table(TableDefinition::<&str, u64>::new("planwright"))
        .unwrap()
        .insert("format", 2)
        .unwrap();
    transaction.commit().unwrap();
    drop(database);
    assert_eq!(
        refusal(&newer).await,
        "`FILE` was written by a newer planwright (version 2 of the store, this one knows 1); it was not touched: put \
         a copy of the right file in its place, or name another"
    );
}

#[tokio::test]
async fn two_processes_cannot_have_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let _first = RedbStore::open(&path).await.unwrap();
    let second = RedbStore::open(&path).await.unwrap_err();
    assert!(matches!(second, StoreError::Failed { .. }), "{second:?}");
}

#[tokio::test]
async fn a_file_that_has_gone_is_not_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    drop(RedbStore::open(&path).await.unwrap());
    // A file that is not there is made; one that was there a moment ago is not: here the folder is gone with it.
    std::fs::remove_dir_all(folder.path()).unwrap();
    let error = RedbStore::open(&path).await.unwrap_err();
    assert!(matches!(error, StoreError::Failed { .. }), "{error:?}");
    assert!(!path.exists());
}

fn one(key: &str, len: usize) -> Batch {
    Batch { changes: vec![RecordChange::Put(key.to_owned(), vec![1; len])] }
}

#[tokio::test]
async fn a_full_disk_takes_nothing_and_goes_on_when_there_is_room() {
    let disk = Disk::new();
    let store = RedbStore::on(disk.clone()).await.unwrap();
    let epoch = store.open(&kafka()).await.unwrap().epoch;
    store.commit(&kafka(), epoch, one("small", 10)).await.unwrap();
    let full = disk.bytes().len() as u64;
    disk.has_room(Some(full));
    let refused = store.commit(&kafka(), epoch, one("large", 1 << 20)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Failed { .. } | StoreError::Unknown { .. }), "{refused:?}");
    let why = std::error::Error::source(&refused).unwrap().to_string();
    assert!(why.contains("no storage space"), "{why}");
    disk.has_room(None);
    // Whoever is told so opens again, and sees.
    let opened = store.open(&kafka()).await.unwrap();
    assert_eq!(opened.records, [("small".to_owned(), vec![1; 10])]);
    store.commit(&kafka(), opened.epoch, one("large", 1 << 20)).await.unwrap();
    assert_eq!(store.open(&kafka()).await.unwrap().records.len(), 2);
}

#[tokio::test]
async fn a_store_that_was_away_comes_back_by_itself() {
    let disk = Disk::new();
    let store = RedbStore::on(disk.clone()).await.unwrap();
    let epoch = store.open(&kafka()).await.unwrap().epoch;
    disk.fails(true);
    for _ in 0..3 {
        let refused = store.commit(&kafka(), epoch, one("a", 10)).await.unwrap_err();
        assert!(matches!(refused, StoreError::Failed { .. } | StoreError::Unknown { .. }), "{refused:?}");
        assert!(store.open(&kafka()).await.is_err());
        assert!(store.services().await.is_err());
    }
    disk.fails(false);
    let opened = store.open(&kafka()).await.unwrap();
    assert!(opened.epoch > epoch && opened.records.is_empty());
    store.commit(&kafka(), opened.epoch, one("a", 10)).await.unwrap();
    assert_eq!(store.services().await.unwrap(), [kafka()]);
}

/// What waits for the disk is made durable together.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_at_the_same_time_shares_a_transaction() {
    let disk = Disk::new();
    let store = RedbStore::on(disk.clone()).await.unwrap();
    let names: Vec<_> = (0..100).map(|n| ServiceName::new(format!("service-{n}")).unwrap()).collect();
    let epochs = futures::future::try_join_all(names.iter().map(|name| store.open(name))).await.unwrap();
    let single = {
        let before = disk.done();
        store.commit(&names[0], epochs[0].epoch, one("a", 100)).await.unwrap();
        disk.done() - before
    };
    let before = disk.done();
    let commits =
        names.iter().zip(&epochs).map(|(name, opened)| store.commit(name, opened.epoch, one("b", 100)));
    // One of them is fenced: that is its own matter.
    let fenced = store.commit(&names[0], Epoch(7), one("c", 100));
    let (all, fenced) = futures::join!(futures::future::join_all(commits), fenced);
    assert!(all.into_iter().all(|commit| commit.is_ok()));
    assert!(matches!(fenced, Err(StoreError::Fenced { .. })));
    let together = disk.done() - before;
    assert!(together < 25 * single, "100 commits: {together} operations; a single one: {single}");
}

#[tokio::test]
async fn records_are_copied_from_store_to_store() {
    let (one_disk, other_disk) = (Disk::new(), Disk::new());
    let store = RedbStore::on(one_disk).await.unwrap();
    for name in ["kafka", "zookeeper"] {
        let name = ServiceName::new(name).unwrap();
        let epoch = store.open(&name).await.unwrap().epoch;
        let json = RecordChange::Put("clock".to_owned(), br#"{"version":1}"#.to_vec());
        store
            .commit(&name, epoch, Batch { changes: vec![json, RecordChange::Put("a".into(), vec![0xff])] })
            .await
            .unwrap();
    }
    let mut text = Vec::new();
    write_lines(&store.export().await.unwrap(), &mut text).unwrap();
    let lines = read_lines(&text[..]).unwrap();
    assert_eq!(lines.len(), 4);

    let other = RedbStore::on(other_disk).await.unwrap();
    let stale = other.open(&kafka()).await.unwrap().epoch;
    other.import(lines.clone()).await.unwrap();
    assert_eq!(other.export().await.unwrap(), lines);
    let fenced = other.commit(&kafka(), stale, Batch::default()).await;
    assert!(matches!(fenced, Err(StoreError::Fenced { .. })), "who opened it before is fenced");
    let again = other.import(lines[2..].to_vec()).await.unwrap_err();
    assert_eq!(again.to_string(), "the store did not import over the records of `zookeeper`");
    assert_eq!(other.export().await.unwrap(), lines);
}
