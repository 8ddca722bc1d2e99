//! `run`: a scheduler in the foreground.
//!
//! Invariant: nothing of the service begins before the file is good, the folder is ours and the port is open. When the
//! scheduler ends, however it ends, the tasks keep running, except where it says otherwise.

mod closing;
mod commands;
mod display;
mod end;
mod folder;
mod listen;
mod log;
mod recording;
mod snapshot;
mod store;
mod suggestions;
mod target;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{BoxStream, Fuse, StreamExt as _};
use plan_core::engine::{Engine, Request, Verb};
use plan_core::plan::{Model, Status};
use plan_core::spec::PlanName;
use plan_driver::{Condition, DriverError, Options, Scheduler, Service, with_causes};
use plan_load::SpecFile;
use serde_json::json;
use tokio::time::{Instant, sleep_until, timeout};

use crate::Verdict;
use crate::arguments::{Run, StoreKind};
use crate::backends::{BackendKind, BackendNote, Backends, OpenBackend};
use crate::client::when::when;
use crate::input;
use crate::problem::Problem;
use crate::running::{self, Running};
use crate::ui::Ui;
use closing::Signals;
use display::Display;
use plan_api::FolderFiles;
use plan_host::folder::Folder;
use recording::Recording;
use snapshot::Snapshot;
use target::Settled;

/// How long a scheduler may take to end. After that the process just ends.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long tasks have to end if their records are in memory.
const FAREWELL: Duration = Duration::from_secs(60);
/// The time between two looks at the service. Faster changes are seen together.
const GLANCE: Duration = Duration::from_millis(20);

pub(crate) fn run(ui: &mut Ui, backends: &Backends, arguments: &Run) -> io::Result<Verdict> {
    let Some(kind) = backends.get(&arguments.backend) else {
        // The command line accepts no other text.
        let problem = Problem::error(format!("there is no backend `{}`", arguments.backend));
        return refuse(ui, &[problem], Verdict::Misused);
    };
    let Read { wanted, warnings, judged } = match read(arguments, kind) {
        Ok(read) => read,
        Err(problems) => return refuse(ui, &problems, Verdict::Refused),
    };
    warnings.iter().for_each(|problem| ui.problem(problem));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let verdict = runtime.block_on(schedule(ui, backends, kind, arguments, &wanted, judged));
    runtime.shutdown_timeout(Duration::from_secs(1));
    match verdict {
        Ok(verdict) => verdict,
        Err((problems, verdict)) => refuse(ui, &problems, verdict),
    }
}

/// The target of the service.
struct Wanted {
    input: SpecFile,
    model: Arc<Model>,
    plan: Option<PlanName>,
}

/// Why there is no scheduler.
type Stopped = (Vec<Problem>, Verdict);

fn failed(problem: impl Into<Box<Problem>>) -> Stopped {
    (vec![*problem.into()], Verdict::Refused)
}

/// The file as it was read.
struct Read {
    wanted: Wanted,
    warnings: Vec<Problem>,
    /// What the backend does not support in the specification.
    judged: Vec<Problem>,
}

fn read(arguments: &Run, kind: &dyn BackendKind) -> Result<Read, Vec<Problem>> {
    let file = input::load(&arguments.file, &input::options(&arguments.reading)?)?;
    let checked = file.check();
    let judged = input::judged(&file, &checked, kind);
    let Some(model) = checked.model else { return Err(checked.problems) };
    let plan = arguments.plan.as_deref().map(|plan| input::plan(&model, plan, &file.file)).transpose()?;
    let plan = plan.map(|plan| plan.name.clone());
    Ok(Read { wanted: Wanted { input: file, model, plan }, warnings: checked.problems, judged })
}

fn refuse(ui: &mut Ui, problems: &[Problem], verdict: Verdict) -> io::Result<Verdict> {
    if ui.is_json() {
        ui.json_line(&json!({ "event": "refused", "diagnostics": problems }))?;
    }
    problems.iter().for_each(|problem| ui.problem(problem));
    Ok(verdict)
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum End {
    /// Someone ended the scheduler.
    Interrupted,
    /// The plan is complete, with `--until-complete`.
    Complete,
    /// The plan has an error, with `--until-complete`.
    Error,
    /// Nothing of the service is left.
    Uninstalled,
    /// The scheduler never acts again.
    Gone(Condition),
}

/// The state at the end.
struct Ended {
    end: End,
    snapshot: Snapshot,
    standing: Standing,
}

/// How the service relates to the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// The file became the target.
    AsWanted,
    /// An operator has updated the service since the file was submitted, or may have, and that stays.
    Updated,
    /// The service cannot become what the file says.
    Refused,
}

