//! A store and a backend that log what they see, and do what a test says.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use plan_core::engine::{Command, InstallationId, Request, Verb};
use plan_core::plan::{Model, Status};
use plan_core::spec::{Files, PlanName, ReadOptions, ServiceName, ServiceSpec, Source, read};
use plan_driver::backend::prompt::PromptBackend;
use plan_driver::backend::{Backend, BackendError, Finding, Identity, Kind, Opening, Reports, Session};
use plan_driver::clock::TokioClock;
use plan_driver::store::{Batch, Epoch, MemoryStore, Opened, Store, StoreError};
use plan_driver::{Condition, Options, Scheduler, Service};
use tokio::sync::watch;

/// What happened, in order.
#[derive(Debug, Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub fn note(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    /// What happened since this was asked last.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    pub fn count(&self, what: &str) -> usize {
        self.0.lock().unwrap().iter().filter(|noted| noted.starts_with(what)).count()
    }

    /// What happened, each once, however often.
    pub fn kinds(&self, what: &str) -> BTreeSet<String> {
        self.0.lock().unwrap().iter().filter(|noted| noted.starts_with(what)).cloned().collect()
    }
}

/// What comes of a question to the store or to the backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Good,
    /// It fails, and does nothing.
    Fails,
    /// It does it, and nobody is told.
    DoneUnknown,
    /// It does not do it, and nobody is told.
    LostUnknown,
    Hangs,
    Panics,
}

/// Fates, first to last; then all is good.
#[derive(Debug, Clone, Default)]
pub struct Fates(Arc<Mutex<VecDeque<Fate>>>);

impl Fates {
    pub fn set(&self, fates: impl IntoIterator<Item = Fate>) {
        *self.0.lock().unwrap() = fates.into_iter().collect();
    }

    pub fn are_left(&self) -> bool {
        !self.0.lock().unwrap().is_empty()
    }

    pub fn next(&self) -> Fate {
        self.0.lock().unwrap().pop_front().unwrap_or(Fate::Good)
    }
}

/// A store in memory that logs, and fails as told.
#[derive(Debug, Clone)]
pub struct WatchedStore {
    pub memory: Arc<MemoryStore>,
    pub log: Log,
    pub opens: Fates,
    pub commits: Fates,
    /// Commits wait while this is false.
    pub open_gate: watch::Sender<bool>,
    /// A commit takes so long.
    pub takes: Duration,
    /// What it says is of this service alone.
    pub only: Option<ServiceName>,
}

impl WatchedStore {
    pub fn new(log: &Log) -> Self {
        Self {
            memory: Arc::new(MemoryStore::new()),
            log: log.clone(),
            opens: Fates::default(),
            commits: Fates::default(),
            open_gate: watch::Sender::new(true),
            takes: Duration::ZERO,
            only: None,
        }
    }

    fn concerns(&self, service: &ServiceName) -> bool {
        self.only.as_ref().is_none_or(|only| only == service)
    }

    /// The records of a service, without another epoch.
    pub async fn records(&self, service: &str) -> BTreeMap<String, Vec<u8>> {
        // A copy of what there is, by way of an epoch of its own store.
        let opened = self.memory.open(&name(service)).await.unwrap();
        opened.records.into_iter().collect()
    }
}

fn failed() -> StoreError {
    StoreError::Failed { what: "answer".to_owned(), source: "the test says so".into() }
}

fn unknown() -> StoreError {
    StoreError::Unknown { what: "answer".to_owned(), source: "the test says so".into() }
}

#[async_trait]
impl Store for WatchedStore {
    async fn services(&self) -> Result<Vec<ServiceName>, StoreError> {
        self.memory.services().await
    }

    async fn open(&self, service: &ServiceName) -> Result<Opened, StoreError> {
        let fate = if self.concerns(service) { self.opens.next() } else { Fate::Good };
        self.log.note(format!("open {fate:?}"));
        match fate {
            Fate::Good | Fate::DoneUnknown => self.memory.open(service).await,
            Fate::Fails | Fate::LostUnknown => Err(failed()),
            Fate::Hangs => std::future::pending().await,
            Fate::Panics => panic!("the store panics"),
        }
    }

