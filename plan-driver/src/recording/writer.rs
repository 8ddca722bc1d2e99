//! The thread that writes a recording.
//!
//! Invariant: the file contains complete entries, in the order in which they were sent. After the mark of an end there
//! is nothing.
//!
//! The thread also makes the text, so that services do not spend time on it. The thread sleeps between two looks at its
//! queue. So a service does not have to wake it, and the file is written once for all inputs that came in between. The
//! thread never syncs the file. A killed process loses the last moments ([`NAP`]).

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;
use std::thread::park_timeout;
use std::time::Duration;

use plan_core::engine::{Entry, RECORDING_VERSION, Taken, effect_lines};
use tokio::sync::watch;

use super::{Message, Took, frame};
use crate::store::RecordChange;

/// The time between two looks at the queue.
const NAP: Duration = Duration::from_millis(20);
/// More bytes than this are written at once.
const BUFFER: usize = 1 << 18;
/// About how many bytes may wait for the thread. If more wait, the recording ends.
const MOST: usize = 64 << 20;
/// The longest reason of an end, in characters. It keeps a mark shorter than [`frame::MARK`].
const LONGEST_WHY: usize = 100;

/// How far the thread is behind.
#[derive(Debug, Default)]
pub(super) struct Behind {
    bytes: AtomicUsize,
    overrun: AtomicBool,
}

impl Behind {
    /// Counts bytes that now wait too. Returns false if that is too many.
    pub(super) fn add(&self, bytes: usize) -> bool {
        self.bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) <= MOST
    }

    /// A message could not be sent.
    pub(super) fn overrun(&self) {
        self.overrun.store(true, Ordering::Release);
    }
}

/// Where a recording is written to.
pub(super) trait Sink: Write {
    /// Cuts the file to this many bytes.
    fn cut(&mut self, len: u64) -> io::Result<()>;
}

impl Sink for File {
    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)?;
        self.seek(SeekFrom::Start(len)).map(drop)
    }
}

pub(super) struct Writer<S> {
    sink: S,
    /// Whole frames that are not written yet.
    buffer: Vec<u8>,
    /// How many bytes are written.
    written: u64,
    /// The largest length of the recording.
    limit: u64,
    behind: Arc<Behind>,
    /// Why it ended.
    end: watch::Sender<Option<String>>,
}

impl<S: Sink> Writer<S> {
    /// Writes the beginning, so that a failure to write is reported at once.
    pub(super) fn begin(
        sink: S,
        limit: u64,
        behind: Arc<Behind>,
        end: watch::Sender<Option<String>>,
    ) -> io::Result<Self> {
        let mut writer = Self { sink, buffer: Vec::with_capacity(BUFFER), written: 0, limit, behind, end };
        writer.buffer.extend(frame::FIRST_LINE);
        writer.hand_over()?;
        Ok(writer)
    }

    /// Writes all messages, until no sender is left.
    pub(super) fn write(mut self, told: &Receiver<Message>) {
        while let Ok(first) = told.recv() {
            self.take(first);
            let mut busy = true;
            while busy {
                park_timeout(NAP);
                busy = false;
                // A sender that could not send a message has marked that before. So the queue has everything that was
                // sent.
                let overrun = self.behind.overrun.load(Ordering::Acquire);
                while let Ok(message) = told.try_recv() {
                    self.take(message);
                    busy = true;
                }
                if overrun {
                    self.end("the disk was slower than what is recorded");
                }
                self.flush();
            }
        }
        if self.behind.overrun.load(Ordering::Acquire) {
            self.end("the disk was slower than what is recorded");
        }
        self.flush();
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Began { service, wall, records } => {
                self.entry(&Entry::Begin {
                    service: service.clone(),
                    wall,
                    records: records.len() as u64,
                    version: RECORDING_VERSION,
                });
                for (key, bytes) in records {
                    match String::from_utf8(bytes) {
                        Ok(text) => self.entry(&Entry::Record { service: service.clone(), key, text }),
                        // It was parsed as JSON, so it is text.
                        Err(_) => self.end("a record is no text"),
                    }
                }
            }
            Message::Took(took) => {
                self.behind.bytes.fetch_sub(took.weight(), Ordering::Relaxed);
                if !self.has_ended() {
                    self.entry(&Entry::Input(Box::new(described(*took))));
                }
            }
            Message::Flush(done) => {
                self.flush();
                // The caller may be gone.
                let _ = done.send(());
            }
        }
    }

    fn has_ended(&self) -> bool {
        self.end.borrow().is_some()
    }

    fn entry(&mut self, entry: &Entry) {
        if self.has_ended() {
            return;
        }
        let frame =
            serde_json::to_vec(entry).map_err(io::Error::other).and_then(|bytes| frame::encode(&bytes));
        match frame {
            // The limit always leaves room for the mark.
            Ok(frame)
                if self.written + (self.buffer.len() + frame.len()) as u64 + frame::MARK > self.limit =>
            {
                self.end("it is as large as it may become");
            }
            Ok(frame) => {
                self.buffer.extend(frame);
                if self.buffer.len() >= BUFFER {
                    self.flush();
                }
            }
            Err(error) => self.end(&error.to_string()),
        }
    }

    fn flush(&mut self) {
        if let Err(error) = self.hand_over() {
            // Half an entry may be there.
            self.buffer.clear();
            if let Err(error) = self.sink.cut(self.written) {
                tracing::warn!(%error, "what was written of the recording in part cannot be taken away");
            }
            self.end(&format!("it cannot be written: {error}"));
        }
    }

    /// Hands the waiting frames to the system.
    fn hand_over(&mut self) -> io::Result<()> {
        self.sink.write_all(&self.buffer)?;
        self.sink.flush()?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Marks the end. Later inputs are not written.
    fn end(&mut self, why: &str) {
        if self.has_ended() {
            return;
        }
        tracing::warn!(why, "the recording ends");
        let why: String = why.chars().take(LONGEST_WHY).collect();
        let mark = serde_json::to_vec(&Entry::End { why: why.clone() }).map_err(io::Error::other);
        self.end.send_replace(Some(why));
        let marked = mark.and_then(|mark| frame::encode(&mark)).and_then(|mark| {
            self.buffer.extend(mark);
            self.hand_over()
        });
        if let Err(error) = marked {
            self.buffer.clear();
            tracing::warn!(%error, "the end of the recording is not marked");
            // A reader treats half a mark as a file that was cut off.
            let _ = self.sink.cut(self.written);
        }
    }
}

