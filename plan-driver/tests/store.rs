//! Every store keeps what [`plan_driver::store::conformance`] asks.

use std::sync::Arc;

use plan_driver::store::conformance::SCENARIOS;
use plan_driver::store::{MemoryStore, RedbStore, Store};

#[tokio::test]
async fn memory_keeps_what_a_store_must() {
    for (name, scenario) in SCENARIOS {
        scenario(Arc::new(MemoryStore::new()))
            .await
            .unwrap_or_else(|violation| panic!("{name}: {violation}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redb_keeps_what_a_store_must() {
    for (name, scenario) in SCENARIOS {
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> =
            Arc::new(RedbStore::open(folder.path().join("store.redb")).await.unwrap());
        scenario(store).await.unwrap_or_else(|violation| panic!("{name}: {violation}"));
    }
}
