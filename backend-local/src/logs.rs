//! A task's output, read from the outside.
//!
//! Invariant: reading takes a bounded amount of memory, and what is read once is not read again: a reader stays in its
//! file until it was read to its end, also when that file is put aside.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Which output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

impl Stream {
    /// The file that is written now.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Out => "stdout",
            Self::Err => "stderr",
        }
    }
}

/// Reads an output from near its end, and goes on as it grows.
#[derive(Debug)]
pub struct LogReader {
    path: PathBuf,
    file: Option<File>,
}

/// So much is read at once.
const PART: usize = 1 << 16;

impl LogReader {
    /// A reader of the output in this sandbox, with its last `lines` lines before it: those that are in the file that
    /// is written now and in the one put aside last.
    ///
    /// # Errors
    /// A file cannot be read. One that is not there is an output without lines.
    pub fn open(sandbox: &Path, stream: Stream, lines: usize) -> io::Result<(Vec<u8>, Self)> {
        let path = sandbox.join(stream.file_name());
        let aside = sandbox.join(format!("{}.1", stream.file_name()));
        let mut file = open(&path)?;
        let (mut tail, found) = match &mut file {
            Some(file) => last_lines(file, lines)?,
            None => (Vec::new(), 0),
        };
        if found < lines
            && let Some(mut aside) = open(&aside)?
        {
            let (mut before, _) = last_lines(&mut aside, lines - found)?;
            before.append(&mut tail);
            tail = before;
        }
        if let Some(file) = &mut file {
            file.seek(SeekFrom::End(0))?;
        }
        Ok((tail, Self { path, file }))
    }

    /// What came since; empty if there is nothing new. At most 64 KiB, so that it is called until it is empty.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn more(&mut self) -> io::Result<Vec<u8>> {
        if self.file.is_none() {
            self.file = open(&self.path)?;
        }
        let Some(file) = &mut self.file else { return Ok(Vec::new()) };
        let mut part = vec![0; PART];
        let count = file.read(&mut part)?;
        part.truncate(count);
        if count == 0 {
            let here = file.metadata()?;
            let there = std::fs::metadata(&self.path).ok();
            // It was put aside, and is read to its end.
            if there.is_none_or(|there| there.ino() != here.ino() || there.dev() != here.dev()) {
                self.file = open(&self.path)?;
                if self.file.is_some() {
                    return self.more();
                }
            }
        }
        Ok(part)
    }
}

fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The last lines of a file, and how many there are. A last line without an end counts.
fn last_lines(file: &mut File, wanted: usize) -> io::Result<(Vec<u8>, usize)> {
    let mut at = file.seek(SeekFrom::End(0))?;
    let mut tail: Vec<u8> = Vec::new();
    let ends =
        |tail: &[u8]| tail.iter().take(tail.len().saturating_sub(1)).filter(|byte| **byte == b'\n').count();
    while at > 0 && ends(&tail) < wanted {
        let size = at.min(PART as u64);
        at -= size;
        file.seek(SeekFrom::Start(at))?;
        let mut part = vec![0; usize::try_from(size).unwrap_or(PART)];
        file.read_exact(&mut part)?;
        part.append(&mut tail);
        tail = part;
    }
    let count = ends(&tail) + usize::from(!tail.is_empty());
    if count > wanted {
        let skip = count - wanted;
        let from = tail.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(skip - 1);
        let from = from.map_or(0, |(at, _)| at + 1);
        tail.drain(..from);
    }
    Ok((tail, count.min(wanted)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn the_last_lines_are_read_and_what_follows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stdout");
        std::fs::write(folder.path().join("stdout.1"), "a\nb\n").unwrap();
        std::fs::write(&path, "c\nd\n").unwrap();
        for (lines, expected) in [(0, ""), (1, "d\n"), (2, "c\nd\n"), (3, "b\nc\nd\n"), (9, "a\nb\nc\nd\n")] {
            let (tail, _) = LogReader::open(folder.path(), Stream::Out, lines).unwrap();
            assert_eq!(String::from_utf8(tail).unwrap(), expected, "{lines}");
        }
        let (_, mut reader) = LogReader::open(folder.path(), Stream::Out, 0).unwrap();
        assert_eq!(reader.more().unwrap(), b"");
        let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"e\n").unwrap();
        // It is put aside before it was read to its end.
        std::fs::rename(&path, folder.path().join("stdout.1")).unwrap();
        std::fs::write(&path, "f\n").unwrap();
        assert_eq!(reader.more().unwrap(), b"e\n");
        assert_eq!(reader.more().unwrap(), b"f\n");
        assert_eq!(reader.more().unwrap(), b"");
    }

    #[test]
    fn an_output_that_is_not_there_yet_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        let (tail, mut reader) = LogReader::open(folder.path(), Stream::Err, 10).unwrap();
        assert!(tail.is_empty() && reader.more().unwrap().is_empty());
        std::fs::write(folder.path().join("stderr"), "x").unwrap();
        assert_eq!(reader.more().unwrap(), b"x");
    }
}
