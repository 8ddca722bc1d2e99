//! The scheduler's own log: a file of the data folder, and with `-v` standard error too.
//!
//! Invariant: the log is bounded: one file, and the one before it. Only its owner can read it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use plan_core::engine::{Engine, Reply, Story, Wall};
use plan_driver::{Condition, Service};
use tokio::sync::broadcast::error::RecvError;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::End;
use super::folder::unusable;
use crate::problem::Problem;
use plan_host::folder::LOG;

use crate::running::Running;

/// The size at which a new log begins. The one before is kept.
const LARGEST: u64 = 16 << 20;

/// Begins to log; `backend` are the targets of the backend's lines.
///
/// # Errors
/// The file cannot be written.
pub(super) fn begin(folder: &Path, verbose: u8, backend: &[&str]) -> Result<PathBuf, Box<Problem>> {
    let path = folder.join(LOG);
    let file = LogFile::open(path.clone()).map_err(|error| unusable(&path, error))?;
    let level = match verbose {
        0 | 1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let also = if verbose > 0 { Also::StandardError } else { Also::Nothing };
    let log = Log { file: Mutex::new(file), also };
    let seen = ["planwright", "plan_driver"].iter().chain(backend).map(|target| format!(",{target}={level}"));
    let filter = EnvFilter::try_new(format!("warn{}", seen.collect::<String>()));
    let built = tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_default())
        .with_ansi(false)
        .with_writer(log)
        .finish();
    // In a test that runs several schedulers in one process, the log of the first has all lines.
    let _ = tracing::subscriber::set_global_default(built);
    Ok(path)
}

/// Logs the start of the scheduler.
pub(super) fn tell_beginning(running: &Running) {
    let Running { service, url, pid, data_dir, .. } = running;
    let (version, folder) = (env!("CARGO_PKG_VERSION"), data_dir.display());
    tracing::info!(version, pid, %service, %url, %folder, "the scheduler begins");
}

/// Logs why the scheduler ends.
pub(super) fn tell_end(end: Option<&End>) {
    match end {
        Some(End::Interrupted) => tracing::info!("interrupted: the scheduler ends"),
        Some(End::Complete) => tracing::info!("the plan is complete: the scheduler ends"),
        Some(End::Error) => tracing::warn!("the plan has an error: the scheduler ends"),
        Some(End::Uninstalled) => tracing::info!("uninstalled: the scheduler ends"),
        Some(End::Gone(condition)) => tracing::error!(%condition, "the scheduler ends"),
        None => tracing::error!("the scheduler ends, as it cannot go on"),
    }
}

/// Logs the events of a service, and its requests with their authors from a time on, as long as the service exists.
pub(super) async fn tell(service: Service, from: Wall) {
    tokio::join!(tell_events(&service), tell_conditions(&service), tell_requests(&service, from));
}

async fn tell_events(service: &Service) {
    let mut events = service.events();
    loop {
        match events.recv().await {
            Ok(happened) => {
                let (story, subject) = (&happened.story, happened.story.subject());
                match story {
                    // The causes of these events are logged too.
                    Story::Phase { .. } | Story::Step { .. } => tracing::debug!("{subject}: {story}"),
                    _ => tracing::info!("{subject}: {story}"),
                }
            }
            Err(RecvError::Lagged(lost)) => tracing::warn!("{lost} events came too fast to be logged"),
            Err(RecvError::Closed) => return,
        }
    }
}

async fn tell_conditions(service: &Service) {
    let mut conditions = service.conditions();
    while conditions.changed().await.is_ok() {
        let condition = conditions.borrow_and_update().clone();
        match condition {
            Condition::Starting | Condition::Running => tracing::info!("condition: {condition}"),
            _ => tracing::warn!("condition: {condition}"),
        }
    }
}

async fn tell_requests(service: &Service, from: Wall) {
    let last = |engine: &Engine| engine.audit().last().map(|audit| audit.number);
    let mut told = None;
    while service.wait(move |engine| last(engine) > told).await.is_ok() {
        let now = service.now();
        let more = move |engine: &Engine| {
            let more = engine.audit().filter(|audit| Some(audit.number) > told);
            // Requests to an earlier scheduler are in its log.
            let more = more.filter(|audit| engine.wall(audit.at, now) >= from).cloned();
            (more.collect::<Vec<_>>(), last(engine))
        };
        let Ok((more, last)) = service.read(more).await else { continue };
        told = last;
        for audit in more {
            let (who, asked) = (&audit.who, &audit.verb);
            match &audit.reply {
                Reply::Done => tracing::info!(%who, "asked: {asked}: done"),
                Reply::AlreadySo => tracing::info!(%who, "asked: {asked}: it is so already"),
                Reply::Refused(refusal) => tracing::info!(%who, "asked: {asked}: refused: {refusal}"),
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Also {
    Nothing,
    StandardError,
}

struct Log {
    file: Mutex<LogFile>,
    also: Also,
}

struct LogFile {
    path: PathBuf,
    file: File,
    size: u64,
}

impl LogFile {
    fn open(path: PathBuf) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
        let size = file.metadata()?.len();
        Ok(Self { path, file, size })
    }

    fn line(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.size > LARGEST {
            fs::rename(&self.path, self.path.with_extension("log.1"))?;
            *self = Self::open(self.path.clone())?;
        }
        self.file.write_all(bytes)?;
        self.size += bytes.len() as u64;
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

impl Write for &Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // A full disk must not end the scheduler, so these log lines are lost.
        let _ = file.line(line);
        if self.also == Also::StandardError {
            let _ = io::stderr().lock().write_all(line);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
