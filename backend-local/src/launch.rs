//! Launches: starts shims for a command.
//!
//! Invariant: a launch is answered with `Done` when its shims have it, and with `Retry` or `Never` only when nothing of
//! it runs or will run. While it is being prepared it can be taken back, and then ends as killed.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use plan_core::engine::{CommandOutcome, Launch, LaunchAnswer, LaunchTask, Number};
use plan_core::spec::InstanceName;
use plan_driver::backend::Identity;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::blocking::blocking;
use crate::disk::{self, DiskError};
use crate::error::Failure;
use crate::inner::Inner;
use crate::layout::RunFolder;
use crate::process::ProcessId;
use crate::prune::throw_away;
use crate::room::{Health, ServiceKey};
use crate::run::{Exit, ExitCause, Order};
use crate::sandbox;
use crate::state::{Phase, Run, RunKey, Say};
use crate::{address, compose, reap, shim, watch};

/// The time in which a shim has to answer. Otherwise it is ended.
const PATIENCE: Duration = Duration::from_secs(30);

/// The immediate result of the command.
pub(crate) enum Begun {
    /// This is the answer.
    Answer(LaunchAnswer),
    /// The answer comes when the launch is prepared.
    Later,
}

/// A task of a launch that is being prepared.
struct Prepared {
    key: RunKey,
    folder: RunFolder,
    order: Arc<Order>,
    cancel: Arc<Notify>,
    task: LaunchTask,
}

/// Accepts a launch.
pub(crate) fn begin(inner: &Arc<Inner>, identity: &Identity, key: &ServiceKey, launch: Launch) -> Begun {
    let mut guard = inner.state();
    let state = &mut *guard;
    let known: Vec<(RunKey, Phase)> = state
        .runs
        .of_instance(key, &launch.instance)
        .filter(|(run, _)| run.launch == launch.launch)
        .map(|(key, run)| (key, run.phase))
        .collect();
    if !known.is_empty() {
        for (key, _) in &known {
            state.changed(key);
        }
        let answered_later = known.iter().any(|(_, phase)| *phase == Phase::Preparing);
        return if answered_later { Begun::Later } else { Begun::Answer(LaunchAnswer::Done) };
    }
    let retry = |why: String| Begun::Answer(LaunchAnswer::Retry(why.into()));
    let name = &launch.node.name;
    let health = state.book.health(name);
    let (at, now) = ((name, &launch.handle), state.now(key));
    let place = state.book.launch(key, &launch.instance, at, launch.launch, now);
    match (health, place) {
        (None, _) => return retry(format!("there is no node {name}")),
        (Some(Health::Silent), _) => return retry(format!("nothing is heard of {name}")),
        (Some(Health::Gone), _) => return retry(format!("{name} was lost, and is gone for good")),
        (_, None) => return retry(format!("{} is not held any more", launch.handle.0)),
        (Some(Health::Heard), Some(_)) => {}
    }
    let alive = state
        .runs
        .of_instance(key, &launch.instance)
        .find(|(run, of)| of.lives() && launch.tasks.iter().any(|task| task.config.task == run.task));
    if let Some((run, _)) = alive {
        return retry(format!("{} (launch {}) still runs", run.task, run.launch));
    }
    let mut prepared = Vec::new();
    for task in &launch.tasks {
        let folder = inner.layout.run(identity, &launch.instance, &task.config.task, launch.launch);
        let order = match compose::order(inner, identity, &launch, task, &folder, nonce()) {
            Ok(order) => Arc::new(order),
            Err(why) => return Begun::Answer(LaunchAnswer::Never(why.into())),
        };
        let key = RunKey {
            service: key.clone(),
            instance: launch.instance.clone(),
            launch: launch.launch,
            task: task.config.task.clone(),
        };
        prepared.push((key, folder, order, task.clone()));
    }
    let prepared = prepared.into_iter().map(|(key, folder, order, task)| {
        let address = address::of_order(&inner.options.addresses, &order);
        let run = Run::new(folder.clone(), order.clone(), Phase::Preparing, address);
        let cancel = run.cancel.clone();
        state.runs.insert(key.clone(), run);
        state.changed(&key);
        Prepared { key, folder, order, cancel, task }
    });
    let prepared = prepared.collect();
    drop(guard);
    inner.spawn(go_on(inner.clone(), identity.clone(), key.clone(), launch, prepared));
    Begun::Later
}

/// Answers a launch.
pub(crate) fn answer(
    inner: &Inner,
    key: &ServiceKey,
    instance: InstanceName,
    launch: Number,
    answer: LaunchAnswer,
) {
    inner.state().sessions.say(key, Say::Outcome(CommandOutcome::Launch { instance, launch, answer }));
}

/// No two orders have the same nonce.
fn nonce() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{}-{}-{}", since.as_nanos(), std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

