//! The project's texts.

use std::path::{Path, PathBuf};

/// The project's folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The files of the project that are text, but for files and folders of these names.
pub(crate) fn texts(skipped: &[&str]) -> Vec<(PathBuf, String)> {
    let mut all = Vec::new();
    read(&root(), skipped, &mut all);
    all
}

fn read(folder: &Path, skipped: &[&str], all: &mut Vec<(PathBuf, String)>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if skipped.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            read(&path, skipped, all);
        } else if kind.is_file()
            && let Ok(text) = std::fs::read_to_string(&path)
        {
            all.push((path, text));
        }
    }
}
