//! What happened to the services of a scheduler, in a file: to be replayed (`planwright replay`).
//!
//! Invariant: a recording is whole up to its end. What cannot be written any more ends it with a mark that says why; it
//! never goes on after a gap, for an input that is missing makes all after it another story.
//!
//! A file begins with a line that says what it is; then frames follow (`frame`), each an [`Entry`] as
//! JSON. A thread writes, so that services do not wait for it; it writes when it has nothing else to do, and never
//! syncs. A killed process loses the last moments, and the rest can be read (`docs/decisions/0013-recordings.md`).

mod frame;
mod reader;

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use plan_core::engine::{Command, Entry, Event, Input, Reply, Taken, Wall, effect_lines};
use plan_core::spec::ServiceName;
use tokio::sync::oneshot;

use crate::store::Change;

pub use reader::{Reader, RecordingError};

/// So many inputs wait for the thread at most. If it is further behind, the recording ends.
const WAITING: usize = 16_384;

/// Writes a recording. Clones write the same one; it is whole when the last is dropped.
#[derive(Debug, Clone)]
pub struct Recorder {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// None while it is dropped.
    messages: Option<SyncSender<Message>>,
    /// It takes nothing any more.
    ended: AtomicBool,
    overrun: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the thread is told.
enum Message {
    Began { service: ServiceName, wall: Wall, records: Vec<(String, Vec<u8>)> },
    Took(Box<Took>),
    Flush(oneshot::Sender<()>),
}

/// An input, and what it led to.
pub(crate) struct Took {
    pub(crate) service: ServiceName,
    pub(crate) number: u64,
    pub(crate) wall: Wall,
    pub(crate) input: Input,
    pub(crate) writes: Vec<Change>,
    pub(crate) commands: Vec<Command>,
    pub(crate) events: Vec<Event>,
    pub(crate) reply: Option<Reply>,
    pub(crate) wake_at: Option<Wall>,
}

impl Recorder {
    /// How large a recording becomes, in bytes, if nothing else is said.
    pub const LIMIT: u64 = 1 << 30;

    /// Begins a recording in a file, which is made anew; it ends with a mark before it is longer than the limit.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn create(path: impl AsRef<Path>, limit: u64) -> io::Result<Self> {
        let mut file = BufWriter::with_capacity(1 << 18, File::create(path)?);
        file.write_all(frame::FIRST_LINE)?;
        file.flush()?;
        let (messages, taken) = sync_channel(WAITING);
        let overrun = Arc::new(AtomicBool::new(false));
        let writer =
            Writer { file, left: limit.saturating_sub(frame::FIRST_LINE.len() as u64), ended: false };
        let behind = overrun.clone();
        let thread = std::thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || writer.write(&taken, &behind))?;
        let ended = AtomicBool::new(false);
        let inner = Inner { messages: Some(messages), ended, overrun, thread: Mutex::new(Some(thread)) };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Waits until all that was told so far is handed to the system.
    pub async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        if let Some(messages) = &self.inner.messages {
            let mut message = Message::Flush(done);
            // The queue may be full: there is time.
            while let Err(TrySendError::Full(again)) = messages.try_send(message) {
                message = again;
                tokio::task::yield_now().await;
            }
            let _ = flushed.await;
        }
    }

    pub(crate) fn began(&self, service: &ServiceName, wall: Wall, records: Vec<(String, Vec<u8>)>) {
        self.tell(Message::Began { service: service.clone(), wall, records });
    }

    pub(crate) fn took(&self, took: Took) {
        self.tell(Message::Took(Box::new(took)));
    }

    fn tell(&self, message: Message) {
        if self.inner.ended.load(Ordering::Relaxed) {
            return;
        }
        let Some(messages) = &self.inner.messages else { return };
        if let Err(error) = messages.try_send(message) {
            // Nothing is told after what could not be.
            self.inner.ended.store(true, Ordering::Relaxed);
            if matches!(error, TrySendError::Full(_)) {
                tracing::warn!("the recording ends: its disk is slower than what is recorded");
                self.inner.overrun.store(true, Ordering::Release);
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.messages = None;
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A panic in it is a fault that the log has.
            let _ = thread.join();
        }
    }
}

/// The thread's side.
struct Writer {
    file: BufWriter<File>,
    /// So many bytes may be written yet.
    left: u64,
    ended: bool,
}

impl Writer {
    fn write(mut self, taken: &Receiver<Message>, overrun: &AtomicBool) {
        loop {
            let message = match taken.try_recv() {
                Ok(message) => Ok(message),
                Err(TryRecvError::Disconnected) => break,
                Err(TryRecvError::Empty) => {
                    if overrun.load(Ordering::Acquire) {
                        self.end("the disk was slower than what is recorded");
                    }
                    self.flush();
                    taken.recv().map_err(drop)
                }
            };
            let Ok(message) = message else { break };
            if let Err(error) = self.take(message) {
                self.fail(&error);
            }
        }
        if overrun.load(Ordering::Acquire) {
            self.end("the disk was slower than what is recorded");
        }
        self.flush();
    }

    fn flush(&mut self) {
        if let Err(error) = self.file.flush() {
            self.fail(&error);
        }
    }

    fn fail(&mut self, error: &io::Error) {
        if !self.ended {
            tracing::warn!(%error, "the recording ends: it cannot be written");
            self.ended = true;
        }
    }

    fn take(&mut self, message: Message) -> io::Result<()> {
        match message {
            Message::Began { service, wall, records } => {
                self.entry(&Entry::Begin { service: service.clone(), wall, records: records.len() as u64 })?;
                for (key, bytes) in records {
                    // It was read as JSON, so it is text.
                    let text = String::from_utf8(bytes).map_err(io::Error::other)?;
                    self.entry(&Entry::Record { service: service.clone(), key, text })?;
                }
                Ok(())
            }
            Message::Took(took) => self.entry(&Entry::Input(Box::new(described(*took)))),
            Message::Flush(done) => {
                self.flush();
                let _ = done.send(());
                Ok(())
            }
        }
    }

    fn entry(&mut self, entry: &Entry) -> io::Result<()> {
        if self.ended {
            return Ok(());
        }
        let frame = frame::encode(&serde_json::to_vec(entry).map_err(io::Error::other)?)?;
        // There is always room for the mark.
        if frame.len() as u64 + frame::MARK > self.left {
            self.end("it is as large as it may become");
            return Ok(());
        }
        self.left -= frame.len() as u64;
        self.file.write_all(&frame)
    }

    fn end(&mut self, why: &str) {
        if self.ended {
            return;
        }
        self.ended = true;
        tracing::warn!(why, "the recording ends");
        let mark = serde_json::to_vec(&Entry::End { why: why.to_owned() }).map_err(io::Error::other);
        let written =
            mark.and_then(|mark| frame::encode(&mark)).and_then(|frame| self.file.write_all(&frame));
        if let Err(error) = written {
            tracing::warn!(%error, "the end of the recording is not marked");
        }
    }
}

fn described(took: Took) -> Taken {
    let Took { service, number, wall, input, writes, commands, events, reply, wake_at } = took;
    let writes = writes.iter().map(|change| match change {
        Change::Put(key, bytes) => (key.as_str(), Some(bytes.as_slice())),
        Change::Delete(key) => (key.as_str(), None),
    });
    let effects = effect_lines(writes, &commands, &events, reply.as_ref(), wake_at);
    Taken { service, number, wall, input, digest: Taken::digest_of(&effects), effects }
}
