//! What a task printed, for whoever asks.
//!
//! Invariant: reading changes nothing, and a follower holds one part of an output at a time.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream;
use plan_driver::backend::{BackendError, Identity, Log, LogEnd, LogError, LogQuery, LogStream};

use crate::local::{Inner, blocking};
use crate::logs::{LogReader, Stream};

/// A follower looks for more this often: a file that grows wakes nobody.
const LOOK: Duration = Duration::from_millis(200);

/// Where a follower is.
struct Follower {
    inner: Arc<Inner>,
    of: Identity,
    query: LogQuery,
    /// The launch's sandbox that is read, and how far.
    reader: Option<(std::path::PathBuf, LogReader)>,
    /// What is given first.
    first: Option<Vec<u8>>,
}

/// What a task printed.
pub(crate) async fn log(inner: &Arc<Inner>, of: &Identity, query: LogQuery) -> Result<Log, LogError> {
    let mut follower = Follower { inner: inner.clone(), of: of.clone(), query, reader: None, first: None };
    let lines = follower.query.tail.map_or(usize::MAX, |lines| usize::try_from(lines).unwrap_or(usize::MAX));
    let opened = follower.open(lines).await.map_err(LogError::Failed)?;
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
    /// Turns to the latest launch, if there is one that is not read yet.
    async fn open(&mut self, lines: usize) -> Result<bool, BackendError> {
        let found = self.inner.sandbox(&self.of, &self.query.instance, &self.query.task, None);
        let Ok(sandbox) = found else { return Ok(false) };
        if self.reader.as_ref().is_some_and(|(read, _)| *read == sandbox) {
            return Ok(false);
        }
        let which = match self.query.stream {
            LogStream::Stdout => Stream::Out,
            LogStream::Stderr => Stream::Err,
        };
        let folder = sandbox.clone();
        let opened = blocking(move || LogReader::open(&folder, which, lines)).await;
        let (first, reader) =
            opened.map_err(|error| BackendError::because("the output cannot be read", error))?;
        self.reader = Some((sandbox, reader));
        self.first = Some(first);
        Ok(true)
    }

    async fn next(&mut self) -> Result<Option<Vec<u8>>, BackendError> {
        loop {
            if let Some(first) = self.first.take().filter(|first| !first.is_empty()) {
                return Ok(Some(first));
            }
            if self.query.end == LogEnd::Now {
                return Ok(None);
            }
            if let Some((_, reader)) = &mut self.reader {
                let more = reader
                    .more()
                    .map_err(|error| BackendError::because("the output cannot be read", error))?;
                if !more.is_empty() {
                    return Ok(Some(more));
                }
            }
            // All of one launch is read before the next one is.
            if !self.open(usize::MAX).await? {
                tokio::time::sleep(LOOK).await;
            }
        }
    }
}
