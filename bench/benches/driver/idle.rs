//! Services that have nothing to do.

use std::sync::Arc;
use std::time::{Duration, Instant as Clock};

use plan_core::spec::{PhaseStrategy, ServiceName};
use plan_driver::backend::prompt::PromptBackend;
use plan_driver::store::RedbStore;
use plan_driver::{Options, Scheduler};
use planwright_bench::service;

use crate::{deploy, used};

/// So many services that have nothing to do.
pub(crate) async fn idle(count: u32) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Arc::new(RedbStore::open(folder.path().join("store")).await.expect("a store"));
    let before = used().1;
    let scheduler =
        Scheduler::start(store, Arc::new(PromptBackend::new()), Options::default()).await.expect("a store");
    let model = service(1, PhaseStrategy::Serial);
    let begun = Clock::now();
    let names = (0..count).map(|n| ServiceName::new(format!("service-{n}")).expect("a name"));
    for name in names {
        deploy(&scheduler.service(&name).await.expect("a service"), &model).await;
    }
    let deployed = begun.elapsed();
    let (from, memory) = used();
    let begun = Clock::now();
    tokio::time::sleep(Duration::from_secs(10)).await;
    let share = (used().0 - from).as_secs_f64() / begun.elapsed().as_secs_f64() * 100.0;
    let memory = memory.saturating_sub(before) / 1024;
    println!(
        "| {count} idle services, processor | {share:.2} % | {memory} MB more memory; deployed in {deployed:.1?} | 1 % |"
    );
    scheduler.stop().await;
}
