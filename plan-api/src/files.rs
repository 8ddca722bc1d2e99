//! Small files that operators keep with a service (SDK rule R75).
//!
//! Invariant: a file has a plain name and at most [`FILE_BYTES`] bytes, and a service at most [`FILES`] of them; a
//! file is replaced whole or not at all.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// The most bytes of a file.
pub const FILE_BYTES: usize = 1024;
/// The most files of a service.
pub const FILES: usize = 1000;

/// Keeps small files. Its calls may block.
pub trait OperatorFiles: Send + Sync + 'static {
    /// The names of a service's files, sorted.
    ///
    /// # Errors
    /// The names cannot be read.
    fn list(&self, service: &str) -> io::Result<Vec<String>>;

    /// A file's bytes; `None` if there is no such file.
    ///
    /// # Errors
    /// It cannot be read.
    fn load(&self, service: &str, name: &str) -> io::Result<Option<Vec<u8>>>;

    /// Stores a file. It replaces one of the same name.
    ///
    /// # Errors
    /// It cannot be written.
    fn keep(&self, service: &str, name: &str, bytes: &[u8]) -> io::Result<()>;
}

/// Whether a text can name a file: letters, digits, `_`, `-` and `.`, where the first character is neither `-` nor `.`.
pub(crate) fn is_name(text: &str) -> bool {
    let begins = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
    let goes_on = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    begins && text.len() <= 128 && text.bytes().all(goes_on)
}

/// The folder name of a service's files: a plain name, whatever the service's name is.
fn folder_name(service: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '-' { c.to_string() } else { format!("_{:x}_", u32::from(c)) }
    };
    service.chars().map(plain).collect()
}

/// Keeps small files in a folder, one below it for each service.
#[derive(Debug)]
pub struct FolderFiles {
    folder: PathBuf,
}

impl FolderFiles {
    /// Files below this folder. The folder is made with the first file.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Removes a service's files, and the folders that are empty then. Files of others stay.
    ///
    /// # Errors
    /// One of them cannot be removed.
    pub fn forget(&self, service: &str) -> io::Result<()> {
        let folder = self.folder.join(folder_name(service));
        let entries = match std::fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            entries => Some(entries?),
        };
        for entry in entries.into_iter().flatten() {
            let entry = entry?;
            let name = entry.file_name().into_string().unwrap_or_default();
            // A file, or the draft of one.
            if is_name(name.strip_prefix('.').unwrap_or(&name)) && entry.file_type()?.is_file() {
                std::fs::remove_file(entry.path())?;
            }
        }
        for folder in [&folder, &self.folder] {
            match std::fs::remove_dir(folder) {
                Err(error)
                    if !matches!(
                        error.kind(),
                        io::ErrorKind::NotFound
                            | io::ErrorKind::DirectoryNotEmpty
                            | io::ErrorKind::NotADirectory
                    ) =>
                {
                    return Err(error);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl OperatorFiles for FolderFiles {
    fn list(&self, service: &str) -> io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(self.folder.join(folder_name(service))) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names = Vec::new();
        for entry in entries {
            names.extend(entry?.file_name().into_string().ok().filter(|name| is_name(name)));
        }
        names.sort();
        Ok(names)
    }

    fn load(&self, service: &str, name: &str) -> io::Result<Option<Vec<u8>>> {
        match std::fs::read(self.folder.join(folder_name(service)).join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            bytes => bytes.map(Some),
        }
    }

    fn keep(&self, service: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
        let folder = self.folder.join(folder_name(service));
        std::fs::create_dir_all(&folder)?;
        // No file has such a name, so a draft that a crash left is not listed.
        let draft = folder.join(format!(".{name}.{}", uuid::Uuid::new_v4()));
        let written = std::fs::File::create(&draft).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
        let kept = written.and_then(|()| std::fs::rename(&draft, folder.join(name)));
        if kept.is_err() {
            // The draft is useless, and does no harm if it stays.
            let _ = std::fs::remove_file(&draft);
        }
        kept
    }
}

/// Keeps small files in memory.
#[derive(Debug, Default)]
pub struct MemoryFiles {
    files: Mutex<BTreeMap<(String, String), Vec<u8>>>,
}

impl OperatorFiles for MemoryFiles {
    fn list(&self, service: &str) -> io::Result<Vec<String>> {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(files.keys().filter(|(of, _)| of == service).map(|(_, name)| name.clone()).collect())
    }

    fn load(&self, service: &str, name: &str) -> io::Result<Option<Vec<u8>>> {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(files.get(&(service.to_owned(), name.to_owned())).cloned())
    }

    fn keep(&self, service: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.insert((service.to_owned(), name.to_owned()), bytes.to_vec());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_there_and_another_services_is_not() {
        let dir = tempfile::tempdir().unwrap();
        for files in
            [&FolderFiles::new(dir.path().join("files")) as &dyn OperatorFiles, &MemoryFiles::default()]
        {
            assert_eq!(files.list("/a/b").unwrap(), Vec::<String>::new());
            assert_eq!(files.load("/a/b", "key").unwrap(), None);
            files.keep("/a/b", "key", b"one").unwrap();
            files.keep("/a/b", "key", b"two").unwrap();
            files.keep("/a/b", "another", b"").unwrap();
            assert_eq!(files.list("/a/b").unwrap(), ["another", "key"]);
            assert_eq!(files.load("/a/b", "key").unwrap().as_deref(), Some(&b"two"[..]));
            assert_eq!(files.list("/a__b").unwrap(), Vec::<String>::new());
        }
    }

    #[test]
    fn a_name_leads_nowhere_else() {
        for (name, good) in [
            ("key", true),
            ("server.properties", true),
            ("_x-1", true),
            ("", false),
            (".", false),
            ("..", false),
            (".hidden", false),
            ("-x", false),
            ("a/b", false),
            ("a\\b", false),
            ("a\0b", false),
            ("schlüssel", false),
        ] {
            assert_eq!(is_name(name), good, "{name}");
        }
        assert!(!is_name(&"x".repeat(129)));
        assert_eq!(folder_name("/group/kafka"), "_2f_group_2f_kafka");
        assert_eq!(folder_name(".."), "_2e__2e_");
    }
}
