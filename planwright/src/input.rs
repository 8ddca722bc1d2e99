//! From a name on the command line to a service: makes the options of `plan-load`, which reads the files.

use std::io;
use std::path::Path;
use std::sync::Arc;

use plan_core::plan::{Model, PlanLayout};
use plan_core::spec::{Code, Diagnostic};
use plan_driver::backend::Kind;
use plan_load::{FileReading, Hints, LoadOptions, Rigour, SpecFile};

use crate::arguments::Reading;
use crate::problem::Problem;

/// The options for reading files, from the command line.
///
/// # Errors
/// A file of values cannot be read, or has lines that are not `KEY=value`.
pub(crate) fn options(reading: &Reading) -> Result<LoadOptions, Vec<Problem>> {
    let rigour = match (reading.lenient, reading.strict) {
        (true, _) => Rigour::Lenient,
        (false, true) => Rigour::Strict,
        (false, false) => Rigour::Usual,
    };
    let mut options = LoadOptions::new().hints(Hints::CommandLine).rigour(rigour);
    let mut problems = Vec::new();
    for file in &reading.env_file {
        match options.clone().env_file(file) {
            Ok(more) => options = more,
            Err(error) => problems.extend(error.into_problems()),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    for (key, value) in &reading.env {
        options = options.env(key, value);
    }
    if reading.inherit_env {
        // A value that is not text cannot be a value of a template.
        let text = |(key, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((key.into_string().ok()?, value.into_string().ok()?))
        };
        options = options.inherit(std::env::vars_os().filter_map(text));
    }
    Ok(match &reading.config_dir {
        _ if reading.skip_files => options.without_config_templates(),
        Some(folder) => options.config_templates(folder),
        None => options,
    })
}

/// Reads a file, the `svc.yml` of a folder with its `env`, or, for `-`, standard input.
///
/// # Errors
/// Something cannot be read, is not UTF-8, or a line of `env` is not `KEY=value`.
pub(crate) fn load(file: &Path, options: &LoadOptions) -> Result<SpecFile, Vec<Problem>> {
    if is_standard_input(file) {
        SpecFile::from_reader("<stdin>", io::stdin().lock(), options)
    } else {
        SpecFile::load(file, options)
    }
}

/// What a backend of this kind does not support in a service that was read. `--strict` makes no error of these
/// warnings, since they depend on the machine, and `--strict` is about the file.
pub(crate) fn judged(file: &SpecFile, read: &FileReading, kind: &dyn Kind) -> Vec<Problem> {
    let Some(model) = &read.model else { return Vec::new() };
    let found = plan_driver::backend::check(kind, model.spec()).into_iter();
    file.located(read, found.map(|finding| finding.problem(kind.name())).collect())
}

/// The plan of this name.
///
/// # Errors
/// There is no such plan. The problem names the nearest one.
pub(crate) fn plan<'a>(
    model: &'a Model,
    name: &str,
    file: &str,
) -> Result<&'a Arc<PlanLayout>, Vec<Problem>> {
    model.plans().get(name).ok_or_else(|| {
        let names: Vec<&str> = model.plans().keys().map(|plan| plan.as_str()).collect();
        let message = format!("`{file}` has no plan `{name}`");
        // The reader of specifications knows which names are near enough for a typing mistake.
        let like = Diagnostic::error(Code::Value, "", "").nearest(name, names.iter().copied());
        let help = like.help.unwrap_or_else(|| format!("its plans are: {}", names.join(", ")));
        vec![Problem::error(message).file(file).help(help).nearest(like.nearest)]
    })
}

/// Whether the name stands for standard input.
pub(crate) fn is_standard_input(file: &Path) -> bool {
    file.as_os_str() == "-"
}