    async fn commit(&self, service: &ServiceName, epoch: Epoch, batch: Batch) -> Result<(), StoreError> {
        if !self.concerns(service) {
            return self.memory.commit(service, epoch, batch).await;
        }
        if !self.takes.is_zero() {
            // Whoever was told something by the batch before this notes it first.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.log.note("commit");
        let mut gate = self.open_gate.subscribe();
        gate.wait_for(|open| *open).await.unwrap();
        tokio::time::sleep(self.takes).await;
        let fate = self.commits.next();
        let done = match fate {
            Fate::Good => self.memory.commit(service, epoch, batch).await,
            Fate::Fails => Err(failed()),
            Fate::DoneUnknown => self.memory.commit(service, epoch, batch).await.and(Err(unknown())),
            Fate::LostUnknown => Err(unknown()),
            Fate::Hangs => std::future::pending().await,
            Fate::Panics => panic!("the store panics"),
        };
        self.log.note(if done.is_ok() { "durable" } else { "not durable" });
        done
    }
}

/// A backend that does all at once, logs, and fails as told.
#[derive(Debug, Clone)]
pub struct WatchedBackend {
    pub cluster: PromptBackend,
    pub log: Log,
    pub opens: Fates,
    pub commands: Fates,
    /// The sessions that were opened.
    pub sessions: Arc<Mutex<Vec<(Identity, Reports)>>>,
    pub check_panics: Arc<AtomicBool>,
    /// It does not answer to `Deregister`.
    pub keeps_service: Arc<AtomicBool>,
}

impl WatchedBackend {
    pub fn new(log: &Log) -> Self {
        Self {
            cluster: PromptBackend::new(),
            log: log.clone(),
            opens: Fates::default(),
            commands: Fates::default(),
            sessions: Arc::default(),
            check_panics: Arc::default(),
            keeps_service: Arc::default(),
        }
    }

    pub fn last_session(&self) -> (Identity, Reports) {
        self.sessions.lock().unwrap().last().cloned().unwrap()
    }
}

struct Watched {
    session: Box<dyn Session>,
    backend: WatchedBackend,
}

impl Kind for WatchedBackend {
    fn name(&self) -> &'static str {
        "watched"
    }

    fn check(&self, _: &ServiceSpec) -> Vec<Finding> {
        assert!(!self.check_panics.load(Ordering::Relaxed), "the backend panics");
        Vec::new()
    }
}

#[async_trait]
impl Backend for WatchedBackend {
    fn kind(&self) -> &dyn Kind {
        self
    }

    async fn open(&self, opening: Opening, reports: Reports) -> Result<Box<dyn Session>, BackendError> {
        let fate = self.opens.next();
        self.log.note(format!("session {fate:?}"));
        match fate {
            Fate::Good => {
                self.sessions.lock().unwrap().push((opening.identity.clone(), reports.clone()));
                let session = self.cluster.open(opening, reports).await?;
                Ok(Box::new(Watched { session, backend: self.clone() }))
            }
            Fate::Hangs => std::future::pending().await,
            Fate::Panics => panic!("the backend panics"),
            _ => Err(BackendError::new("the test says so")),
        }
    }
}

#[async_trait]
impl Session for Watched {
    async fn carry_out(&mut self, commands: Vec<Command>) -> Result<(), BackendError> {
        for command in commands {
            self.one(command).await?;
        }
        Ok(())
    }
}

impl Watched {
    async fn one(&mut self, command: Command) -> Result<(), BackendError> {
        let fate = self.backend.commands.next();
        self.backend.log.note(format!("command {}", word(&command)));
        if command == Command::Deregister && self.backend.keeps_service.load(Ordering::Relaxed) {
            return Ok(());
        }
        match fate {
            Fate::Good => self.session.carry_out(vec![command]).await,
            Fate::DoneUnknown => {
                self.session.carry_out(vec![command]).await?;
                Err(BackendError::new("the test says so"))
            }
            Fate::Hangs => std::future::pending().await,
            Fate::Panics => panic!("the backend panics"),
            Fate::Fails | Fate::LostUnknown => Err(BackendError::new("the test says so")),
        }
    }
}

