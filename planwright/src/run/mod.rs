//! `run`: a scheduler in the foreground.
//!
//! Invariant: nothing of the service is begun before the file is good, the folder ours and the port open; and when this
//! ends, however it ends, the tasks go on running, except where it says otherwise.

mod backend;
mod end;
mod face;
mod folder;
mod ideas;
mod listen;
mod log;
mod picture;
mod recording;
mod store;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use plan_core::engine::{Author, Refusal, Reply, Request, Verb};
use plan_core::plan::{Model, Status};
use plan_core::spec::PlanName;
use plan_driver::{Condition, DriverError, Options, Scheduler, Service};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::Verdict;
use crate::arguments::{Run, StoreKind};
use crate::input::{self, Input, Values};
use crate::problem::Problem;
use crate::running::Running;
use crate::ui::Ui;
use face::Face;
use folder::Folder;
use picture::Picture;
use recording::Recording;

/// A scheduler that does not end within this is left to the system.
const PATIENCE: Duration = Duration::from_secs(20);
/// Tasks whose records are in memory have so long to end.
const FAREWELL: Duration = Duration::from_secs(60);
/// The first target is asked for again so long, where the store does not answer.
const FIRST: Duration = Duration::from_secs(15);
/// Between two looks at the service: what happens faster is seen together.
const GLANCE: Duration = Duration::from_millis(20);

pub(crate) fn run(ui: &mut Ui, arguments: &Run) -> io::Result<Verdict> {
    let (wanted, warnings) = match read(arguments) {
        Ok(read) => read,
        Err(problems) => return refuse(ui, &problems, Verdict::Refused),
    };
    warnings.iter().for_each(|problem| ui.problem(problem));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let verdict = runtime.block_on(schedule(ui, arguments, &wanted));
    runtime.shutdown_timeout(Duration::from_secs(1));
    match verdict {
        Ok(verdict) => verdict,
        Err((problems, verdict)) => refuse(ui, &problems, verdict),
    }
}

/// What the service shall be.
struct Wanted {
    input: Input,
    model: Arc<Model>,
    plan: Option<PlanName>,
}

/// Why there is no scheduler.
type Stopped = (Vec<Problem>, Verdict);

fn failed(problem: impl Into<Box<Problem>>) -> Stopped {
    (vec![*problem.into()], Verdict::Refused)
}

fn read(arguments: &Run) -> Result<(Wanted, Vec<Problem>), Vec<Problem>> {
    let values = Values::new(&arguments.reading)?;
    let input = Input::load(&arguments.file, &values, &arguments.reading)?;
    let checked = input.check();
    let Some(model) = checked.model else { return Err(checked.problems) };
    let plan = arguments.plan.as_deref().map(|plan| input::plan(&model, plan, &input.file)).transpose()?;
    let plan = plan.map(|plan| plan.name.clone());
    Ok((Wanted { input, model, plan }, checked.problems))
}

