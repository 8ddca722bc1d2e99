//! Reads recordings.
//!
//! Invariant: each entry is returned as it was written. A file that was cut off ends where it was cut, and the reader
//! says so. A file that was changed is refused at the first wrong frame.

use std::io::{self, Read};

use plan_core::engine::Entry;

use super::frame::{self, FIRST_LINE, HEAD, OLDER};

/// Reads the entries of a recording, one after another.
#[derive(Debug)]
pub struct Reader<R> {
    from: R,
    /// Where the next frame begins.
    at: u64,
    /// How many bytes at the end are not a complete frame.
    cut: u64,
    over: bool,
}

/// Why a recording cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// The file cannot be read.
    #[error("the recording cannot be read")]
    Io(#[from] io::Error),
    /// The file is not a recording.
    #[error("this is no recording: it does not begin with `planwright recording`")]
    NoRecording,
    /// The recording has an unknown version.
    #[error("this recording is of another version (it begins with `{0}`): use the planwright that wrote it")]
    OtherVersion(String),
    /// The recording was changed after it was written.
    #[error("the recording is damaged at byte {at}: what is before can be used, what is after cannot")]
    Damaged {
        /// Where the damaged frame begins.
        at: u64,
    },
    /// An entry is of an unknown kind.
    #[error(
        "the recording has an entry at byte {at} that this planwright does not know: use the one that wrote it"
    )]
    Unknown {
        /// Where its frame begins.
        at: u64,
        /// What is wrong.
        source: serde_json::Error,
    },
}

impl<R: Read> Reader<R> {
    /// Begins to read a recording.
    ///
    /// # Errors
    /// The file is not a recording, or has an unknown version.
    pub fn new(mut from: R) -> Result<Self, RecordingError> {
        let mut first = vec![0; FIRST_LINE.len()];
        let read = fill(&mut from, &mut first)?;
        first.truncate(read);
        if first != FIRST_LINE && OLDER.iter().all(|older| first != *older) {
            let line = String::from_utf8_lossy(&first);
            let line = line.lines().next().unwrap_or_default();
            return Err(if line.starts_with("planwright recording") {
                RecordingError::OtherVersion(line.to_owned())
            } else {
                RecordingError::NoRecording
            });
        }
        Ok(Self { from, at: FIRST_LINE.len() as u64, cut: 0, over: false })
    }

    /// How many bytes at the end are not a complete entry, because the writing process was killed. Known when
    /// everything is read.
    pub fn cut_off(&self) -> u64 {
        self.cut
    }

    fn entry(&mut self) -> Result<Option<Entry>, RecordingError> {
        let at = self.at;
        let mut head = [0; HEAD];
        let read = fill(&mut self.from, &mut head)?;
        if read < HEAD {
            self.cut = read as u64;
            return Ok(None);
        }
        let (len, checksum) = frame::head(head).ok_or(RecordingError::Damaged { at })?;
        let mut bytes = Vec::new();
        let read = (&mut self.from).take(len as u64).read_to_end(&mut bytes)?;
        if read < len {
            self.cut = (HEAD + read) as u64;
            return Ok(None);
        }
        if crc32fast::hash(&bytes) != checksum {
            return Err(RecordingError::Damaged { at });
        }
        self.at += (HEAD + len) as u64;
        serde_json::from_slice(&bytes).map(Some).map_err(|source| RecordingError::Unknown { at, source })
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Entry, RecordingError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let entry = self.entry().transpose();
        self.over = !matches!(entry, Some(Ok(_)));
        entry
    }
}

/// Reads until the buffer is full or the file ends.
fn fill(from: &mut impl Read, whole: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < whole.len() {
        match from.read(&mut whole[done..]) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}
