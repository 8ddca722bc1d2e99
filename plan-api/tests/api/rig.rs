//! A scheduler with its API in this process, on a backend whose tasks reach their goals at once, and a client.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use plan_api::{Api, ApiLimits, Token};
use plan_core::engine::{
    Address, Command, CommandOutcome, End, FitAnswer, InstallationId, Observation, OrderStage, Seen,
    Sighting, TaskState, Wall,
};
use plan_core::plan::Model;
use plan_core::spec::{Files, PortName, ReadOptions, ServiceName, ServiceSpec, Severity, Source, read};
use plan_driver::backend::prompt::PromptBackend;
use plan_driver::backend::{
    Backend, BackendError, BackendReport, BackendRule, Finding, Identity, Kind, Log, LogEnd, LogError,
    LogQuery, Opening, Reports, RuleExample, Session, Told,
};
use plan_driver::clock::Clock;
use plan_driver::store::MemoryStore;
use plan_driver::{Options, Scheduler, Service};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

/// A prompt backend, except for three services: `full` never finds room, the tasks of `refused` are invalid, and those
/// of `ill` fail as soon as they run. It does not support rlimits, and keeps a log of one line for each task.
#[derive(Debug, Clone, Default)]
struct Moody(PromptBackend);

struct MoodySession {
    service: ServiceName,
    prompt: Box<dyn Session>,
    reports: Reports,
}

const RLIMITS: BackendRule = BackendRule {
    code: "M001",
    summary: "tasks run without limits of their own",
    explanation: "The machines of this backend set no limits on processes.",
    example: RuleExample {
        file: "",
        severity: Severity::Error,
        path: "pods.web.rlimits",
        message: "this backend sets no limits",
        help: Some("leave them out"),
    },
};

impl Kind for Moody {
    fn name(&self) -> &'static str {
        "moody"
    }

    fn rules(&self) -> &'static [&'static BackendRule] {
        &[&RLIMITS]
    }

    fn check(&self, spec: &ServiceSpec) -> Vec<Finding> {
        let limited = spec.pods().iter().filter(|(_, pod)| !pod.rlimits.is_empty());
        let paths = limited.map(|(name, _)| format!("pods.{name}.rlimits"));
        {
            let at = |path| {
                let mut finding = RLIMITS.finding();
                finding.path = path;
                finding
            };
            paths.map(at).collect()
        }
    }
}

#[async_trait]
impl Backend for Moody {
    fn kind(&self) -> &dyn Kind {
        self
    }

    async fn open(&self, opening: Opening, reports: Reports) -> Result<Box<dyn Session>, BackendError> {
        let service = opening.identity.service.clone();
        let (prompts, told) = Reports::channel(64);
        tokio::spawn(with_addresses(service.clone(), told, reports.clone()));
        let prompt = self.0.open(opening, prompts).await?;
        Ok(Box::new(MoodySession { service, prompt, reports }))
    }

    async fn log(&self, of: &Identity, query: LogQuery) -> Result<Log, LogError> {
        if query.launch.is_none() {
            return Err(LogError::NoSuchLog(format!("`{}` was never launched", query.task)));
        }
        let LogQuery { instance, task, stream, tail, end, .. } = query;
        let line = format!("{} {instance} {task} {} {tail:?}\n", of.service, stream.as_str());
        let first = futures::stream::iter([Ok(line.into_bytes())]);
        Ok(match end {
            LogEnd::Now => Box::pin(first),
            LogEnd::Never => Box::pin(futures::StreamExt::chain(first, futures::stream::pending())),
        })
    }
}

/// Passes on what is said, with where each task that runs is reached.
async fn with_addresses(service: ServiceName, mut told: mpsc::Receiver<Told>, reports: Reports) {
    while let Some(Told { mut report, durable }) = told.recv().await {
        match &mut report {
            BackendReport::Observed(Observation { seen, .. }) if service.as_str() == "ill" => {
                *seen = Sighting::from(Seen::Ended(End::Failed)).saying("exit code 3: no disk\nis left");
            }
            BackendReport::Observed(Observation { of, seen, .. })
                if matches!(seen.seen, Seen::Running { .. }) =>
            {
                seen.address = Some(Arc::new(Address {
                    ip: Some(Ipv4Addr::LOCALHOST.into()),
                    host: Some(format!("{}-{}.{service}.local", of.instance, of.task).into()),
                    ports: Vec::new(),
                    vips: vec![(PortName::new("api").unwrap(), format!("greeting.{service}.vip:80").into())],
                }));
            }
            _ => {}
        }
        let Ok(receipt) = reports.tell(report).await else { return };
        tokio::spawn(async move { receipt.durable().await.map(|()| durable.send(())) });
    }
}

#[async_trait]
impl Session for MoodySession {
    async fn carry_out(&mut self, commands: Vec<Command>) -> Result<(), BackendError> {
        for command in commands {
            self.one(command).await?;
        }
        Ok(())
    }
}

impl MoodySession {
    async fn one(&mut self, command: Command) -> Result<(), BackendError> {
        let Command::Fit(fit) = &command else { return self.prompt.carry_out(vec![command]).await };
        let answer = match self.service.as_str() {
            "full" => FitAnswer::Retry("node-0: needs 64 MB of memory, 3 are free".into()),
            "refused" => FitAnswer::Never("`./server` is no program".into()),
            _ => return self.prompt.carry_out(vec![command]).await,
        };
        let outcome = CommandOutcome::Fit { instance: fit.instance.clone(), launch: fit.launch, answer };
        let reports = self.reports.clone();
        tokio::spawn(async move { reports.tell(BackendReport::Outcome(outcome)).await.map(drop) });
        Ok(())
    }
}

