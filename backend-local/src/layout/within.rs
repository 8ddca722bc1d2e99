//! Paths below a sandbox, from texts of a specification.
//!
//! Invariant: no text leads out of the sandbox. The backend's own links to volumes are followed, and no others.

use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::disk;

/// A volume in a sandbox: the link, and the folder that it leads to.
pub(crate) struct Linked {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
}

/// A path below a folder: relative, and without `..`.
pub(crate) fn relative(text: &str) -> Result<PathBuf, &'static str> {
    if text.contains('\0') {
        return Err("holds a NUL character");
    }
    let mut path = PathBuf::new();
    for component in Path::new(text).components() {
        match component {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            Component::ParentDir => return Err("leads out of the sandbox with `..`"),
            Component::RootDir | Component::Prefix(_) => {
                return Err("is an absolute path, and not one below the sandbox");
            }
        }
    }
    if path.as_os_str().is_empty() { Err("is empty") } else { Ok(path) }
}

/// Makes the folders above a path of the sandbox. The backend's own links to volumes are followed, and no others.
pub(crate) fn parent_in(sandbox: &Path, volumes: &[Linked], text: &str) -> Result<PathBuf, String> {
    let path = relative(text).map_err(|why| format!("`{text}` {why}"))?;
    let mut at = sandbox.to_owned();
    let mut components: Vec<_> = path.components().collect();
    let last = components.pop();
    for (nth, component) in components.into_iter().enumerate() {
        let name = component.as_os_str();
        if let Some(volume) = volumes.iter().find(|volume| nth == 0 && name == volume.name.as_str()) {
            at.clone_from(&volume.folder);
            continue;
        }
        at.push(name);
        match fs::symlink_metadata(&at) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Err(format!("`{}` of `{text}` is no folder of its own", name.display())),
            Err(_) => disk::create_folder(&at).map_err(|error| error.to_string())?,
        }
    }
    if let Some(last) = last {
        at.push(last);
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn paths_stay_below_the_sandbox() {
        let good = [("a", "a"), ("./a/b", "a/b"), ("a//b/", "a/b")];
        for (text, path) in good {
            assert_eq!(relative(text), Ok(PathBuf::from(path)));
        }
        for text in ["", ".", "..", "a/../../b", "/etc/passwd", "a\0b", "../x"] {
            assert!(relative(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn only_links_to_volumes_are_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (sandbox, volume) = (folder.path().join("sandbox"), folder.path().join("volume"));
        fs::create_dir(&sandbox).unwrap();
        fs::create_dir(&volume).unwrap();
        symlink("/etc", sandbox.join("outside")).unwrap();
        symlink(&volume, sandbox.join("data")).unwrap();
        symlink("/etc", volume.join("outside")).unwrap();
        let volumes = [Linked { name: "data".to_owned(), folder: volume.clone() }];
        let at = |text| parent_in(&sandbox, &volumes, text);
        assert_eq!(at("conf/a"), Ok(sandbox.join("conf/a")));
        assert_eq!(at("data/a"), Ok(volume.join("a")));
        assert!(at("outside/passwd").is_err());
        assert!(at("data/outside/passwd").is_err());
    }
}
