//! What the driver costs, beside what its disk costs. `cargo bench -p planwright-bench --bench driver`.
#![expect(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints its figures")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant as Clock};

use async_trait::async_trait;
use plan_core::engine::{Command, Engine, Occupant, Request, TaskState, Verb, encode};
use plan_core::plan::Model;
use plan_core::spec::{PhaseStrategy, ServiceName, ServiceSpec};
use plan_driver::backend::prompt::PromptBackend;
use plan_driver::backend::{Backend, BackendError, Identity, Reports, Session, Unkept};
use plan_driver::recording::Recorder;
use plan_driver::store::{Batch, Change, Epoch, MemoryStore, Opened, RedbStore, Store, StoreError};
use plan_driver::{Options, Scheduler, Service};
use planwright_bench::{Instant, service};
use redb::{Database, TableDefinition};
use tokio::sync::mpsc;

fn main() {
    println!("# the driver, {} build\n", if cfg!(debug_assertions) { "a debug" } else { "an optimised" });
    println!("| what | figure | beside it | aim |\n| --- | ---: | ---: | ---: |");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build();
    runtime.expect("a runtime").block_on(async {
        verb_to_command().await;
        restart(100_000).await;
        idle(1_000).await;
        recording(500).await;
    });
}

/// Notes when a command comes, and keeps it from nobody.
struct Timed(PromptBackend, mpsc::UnboundedSender<Clock>);

struct TimedSession(Box<dyn Session>, mpsc::UnboundedSender<Clock>);

#[async_trait]
impl Backend for Timed {
    fn name(&self) -> &'static str {
        "timed"
    }

    fn unkept(&self, spec: &ServiceSpec) -> Vec<Unkept> {
        self.0.unkept(spec)
    }

    async fn open(&self, identity: Identity, reports: Reports) -> Result<Box<dyn Session>, BackendError> {
        Ok(Box::new(TimedSession(self.0.open(identity, reports).await?, self.1.clone())))
    }
}

#[async_trait]
impl Session for TimedSession {
    async fn carry_out(&mut self, command: Command) -> Result<(), BackendError> {
        let _ = self.1.send(Clock::now());
        self.0.carry_out(command).await
    }
}

/// Keeps the last batch that a store is given.
struct Copies(RedbStore, std::sync::Mutex<Vec<Batch>>);

#[async_trait]
impl Store for Copies {
    async fn services(&self) -> Result<Vec<ServiceName>, StoreError> {
        self.0.services().await
    }

    async fn open(&self, service: &ServiceName) -> Result<Opened, StoreError> {
        self.0.open(service).await
    }

    async fn commit(&self, service: &ServiceName, epoch: Epoch, batch: Batch) -> Result<(), StoreError> {
        self.1.lock().expect("whole").push(batch.clone());
        self.0.commit(service, epoch, batch).await
    }
}

async fn start(store: Arc<dyn Store>, backend: Arc<dyn Backend>, options: Options) -> (Scheduler, Service) {
    let scheduler = Scheduler::start(store, backend, options).await.expect("a store");
    let service = scheduler.service(&ServiceName::new("kafka").expect("a name")).await.expect("a service");
    (scheduler, service)
}

async fn deploy(service: &Service, model: &Arc<Model>) {
    service.target(model.clone(), None, None).await.expect("a target");
    service.wait(|engine| engine.is_deployed()).await.expect("deployed");
}

/// From the verb to its command, on disk; and the same batches, bare.
async fn verb_to_command() {
    const TIMES: usize = 200;
    let folder = tempfile::tempdir().expect("a folder");
    let store = RedbStore::open(folder.path().join("store")).await.expect("a store");
    let store = Arc::new(Copies(store, std::sync::Mutex::default()));
    let (told, mut commands) = mpsc::unbounded_channel();
    let backend = Arc::new(Timed(PromptBackend::new(), told));
    let (scheduler, kafka) = start(store.clone(), backend, Options::default()).await;
    deploy(&kafka, &service(3, PhaseStrategy::Serial)).await;
    let (mut ours, mut batches) = (Vec::new(), Vec::new());
    for n in 0..TIMES {
        let up = |engine: &Engine| {
            engine.is_deployed()
                && engine.pods().all(|(_, pod)| {
                    pod.slots.iter().all(|slot| {
                        let runs = |occupant: &Occupant| occupant.state == TaskState::Running { ready: true };
                        slot.act.is_none() && slot.occupant.as_ref().is_some_and(runs)
                    })
                })
        };
        kafka.wait(up).await.expect("up");
        while commands.try_recv().is_ok() {}
        store.1.lock().expect("whole").clear();
        let verb = Verb::RestartPod { instance: "kafka-0".parse().expect("a name"), tasks: Vec::new() };
        let request = Request { id: n.to_string().into(), who: "bench".into(), verb };
        let begun = Clock::now();
        kafka.verb(request).await.expect("an answer");
        let came = tokio::time::timeout(Duration::from_secs(60), commands.recv()).await;
        let came = came.expect("a command within a minute").expect("a command");
        ours.push(came.saturating_duration_since(begun));
        batches.extend(store.1.lock().expect("whole").first().cloned());
    }
    scheduler.stop().await;
    for (phases, name) in [(true, "two phases, as ours"), (false, "one phase, redb's default")] {
        let bare = bare(folder.path(), phases, &batches);
        let (ours, bare) = (median(&mut ours), bare);
        let ratio = ours.as_secs_f64() / bare.as_secs_f64();
        println!(
            "| verb to command on redb | {ours:.0?} | {bare:.0?} a bare commit ({name}): {ratio:.2}x | 1.5x |"
        );
    }
}

