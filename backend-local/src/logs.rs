//! A task's output, read from the outside.
//!
//! Invariant: reading takes a bounded amount of memory and never blocks, whatever a task made of its output's files. No
//! part of the output is read twice or left out. A reader stays in its file until the end of the file, even when the
//! file is put aside, and then goes on with the next one.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

/// Which output of a task.
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

/// Reads an output, from the beginning or from near its end, and goes on as it grows.
#[derive(Debug)]
pub struct LogReader {
    sandbox: PathBuf,
    stream: Stream,
    /// The current file, and after it the newer files.
    files: VecDeque<File>,
    /// How many bytes are still to be read, if the reader ends with the present output.
    left: Option<u64>,
}

/// The most bytes that are read at once.
const PART: usize = 1 << 16;

impl LogReader {
    /// A reader of the output in this sandbox: of its last `tail` lines, or of everything that is kept, and of all
    /// later output.
    ///
    /// # Errors
    /// A file cannot be read, or the task put something else in its place. A missing file is an output without lines.
    pub fn open(sandbox: &Path, stream: Stream, tail: Option<u64>) -> io::Result<Self> {
        let mut files = files(sandbox, stream)?;
        if let Some(lines) = tail {
            let (first, offset) = begin(&files, lines)?;
            files.drain(..first);
            if let Some(file) = files.front_mut() {
                file.seek(SeekFrom::Start(offset))?;
            }
        }
        Ok(Self { sandbox: sandbox.to_owned(), stream, files, left: None })
    }

    /// A reader that ends with the present output.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn ending_now(mut self) -> io::Result<Self> {
        let mut left = 0;
        for file in &mut self.files {
            left += file.metadata()?.len().saturating_sub(file.stream_position()?);
        }
        self.left = Some(left);
        Ok(self)
    }

    /// The next part of the output, at most 64 KiB; empty if there is none now. Call it until the part is empty.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn more(&mut self) -> io::Result<Vec<u8>> {
        loop {
            let part = self.read()?;
            if !part.is_empty() || self.left == Some(0) {
                return Ok(part);
            }
            // A file with a newer one behind it was put aside, and nothing more is written to it.
            if self.files.len() > 1 {
                self.files.pop_front();
                continue;
            }
            let newer = self.newer()?;
            if newer.is_empty() {
                return Ok(part);
            }
            self.files.extend(newer);
            // First comes the output from between the look above and the moment when the file was put aside.
        }
    }

    fn read(&mut self) -> io::Result<Vec<u8>> {
        let Some(file) = self.files.front_mut() else { return Ok(Vec::new()) };
        let size = self.left.map_or(PART, |left| usize::try_from(left).unwrap_or(PART).min(PART));
        let mut part = vec![0; size];
        let count = file.read(&mut part)?;
        part.truncate(count);
        self.left = self.left.map(|left| left - count as u64);
        Ok(part)
    }

    /// The files that are newer than the one that is read.
    fn newer(&self) -> io::Result<VecDeque<File>> {
        let Some(here) = self.files.front().map(Identity::of).transpose()? else {
            return files(&self.sandbox, self.stream);
        };
        let now = fs::symlink_metadata(self.sandbox.join(self.stream.file_name()));
        if now.is_ok_and(|now| Identity::from(&now) == here) {
            return Ok(VecDeque::new());
        }
        let mut newer = VecDeque::new();
        for file in files(&self.sandbox, self.stream)? {
            if Identity::of(&file)? == here {
                newer.clear();
            } else {
                newer.push_back(file);
            }
        }
        Ok(newer)
    }
}

/// The identity of a file, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    fn of(file: &File) -> io::Result<Self> {
        Ok(Self::from(&file.metadata()?))
    }
}

impl From<&fs::Metadata> for Identity {
    fn from(of: &fs::Metadata) -> Self {
        Self { device: of.dev(), inode: of.ino() }
    }
}

/// The files of an output, the oldest first. A file may be renamed to the next name (`stdout`, `stdout.1`, ...) while
/// they are opened in that order. So a file may be found twice, and none is missed.
fn files(sandbox: &Path, stream: Stream) -> io::Result<VecDeque<File>> {
    let name = stream.file_name();
    let (mut files, mut met, mut missing) = (VecDeque::new(), Vec::new(), 0);
    let names = std::iter::once(name.to_owned()).chain((1_u32..).map(|number| format!("{name}.{number}")));
    for name in names {
        match open(&sandbox.join(name))? {
            None => missing += 1,
            Some(file) => {
                missing = 0;
                let identity = Identity::of(&file)?;
                if !met.contains(&identity) {
                    met.push(identity);
                    files.push_front(file);
                }
            }
        }
        // A name may be missing while files are renamed.
        if missing > 1 {
            break;
        }
    }
    Ok(files)
}

/// Opens a file of an output. A task can put anything in its place: a link leads out of the sandbox, and a pipe would
/// keep its reader waiting.
fn open(path: &Path) -> io::Result<Option<File>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let other = || io::Error::other(format!("something else is in the place of `{}`", path.display()));
    match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => {
            let file = File::from(file);
            if file.metadata()?.is_file() { Ok(Some(file)) } else { Err(other()) }
        }
        Err(Errno::NOENT) => Ok(None),
        // A link; a socket.
        Err(Errno::LOOP | Errno::NXIO) => Err(other()),
        Err(error) => Err(error.into()),
    }
}

