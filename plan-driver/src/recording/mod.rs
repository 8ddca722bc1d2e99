//! Recordings: files with what happened to the services of a scheduler, for a replay (`planwright replay`).
//!
//! Invariant: a recording is complete up to its end. An input that cannot be written ends it with a mark that says why.
//! A recording never goes on after a gap, since nothing after a missing input could be replayed.
//!
//! A file begins with a line that says what it is. Then frames follow (`frame`), each an
//! [`Entry`](plan_core::engine::Entry) as JSON. A separate thread makes and writes the text (`writer`), so that
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

use crate::store::RecordChange;
use writer::{Behind, Writer};

pub use reader::{Reader, RecordingError};

/// How many inputs may wait for the thread. If more wait, the recording ends.
const WAITING: usize = 16_384;

/// Writes a recording. All clones write the same one. It is complete when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct Recorder {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// `None` while the recorder is being dropped.
    messages: Option<SyncSender<Message>>,
    /// Whether the recording has ended.
    closed: AtomicBool,
    behind: Arc<Behind>,
    ended: watch::Receiver<Option<String>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// A message to the thread.
enum Message {
    Began { service: ServiceName, wall: Wall, records: Vec<(String, Vec<u8>)> },
    Took(Box<Took>),
    Flush(oneshot::Sender<()>),
}

/// An input and its effects.
pub(crate) struct Took {
    pub(crate) service: ServiceName,
    pub(crate) number: u64,
    pub(crate) wall: Wall,
    pub(crate) input: Input,
    pub(crate) writes: Vec<RecordChange>,
    pub(crate) commands: Vec<Command>,
    pub(crate) events: Vec<Event>,
    pub(crate) reply: Option<Reply>,
    pub(crate) wake_at: Option<Wall>,
}

impl Took {
    /// About how many bytes of memory the input takes. Most of that is what it writes.
    fn weight(&self) -> usize {
        let writes = self.writes.iter().map(|change| match change {
            RecordChange::Put(key, bytes) => key.len() + bytes.len(),
            RecordChange::Delete(key) => key.len(),
        });
        size_of::<Self>() + writes.sum::<usize>()
    }
}

impl Recorder {
    /// The default limit of a recording, in bytes.
    pub const LIMIT: u64 = 1 << 30;

    /// Begins a recording in a file that only its owner can read. It ends with a mark before it is longer than the
    /// limit. The file may be a pipe.
    ///
    /// # Errors
    /// The file is not empty: [`io::ErrorKind::AlreadyExists`]. Or the file cannot be written.
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

    /// Why the recording ended before the scheduler, if it did.
    pub fn ended(&self) -> Option<String> {
        self.inner.ended.borrow().clone()
    }

    /// Waits until the recording ends before the scheduler, and says why.
    pub async fn ends(&self) -> String {
        let mut ended = self.inner.ended.clone();
        if let Ok(why) = ended.wait_for(Option::is_some).await {
            return why.clone().unwrap_or_default();
        }
        // The thread panicked, which is in the log.
        "the recorder has a fault of its own".to_owned()
    }

    /// Waits until all inputs so far are handed to the system.
    pub async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        if let Some(messages) = &self.inner.messages {
            let mut message = Message::Flush(done);
            // The queue may be full, and there is time to wait.
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
        // The records of an engine do not count for the bound, since there is one such message in an engine's life.
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
        // After a message that could not be sent, no other is sent. If the thread is gone, the log says why.
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
            // A panic in the thread is already in the log.
            let _ = thread.join();
        }
    }
}
