//! From a verb to its command, on disk; and beside it the same batches, committed by redb alone.
//!
//! Verbs and bare commits take turns, and each time another one is first: whatever else the machine does at that moment
//! is in all figures. The files of the peers hold the same records.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant as Clock};

use async_trait::async_trait;
use plan_core::engine::{Engine, Occupant, Request, TaskState, Verb};
use plan_core::spec::{PhaseStrategy, ServiceName};
use plan_driver::backend::prompt::PromptBackend;
use plan_driver::store::{Batch, Epoch, Opened, RecordChange, RedbStore, Store, StoreError};
use plan_driver::{Options, Service};
use planwright_bench::service;
use redb::{Database, TableDefinition};
use tokio::sync::mpsc;

use crate::{Timed, deploy, median, start};

const TIMES: usize = 300;

/// Keeps a copy of each batch that a store is given, and notes when it was given and when it was durable.
struct Copies(RedbStore, Mutex<Vec<Copied>>);

struct Copied {
    batch: Batch,
    given: Clock,
    durable: Clock,
}

#[async_trait]
impl Store for Copies {
    async fn services(&self) -> Result<Vec<ServiceName>, StoreError> {
        self.0.services().await
    }

    async fn open(&self, service: &ServiceName) -> Result<Opened, StoreError> {
        self.0.open(service).await
    }

    async fn commit(&self, service: &ServiceName, epoch: Epoch, batch: Batch) -> Result<(), StoreError> {
        let copy = batch.clone();
        let given = Clock::now();
        self.0.commit(service, epoch, batch).await?;
        let durable = Clock::now();
        self.1.lock().expect("whole").push(Copied { batch: copy, given, durable });
        Ok(())
    }
}

/// A redb file that is given the same batches.
struct Bare {
    database: Database,
    two_phases: bool,
}

impl Bare {
    fn new(folder: &Path, two_phases: bool) -> Self {
        let database = Database::create(folder.join(format!("bare-{two_phases}"))).expect("a database");
        Self { database, two_phases }
    }

    fn commit(&self, batch: &Batch) -> Duration {
        const TABLE: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("records");
        let begun = Clock::now();
        let mut transaction = self.database.begin_write().expect("a transaction");
        transaction.set_two_phase_commit(self.two_phases);
        {
            let mut records = transaction.open_table(TABLE).expect("a table");
            for change in &batch.changes {
                match change {
                    RecordChange::Put(key, bytes) => {
                        drop(records.insert(("kafka", key.as_str()), bytes.as_slice()).expect("kept"));
                    }
                    RecordChange::Delete(key) => drop(records.remove(("kafka", key.as_str())).expect("gone")),
                }
            }
        }
        transaction.commit().expect("a commit");
        begun.elapsed()
    }
}

fn up(engine: &Engine) -> bool {
    let runs = |occupant: &Occupant| occupant.state == TaskState::Running { ready: true };
    engine.is_deployed()
        && engine.pods().all(|(_, pod)| {
            pod.slots().iter().all(|slot| slot.act().is_none() && slot.occupant().is_some_and(runs))
        })
}

/// What a verb took, as a whole and in parts.
#[derive(Default)]
struct Took {
    whole: Vec<Duration>,
    decided: Vec<Duration>,
    durable: Vec<Duration>,
    left: Vec<Duration>,
}

/// Restarts a pod.
async fn ask(
    kafka: &Service,
    store: &Copies,
    commands: &mut mpsc::UnboundedReceiver<Clock>,
    id: usize,
    took: &mut Took,
) {
    let verb = Verb::RestartPod { instance: "kafka-0".parse().expect("a name"), tasks: Vec::new() };
    let request = Request { id: id.to_string().into(), who: "bench".into(), verb };
    let begun = Clock::now();
    kafka.verb(request).await.expect("an answer");
    let came = tokio::time::timeout(Duration::from_secs(60), commands.recv()).await;
    let came = came.expect("a command within a minute").expect("a command");
    let copied = store.1.lock().expect("whole");
    let first = copied.first().expect("a batch");
    took.whole.push(came.saturating_duration_since(begun));
    took.decided.push(first.given.saturating_duration_since(begun));
    took.durable.push(first.durable.saturating_duration_since(first.given));
    took.left.push(came.saturating_duration_since(first.durable));
}

/// The batches since this was asked last.
fn batches(store: &Copies) -> Vec<Batch> {
    let copied = std::mem::take(&mut *store.1.lock().expect("whole"));
    copied.into_iter().map(|copied| copied.batch).collect()
}

/// Before each that is measured: what the one before still has to write down is in nobody's way, and a disk that has
/// synced nothing for a moment is as it is for all alike.
async fn pause() {
    tokio::time::sleep(Duration::from_millis(5)).await;
}

pub(crate) async fn verb_to_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = RedbStore::open(folder.path().join("store")).await.expect("a store");
    let store = Arc::new(Copies(store, Mutex::default()));
    let (told, mut commands) = mpsc::unbounded_channel();
    let backend = Arc::new(Timed(PromptBackend::new(), told));
    let (scheduler, kafka) = start(store.clone(), backend, Options::default()).await;
    deploy(&kafka, &service(3, PhaseStrategy::Serial)).await;
    let peers = [true, false].map(|two_phases| Bare::new(folder.path(), two_phases));
    let mut bare = [Vec::new(), Vec::new()];
    let mut took = Took::default();
    // What was committed in the round before: the verb's batch, and what came of it.
    let mut before = batches(&store);
    for n in 0..TIMES {
        let mut now = Vec::new();
        for who in (0..3).map(|turn| (n + turn) % 3) {
            pause().await;
            match bare.get_mut(who) {
                Some(times) => times.extend(before.first().map(|batch| peers[who].commit(batch))),
                None => {
                    ask(&kafka, &store, &mut commands, n, &mut took).await;
                    kafka.wait(up).await.expect("up");
                    while commands.try_recv().is_ok() {}
                    now = batches(&store);
                }
            }
        }
        for batch in before.iter().skip(1) {
            peers.iter().for_each(|peer| {
                peer.commit(batch);
            });
        }
        before = now;
    }
    scheduler.stop().await;
    let [whole, decided, durable, left] =
        [&mut took.whole, &mut took.decided, &mut took.durable, &mut took.left].map(|times| median(times));
    // The aim is against a commit that is as durable as ours. What the second phase costs is decision 12's business.
    let [same, one_phase] = bare.map(|mut times| median(&mut times));
    let ratio = |bare: Duration| whole.as_secs_f64() / bare.as_secs_f64();
    println!(
        "| verb to command on redb | {whole:.0?} | {same:.0?} a bare commit, as durable: {:.2}x | 1.5x |",
        ratio(same)
    );
    println!(
        "| the same | | {one_phase:.0?} a bare commit of one phase, less durable: {:.2}x | |",
        ratio(one_phase)
    );
    println!("| of it: decided, durable, at the backend | {decided:.0?}, {durable:.0?}, {left:.0?} | | |");
}