/// A service with everything that runs it.
struct Scheduling {
    folder: Folder,
    scheduler: Arc<Scheduler>,
    service: Service,
    recording: Recording,
}

/// Events outside of the service.
struct Besides {
    signals: Signals,
    /// What the backend does by itself.
    notes: Fuse<BoxStream<'static, BackendNote>>,
}

async fn schedule(
    ui: &mut Ui,
    backends: &Backends,
    kind: &dyn BackendKind,
    arguments: &Run,
    wanted: &Wanted,
    judged: Vec<Problem>,
) -> Result<io::Result<Verdict>, Stopped> {
    let name = wanted.model.spec().name();
    let place =
        folder::place(arguments.data_dir.as_deref(), name.as_str(), arguments.store).map_err(failed)?;
    let listener = listen::bind(arguments.listen.0).await;
    // A second `run` of a service says that, and not that its port is in use.
    let listener =
        listener.map_err(|problem| failed(Folder::taken(&place).map_or(problem, folder::problem)))?;
    let folder = Folder::take(&place, arguments.store.into(), kind.name())
        .map_err(|error| failed(folder::problem(error)))?;
    let log = log::begin(folder.path(), arguments.verbose, kind.log_targets()).map_err(failed)?;
    let store = folder.open_store(arguments.store.into(), Some(name), &backends.hosted(), kind).await;
    let store = store.map_err(|error| failed(folder::problem(error)))?;
    let OpenBackend { backend, notes } =
        kind.open_with(&folder.tasks(), &arguments.options).await.map_err(failed)?;
    let known = store.services().await.map_err(|error| failed(store::problem(&error, folder.path())))?;
    // A running service keeps running, whatever is wrong with a new file.
    let (errors, warnings): (Vec<_>, Vec<_>) = judged.into_iter().partition(Problem::is_error);
    warnings.iter().for_each(|problem| ui.problem(problem));
    let unsupported = match errors.is_empty() {
        true => None,
        false if known.contains(name) => Some(errors),
        false => return Err((errors, Verdict::Refused)),
    };
    let (token_file, token) = folder::token(&folder).map_err(failed)?;
    let recording = Recording::begin(arguments).map_err(failed)?;
    let address = listener.local_addr().map_err(|error| failed(Problem::error(with_causes(&error))))?;
    let options = Options::default().with_record(recording.recorder()).with_api(address);
    let scheduler = Scheduler::start(store, backend, options).await;
    let scheduler = Arc::new(scheduler.map_err(|error| failed(store::problem(&error, folder.path())))?);
    let service = scheduler.service(name).await.map_err(|error| failed(Problem::error(error.to_string())))?;
    let server =
        listen::serve(listener, &scheduler, name, token, folder.path().join(plan_host::folder::FILES));
    let mut server = server.map_err(failed)?;
    let pid = std::process::id().try_into().unwrap_or(i32::MAX);
    let running = Running {
        service: name.to_string(),
        url: format!("http://{}", server.address()),
        pid,
        began: running::birth(pid),
        token_file,
        data_dir: folder.path().to_owned(),
    };
    let announced = running.announce().map_err(|error| failed(folder::unusable(folder.path(), error)))?;
    log::tell_beginning(&running);
    tokio::spawn(log::tell(service.clone(), service.now()));
    let scheduling = Scheduling { folder, scheduler, service, recording };
    let signals = Signals::new().map_err(|error| failed(Problem::error(error.to_string())))?;
    let mut besides = Besides { signals, notes: notes.fuse() };
    let ended = match tell_beginning(ui, &running, &log, &scheduling.recording) {
        Ok(()) => scheduling.go_on(ui, arguments, wanted, unsupported, &running, &mut besides).await,
        Err(error) => Ok(Err(error)),
    };
    log::tell_end(ended.as_ref().ok().and_then(|ended| ended.as_ref().ok()).map(|ended| &ended.end));
    let tasks = scheduling.tasks().await;
    closing::leave_at_once(arguments.store);
    let end = ended.as_ref().ok().and_then(|ended| ended.as_ref().ok()).map(|ended| &ended.end);
    let gone = matches!(end, Some(End::Uninstalled | End::Gone(_)));
    let mut nothing_left = false;
    if arguments.store == StoreKind::Memory && !gone {
        nothing_left = scheduling.end_tasks(ui).await;
    }
    // From here on, a client finds no server, rather than one that cannot answer. So it asks again later, or knows that
    // the scheduler is gone.
    if matches!(end, Some(End::Uninstalled)) {
        server.stop().await;
        // A target may have been accepted before the server was closed.
        nothing_left = scheduling.is_uninstalled().await;
        if !nothing_left {
            ui.complain(
                "a specification was submitted meanwhile, and is kept: run it again to make the service so",
            );
        }
    } else {
        server.close();
    }
    scheduling.stop(ui).await;
    drop(announced);
    server.stop().await;
    let Scheduling { folder, scheduler, service, recording } = scheduling;
    // The store and the backend are closed with the last of these values.
    drop((scheduler, service));
    let recorded = recording.finish(ui).await;
    if nothing_left {
        let _ = FolderFiles::new(folder.path().join(plan_host::folder::FILES)).forget(name.as_str());
        folder.forget(arguments.store.into(), kind);
    }
    match ended? {
        Ok(Ended { end, snapshot, standing }) => {
            let leftovers = end::Leftovers { end: &end, snapshot: &snapshot, standing, tasks };
            let told = end::tell(ui, arguments, wanted, &running, &leftovers);
            Ok(recorded.and(told))
        }
        Err(error) => Ok(Err(error)),
    }
}

