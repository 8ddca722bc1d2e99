//! Config templates: the files beside a specification that it names. Invariant: only those are read whose
//! names stand in the specification, so that a folder may hold anything.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};

use plan_core::spec::{Code, Diagnostic};

use crate::bytes::bytes_of;
use crate::{SERVICE, VALUES};

/// The most levels of folders, and the most files, that are searched.
const DEEPEST: usize = 4;
const MOST: usize = 10_000;

/// The config templates of a folder.
#[derive(Debug, Clone, Default)]
pub(crate) struct Templates {
    /// The texts, by path from the folder. A file that the specification does not name is listed too, without its text, so
    /// that a message can suggest the right name.
    pub(crate) texts: BTreeMap<String, String>,
    /// Why a file that the specification names cannot be read.
    unreadable: BTreeMap<String, String>,
}

impl Templates {
    /// The config templates of a folder, for a specification whose variables are filled in.
    pub(crate) fn of(folder: &Path, specification: &str) -> Self {
        let mut found = Self::default();
        if !specification.contains("template") {
            return found;
        }
        // The nearest folders first: what is left out beyond the bound is far down.
        let mut folders = VecDeque::from([(folder.to_owned(), String::new(), 0)]);
        let mut seen = 0;
        while let Some((folder, prefix, depth)) = folders.pop_front() {
            for path in entries(&folder) {
                let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
                if name.starts_with('.') || (depth == 0 && matches!(name, SERVICE | VALUES)) {
                    continue;
                }
                seen += 1;
                if seen > MOST {
                    return found;
                }
                let key = format!("{prefix}{name}");
                if path.is_dir() {
                    if depth < DEEPEST && !path.is_symlink() {
                        folders.push_back((path, format!("{key}/"), depth + 1));
                    }
                } else if path.is_file() {
                    found.add(key, &path, specification);
                }
            }
        }
        found
    }

    fn add(&mut self, key: String, path: &Path, specification: &str) {
        let text = if !specification.contains(&key) {
            Ok(String::new())
        } else {
            match bytes_of(path).map(String::from_utf8) {
                Ok(Ok(text)) => Ok(text),
                Ok(Err(error)) => {
                    let at = error.utf8_error().valid_up_to();
                    let line = error.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
                    Err(format!("it is not UTF-8 in line {line}"))
                }
                Err(problems) => Err(problems.into_iter().map(|one| one.message).collect()),
            }
        };
        match text {
            Ok(text) => drop(self.texts.insert(key, text)),
            Err(why) => drop(self.unreadable.insert(key, why)),
        }
    }

    /// Reports the templates that exist and cannot be read.
    pub(crate) fn explain(&self, problems: &mut [Diagnostic]) {
        for problem in problems.iter_mut().filter(|one| one.code == Code::ConfigFile) {
            let named =
                self.unreadable.iter().find(|(key, _)| problem.message.ends_with(&format!("`{key}`")));
            if let Some((key, why)) = named {
                problem.message = format!("cannot read the config template `{key}`: {why}");
                problem.help = None;
                problem.nearest = None;
            }
        }
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths
}