/// The same batches, committed by redb alone.
fn bare(folder: &Path, two_phases: bool, batches: &[Batch]) -> Duration {
    let table: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("records");
    let database = Database::create(folder.join(format!("bare-{two_phases}"))).expect("a database");
    let mut times = Vec::new();
    for batch in batches {
        let begun = Clock::now();
        let mut transaction = database.begin_write().expect("a transaction");
        transaction.set_two_phase_commit(two_phases);
        {
            let mut records = transaction.open_table(table).expect("a table");
            for change in &batch.changes {
                match change {
                    Change::Put(key, bytes) => {
                        drop(records.insert(("kafka", key.as_str()), bytes.as_slice()))
                    }
                    Change::Delete(key) => drop(records.remove(("kafka", key.as_str()))),
                }
            }
        }
        transaction.commit().expect("a commit");
        times.push(begun.elapsed());
    }
    median(&mut times)
}

/// From a file with so many instances to the first command.
async fn restart(count: u32) {
    let mut bench = Instant::new();
    bench.deploy(&service(count, PhaseStrategy::Parallel));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store");
    let kafka = ServiceName::new("kafka").expect("a name");
    {
        let store = RedbStore::open(&path).await.expect("a store");
        let epoch = store.open(&kafka).await.expect("opened").epoch;
        let records = bench.store.values().map(|record| encode(record).expect("a record"));
        let changes = records.map(|(key, bytes)| Change::Put(key, bytes)).collect();
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

/// Processor time of this process, and its memory.
fn used() -> (Duration, u64) {
    let clock = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let usage = Duration::new(clock.tv_sec.unsigned_abs(), u32::try_from(clock.tv_nsec).unwrap_or(0));
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    (usage, line.split_whitespace().next().and_then(|kilobytes| kilobytes.parse().ok()).unwrap_or(0))
}

/// So many services that have nothing to do.
async fn idle(count: u32) {
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

/// A deployment with and without a recording, in turns.
async fn recording(count: u32) {
    for (on, aim) in [("redb", "2 %"), ("memory", "")] {
        let (mut with, mut without) = (Vec::new(), Vec::new());
        let mut bytes = 0;
        for round in 0..14 {
            let folder = tempfile::tempdir().expect("a folder");
            let store: Arc<dyn Store> = match on {
                "redb" => Arc::new(RedbStore::open(folder.path().join("store")).await.expect("a store")),
                _ => Arc::new(MemoryStore::new()),
            };
            let file = folder.path().join("recording");
            let record = (round % 2 == 0).then(|| Recorder::create(&file, Recorder::LIMIT).expect("a file"));
            let options = Options { record: record.clone(), ..Options::default() };
            let (scheduler, kafka) = start(store, Arc::new(PromptBackend::new()), options).await;
            let model = service(count, PhaseStrategy::Serial);
            let begun = Clock::now();
            deploy(&kafka, &model).await;
            if record.is_some() { &mut with } else { &mut without }.push(begun.elapsed());
            scheduler.stop().await;
            if let Some(record) = record {
                record.flush().await;
                bytes = std::fs::metadata(&file).map_or(0, |about| about.len());
            }
        }
        let (with, without) = (median(&mut with), median(&mut without));
        let more = (with.as_secs_f64() / without.as_secs_f64() - 1.0) * 100.0;
        let kilobytes = bytes / 1024;
        println!(
            "| a deployment of {count} recorded, on {on} | {more:+.1} % | {with:.1?}, {without:.1?} without; {kilobytes} KB | {aim} |"
        );
    }
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