/// It is always the same time, so that what is shown is always the same.
struct Noon;

impl Clock for Noon {
    fn now(&self) -> Wall {
        Wall(1_700_000_000_000_000)
    }
}

/// A scheduler with its API.
pub(crate) struct Rig {
    pub(crate) address: SocketAddr,
    pub(crate) token: Token,
    pub(crate) scheduler: Arc<Scheduler>,
    stop: Option<oneshot::Sender<()>>,
    ended: tokio::task::JoinHandle<()>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// The specification of a file beside this one.
pub(crate) fn model(name: &str, greeting: &str) -> Arc<Model> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/api/{name}.yml"));
    let text = std::fs::read_to_string(path).unwrap();
    let values = BTreeMap::from([("GREETING".to_owned(), greeting.to_owned())]);
    let files = BTreeMap::from([("settings.txt".to_owned(), "greeting={{GREETING}}\n".to_owned())]);
    let options = ReadOptions { env: &values, strict_variables: true, files: Files::Texts(&files) };
    let reading = read(Source { file: "svc.yml", text: &text }, &options);
    Arc::new(Model::new(reading.spec.unwrap_or_else(|| panic!("{:?}", reading.diagnostics))).unwrap())
}

impl Rig {
    /// One with the service `hello`, deployed.
    pub(crate) async fn new() -> Self {
        Self::with(ApiLimits::default()).await
    }

    pub(crate) async fn with(limits: ApiLimits) -> Self {
        let rig = Self::empty(limits).await;
        rig.submit("hello").await;
        rig.settle("hello").await;
        rig
    }

    /// One with no service yet, and `hello` as the one that is meant.
    pub(crate) async fn empty(limits: ApiLimits) -> Self {
        let mut options = Options::default().with_clock(Arc::new(Noon));
        options.installation = Arc::new(|| InstallationId("installed-for-tests".into()));
        let store = Arc::new(MemoryStore::new());
        let scheduler = Scheduler::start(store, Arc::new(Moody::default()), options).await.unwrap();
        let scheduler = Arc::new(scheduler);
        let token = Token::parse(&"5a".repeat(32)).unwrap();
        let mut api = Api::new(scheduler.clone(), token.clone(), (Ipv4Addr::LOCALHOST, 0).into());
        api.limits = limits;
        api.main = Some(ServiceName::new("hello").unwrap());
        let server = api.bind().await.unwrap();
        let address = server.address();
        let (stop, stopped) = oneshot::channel();
        let ended = tokio::spawn(server.serve(async {
            let _ = stopped.await;
        }));
        Self { address, token, scheduler, stop: Some(stop), ended }
    }

    pub(crate) async fn service(&self, name: &str) -> Service {
        self.scheduler.service(&ServiceName::new(name).unwrap()).await.unwrap()
    }

    pub(crate) async fn submit(&self, name: &str) {
        self.service(name).await.target(model(name, "hello"), None, None).await.unwrap();
    }

    /// Waits until nothing more will happen by itself.
    pub(crate) async fn settle(&self, name: &str) {
        let service = self.service(name).await;
        let quiet = service.wait(|engine| {
            let asks = engine.plan_names().iter().any(|plan| {
                let status = engine.plan_status(plan).unwrap();
                matches!(status, plan_core::plan::Status::Pending | plan_core::plan::Status::InProgress)
            });
            let mut pods = engine.pods();
            !asks
                && engine.debts().count() == 0
                && pods.all(|(_, record)| {
                    record.orders().iter().all(|order| order.stage == OrderStage::Launched)
                        && record.slots().iter().filter_map(|slot| slot.occupant()).all(|occupant| {
                            !matches!(occupant.state, TaskState::Launching | TaskState::Starting)
                        })
                })
        });
        tokio::time::timeout(Duration::from_secs(10), quiet).await.expect("it settles").unwrap();
    }

    /// Asks with the token.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: &str) -> Reply {
        self.ask_with(method, path, &[], body).await
    }

    /// Asks with the token and these headers.
    pub(crate) async fn ask_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let bearer = format!("Bearer {}", self.token.reveal());
        let mut all = vec![("authorization", bearer.as_str())];
        all.extend(headers);
        self.send(method, path, &all, body).await
    }

    /// Asks with these headers alone, but for a `Host` where there is none among them.
    pub(crate) async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let response = self.open(method, path, headers, body).await;
        let (parts, body) = response.into_parts();
        let body =
            tokio::time::timeout(Duration::from_secs(10), body.collect()).await.expect("it ends").unwrap();
        let body = String::from_utf8(body.to_bytes().to_vec()).unwrap();
        Reply { status: parts.status, headers: parts.headers, body }
    }

    /// The same, of an answer that need not end.
    pub(crate) async fn open(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Response<Incoming> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, talk) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(talk);
        let mut request = Request::builder().method(method).uri(path);
        if headers.iter().all(|(name, _)| *name != "host") {
            request = request.header("host", self.address.to_string());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
        sender.send_request(request).await.unwrap()
    }

    /// Ends the server, and the scheduler.
    pub(crate) async fn end(mut self) {
        drop(self.stop.take());
        tokio::time::timeout(Duration::from_secs(10), &mut self.ended).await.expect("it ends").unwrap();
        self.scheduler.stop().await;
    }
}