/// The file in which the last lines begin, and the byte. A last line without a line end counts.
fn begin(files: &VecDeque<File>, lines: u64) -> io::Result<(usize, u64)> {
    let (mut left, mut is_last) = (lines, true);
    let mut part = vec![0; PART];
    for (index, file) in files.iter().enumerate().rev() {
        let mut at = file.metadata()?.len();
        if left == 0 {
            return Ok((index, at));
        }
        while at > 0 {
            let size = usize::try_from(at).unwrap_or(PART).min(PART);
            at -= size as u64;
            file.read_exact_at(&mut part[..size], at)?;
            for (offset, byte) in part[..size].iter().enumerate().rev() {
                // No line begins after the end of the last line.
                if *byte == b'\n' && !is_last {
                    left -= 1;
                    if left == 0 {
                        return Ok((index, at + offset as u64 + 1));
                    }
                }
                is_last = false;
            }
        }
    }
    Ok((0, 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn read(mut reader: LogReader) -> String {
        let mut all = Vec::new();
        loop {
            let part = reader.more().unwrap();
            if part.is_empty() {
                return String::from_utf8(all).unwrap();
            }
            all.extend(part);
        }
    }

    #[test]
    fn the_last_lines_are_read_over_all_files() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("stdout.2", "a\nb"), ("stdout.1", "c\nd\n"), ("stdout", "e\nf\n")] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let all = "a\nbc\nd\ne\nf\n";
        let table =
            [(0, ""), (1, "f\n"), (2, "e\nf\n"), (3, "d\ne\nf\n"), (4, "bc\nd\ne\nf\n"), (5, all), (9, all)];
        for (lines, expected) in table {
            let reader = LogReader::open(folder.path(), Stream::Out, Some(lines)).unwrap();
            assert_eq!(read(reader), expected, "{lines}");
        }
        assert_eq!(read(LogReader::open(folder.path(), Stream::Out, None).unwrap()), all);
        fs::write(folder.path().join("stdout"), "e\nf").unwrap();
        assert_eq!(read(LogReader::open(folder.path(), Stream::Out, Some(1)).unwrap()), "f");
    }

    #[test]
    fn lines_longer_than_a_part_are_whole() {
        let folder = tempfile::tempdir().unwrap();
        let line = "x".repeat(3 * PART) + "\n";
        fs::write(folder.path().join("stdout"), line.repeat(3)).unwrap();
        let reader = LogReader::open(folder.path(), Stream::Out, Some(2)).unwrap();
        assert!(read(reader) == line.repeat(2));
    }

    #[test]
    fn a_reader_follows_over_every_file_that_is_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("stdout"), "a\n").unwrap();
        let mut reader = LogReader::open(folder.path(), Stream::Out, Some(0)).unwrap();
        assert_eq!(reader.more().unwrap(), b"");
        let mut file = fs::OpenOptions::new().append(true).open(at("stdout")).unwrap();
        file.write_all(b"b\n").unwrap();
        // The file is put aside before it was read to its end, and so is the one after it.
        fs::rename(at("stdout"), at("stdout.2")).unwrap();
        fs::write(at("stdout.1"), "c\n").unwrap();
        fs::write(at("stdout"), "d\n").unwrap();
        for expected in [&b"b\n"[..], b"c\n", b"d\n", b""] {
            assert_eq!(reader.more().unwrap(), expected);
        }
        // All files that the reader knew are gone.
        for name in ["stdout", "stdout.1", "stdout.2"] {
            fs::remove_file(at(name)).unwrap();
        }
        assert_eq!(reader.more().unwrap(), b"");
        fs::write(at("stdout"), "e\n").unwrap();
        assert_eq!(reader.more().unwrap(), b"e\n");
    }

    #[test]
    fn a_reader_that_ends_now_gives_what_there_was() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("stdout.1"), "a\n").unwrap();
        fs::write(folder.path().join("stdout"), "b\n").unwrap();
        let reader = LogReader::open(folder.path(), Stream::Out, None).unwrap().ending_now().unwrap();
        let mut file = fs::OpenOptions::new().append(true).open(folder.path().join("stdout")).unwrap();
        file.write_all(b"c\n").unwrap();
        assert_eq!(read(reader), "a\nb\n");
    }

    #[test]
    fn an_output_that_is_not_there_yet_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        let mut reader = LogReader::open(folder.path(), Stream::Err, Some(10)).unwrap();
        assert!(reader.more().unwrap().is_empty());
        fs::write(folder.path().join("stderr"), "x").unwrap();
        assert_eq!(reader.more().unwrap(), b"x");
    }

    #[test]
    fn what_a_task_put_in_its_place_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stdout");
        let refused = || {
            let error = LogReader::open(folder.path(), Stream::Out, None).unwrap_err().to_string();
            assert!(error.starts_with("something else is in the place of `"), "{error}");
            fs::remove_file(&path).unwrap();
        };
        fs::write(folder.path().join("secret"), "theirs").unwrap();
        std::os::unix::fs::symlink(folder.path().join("secret"), &path).unwrap();
        refused();
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, Mode::RWXU, 0).unwrap();
        refused();
        let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
        refused();
    }
}