fn tell_beginning(ui: &mut Ui, running: &Running, log: &Path, recording: &Recording) -> io::Result<()> {
    if ui.is_json() {
        return ui.json_line(&json!({
            "event": "listening", "url": running.url, "service": running.service,
            "data-dir": running.data_dir, "log": log, "pid": running.pid,
        }));
    }
    ui.say(format_args!("listening on {}", running.url))?;
    ui.say(format_args!("data folder: {}", running.data_dir.display()))?;
    recording.line().map_or(Ok(()), |line| ui.say(line))
}

impl Scheduling {
    /// Submits the target, and shows the service until the scheduler ends.
    async fn go_on(
        &self,
        ui: &mut Ui,
        arguments: &Run,
        wanted: &Wanted,
        unsupported: Option<Vec<Problem>>,
        running: &Running,
        besides: &mut Besides,
    ) -> Result<io::Result<Ended>, Stopped> {
        let standing = match unsupported {
            Some(problems) => refused(ui, &problems),
            None => {
                let outcome = tokio::select! {
                    outcome = target::settle(ui, &self.service, &self.folder, wanted) => outcome?,
                    () = besides.signals.next() => {
                        let (end, snapshot) = (End::Interrupted, Snapshot::default());
                        return Ok(Ok(Ended { end, snapshot, standing: Standing::AsWanted }));
                    }
                };
                tell_outcome(ui, arguments, wanted, running, outcome)
            }
        };
        let standing = match standing {
            Ok(standing) => standing,
            Err(error) => return Ok(Err(error)),
        };
        let shown = self.show(ui, arguments, wanted, standing, running, besides).await;
        Ok(shown.map(|(end, snapshot)| Ended { end, snapshot, standing }))
    }

    /// Shows the service until the scheduler ends.
    async fn show(
        &self,
        ui: &mut Ui,
        arguments: &Run,
        wanted: &Wanted,
        standing: Standing,
        running: &Running,
        besides: &mut Besides,
    ) -> io::Result<(End, Snapshot)> {
        let mut events = self.service.events();
        let mut conditions = self.service.conditions();
        let mut display = Display::new(ui, arguments, running, &self.recording)?;
        let mut snapshot = Snapshot::default();
        let mut proposed = false;
        loop {
            match self.service.read(Snapshot::of).await {
                Ok(now) if now.main.is_none() && snapshot.main.is_some() => {
                    return Ok((End::Uninstalled, snapshot));
                }
                Ok(now) => {
                    display.show(ui, &snapshot, &now, &self.service.condition())?;
                    snapshot = now;
                }
                Err(_) => {
                    let condition = self.service.condition();
                    if condition.is_final() {
                        return Ok((End::Gone(condition), snapshot));
                    }
                    display.show(ui, &snapshot, &snapshot.clone(), &condition)?;
                }
            }
            // Until every task was heard of, nobody knows what has to be brought back.
            let settled = snapshot.others.is_empty() && snapshot.heard;
            match snapshot.status() {
                Some(Status::Complete) if arguments.until_complete && settled => {
                    return Ok((End::Complete, snapshot));
                }
                Some(Status::Error) if arguments.until_complete => return Ok((End::Error, snapshot)),
                Some(Status::Complete) if !proposed && settled => {
                    proposed = true;
                    if standing == Standing::AsWanted {
                        display.propose(ui, suggestions::suggestions(arguments, wanted, running))?;
                    }
                    continue;
                }
                _ => {}
            }
            let glance = Instant::now() + GLANCE;
            tokio::select! {
                _ = events.recv() => {}
                // There is no event when nothing changed.
                _ = self.service.wait(Engine::has_heard), if !snapshot.heard => {}
                changed = conditions.changed() => if changed.is_err() {
                    return Ok((End::Gone(self.service.condition()), snapshot));
                },
                () = besides.signals.next() => return Ok((End::Interrupted, snapshot)),
                () = display.leave() => return Ok((End::Interrupted, snapshot)),
                Some(note) = besides.notes.next() => match note {
                    BackendNote::Done(what) => ui.note(what),
                    BackendNote::Failed(what) => ui.complain(&what),
                },
                told = self.recording.ends() => display.warn(ui, told)?,
            }
            sleep_until(glance).await;
            while events.try_recv().is_ok() {}
        }
    }

