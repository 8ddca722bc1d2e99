//! The scheduler's own log: a file of the data folder, and with `-v` standard error too.
//!
//! Invariant: the log is bounded: one file, and the one before it. It is its owner's alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::folder::{LOG, unusable};
use crate::problem::Problem;

/// A log that is larger begins anew; the one before it is kept.
const LARGEST: u64 = 16 << 20;

/// Begins to log.
///
/// # Errors
/// The file cannot be written.
pub(super) fn begin(folder: &Path, verbose: u8) -> Result<PathBuf, Box<Problem>> {
    let path = folder.join(LOG);
    let file = LogFile::open(path.clone()).map_err(|error| unusable(&path, &error))?;
    let level = match verbose {
        0 | 1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let also = if verbose > 0 { Also::StandardError } else { Also::Nothing };
    let log = Log { file: Mutex::new(file), also };
    let filter =
        EnvFilter::try_new(format!("warn,planwright={level},plan_driver={level},backend_local={level}"));
    let built = tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_default())
        .with_ansi(false)
        .with_writer(log)
        .finish();
    // In a test that runs several in one process, the first one's log has all.
    let _ = tracing::subscriber::set_global_default(built);
    Ok(path)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Also {
    Nothing,
    StandardError,
}

struct Log {
    file: Mutex<LogFile>,
    also: Also,
}

struct LogFile {
    path: PathBuf,
    file: File,
    size: u64,
}

impl LogFile {
    fn open(path: PathBuf) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
        let size = file.metadata()?.len();
        Ok(Self { path, file, size })
    }

    fn line(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.size > LARGEST {
            fs::rename(&self.path, self.path.with_extension("log.1"))?;
            *self = Self::open(self.path.clone())?;
        }
        self.file.write_all(bytes)?;
        self.size += bytes.len() as u64;
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

impl Write for &Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // A disk that is full must not end the scheduler: what it then says is lost.
        let _ = file.line(line);
        if self.also == Also::StandardError {
            let _ = io::stderr().lock().write_all(line);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
