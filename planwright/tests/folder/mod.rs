//! Files that a test makes for itself.

use std::path::{Path, PathBuf};

use crate::program::planwright;

/// A folder for a test's files, taken away when it is dropped.
#[derive(Debug)]
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    /// An empty one; the name must be of one test alone.
    pub(crate) fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// With a file in it.
    pub(crate) fn file(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        let file = self.0.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
        self
    }

    /// The path of something in it, or, for "", of itself.
    pub(crate) fn path(&self, name: &str) -> String {
        let path = if name.is_empty() { self.0.clone() } else { self.0.join(name) };
        path.to_str().unwrap().to_owned()
    }

    /// Runs the program, and writes the folder's own path as `FOLDER`.
    pub(crate) fn planwright(&self, arguments: &[&str]) -> String {
        planwright(arguments).to_string().replace(&self.path(""), "FOLDER")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