fn refuse(ui: &mut Ui, problems: &[Problem], verdict: Verdict) -> io::Result<Verdict> {
    if ui.is_json() {
        ui.json_line(&serde_json::json!({ "event": "refused", "diagnostics": problems }))?;
    }
    problems.iter().for_each(|problem| ui.problem(problem));
    Ok(verdict)
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum End {
    /// Someone ended it.
    Interrupted,
    /// The plan is complete, and it was to end then.
    Complete,
    /// The plan has an error, and it was to end when it ended.
    Error,
    /// Nothing of the service is left.
    Uninstalled,
    /// The scheduler does nothing any more.
    Gone(Condition),
}

/// A service with all that carries it.
struct Scheduling {
    folder: Folder,
    scheduler: Arc<Scheduler>,
    service: Service,
    backend: backend::Chosen,
}

async fn schedule(ui: &mut Ui, arguments: &Run, wanted: &Wanted) -> Result<io::Result<Verdict>, Stopped> {
    let name = wanted.model.spec().name();
    let folder = Folder::take(arguments.data_dir.as_deref(), name.as_str()).map_err(failed)?;
    let log = log::begin(folder.path(), arguments.verbose).map_err(failed)?;
    let backend = backend::choose(arguments, folder.path()).await.map_err(failed)?;
    backend.keeps(&wanted.model, &wanted.input.file, ui).map_err(|all| (all, Verdict::Refused))?;
    let (token_file, token) = folder.token().map_err(failed)?;
    let listener = listen::bind(arguments.listen.0).await.map_err(failed)?;
    let store = store::open(arguments.store, folder.path(), name).await.map_err(failed)?;
    let mut recording = Recording::begin(arguments).map_err(failed)?;
    let options = Options { record: recording.recorder(), ..Options::default() };
    let scheduler = Scheduler::start(store, backend.backend.clone(), options).await;
    let scheduler = Arc::new(scheduler.map_err(|error| failed(store::problem(&error, folder.path())))?);
    let service = scheduler.service(name).await.map_err(|error| failed(Problem::error(error.to_string())))?;
    let server = listen::serve(listener, &scheduler, name, token, folder.path().join(folder::FILES));
    let server = server.map_err(failed)?;
    let running = Running {
        service: name.to_string(),
        url: format!("http://{}", server.address),
        pid: std::process::id().try_into().unwrap_or(i32::MAX),
        token_file,
        data_dir: folder.path().to_owned(),
    };
    let announced = running.announce().map_err(|error| failed(folder::unusable(folder.path(), &error)))?;
    let scheduling = Scheduling { folder, scheduler, service, backend };
    let told = tell_beginning(ui, &running, &log, &recording);
    let ended = match told {
        Ok(()) => scheduling.go_on(ui, arguments, wanted, &running, &mut recording).await,
        Err(error) => Ok(Err(error)),
    };
    let gone = matches!(&ended, Ok(Ok((End::Uninstalled | End::Gone(_), _))));
    if arguments.store == StoreKind::Memory && !gone {
        scheduling.end_tasks(ui).await;
    }
    scheduling.stop(ui).await;
    drop(announced);
    server.stop().await;
    let Scheduling { folder, scheduler, service, backend } = scheduling;
    // The store is closed with the last of them.
    drop((scheduler, service, backend));
    let recorded = recording.finish(ui).await;
    if matches!(&ended, Ok(Ok((End::Uninstalled, _)))) {
        folder.forget();
    }
    match ended? {
        Ok((end, picture)) => {
            let told = end::tell(ui, arguments, wanted, &running, &end, &picture);
            Ok(recorded.and(told))
        }
        Err(error) => Ok(Err(error)),
    }
}

fn tell_beginning(ui: &mut Ui, running: &Running, log: &Path, recording: &Recording) -> io::Result<()> {
    if ui.is_json() {
        return ui.json_line(&serde_json::json!({
            "event": "listening", "url": running.url, "service": running.service,
            "data-dir": running.data_dir, "log": log, "pid": running.pid,
        }));
    }
    ui.say(format_args!("listening on {}", running.url))?;
    ui.say(format_args!("data folder: {}", running.data_dir.display()))?;
    recording.line().map_or(Ok(()), |line| ui.say(line))
}

impl Scheduling {
    /// Submits the target, and shows what comes of it until it ends.
    async fn go_on(
        &self,
        ui: &mut Ui,
        arguments: &Run,
        wanted: &Wanted,
        running: &Running,
        recording: &mut Recording,
    ) -> Result<io::Result<(End, Picture)>, Stopped> {
        let mut signals = Signals::new().map_err(|error| failed(Problem::error(error.to_string())))?;
        let mut events = self.service.events();
        let mut conditions = self.service.conditions();
        let reply = tokio::select! {
            reply = self.submit(wanted) => reply?,
            () = signals.next() => return Ok(Ok((End::Interrupted, Picture::default()))),
        };
        match reply {
            Reply::Done => {}
            Reply::AlreadySo => ui.note("the service goes on where it was"),
            Reply::Refused(Refusal::Uninstalling) => {
                ui.note("the service is being uninstalled: that goes on until nothing is left");
            }
            Reply::Refused(refusal) => {
                let problem = Problem::error(refusal.to_string()).file(wanted.input.file.clone());
                let help = "what ran goes on running as it is; `planwright diff` shows what differs";
                return Err((vec![problem.help(help)], Verdict::Denied));
            }
        }
        let mut losses = self.backend.losses(&arguments.nodes);
        let mut face = match Face::new(ui, arguments, running, recording) {
            Ok(face) => face,
            Err(error) => return Ok(Err(error)),
        };
        let mut picture = Picture::default();
        let mut proposed = false;
        loop {
            match self.service.read(Picture::of).await {
                Ok(now) if now.main.is_none() && picture.main.is_some() => {
                    return Ok(Ok((End::Uninstalled, picture)));
                }
                Ok(now) => {
                    let shown = face.show(ui, &picture, &now, &self.service.condition());
                    if let Err(error) = shown {
                        return Ok(Err(error));
                    }
                    picture = now;
                }
                Err(_) => {
                    let condition = self.service.condition();
                    if condition.is_final() {
                        return Ok(Ok((End::Gone(condition), picture)));
                    }
                    if let Err(error) = face.show(ui, &picture, &picture.clone(), &condition) {
                        return Ok(Err(error));
                    }
                }
            }
            let settled = picture.others.is_empty();
            match picture.status() {
                Some(Status::Complete) if arguments.until_complete && settled => {
                    return Ok(Ok((End::Complete, picture)));
                }
                Some(Status::Error) if arguments.until_complete => return Ok(Ok((End::Error, picture))),
                Some(Status::Complete) if !proposed && settled => {
                    proposed = true;
                    let ideas = ideas::ideas(&wanted.model, &wanted.input, &arguments.file);
                    if let Err(error) = face.propose(ui, ideas) {
                        return Ok(Err(error));
                    }
                    continue;
                }
                _ => {}
            }
            let glance = Instant::now() + GLANCE;
            tokio::select! {
                _ = events.recv() => {}
                changed = conditions.changed() => if changed.is_err() {
                    return Ok(Ok((End::Gone(self.service.condition()), picture)));
                },
                () = signals.next() => return Ok(Ok((End::Interrupted, picture))),
                () = face.leave() => return Ok(Ok((End::Interrupted, picture))),
                node = losses.next() => self.backend.lose(&node, ui).await,
                told = recording.ends() => if let Err(error) = face.warn(ui, told) {
                    return Ok(Err(error));
                },
            }
            sleep_until(glance).await;
            while events.try_recv().is_ok() {}
        }
    }

    /// Says what the service shall be, again as long as nobody knows whether it was heard.
    async fn submit(&self, wanted: &Wanted) -> Result<Reply, Stopped> {
        let by = Author { id: uuid::Uuid::new_v4().to_string().into(), who: crate::who().into() };
        let until = Instant::now() + FIRST;
        loop {
            let error = match self
                .service
                .target(wanted.model.clone(), wanted.plan.clone(), Some(by.clone()))
                .await
            {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };
            let again = match &error {
                DriverError::Busy | DriverError::Unknown => true,
                DriverError::Away(condition) => !condition.is_final(),
                _ => false,
            };
            if !again || Instant::now() >= until {
                return Err(failed(store::driver_problem(&error, self.folder.path())));
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Ends what runs: without a store that lasts, nobody would know it any more.
    async fn end_tasks(&self, ui: &mut Ui) {
        ui.note("the records are in memory, and nobody would know the tasks any more: they are ended");
        match timeout(FAREWELL, self.uninstall()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => ui.complain(&format!("the tasks may go on running: {error}")),
            Err(_) => ui.complain("the tasks may go on running: they did not end in time"),
        }
    }

    /// Ends the scheduler. Tasks go on running.
    async fn stop(&self, ui: &mut Ui) {
        if timeout(PATIENCE, self.scheduler.stop()).await.is_err() {
            ui.complain("the scheduler does not end, and is left to the system: its records are whole");
        }
    }

    async fn uninstall(&self) -> Result<(), DriverError> {
        let id = uuid::Uuid::new_v4().to_string();
        let request = Request { id: id.into(), who: crate::who().into(), verb: Verb::Uninstall };
        self.service.verb(request).await?;
        self.service.wait(|engine| engine.model().is_none()).await
    }
}

/// SIGINT, SIGTERM and SIGHUP: all end it.
struct Signals([Signal; 3]);

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self([
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        ]))
    }

    async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
