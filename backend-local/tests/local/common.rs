//! A bench: a backend on a folder of its own, driven by hand, with real processes.

use std::collections::BTreeMap;
use std::future::Future;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backend_local::{Local, LocalOptions, options};
use plan_core::engine::{
    Command, CommandOutcome, Domains, End, Expected, Fit, FitAnswer, Found, Grant, Handle, Held, Incarnation,
    InstallationId, Launch, LaunchAnswer, LaunchTask, Number, Parameters, Place, Release, ReleaseAnswer,
    Seen, Sighting, Snapshot,
};
use plan_core::plan::Model;
use plan_core::spec::{
    Census, Files, InstanceName, NodeName, ReadOptions, Reading, Seconds, ServiceSpec, Source, TaskName, read,
};
use plan_driver::backend::{Backend as _, BackendReport, Identity, Opening, Reports, Session, Told};
use tokio::sync::mpsc;

/// Nothing that is waited for takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Bench {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) options: LocalOptions,
    pub(crate) model: Arc<Model>,
    local: Option<Local>,
    session: Option<Box<dyn Session>>,
    told: Option<mpsc::Receiver<Told>>,
    pub(crate) reports: Vec<BackendReport>,
    /// Whether ends are confirmed.
    pub(crate) durable: AtomicBool,
    pub(crate) numbers: Number,
    /// The places that records name.
    pub(crate) held: Vec<Held>,
}

pub(crate) fn identity() -> Identity {
    Identity { service: "svc".parse().unwrap(), installation: InstallationId("one".into()) }
}

/// A specification of one pod `a` with these tasks, and more of the pod.
pub(crate) fn pod(tasks: &str) -> String {
    format!("name: svc\npods:\n  a:\n    count: 3\n{tasks}")
}

/// A pod of one RUNNING task `t` with this command, and more of the task.
pub(crate) fn task(cmd: &str, more: &str) -> String {
    pod(&format!(
        "    tasks:\n      t:\n        goal: RUNNING\n        cmd: {cmd:?}\n        cpus: 0.1\n        memory: 64\n{more}"
    ))
}

pub(crate) fn spec(text: &str) -> ServiceSpec {
    let reading = reading(text);
    reading.spec.unwrap_or_else(|| panic!("{:?}\n{text}", reading.diagnostics))
}

/// What is wrong with a specification.
pub(crate) fn problems(text: &str) -> Vec<String> {
    let reading = reading(text);
    assert!(reading.spec.is_none(), "nothing is wrong with\n{text}");
    reading.diagnostics.into_iter().map(|problem| problem.message).collect()
}

fn reading(text: &str) -> Reading {
    let env = BTreeMap::new();
    let options = ReadOptions { env: &env, strict_variables: true, files: Files::Skip };
    read(Source { file: "svc.yml", text }, &options)
}

/// A specification, with this text in the template of the config `c` of a task.
pub(crate) fn with_template(text: &str, task: &str, template: &str) -> Arc<Model> {
    let mut value = serde_json::to_value(spec(text)).unwrap();
    value["pods"]["a"]["tasks"][task]["configs"]["c"]["text"] = template.into();
    let spec: ServiceSpec = serde_json::from_value(value).unwrap();
    Arc::new(Model::new(spec).unwrap())
}

/// Says that a test, or a part of it, cannot be run here.
pub(crate) fn not_run(what: &str) {
    // Not by a macro: what those write is kept back of a test that passes.
    let told = format!("\n!!! NOT RUN: {what}\n\n");
    std::io::stderr().write_all(told.as_bytes()).unwrap();
}

/// The launch that a report says has ended.
pub(crate) fn an_end(report: &BackendReport) -> Option<Number> {
    match report {
        BackendReport::Observed(of) if matches!(of.seen.seen, Seen::Ended(_)) => Some(of.of.launch),
        _ => None,
    }
}

/// The answer to a release.
pub(crate) fn a_release(report: &BackendReport) -> Option<ReleaseAnswer> {
    match report {
        BackendReport::Outcome(CommandOutcome::Release { answer, .. }) => Some(answer.clone()),
        _ => None,
    }
}

pub(crate) fn instance(index: u32) -> InstanceName {
    InstanceName::new("a".parse().unwrap(), index)
}

pub(crate) fn name(text: &str) -> TaskName {
    text.parse().unwrap()
}

