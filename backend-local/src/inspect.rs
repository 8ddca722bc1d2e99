//! The output of a task, for callers.
//!
//! Invariant: reading changes nothing, and a follower holds one part of an output at a time.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream;
use plan_driver::backend::{BackendError, Identity, Log, LogEnd, LogError, LogQuery, LogStream};

use crate::blocking::blocking;
use crate::inner::Inner;
use crate::logs::{LogReader, Stream};

/// How often a follower looks for more output, since a file that grows wakes nobody.
const LOOK: Duration = Duration::from_millis(200);

/// The position of a follower.
struct Follower {
    inner: Arc<Inner>,
    of: Identity,
    query: LogQuery,
    /// The sandbox of the launch that is read, and how far it is read.
    reader: Option<(PathBuf, LogReader)>,
}

/// What a task printed.
pub(crate) async fn log(inner: &Arc<Inner>, of: &Identity, query: LogQuery) -> Result<Log, LogError> {
    let tail = query.tail;
    let mut follower = Follower { inner: inner.clone(), of: of.clone(), query, reader: None };
    let opened = follower.turn_to(follower.latest(), tail).await.map_err(LogError::Failed)?;
    if !opened && follower.query.end == LogEnd::Now {
        let (instance, task) = (&follower.query.instance, &follower.query.task);
        return Err(LogError::NoSuchLog(format!("nothing that `{task}` of `{instance}` printed is kept")));
    }
    let parts = stream::unfold(Some(follower), |follower| async move {
        let mut follower = follower?;
        match follower.next().await {
            Ok(Some(part)) => Some((Ok(part), Some(follower))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    });
    Ok(parts.boxed())
}

impl Follower {
    /// The sandbox of the latest launch.
    fn latest(&self) -> Option<PathBuf> {
        self.inner.sandbox(&self.of, &self.query.instance, &self.query.task, None).ok()
    }

    /// Turns to the sandbox of a launch, if it is not the current one.
    async fn turn_to(&mut self, sandbox: Option<PathBuf>, tail: Option<u64>) -> Result<bool, BackendError> {
        let is_read = |sandbox: &PathBuf| self.reader.as_ref().is_some_and(|(read, _)| read == sandbox);
        let Some(sandbox) = sandbox.filter(|sandbox| !is_read(sandbox)) else { return Ok(false) };
        let which = match self.query.stream {
            LogStream::Stdout => Stream::Out,
            LogStream::Stderr => Stream::Err,
        };
        let (folder, end) = (sandbox.clone(), self.query.end);
        let opened = blocking(move || {
            let reader = LogReader::open(&folder, which, tail)?;
            match end {
                LogEnd::Now => reader.ending_now(),
                LogEnd::Never => Ok(reader),
            }
        });
        let reader = opened.await.map_err(unreadable)?;
        self.reader = Some((sandbox, reader));
        Ok(true)
    }

    async fn next(&mut self) -> Result<Option<Vec<u8>>, BackendError> {
        loop {
            // This is determined before the last look at the current launch. A launch is over when there is a later
            // one.
            let latest = self.latest();
            if let Some((sandbox, mut reader)) = self.reader.take() {
                let (more, reader) = blocking(move || (reader.more(), reader)).await;
                self.reader = Some((sandbox, reader));
                let more = more.map_err(unreadable)?;
                if !more.is_empty() {
                    return Ok(Some(more));
                }
            }
            if self.query.end == LogEnd::Now {
                return Ok(None);
            }
            if !self.turn_to(latest, None).await? {
                tokio::time::sleep(LOOK).await;
            }
        }
    }
}

fn unreadable(error: io::Error) -> BackendError {
    BackendError::because("the output cannot be read", error)
}