fn described(took: Took) -> Taken {
    let Took { service, number, wall, input, writes, commands, events, reply, wake_at } = took;
    let writes = writes.iter().map(|change| match change {
        RecordChange::Put(key, bytes) => (key.as_str(), Some(bytes.as_slice())),
        RecordChange::Delete(key) => (key.as_str(), None),
    });
    let effects = effect_lines(writes, &commands, &events, reply.as_ref(), wake_at);
    Taken { service, number, wall, input, digest: Taken::digest_of(&effects), effects }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::sync_channel;

    use plan_core::engine::{Input, Wall};
    use plan_core::spec::ServiceName;

    use super::*;
    use crate::recording::Reader;

    /// A disk with this much room.
    #[derive(Clone)]
    struct Disk {
        bytes: Arc<Mutex<Vec<u8>>>,
        room: usize,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut all = self.bytes.lock().unwrap();
            let fits = bytes.len().min(self.room - all.len());
            if fits == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            all.extend(&bytes[..fits]);
            Ok(fits)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Sink for Disk {
        fn cut(&mut self, len: u64) -> io::Result<()> {
            self.bytes.lock().unwrap().truncate(len as usize);
            Ok(())
        }
    }

    fn wake(number: u64) -> Message {
        let service = ServiceName::new("hello").unwrap();
        let (writes, commands, events) = (Vec::new(), Vec::new(), Vec::new());
        let (wall, input) = (Wall(number), Input::Wake);
        Message::Took(Box::new(Took {
            service,
            number,
            wall,
            input,
            writes,
            commands,
            events,
            reply: None,
            wake_at: None,
        }))
    }

    /// Writes this many inputs to a disk with this much room, one look after another. Returns what is on the disk, and
    /// why the recording ended.
    fn written(room: usize, inputs: u64, behind: Behind) -> (Vec<Entry>, u64, Option<String>) {
        let disk = Disk { bytes: Arc::default(), room };
        let (end, ended) = watch::channel(None);
        let mut writer = Writer::begin(disk.clone(), u64::MAX, Arc::new(behind), end).unwrap();
        for number in 1..=inputs {
            writer.take(wake(number));
            writer.flush();
        }
        let (messages, told) = sync_channel(1);
        drop(messages);
        writer.write(&told);
        let bytes = disk.bytes.lock().unwrap().clone();
        let mut reader = Reader::new(bytes.as_slice()).unwrap();
        let entries = (&mut reader).collect::<Result<_, _>>().unwrap();
        (entries, reader.cut_off(), ended.borrow().clone())
    }

    fn inputs(entries: &[Entry]) -> u64 {
        let numbers = entries.iter().filter_map(|entry| match entry {
            Entry::Input(taken) => Some(taken.number),
            _ => None,
        });
        let numbers: Vec<_> = numbers.collect();
        let count = numbers.len() as u64;
        assert_eq!(numbers, (1..=count).collect::<Vec<_>>(), "there is no gap");
        count
    }

    #[test]
    fn on_a_disk_that_fills_up_whole_entries_are_left_and_it_is_told() {
        let mut marked = 0;
        for room in 100..1500 {
            let (entries, cut, ended) = written(room, 20, Behind::default());
            let count = inputs(&entries);
            assert_eq!(cut, 0, "{room}");
            if count == 20 {
                assert_eq!(ended, None);
                continue;
            }
            assert!(ended.unwrap().starts_with("it cannot be written: "), "{room}");
            marked += u32::from(matches!(entries.last(), Some(Entry::End { .. })));
        }
        assert!(marked > 100, "where there is room for the mark, it is there: {marked}");
    }

    #[test]
    fn what_could_not_be_told_ends_it() {
        let behind = Behind::default();
        behind.overrun();
        let (entries, _, ended) = written(1 << 20, 5, behind);
        assert_eq!(inputs(&entries), 5);
        assert!(matches!(entries.last(), Some(Entry::End { .. })));
        assert_eq!(ended.as_deref(), Some("the disk was slower than what is recorded"));
    }

    #[test]
    fn what_waits_is_bounded() {
        let behind = Behind::default();
        assert!(behind.add(MOST));
        assert!(!behind.add(1));
    }

    #[test]
    fn a_mark_is_shorter_than_the_room_that_is_kept_for_it() {
        let why = "\u{1}".repeat(LONGEST_WHY);
        let mark = frame::encode(&serde_json::to_vec(&Entry::End { why }).unwrap()).unwrap();
        assert!(mark.len() as u64 <= frame::MARK, "{}", mark.len());
    }
}
