//! From a file with many instances to the first command.

use std::sync::Arc;
use std::time::Instant as Clock;

use plan_core::engine::encode;
use plan_core::spec::{PhaseStrategy, ServiceName};
use plan_driver::Options;
use plan_driver::backend::prompt::PromptBackend;
use plan_driver::store::{Batch, RecordChange, RedbStore, Store};
use planwright_bench::{Instant, service};
use tokio::sync::mpsc;

use crate::{Timed, start};

/// From a file with so many instances to the first command.
pub(crate) async fn restart(count: u32) {
    let mut bench = Instant::new();
    bench.deploy(&service(count, PhaseStrategy::Parallel));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store");
    let kafka = ServiceName::new("kafka").expect("a name");
    {
        let store = RedbStore::open(&path).await.expect("a store");
        let epoch = store.open(&kafka).await.expect("opened").epoch;
        let records = bench.store.values().map(|record| encode(record).expect("a record"));
        let changes = records.map(|(key, bytes)| RecordChange::Put(key, bytes)).collect();
        store.commit(&kafka, epoch, Batch { changes }).await.expect("kept");
    }
    let mut times = Vec::new();
    for _ in 0..3 {
        let (told, mut commands) = mpsc::unbounded_channel();
        let begun = Clock::now();
        let store = Arc::new(RedbStore::open(&path).await.expect("a store"));
        let opened = begun.elapsed();
        let backend = Arc::new(Timed(PromptBackend::new(), told));
        let (scheduler, _) = start(store, backend, Options::default()).await;
        let came = commands.recv().await.expect("a command");
        times.push((came - begun, opened));
        scheduler.stop().await;
    }
    times.sort_unstable();
    let (time, opened) = times[1];
    println!(
        "| restart with {count} tasks on redb, to the first command | {time:.2?} | {opened:.2?} of it to check the file | 2 s |"
    );
}
