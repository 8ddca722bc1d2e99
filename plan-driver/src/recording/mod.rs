//! What happened to the services of a scheduler, in a file: to be replayed (`planwright replay`).
//!
//! Invariant: a recording is whole up to its end. What cannot be written any more ends it with a mark that says why; it
//! never goes on after a gap, for an input that is missing makes all after it another story.
//!
//! A file begins with a line that says what it is; then frames follow (`frame`), each an
//! [`Entry`](plan_core::engine::Entry) as JSON. A thread of its own makes the text and writes it (`writer`), so that
//! services do not wait for it (`docs/decisions/0013-recordings.md`).

mod frame;
mod reader;
mod writer;

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use plan_core::engine::{Command, Event, Input, Reply, Wall};
use plan_core::spec::ServiceName;
use tokio::sync::{oneshot, watch};

use crate::store::Change;
use writer::{Behind, Writer};

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
    closed: AtomicBool,
    behind: Arc<Behind>,
    ended: watch::Receiver<Option<String>>,
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

impl Took {
    /// About so many bytes of memory, as what it writes is most of it.
    fn weight(&self) -> usize {
        let writes = self.writes.iter().map(|change| match change {
            Change::Put(key, bytes) => key.len() + bytes.len(),
            Change::Delete(key) => key.len(),
        });
        size_of::<Self>() + writes.sum::<usize>()
    }
}

impl Recorder {
    /// How large a recording becomes, in bytes, if nothing else is said.
    pub const LIMIT: u64 = 1 << 30;

    /// Begins a recording in a file that its owner alone can read; it ends with a mark before it is longer than the
    /// limit. A pipe is as good.
    ///
    /// # Errors
    /// There is something in the file: [`io::ErrorKind::AlreadyExists`]. It cannot be written.
    pub fn create(path: impl AsRef<Path>, limit: u64) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let about = file.metadata()?;
        if about.is_file() && about.len() > 0 {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is something in it already"));
        }
        let (messages, taken) = sync_channel(WAITING);
        let (behind, (end, ended)) = (Arc::new(Behind::default()), watch::channel(None));
        let writer = Writer::begin(file, limit, behind.clone(), end)?;
        let thread =
            std::thread::Builder::new().name("recorder".to_owned()).spawn(move || writer.write(&taken))?;
        let (closed, thread) = (AtomicBool::new(false), Mutex::new(Some(thread)));
        Ok(Self { inner: Arc::new(Inner { messages: Some(messages), closed, behind, ended, thread }) })
    }

    /// Why it ended before the scheduler did, if it did.
    pub fn ended(&self) -> Option<String> {
        self.inner.ended.borrow().clone()
    }

    /// Waits until it ends before the scheduler does, and says why.
    pub async fn ends(&self) -> String {
        let mut ended = self.inner.ended.clone();
        if let Ok(why) = ended.wait_for(Option::is_some).await {
            return why.clone().unwrap_or_default();
        }
        // Its thread panicked, which the log has.
        "the recorder has a fault of its own".to_owned()
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
            self.inner.wake();
            // Without its thread there is nothing to wait for.
            let _ = flushed.await;
        }
    }

    pub(crate) fn began(&self, service: &ServiceName, wall: Wall, records: Vec<(String, Vec<u8>)>) {
        // What an engine is made of is as large as it is, and there is one such message in an engine's life.
        self.tell(Message::Began { service: service.clone(), wall, records }, 0);
    }

    pub(crate) fn took(&self, took: Took) {
        let weight = took.weight();
        self.tell(Message::Took(Box::new(took)), weight);
    }

    fn tell(&self, message: Message, weight: usize) {
        if self.inner.closed.load(Ordering::Relaxed) {
            return;
        }
        let Some(messages) = &self.inner.messages else { return };
        let room = self.inner.behind.add(weight);
        if room && messages.try_send(message).is_ok() {
            return;
        }
        // Nothing is told after what could not be. Where its thread has gone, the log has why.
        self.inner.closed.store(true, Ordering::Relaxed);
        self.inner.behind.overrun();
        self.inner.wake();
    }
}

impl Inner {
    /// Wakes the thread from a nap.
    fn wake(&self) {
        if let Some(thread) = &*self.thread.lock().unwrap_or_else(PoisonError::into_inner) {
            thread.thread().unpark();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.messages = None;
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            thread.thread().unpark();
            // A panic in it is a fault that the log has.
            let _ = thread.join();
        }
    }
}
