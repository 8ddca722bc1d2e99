//! A task's sandbox: the folder that it runs in.
//!
//! Invariant: nothing is written outside of the sandbox and the volumes of its place. Volumes are links in the sandbox
//! that the backend makes. No other link is followed.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::path::Path;

use plan_core::engine::LaunchTask;
use plan_core::plan::TaskConfig;
use plan_core::spec::{Lines, VolumeMode, render_config};

use crate::blocking::blocking;
use crate::disk::{self, DiskError};
use crate::error::Failure;
use crate::inner::Inner;
use crate::layout::{Linked, RunFolder, file_name, parent_in};
use crate::run::Order;
use crate::shim;

/// Makes the sandbox of a task, with everything that it has before the command runs.
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
    // A config file may go into an unpacked folder.
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
    // A place is held as long as its folder exists. So it is known after a restart, before its service's first session.
    disk::create_folder(place)?;
    disk::create_new_folder(folder.path())?;
    // Even a task that fills the disk can be told to end.
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

/// Puts the templates into the sandbox, and the config files that they become with the task's environment.
fn render(folder: &RunFolder, order: &Order, config: &TaskConfig, volumes: &[Linked]) -> Result<(), Failure> {
    let sandbox = folder.sandbox();
    if !config.spec.configs.is_empty() {
        disk::create_new_folder(&sandbox.join("config-templates"))?;
    }
    for (name, file) in &config.spec.configs {
        let text = file.text.as_deref().unwrap_or_default();
        write_new(&sandbox.join("config-templates").join(name), text.as_bytes(), 0o644)?;
        let rendered = render_config(file, &order.environment);
        // A command may set variables itself before it calls `bootstrap`, which renders again.
        let by_itself = config.spec.cmd.contains("bootstrap");
        if by_itself && !rendered.missing.is_empty() {
            continue;
        }
        let lines = Lines::new(text);
        let at = |byte: usize| format!("template {}:{}", file.template, lines.position(byte).line);
        if let Some((first, span)) = rendered.missing.first() {
            let others: BTreeSet<&str> = rendered.missing.iter().map(|(name, _)| name.as_str()).collect();
            let others: Vec<String> =
                others.into_iter().filter(|name| name != first).map(|name| format!("`{name}`")).collect();
            let also = if others.is_empty() {
                String::new()
            } else {
                format!(", and neither has {}", others.join(" or "))
            };
            return Err(Failure::Never(format!(
                "{}: the variable `{first}` has no value{also}; set it in the task's `env`, or in its command \
                 before it calls `./bootstrap`",
                at(span.start)
            )));
        }
        if let Some(problem) = rendered.diagnostics.first() {
            return Err(Failure::Never(format!("template {}: {}", file.template, problem.message)));
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