async fn go_on(
    inner: Arc<Inner>,
    identity: Identity,
    key: ServiceKey,
    launch: Launch,
    prepared: Vec<Prepared>,
) {
    let answer = match prepare_and_start(&inner, &identity, &launch, &prepared).await {
        Ok(()) => LaunchAnswer::Done,
        Err(failure) => {
            // Nothing of the launch runs, so no trace of it is kept.
            let folders: Vec<_> = prepared.iter().map(|task| task.folder.path().to_owned()).collect();
            let layout = inner.layout.clone();
            blocking(move || {
                for folder in folders {
                    if let Err(error) = throw_away(&layout, &folder) {
                        tracing::warn!(%error, "the sandbox of a launch that was refused stays");
                    }
                }
            })
            .await;
            let mut state = inner.state();
            for task in &prepared {
                state.runs.remove(&task.key);
            }
            match failure {
                Failure::Retry(why) => LaunchAnswer::Retry(why.into()),
                Failure::Never(why) => LaunchAnswer::Never(why.into()),
            }
        }
    };
    self::answer(&inner, &key, launch.instance, launch.launch, answer);
}

async fn prepare_and_start(
    inner: &Arc<Inner>,
    identity: &Identity,
    launch: &Launch,
    prepared: &[Prepared],
) -> Result<(), Failure> {
    let place = inner.layout.place(identity, &launch.handle);
    let mut cancelled = Vec::new();
    for task in prepared {
        let made = sandbox::make(inner, &task.folder, &task.order, &task.task, &place);
        let stopped = tokio::select! {
            made = made => made.map(|()| false)?,
            () = task.cancel.notified() => true,
        };
        cancelled.push(stopped);
    }
    let mut started = false;
    for (task, cancelled) in prepared.iter().zip(cancelled) {
        let go = {
            let mut state = inner.state();
            let go = !cancelled && state.runs.get(&task.key).is_some_and(|run| !run.cancelled);
            if go {
                state.set_phase(&task.key, Phase::Starting);
            }
            go
        };
        if !go {
            never_began(inner, task).await?;
            continue;
        }
        let (folder, order) = (task.folder.clone(), task.order.clone());
        let ordered = blocking(move || disk::write(&folder.order(), &*order)).await;
        let running = match ordered {
            Ok(()) => start(inner, task).await,
            Err(error) => Err(error.to_string()),
        };
        match running {
            Ok(()) => {
                started = true;
                inner.spawn(watch::watch(inner.clone(), task.key.clone()));
            }
            Err(why) if !started => return Err(Failure::Retry(why)),
            // Other tasks of the launch run, so this one is reported as ended.
            Err(why) => {
                let folder = task.folder.clone();
                let exit = Exit::new(ExitCause::NotStarted, why);
                let written = exit.clone();
                if let Err(error) = blocking(move || disk::write(&folder.exit(), &written)).await {
                    tracing::warn!(%error, "that a task was not started is not written down");
                }
                inner.state().set_ended(&task.key, &exit);
            }
        }
    }
    Ok(())
}

/// The task was told to end, or its node was lost, before the task began.
async fn never_began(inner: &Inner, task: &Prepared) -> Result<(), DiskError> {
    let heard = inner.state().book.health(&task.order.node) == Some(Health::Heard);
    let cause = if heard { ExitCause::Killed } else { ExitCause::WithNode };
    let exit = Exit::new(cause, "it was to end before it began");
    let (folder, order, written) = (task.folder.clone(), task.order.clone(), exit.clone());
    blocking(move || {
        disk::create_folder(folder.path())?;
        disk::claim(&folder.claim())?;
        disk::write(&folder.exit(), &written)?;
        disk::write(&folder.order(), &*order)
    })
    .await?;
    inner.state().set_ended(&task.key, &exit);
    Ok(())
}

/// Starts the shim of a task, and waits until the shim has the task. If that fails, nothing of the task runs.
async fn start(inner: &Arc<Inner>, task: &Prepared) -> Result<(), String> {
    let folder = &task.folder;
    let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.shim_log());
    let log = log.map_err(|error| format!("cannot create `{}`: {error}", folder.shim_log().display()))?;
    let mut child = Command::new(&inner.shim)
        .arg(shim::SUPERVISE)
        .arg(folder.path())
        .arg(&task.order.nonce)
        .env_clear()
        .current_dir(folder.path())
        // A signal from the scheduler's terminal does not reach the shim.
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .map_err(|error| format!("cannot start the shim `{}`: {error}", inner.shim.display()))?;
    let id = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(ProcessId::of);
    let mut line = String::new();
    let answer = match child.stdout.take() {
        Some(out) => timeout(PATIENCE, BufReader::new(out).read_line(&mut line)).await,
        None => Ok(Ok(0)),
    };
    let why = match answer {
        Ok(Ok(_)) if line.trim_end() == shim::STARTED => {
            inner.spawn(async move {
                // The shim is our child, so we have to wait for it.
                let _ = child.wait().await;
            });
            return Ok(());
        }
        Ok(Ok(count)) if count > 0 => line.trim_end().to_owned(),
        Ok(Ok(_)) => format!("its shim ended at once: see `{}`", folder.shim_log().display()),
        Ok(Err(error)) => format!("its shim does not answer: {error}"),
        Err(_) => format!("its shim did not answer within {PATIENCE:?}"),
    };
    // Ends whatever there is of the task, so that nothing of it runs.
    if let Some(id) = id {
        id.kill();
    }
    let _ = child.wait().await;
    let of = folder.clone();
    if let Err(error) = blocking(move || reap::settle(&of, ExitCause::NotStarted)).await {
        tracing::warn!(%error, "that a task was not started is not written down");
    }
    Err(why)
}
