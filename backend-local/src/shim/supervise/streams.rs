//! What the shim waits for at the same time: the output of the task, and its own bell.
//!
//! Invariant: the shim reads a pipe at once, so the task never waits for its reader.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::last_words::LastWords;
use crate::layout::RunFolder;
use crate::run::OutputLimits;
use crate::shim::bell;
use crate::shim::output::RotatedFile;

/// How many of the last lines of its standard error are told about a task that failed.
const LINES: usize = 3;

/// What the shim waits for.
pub(super) struct Streams {
    bell: File,
    out: Stream,
    err: Stream,
    last_words: LastWords,
}

/// An output of the task.
struct Stream {
    /// `None` when the task, and all processes that inherited the pipe, have closed it.
    pipe: Option<File>,
    file: RotatedFile,
}

impl Streams {
    /// Opens the files of the outputs.
    pub(super) fn open(folder: &RunFolder, limits: OutputLimits, bell: File) -> Result<Self, String> {
        let stream = |name| {
            let mut file = RotatedFile::new(folder.sandbox(), name, limits);
            file.open().map(|()| Stream { pipe: None, file })
        };
        let cannot = |error: io::Error| {
            format!("cannot create the files for its output in `{}`: {error}", folder.sandbox().display())
        };
        let (out, err) = (stream("stdout").map_err(cannot)?, stream("stderr").map_err(cannot)?);
        Ok(Self { bell, out, err, last_words: LastWords::default() })
    }

    /// Takes the pipes of the task.
    pub(super) fn take(&mut self, out: Option<impl Into<OwnedFd>>, err: Option<impl Into<OwnedFd>>) {
        self.out.pipe = out.map(|pipe| File::from(pipe.into()));
        self.err.pipe = err.map(|pipe| File::from(pipe.into()));
    }

    /// Whether more output may come.
    pub(super) fn are_open(&self) -> bool {
        self.out.pipe.is_some() || self.err.pipe.is_some()
    }

    /// The last lines of the task's standard error.
    pub(super) fn last_words(&self) -> String {
        self.last_words.text(LINES)
    }

    /// Waits until there is something to do, or the task's process has ended, and reads output. Returns whether the
    /// bell rang.
    pub(super) fn wait(&mut self, task: Option<BorrowedFd<'_>>, at_most: Duration) -> bool {
        let (rung, out, err) = {
            let mut watched = vec![PollFd::new(&self.bell, PollFlags::IN)];
            let out = watch(&mut watched, self.out.as_fd());
            let err = watch(&mut watched, self.err.as_fd());
            watch(&mut watched, task);
            let timeout = Timespec {
                tv_sec: i64::try_from(at_most.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: i64::from(at_most.subsec_nanos()),
            };
            if poll(&mut watched, Some(&timeout)).is_err() {
                return false;
            }
            let happened = |at: Option<usize>| at.is_some_and(|at| !watched[at].revents().is_empty());
            (happened(Some(0)), happened(out), happened(err))
        };
        if out {
            self.out.take_in(|_| {});
        }
        if err {
            self.err.take_in(|bytes| self.last_words.hear(bytes));
        }
        if rung {
            bell::hear(&self.bell);
        }
        rung
    }
}

/// Adds something to wait for, and returns its index.
fn watch<'a>(watched: &mut Vec<PollFd<'a>>, what: Option<BorrowedFd<'a>>) -> Option<usize> {
    watched.push(PollFd::from_borrowed_fd(what?, PollFlags::IN));
    Some(watched.len() - 1)
}

impl Stream {
    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(std::os::fd::AsFd::as_fd)
    }

    /// Reads the available output.
    fn take_in(&mut self, mut hear: impl FnMut(&[u8])) {
        let Some(pipe) = &mut self.pipe else { return };
        let mut buffer = [0; 1 << 16];
        match pipe.read(&mut buffer) {
            Ok(count) if count > 0 => {
                self.file.write(&buffer[..count]);
                hear(&buffer[..count]);
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {}
            _ => {
                self.file.finish();
                self.pipe = None;
            }
        }
    }
}