    /// Ends all tasks, since nobody would know them without lasting records. Returns whether nothing is left.
    async fn end_tasks(&self, ui: &mut Ui) -> bool {
        ui.note(
            "the records are in memory, and nobody would know the tasks any more: they are ended (Ctrl-C again leaves \
             them)",
        );
        match timeout(FAREWELL, self.uninstall()).await {
            Ok(Ok(())) => return true,
            Ok(Err(error)) => ui.complain(&format!("the tasks may go on running: {error}")),
            Err(_) => ui.complain("the tasks may go on running: they did not end in time"),
        }
        false
    }

    /// Ends the scheduler. Tasks keep running.
    async fn stop(&self, ui: &mut Ui) {
        if timeout(PATIENCE, self.scheduler.stop()).await.is_err() {
            ui.complain("the scheduler does not end, and is left to the system: its records are whole");
        }
    }

    /// Whether there certainly is no service.
    async fn is_uninstalled(&self) -> bool {
        let read = self.service.read(|engine| engine.model().is_none());
        timeout(PATIENCE, read).await.is_ok_and(|read| read.is_ok_and(|gone| gone))
    }

    /// How many tasks run; `None` if nobody knows.
    async fn tasks(&self) -> Option<usize> {
        let alive = |engine: &Engine| engine.pods().map(|(_, pod)| pod.living().count()).sum();
        timeout(GLANCE * 50, self.service.read(alive)).await.ok()?.ok()
    }

    async fn uninstall(&self) -> Result<(), DriverError> {
        let id = uuid::Uuid::new_v4().to_string();
        let request = Request { id: id.into(), who: crate::who().into(), verb: Verb::Uninstall };
        self.service.verb(request).await?;
        self.service.wait(|engine| engine.model().is_none()).await
    }
}

/// What became of the file, in words.
fn tell_outcome(
    ui: &mut Ui,
    arguments: &Run,
    wanted: &Wanted,
    running: &Running,
    settled: Settled,
) -> io::Result<Standing> {
    let file = &wanted.input.file;
    match settled {
        Settled::Submitted { update: false } => {}
        Settled::Submitted { update: true } => {
            ui.note(format_args!("`{file}` is not what the service was: the service becomes what it says"));
        }
        Settled::AlreadySo => ui.note("the service goes on where it was"),
        Settled::Uninstalling => {
            ui.note("the service is being uninstalled: that goes on until nothing is left");
        }
        Settled::Refused(refusal) => {
            return refused(ui, &[Problem::error(refusal.to_string()).file(file.clone())]);
        }
        Settled::Unsure { why } => {
            let message = format!(
                "what was submitted last cannot be read ({why}), and `{file}` is not what the service is: an operator may \
                 have updated it, and it stays as it is"
            );
            let back = commands::update(arguments, None, running);
            let problem = Problem::warning(message).help(format!("to make it what the file says: `{back}`"));
            if ui.is_json() {
                ui.json_line(&json!({ "event": "kept", "by": null, "at": null, "diagnostics": [problem] }))?;
            }
            ui.problem(&problem);
            return Ok(Standing::Updated);
        }
        Settled::Kept { by } => {
            let who = by.map(|by| (by.who, when(by.at.0 / 1000)));
            let told = who.as_ref().map(|(who, at)| format!(", by {who}, at {at} UTC")).unwrap_or_default();
            let message = format!(
                "the service was updated since{told}, and that stays: `{file}` says what it said before"
            );
            let back = commands::update(arguments, None, running);
            let problem = Problem::warning(message).help(format!("to go back to the file: `{back}`"));
            if ui.is_json() {
                let (by, at) = who.unzip();
                let event = json!({ "event": "kept", "by": by, "at": at, "diagnostics": [problem] });
                ui.json_line(&event)?;
            }
            ui.problem(&problem);
            return Ok(Standing::Updated);
        }
    }
    Ok(Standing::AsWanted)
}

/// Says that the file is refused, and that the service keeps running.
fn refused(ui: &mut Ui, problems: &[Problem]) -> io::Result<Standing> {
    if ui.is_json() {
        ui.json_line(&json!({ "event": "refused", "diagnostics": problems }))?;
    }
    problems.iter().for_each(|problem| ui.problem(problem));
    ui.complain("the file is refused: the service goes on as it is; `planwright diff` shows what differs");
    Ok(Standing::Refused)
}