fn word(command: &Command) -> String {
    match command {
        Command::Fit(fit) => format!("fit {}", fit.instance),
        Command::Launch(launch) => format!("launch {} {}", launch.instance, launch.launch),
        Command::Kill { instance, .. } => format!("kill {instance}"),
        Command::Reconcile { expected, .. } => format!("reconcile {}", expected.len()),
        Command::Deregister => "deregister".to_owned(),
        other => format!("{other:?}").split([' ', '(']).next().unwrap_or_default().to_lowercase(),
    }
}

pub fn name(of: &str) -> ServiceName {
    ServiceName::new(of).unwrap()
}

/// A service of so many instances.
pub fn model(name: &str, count: u32) -> Arc<Model> {
    model_running(name, count, "./serve")
}

pub fn model_running(name: &str, count: u32, cmd: &str) -> Arc<Model> {
    let text = format!(
        "name: {name}\npods:\n  web:\n    count: {count}\n    tasks:\n      \
         server: {{ goal: RUNNING, cmd: {cmd}, cpus: 0.1, memory: 64 }}\n"
    );
    let values = BTreeMap::new();
    let options = ReadOptions { env: &values, strict_variables: true, files: Files::Skip };
    let reading = read(Source { file: "svc.yml", text: &text }, &options);
    Arc::new(Model::new(reading.spec.unwrap()).unwrap())
}

/// A verb that changes something each time.
pub fn restart(id: &str) -> Request {
    let verb = Verb::RestartPod { instance: "web-0".parse().unwrap(), tasks: Vec::new() };
    Request { id: id.into(), who: "test".into(), verb }
}

pub fn interrupt(id: &str) -> Request {
    let verb = Verb::Interrupt { plan: PlanName::new("deploy").unwrap(), phase: None };
    Request { id: id.into(), who: "test".into(), verb }
}

/// Options in virtual time, with the shortest waits that the jitter can give.
pub fn options() -> Options {
    let installations = AtomicU32::new(0);
    let mut options = Options::default().with_clock(Arc::new(TokioClock::new()));
    options.installation = Arc::new(move || {
        InstallationId(format!("installation-{}", installations.fetch_add(1, Ordering::Relaxed)).into())
    });
    options.retries.jitter = Arc::new(|| 0);
    options
}

/// A scheduler with one service.
pub struct Kit {
    pub log: Log,
    pub store: WatchedStore,
    pub backend: WatchedBackend,
    pub scheduler: Scheduler,
    pub service: Service,
}

impl Kit {
    pub async fn new() -> Self {
        Self::with(options()).await
    }

    pub async fn with(options: Options) -> Self {
        let log = Log::default();
        let (store, backend) = (WatchedStore::new(&log), WatchedBackend::new(&log));
        let scheduler =
            Scheduler::start(Arc::new(store.clone()), Arc::new(backend.clone()), options).await.unwrap();
        let service = scheduler.service(&name("hello")).await.unwrap();
        Self { log, store, backend, scheduler, service }
    }

    /// The same with the service deployed, and the log empty.
    pub async fn deployed(count: u32) -> Self {
        let kit = Self::new().await;
        kit.deploy(count).await;
        kit.log.take();
        kit
    }

    pub async fn deploy(&self, count: u32) {
        self.service.target(model("hello", count), None, None).await.unwrap();
        self.complete().await;
    }

    pub async fn complete(&self) {
        let complete = self.service.wait(|engine| engine.plan_status("deploy") == Some(Status::Complete));
        within(complete).await.unwrap();
    }

    /// Waits until the service's scheduler is in such a condition.
    pub async fn until(&self, holds: impl FnMut(&Condition) -> bool) -> Condition {
        within(self.service.conditions().wait_for(holds)).await.unwrap().clone()
    }

    /// Waits until so much is noted.
    pub async fn noted(&self, what: &str, times: usize) {
        within(async {
            while self.log.count(what) < times {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
    }
}

/// An hour of virtual time is long enough for anything.
pub async fn within<T>(of: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(3600), of).await.expect("it hangs")
}

/// Lets everything run that can without time going on.
pub async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}
