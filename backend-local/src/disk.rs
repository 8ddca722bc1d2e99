//! Small files that are complete or do not exist.
//!
//! Invariant: a file that is read was written completely. A file is written under another name, made durable, and
//! renamed. A file with wrong content is an error that names the file, and is never used in part.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why a file or folder could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiskError {
    /// The system refused.
    #[error("cannot {what} `{}`: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The content of the file is wrong.
    #[error("`{}` is not what planwright wrote there: {source}", path.display())]
    Corrupt {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

impl DiskError {
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }

    /// Whether the system said that the file exists already.
    pub(crate) fn is_there_already(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::AlreadyExists)
    }
}

/// How many bytes are reserved for a file that must be written even if the disk is full.
const RESERVED: usize = 4096;

/// Writes a value as JSON: complete, durable, and readable only by its owner. If space was [reserved] for the file, the
/// value is written there, even if the disk is full.
///
/// [reserved]: reserve
pub(crate) fn write<T: Serialize>(path: &Path, value: &T) -> Result<(), DiskError> {
    Reserved::open(path)?.write(value)
}

/// Reserves disk space for a later file at `path`, whichever process writes it.
pub(crate) fn reserve(path: &Path) -> Result<(), DiskError> {
    Reserved::take(path).map(drop)
}

/// A file that is not renamed to its place yet.
pub(crate) struct Reserved {
    file: File,
    beside: PathBuf,
    path: PathBuf,
    /// How many bytes of the disk it has.
    room: usize,
}

impl Reserved {
    fn open(path: &Path) -> Result<Self, DiskError> {
        let beside = beside(path);
        let opened = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&beside);
        let file = opened.map_err(DiskError::io("create", &beside))?;
        let there = file.metadata().map_err(DiskError::io("look at", &beside))?.len();
        // The file that an interrupted writer left is overwritten to its last byte, and counts as reserved space.
        let room = usize::try_from(there).map_or(RESERVED, |there| there.min(RESERVED));
        if there > room as u64 {
            file.set_len(room as u64).map_err(DiskError::io("write", &beside))?;
        }
        Ok(Self { file, beside, path: path.to_owned(), room })
    }

    /// Reserves space for a later file at `path`.
    pub(crate) fn take(path: &Path) -> Result<Self, DiskError> {
        let mut reserved = Self::open(path)?;
        reserved.fill(vec![b' '; RESERVED]).map_err(DiskError::io("write", &reserved.beside))?;
        reserved.room = RESERVED;
        Ok(reserved)
    }

    /// Writes the value into the reserved space. After a failure it can be called again.
    pub(crate) fn write<T: Serialize>(&mut self, value: &T) -> Result<(), DiskError> {
        let mut text = json(&self.path, value)?;
        // Blanks are white space in JSON, so blanks after the value have no effect.
        text.resize(text.len().max(self.room), b' ');
        self.fill(text).map_err(DiskError::io("write", &self.beside))?;
        publish(&self.beside, &self.path)
    }

    fn fill(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&bytes)?;
        self.file.sync_all()
    }
}

/// Reads a value; `None` if there is no such file.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, DiskError> {
    let text = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(DiskError::io("read", path))?,
    };
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|source| DiskError::Corrupt { path: path.to_owned(), source })
}

/// Creates a file, if there is none. Returns whether there was none.
pub(crate) fn claim(path: &Path) -> Result<bool, DiskError> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(DiskError::io("create", path)(error)),
    }
}

/// Creates a folder that only its owner can read, and those above it.
pub(crate) fn create_folder(path: &Path) -> Result<(), DiskError> {
    use std::os::unix::fs::DirBuilderExt as _;
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(DiskError::io("create the folder", path))
}

/// Creates a folder that must not exist yet. The process that creates it owns it.
pub(crate) fn create_new_folder(path: &Path) -> Result<(), DiskError> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().mode(0o700).create(path).map_err(DiskError::io("create the folder", path))
}

/// Removes a file or a folder with its content. It is no error if there is none. Links are removed, and their targets
/// are not touched.
pub(crate) fn remove(path: &Path) -> Result<(), DiskError> {
    let is_folder = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found.map_err(DiskError::io("look at", path))?.is_dir(),
    };
    let removed = if is_folder { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(DiskError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// The content of a folder, sorted; empty if there is no such folder.
pub(crate) fn list(path: &Path) -> Result<Vec<PathBuf>, DiskError> {
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.map_err(DiskError::io("read the folder", path))?,
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>();
    let mut paths = paths.map_err(DiskError::io("read the folder", path))?;
    paths.sort();
    Ok(paths)
}

fn json<T: Serialize>(path: &Path, value: &T) -> Result<Vec<u8>, DiskError> {
    serde_json::to_vec(value).map_err(|source| DiskError::Corrupt { path: path.to_owned(), source })
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}

fn publish(beside: &Path, path: &Path) -> Result<(), DiskError> {
    fs::rename(beside, path).map_err(DiskError::io("write", path))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    // The name is in the folder, so the folder must be durable too.
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(DiskError::io("write", folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_half_written_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("value.json");
        assert_eq!(read::<Vec<u32>>(&path).unwrap(), None);
        write(&path, &vec![1, 2]).unwrap();
        assert_eq!(read::<Vec<u32>>(&path).unwrap(), Some(vec![1, 2]));
        fs::write(&path, "[1, 2").unwrap();
        assert!(matches!(read::<Vec<u32>>(&path), Err(DiskError::Corrupt { .. })));
        fs::write(&path, "").unwrap();
        assert!(matches!(read::<Vec<u32>>(&path), Err(DiskError::Corrupt { .. })));
    }

    #[test]
    fn a_reserved_file_is_not_there_before_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("value.json");
        let mut reserved = Reserved::take(&path).unwrap();
        assert_eq!(read::<u32>(&path).unwrap(), None);
        reserved.write(&7).unwrap();
        assert_eq!(read::<u32>(&path).unwrap(), Some(7));
    }

    #[test]
    fn what_a_link_leads_to_is_not_removed() {
        let folder = tempfile::tempdir().unwrap();
        let (outside, inside) = (folder.path().join("outside"), folder.path().join("inside"));
        create_folder(&outside).unwrap();
        fs::write(outside.join("file"), "kept").unwrap();
        create_folder(&inside).unwrap();
        std::os::unix::fs::symlink(&outside, inside.join("link")).unwrap();
        remove(&inside).unwrap();
        assert_eq!(fs::read_to_string(outside.join("file")).unwrap(), "kept");
        std::os::unix::fs::symlink(&outside, &inside).unwrap();
        remove(&inside).unwrap();
        assert!(outside.join("file").exists() && fs::symlink_metadata(&inside).is_err());
    }
}
