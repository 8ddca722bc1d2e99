//! A task's sandbox: the folder that it runs in.
//!
//! Invariant: nothing is written outside of the sandbox and the volumes of its place. Volumes are links in it that we
//! make; no other link is followed.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::path::{Component, Path, PathBuf};

use plan_core::engine::LaunchTask;
use plan_core::plan::TaskConfig;
use plan_core::spec::{VolumeMode, render_config};

use crate::disk::{self, DiskError};
use crate::layout::{RunFolder, file_name};
use crate::local::{Inner, blocking};
use crate::run::Order;
use crate::shim;

/// Why a task is not launched.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Not now.
    Retry(String),
    /// Not until the specification changes.
    Never(String),
}

impl From<DiskError> for Failure {
    fn from(error: DiskError) -> Self {
        Self::Retry(error.to_string())
    }
}

/// Makes the sandbox of a task, with all that is to be in it before the command runs.
pub(crate) async fn make(
    inner: &Inner,
    folder: &RunFolder,
    order: &Order,
    task: &LaunchTask,
    place: &Path,
) -> Result<(), Failure> {
    let (of, order, config, place) = (folder.clone(), order.clone(), task.config.clone(), place.to_owned());
    let bootstrap = bootstrap(&inner.shim)?;
    let laid_out = {
        let (of, config) = (of.clone(), config.clone());
        blocking(move || lay_out(&of, &config, &place, &bootstrap)).await?
    };
    for uri in &task.config.carried.uris {
        inner.fetcher.fetch(uri, &folder.sandbox()).await?;
    }
    // Where a config file goes may be in what was unpacked.
    blocking(move || render(&of, &order, &config, &laid_out)).await
}

/// The program that tasks call as `./bootstrap`.
fn bootstrap(shim: &Path) -> Result<String, Failure> {
    let Some(path) = shim.to_str() else {
        let why = format!("the path of the shim, `{}`, is not UTF-8", shim.display());
        return Err(Failure::Retry(why));
    };
    Ok(format!("#!/bin/sh\nexec '{}' {} \"$@\"\n", path.replace('\'', r"'\''"), shim::BOOTSTRAP))
}

fn lay_out(
    folder: &RunFolder,
    config: &TaskConfig,
    place: &Path,
    bootstrap: &str,
) -> Result<Vec<Linked>, Failure> {
    if let Some(instance) = folder.path().parent() {
        disk::create_folder(instance)?;
    }
    disk::create_new_folder(folder.path())?;
    // A task that fills the disk can be told to end all the same.
    disk::reserve(&folder.kill())?;
    let sandbox = folder.sandbox();
    disk::create_new_folder(&sandbox)?;
    write_new(&sandbox.join("bootstrap"), bootstrap.as_bytes(), 0o755)?;
    let volumes = link_volumes(&sandbox, config, place)?;
    for (name, volume) in &config.carried.host_volumes {
        if volume.mode == VolumeMode::Ro {
            return Err(Failure::Never(format!(
                "host volume `{name}` is read-only, which a link cannot be: declare it `RW`, or leave it out here"
            )));
        }
        let path = parent_in(&sandbox, &volumes, &volume.container_path)
            .map_err(|why| Failure::Never(format!("host volume `{name}`: {why}")))?;
        if !Path::new(&volume.host_path).exists() {
            return Err(Failure::Retry(format!("host volume `{name}`: there is no `{}`", volume.host_path)));
        }
        link(Path::new(&volume.host_path), &path)?;
    }
    Ok(volumes)
}

/// Puts the templates into the sandbox, and what becomes of them with the task's environment.
fn render(folder: &RunFolder, order: &Order, config: &TaskConfig, volumes: &[Linked]) -> Result<(), Failure> {
    let sandbox = folder.sandbox();
    if !config.spec.configs.is_empty() {
        disk::create_new_folder(&sandbox.join("config-templates"))?;
    }
    for (name, file) in &config.spec.configs {
        let text = file.text.as_deref().unwrap_or_default();
        write_new(&sandbox.join("config-templates").join(name), text.as_bytes(), 0o644)?;
        let rendered = render_config(file, &order.environment);
        let missing: Vec<&str> = rendered.missing.iter().map(|(name, _)| name.as_str()).collect();
        // A command may set variables of its own before it calls `bootstrap`, which renders again.
        let by_itself = config.spec.cmd.contains("bootstrap");
        if by_itself && !missing.is_empty() {
            continue;
        }
        if !missing.is_empty() {
            return Err(Failure::Never(format!(
                "the config `{name}` (`{}`) uses variables that the task does not have: {}; set them in its \
                 `env`, or in its command before it calls `./bootstrap`",
                file.template,
                missing.join(", ")
            )));
        }
        if let Some(problem) = rendered.diagnostics.first() {
            return Err(Failure::Never(format!(
                "the config `{name}` (`{}`): {}",
                file.template, problem.message
            )));
        }
        let path = parent_in(&sandbox, volumes, &file.dest)
            .map_err(|why| Failure::Never(format!("the config `{name}`: {why}")))?;
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_dir() => {
                let why = format!("the config `{name}`: `{}` is a folder", file.dest);
                return Err(Failure::Never(why));
            }
            Ok(_) => disk::remove(&path)?,
            Err(_) => {}
        }
        write_new(&path, rendered.text.as_bytes(), 0o644)?;
    }
    Ok(())
}

/// A volume in a sandbox: the link, and the folder that it leads to.
pub(crate) struct Linked {
    name: String,
    folder: PathBuf,
}

fn link_volumes(sandbox: &Path, config: &TaskConfig, place: &Path) -> Result<Vec<Linked>, Failure> {
    let set = &config.spec.resource_set;
    let pod = config.carried.volumes.iter().map(|volume| (volume, format!("pod.{}", volume.path)));
    let own = config
        .resources
        .volumes
        .iter()
        .map(|volume| (volume, format!("set.{}.{}", file_name(set.as_str()), volume.path)));
    let mut linked = Vec::new();
    for (volume, name) in pod.chain(own) {
        let folder = place.join("volumes").join(name);
        disk::create_folder(&folder)?;
        link(&folder, &sandbox.join(volume.path.as_str()))?;
        linked.push(Linked { name: volume.path.to_string(), folder });
    }
    Ok(linked)
}

fn link(to: &Path, at: &Path) -> Result<(), Failure> {
    let made = symlink(to, at).map_err(DiskError::io("create the link", at));
    made.map_err(|error| {
        if error.is_there_already() {
            Failure::Never(format!("two things of the task are to be at `{}` of its sandbox", at.display()))
        } else {
            error.into()
        }
    })
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), DiskError> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    opened.and_then(|mut file| file.write_all(bytes)).map_err(DiskError::io("write", path))
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

/// Makes the folders above a path of the sandbox. Our own links to volumes are followed, and no others.
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
