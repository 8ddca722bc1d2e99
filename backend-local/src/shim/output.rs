//! Keeps a task's output in files of bounded size and number.
//!
//! Invariant: a task never waits for its output, and output never takes more than its bound. Output that cannot be
//! written is dropped, and a line says so if possible.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use crate::run::OutputLimits;

/// A file that is put aside when it is full.
pub(super) struct RotatedFile {
    folder: PathBuf,
    name: &'static str,
    limits: OutputLimits,
    file: Option<File>,
    size: u64,
    dropped: u64,
}

impl RotatedFile {
    pub(super) fn new(folder: PathBuf, name: &'static str, limits: OutputLimits) -> Self {
        Self { folder, name, limits, file: None, size: 0, dropped: 0 }
    }

    pub(super) fn open(&mut self) -> io::Result<()> {
        self.ready().map(|_| ())
    }

    pub(super) fn write(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.size >= self.limits.size {
                self.put_aside();
            }
            let room = usize::try_from(self.limits.size.max(1) - self.size.min(self.limits.size.max(1) - 1));
            let part = &bytes[..bytes.len().min(room.unwrap_or(usize::MAX))];
            let written = self.ready().and_then(|mut file| file.write(part));
            match written {
                Ok(count) if count > 0 => {
                    self.size += count as u64;
                    bytes = &bytes[count..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                _ => {
                    self.dropped += bytes.len() as u64;
                    return;
                }
            }
        }
    }

    /// Ends the output. Says what was dropped, if that can now be written.
    pub(super) fn finish(&mut self) {
        if self.dropped > 0 {
            // The disk is still full, so the file cannot say that something is missing.
            let _ = self.ready();
        }
    }

    fn ready(&mut self) -> io::Result<&File> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => {
                let path = self.folder.join(self.name);
                // Whatever a task put there, nothing is written through a link.
                let _ = fs::remove_file(&path);
                OpenOptions::new().append(true).create_new(true).mode(0o644).open(path)?
            }
        };
        let said = if self.dropped > 0 {
            let begin = if self.size > 0 { "\n" } else { "" };
            let line = format!("{begin}[planwright: {} bytes could not be written]\n", self.dropped);
            file.write_all(line.as_bytes()).map(|()| {
                self.size += line.len() as u64;
                self.dropped = 0;
            })
        } else {
            Ok(())
        };
        let file = &*self.file.insert(file);
        said.map(|()| file)
    }

    fn put_aside(&mut self) {
        let at = |number: u32| self.folder.join(format!("{}.{number}", self.name));
        let _ = fs::remove_file(at(self.limits.kept));
        for number in (1..self.limits.kept).rev() {
            let _ = fs::rename(at(number), at(number + 1));
        }
        if self.limits.kept > 0 {
            let _ = fs::rename(self.folder.join(self.name), at(1));
        }
        (self.file, self.size) = (None, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_put_aside_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let limits = OutputLimits { size: 4, kept: 2 };
        let mut file = RotatedFile::new(folder.path().to_owned(), "stdout", limits);
        file.open().unwrap();
        file.write(b"aaaabb");
        file.write(b"bbccccd");
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).ok();
        assert_eq!(read("stdout").as_deref(), Some("d"));
        assert_eq!(read("stdout.1").as_deref(), Some("cccc"));
        assert_eq!(read("stdout.2").as_deref(), Some("bbbb"));
        assert_eq!(read("stdout.3"), None);
    }

    #[test]
    fn nothing_behind_a_link_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let other = folder.path().join("other");
        fs::write(&other, "theirs").unwrap();
        std::os::unix::fs::symlink(&other, folder.path().join("stdout")).unwrap();
        let mut file = RotatedFile::new(folder.path().to_owned(), "stdout", OutputLimits::default());
        file.write(b"ours");
        assert_eq!(fs::read_to_string(&other).unwrap(), "theirs");
        assert_eq!(fs::read_to_string(folder.path().join("stdout")).unwrap(), "ours");
    }
}