/// Waits for a condition, with a bound.
pub(crate) async fn until<T>(what: &str, mut is: impl FnMut() -> Option<T>) -> T {
    let began = std::time::Instant::now();
    loop {
        if let Some(is) = is() {
            return is;
        }
        assert!(began.elapsed() < PATIENCE, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(crate) fn lives(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit_once(')').is_some_and(|(_, rest)| rest.starts_with(" Z")))
}

pub(crate) fn kill_9(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

pub(crate) fn on_runtime(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(test);
}

impl Bench {
    pub(crate) async fn new(text: &str) -> Self {
        Self::with(text, |_| {}).await
    }

    pub(crate) async fn with(text: &str, set: impl FnOnce(&mut LocalOptions)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = LocalOptions::new(folder.path().join("data"));
        options.shim = Some(PathBuf::from(env!("CARGO_BIN_EXE_planwright-shim")));
        options.environment = options::inherited([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]);
        // Room is not what is tested, unless a test says so.
        let capacity = options::Capacity { cpus: 100_000, memory: 100_000, disk: 100_000 };
        options.nodes = options::nodes(3, capacity);
        set(&mut options);
        let mut bench = Self {
            folder,
            options,
            model: Arc::new(Model::new(spec(text)).unwrap()),
            local: None,
            session: None,
            told: None,
            reports: Vec::new(),
            durable: AtomicBool::new(true),
            numbers: 0,
            held: Vec::new(),
        };
        bench.open().await;
        bench
    }

    pub(crate) fn local(&self) -> &Local {
        self.local.as_ref().unwrap()
    }

    /// Starts a backend on the folder, and a session.
    pub(crate) async fn open(&mut self) {
        self.local = Some(Local::start(self.options.clone()).await.unwrap());
        self.open_session().await;
    }

    pub(crate) async fn open_session(&mut self) {
        let (reports, told) = Reports::channel(1000);
        self.told = Some(told);
        self.reports.clear();
        let mut opening = Opening::new(identity());
        opening.held = self.held.clone();
        self.session = Some(self.local().open(opening, reports).await.unwrap());
    }

    /// The backend is gone; what it started is not.
    pub(crate) fn close(&mut self) {
        self.session = None;
        self.told = None;
        self.local = None;
    }

    pub(crate) async fn reopen(&mut self) {
        self.close();
        self.open().await;
    }

    pub(crate) async fn command(&mut self, command: Command) {
        self.commands(vec![command]).await;
    }

    /// Hands over what one batch ordered.
    pub(crate) async fn commands(&mut self, commands: Vec<Command>) {
        self.session.as_mut().unwrap().carry_out(commands).await.unwrap();
    }

    /// The next report, if one comes within the time.
    pub(crate) async fn next(&mut self, within: Duration) -> Option<BackendReport> {
        let told = tokio::time::timeout(within, self.told.as_mut().unwrap().recv()).await.ok()??;
        if self.durable.load(Ordering::Relaxed) {
            let _ = told.durable.send(());
        }
        self.reports.push(told.report.clone());
        Some(told.report)
    }

    /// The first report from now on that is meant.
    pub(crate) async fn report<T>(&mut self, what: &str, is: impl Fn(&BackendReport) -> Option<T>) -> T {
        let until = tokio::time::Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(tokio::time::Instant::now());
            let Some(report) = self.next(left).await else {
                panic!("in vain: {what}; there were {:#?}", self.reports);
            };
            if let Some(is) = is(&report) {
                return is;
            }
        }
    }

    /// Waits until a launch of task `t` of `a-0` is seen so.
    pub(crate) async fn seen(&mut self, launch: Number, seen: Seen) {
        self.task_seen("t", launch, seen).await;
    }

    pub(crate) async fn task_seen(&mut self, task: &str, launch: Number, seen: Seen) {
        self.report(&format!("launch {launch} of {task} is {seen:?}"), |report| match report {
            BackendReport::Observed(of) => {
                (of.of.launch == launch && of.of.task == *task && of.seen.seen == seen).then_some(())
            }
            _ => None,
        })
        .await;
    }

    /// Waits until a launch is seen in this way.
    pub(crate) async fn sighted(
        &mut self,
        launch: Number,
        what: &str,
        is: impl Fn(&Sighting) -> bool,
    ) -> Sighting {
        self.report(&format!("launch {launch} is seen: {what}"), |report| match report {
            BackendReport::Observed(of) if of.of.launch == launch && is(&of.seen) => Some(of.seen.clone()),
            _ => None,
        })
        .await
    }

    /// What is said of its end.
    pub(crate) async fn last_words(&mut self, launch: Number) -> (End, String) {
        let seen = self.sighted(launch, "it has ended", |seen| matches!(seen.seen, Seen::Ended(_))).await;
        let Seen::Ended(end) = seen.seen else { unreachable!("it was asked for") };
        (end, seen.words.map(String::from).unwrap_or_default())
    }

    /// Waits until it ended, however.
    pub(crate) async fn ended(&mut self, launch: Number) -> End {
        self.report(&format!("launch {launch} ends"), |report| match report {
            BackendReport::Observed(of) if of.of.launch == launch => match of.seen.seen {
                Seen::Ended(end) => Some(end),
                _ => None,
            },
            _ => None,
        })
        .await
    }

    pub(crate) fn next_number(&mut self) -> Number {
        self.numbers += 1;
        self.numbers
    }

    /// Asks for room, for an instance without a place.
    pub(crate) async fn ask(&mut self, index: u32, launch: Number) {
        self.ask_at(index, launch, None).await;
    }

    pub(crate) async fn ask_at(&mut self, index: u32, launch: Number, at: Option<(NodeName, Handle)>) {
        let pod = &self.model.pods()[0];
        let fit = Fit {
            instance: instance(index),
            launch,
            demand: pod.footprint.clone(),
            volumes: if at.is_some() { Arc::new([]) } else { pod.volumes.clone() },
            configs: pod.configs.clone(),
            placement: pod.placement.clone().filter(|_| at.is_none()),
            at,
            from: None,
            census: Arc::new(Census::default()),
        };
        self.command(Command::Fit(Box::new(fit))).await;
    }

    pub(crate) async fn answer(&mut self, launch: Number) -> FitAnswer {
        self.report(&format!("room for launch {launch} is answered"), |report| match report {
            BackendReport::Outcome(CommandOutcome::Fit { launch: of, answer, .. }) if *of == launch => {
                Some(answer.clone())
            }
            _ => None,
        })
        .await
    }

    pub(crate) async fn room(&mut self, index: u32, at: Option<&Grant>) -> (Number, Grant) {
        let launch = self.next_number();
        let at = at.map(|grant| (grant.node.name.clone(), grant.handle.clone()));
        self.ask_at(index, launch, at).await;
        match self.answer(launch).await {
            FitAnswer::Fitted(grant) => (launch, grant),
            other => panic!("no room: {other:?}"),
        }
    }

    pub(crate) fn launch_of(&self, index: u32, launch: Number, grant: &Grant, tasks: &[&str]) -> Launch {
        let pod = &self.model.pods()[0];
        let tasks = tasks.iter().map(|task| {
            let model = &pod.tasks[pod.task_index(&name(task)).unwrap()];
            LaunchTask { conf: model.conf, config: model.config.clone(), paused: false }
        });
        Launch {
            instance: instance(index),
            launch,
            node: grant.node.clone(),
            handle: grant.handle.clone(),
            ports: grant.ports.clone(),
            domains: Domains::of(pod.placement.as_deref()),
            principal: None,
            tasks: tasks.collect(),
            parameters: None,
        }
    }

    pub(crate) async fn give(&mut self, launch: Launch) -> LaunchAnswer {
        let number = launch.launch;
        self.command(Command::Launch(Box::new(launch))).await;
        self.report(&format!("launch {number} is answered"), |report| match report {
            BackendReport::Outcome(CommandOutcome::Launch { launch: of, answer, .. }) if *of == number => {
                Some(answer.clone())
            }
            _ => None,
        })
        .await
    }

    /// Launches task `t` of an instance where there is room.
    pub(crate) async fn launch(&mut self, index: u32) -> (Number, Grant) {
        let (launch, grant) = self.room(index, None).await;
        let order = self.launch_of(index, launch, &grant, &["t"]);
        assert_eq!(self.give(order).await, LaunchAnswer::Done);
        (launch, grant)
    }

    /// Launches it again where it was.
    pub(crate) async fn launch_again(&mut self, index: u32, grant: &Grant) -> (Number, Grant) {
        let (launch, grant) = self.room(index, Some(grant)).await;
        let order = self.launch_of(index, launch, &grant, &["t"]);
        assert_eq!(self.give(order).await, LaunchAnswer::Done);
        (launch, grant)
    }

    pub(crate) async fn with_parameters(
        &mut self,
        index: u32,
        parameters: Parameters,
    ) -> (Number, LaunchAnswer) {
        let (launch, grant) = self.room(index, None).await;
        let mut order = self.launch_of(index, launch, &grant, &["t"]);
        order.parameters = Some(Arc::new(parameters));
        (launch, self.give(order).await)
    }

    pub(crate) async fn kill(&mut self, index: u32, launch: Number, grace: u32) {
        let (instance, task) = (instance(index), name("t"));
        self.command(Command::Kill { instance, launch, task, grace: Seconds(grace) }).await;
    }

    pub(crate) async fn release(&mut self, index: u32, grant: &Grant) {
        let debt = self.next_number();
        let (node, handle) = (grant.node.name.clone(), grant.handle.clone());
        let release = Release { debt, instance: instance(index), node, handle };
        self.command(Command::Release(Box::new(release))).await;
    }

    pub(crate) fn expected(&self, index: u32, launch: Number, grant: &Grant) -> Expected {
        let of = Incarnation {
            installation: identity().installation,
            instance: instance(index),
            task: name("t"),
            launch,
        };
        Expected { of, node: grant.node.name.clone() }
    }

    /// How a launch is by a snapshot.
    pub(crate) async fn found(&mut self, index: u32, launch: Number, grant: &Grant) -> Found {
        let number = self.next_number();
        let expected = vec![self.expected(index, launch, grant)];
        let wanted = expected[0].of.clone();
        self.command(Command::Reconcile { number, expected }).await;
        let snapshot = self.snapshot(number).await;
        snapshot.found.into_iter().find(|(of, _)| *of == wanted).unwrap().1
    }

    /// The same of one that is there, without what is said of it.
    pub(crate) async fn is(&mut self, index: u32, launch: Number, grant: &Grant) -> Seen {
        match self.found(index, launch, grant).await {
            Found::Seen(seen) => seen.seen,
            Found::Absent => panic!("launch {launch} is absent"),
        }
    }

    pub(crate) async fn snapshot(&mut self, number: Number) -> Snapshot {
        self.report("a snapshot", |report| match report {
            BackendReport::Snapshot(snapshot) if snapshot.of == number && snapshot.last => {
                Some(snapshot.clone())
            }
            _ => None,
        })
        .await
    }

    pub(crate) fn sandbox(&self, index: u32, launch: Number) -> PathBuf {
        self.local().sandbox(&identity(), &instance(index), &name("t"), Some(launch)).unwrap()
    }

    /// The folder of a run, beside whose sandbox our own files are.
    pub(crate) fn run_folder(&self, index: u32, launch: Number) -> PathBuf {
        self.sandbox(index, launch).parent().unwrap().to_owned()
    }

    pub(crate) async fn output(&self, index: u32, launch: Number, is: impl Fn(&str) -> bool) -> String {
        let path = self.sandbox(index, launch).join("stdout");
        until(&format!("the output of launch {launch} is as expected"), || {
            std::fs::read_to_string(&path).ok().filter(|text| is(text))
        })
        .await
    }

    /// How a launch ended, in words.
    pub(crate) fn why(&self, index: u32, launch: Number) -> String {
        let text = std::fs::read(self.run_folder(index, launch).join("exit.json")).unwrap();
        let exit: serde_json::Value = serde_json::from_slice(&text).unwrap();
        exit["why"].as_str().unwrap_or_default().to_owned()
    }

    /// What records say of a place.
    pub(crate) fn record_of(&self, index: u32, launch: Number, grant: &Grant) -> Held {
        let pod = &self.model.pods()[0];
        let place = Place {
            node: grant.node.clone(),
            ports: grant.ports.clone(),
            handle: grant.handle.clone(),
            since: launch,
            domains: Domains::default(),
            principal: None,
        };
        let (demand, volumes) = (pod.footprint.clone(), pod.volumes.clone());
        Held::new(instance(index), Arc::new(place), demand, volumes)
    }

    /// The shim's and the task's process.
    pub(crate) async fn processes(&self, index: u32, launch: Number) -> (i32, i32) {
        let path = self.run_folder(index, launch).join("launch.json");
        until("processes", || processes(&path)).await
    }
}

pub(crate) fn processes(launch: &Path) -> Option<(i32, i32)> {
    let value: serde_json::Value = serde_json::from_slice(&std::fs::read(launch).ok()?).ok()?;
    let pid = |of: &str| i32::try_from(value[of]["pid"].as_i64()?).ok();
    Some((pid("shim")?, pid("task")?))
}

impl Drop for Bench {
    /// No task outlives its test.
    fn drop(&mut self) {
        self.close();
        let services = self.options.root.join("services");
        for path in walk(&services) {
            if path.file_name().is_some_and(|name| name == "launch.json")
                && !path.with_file_name("exit.json").exists()
                && let Some((shim, _)) = processes(&path)
                && let Some(pid) = rustix::process::Pid::from_raw(shim)
                && std::fs::read_to_string(format!("/proc/{shim}/cmdline"))
                    .is_ok_and(|line| line.contains("planwright-shim-supervise"))
            {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
    }
}

pub(crate) fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(walk(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// Rewrites what is written down of a run's processes.
pub(crate) fn change(path: &Path, change: impl FnOnce(&mut serde_json::Value)) {
    let mut value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    change(&mut value);
    std::fs::write(path, value.to_string()).unwrap();
}
