//! `init`: a specification to begin with.
//!
//! Invariant: no file that is there is written over, and what is written passes `validate` without a warning.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use plan_core::spec::ServiceName;
use serde::Serialize;

use crate::Verdict;
use crate::arguments::Init;
use crate::problem::Problem;
use crate::program;
use crate::ui::Ui;
use plan_api::words::shell;

/// The files, with their texts. `QUOTED` stands for the service's name as YAML takes any for one, `FOLDER` for the folder as
/// a shell does.
const FILES: [(&str, &str); 2] = [("svc.yml", include_str!("svc.yml")), ("env", include_str!("env"))];

/// The result for programs.
#[derive(Debug, Serialize)]
struct Begun {
    good: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<ServiceName>,
    files: Vec<PathBuf>,
    diagnostics: Vec<Problem>,
}

pub(crate) fn init(ui: &mut Ui, arguments: &Init) -> io::Result<Verdict> {
    match name(arguments).and_then(|name| write(&arguments.folder, &name).map(|files| (name, files))) {
        Ok((name, files)) => {
            if ui.is_json() {
                ui.json(&Begun { good: true, service: Some(name), files, diagnostics: Vec::new() })?;
                return Ok(Verdict::Good);
            }
            for file in &files {
                ui.say(format_args!("wrote {}", file.display()))?;
            }
            let (of, program) = (shell(&arguments.folder.to_string_lossy()), program::name());
            ui.say(format_args!(
                "\nService `{name}`. See what its plan does, try it in a simulated cluster, run it:\n  \
                 {program} show {of}\n  {program} simulate {of}\n  {program} run {of}"
            ))?;
            Ok(Verdict::Good)
        }
        Err(problem) => {
            ui.problem(&problem);
            if ui.is_json() {
                let diagnostics = vec![*problem];
                ui.json(&Begun { good: false, service: None, files: Vec::new(), diagnostics })?;
            }
            Ok(Verdict::Refused)
        }
    }
}

/// The service's name: what is given, or the folder's name.
fn name(arguments: &Init) -> Result<ServiceName, Box<Problem>> {
    if let Some(name) = &arguments.name {
        return Ok(name.clone());
    }
    let folder = &arguments.folder;
    let absolute = std::path::absolute(folder).map_err(|error| unwritable(folder, &error))?;
    let name = absolute.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    ServiceName::new(&name).map_err(|error| {
        Problem::error(format!("the folder's name is no name for a service: {error}"))
            .help("name the service with `--name NAME`")
            .into()
    })
}

fn write(folder: &Path, name: &ServiceName) -> Result<Vec<PathBuf>, Box<Problem>> {
    if let Some((file, _)) = FILES.iter().find(|(file, _)| folder.join(file).symlink_metadata().is_ok()) {
        let there = folder.join(file);
        let problem = Problem::error(format!("`{}` is there already, and stays as it is", there.display()));
        return Err(problem.help("name another folder").into());
    }
    fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
    let mut written = Vec::new();
    for (file, text) in FILES {
        let path = folder.join(file);
        let text = text.replace("FOLDER", &shell(&folder.to_string_lossy())).replace("QUOTED", &quoted(name));
        let made = File::create_new(&path).and_then(|mut file| file.write_all(text.as_bytes()));
        if let Err(error) = made {
            // A half would only be in the way of the next attempt.
            for path in written.iter().chain([&path]) {
                let _ = fs::remove_file(path);
            }
            return Err(unwritable(&path, &error));
        }
        written.push(path);
    }
    Ok(written)
}

/// A name as YAML takes it for a text: JSON's quotes are YAML's too.
fn quoted(name: &ServiceName) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let name = name.as_str();
    match name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(plain) {
        true => name.to_owned(),
        false => serde_json::Value::from(name).to_string(),
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Box<Problem> {
    Problem::error(format!("cannot write `{}`: {error}", path.display())).into()
}
