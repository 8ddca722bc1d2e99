//! The commands. Invariant: each makes its whole result, in both forms, from a service that was read without an error.

mod completions;
mod crashes;
mod diff;
mod explain;
mod graph;
mod init;
mod man;
mod render;
mod replay;
mod schema;
mod simulate;

use std::io;
use std::path::Path;
use std::sync::Arc;

use plan_core::engine::PlanView;
use plan_core::plan::{Model, PlanLayout};
use plan_load::LoadOptions;
use serde::Serialize;

use crate::Verdict;
use crate::arguments::{OnePlan, Reading, Then, Validate};
use crate::backends::{BackendKind, Backends};
use crate::input;
use crate::problem::Problem;
use crate::ui::Ui;

pub(crate) use completions::completions;
pub(crate) use diff::diff;
pub(crate) use explain::explain;
pub(crate) use graph::graph;
pub(crate) use init::init;
pub(crate) use man::man;
pub(crate) use render::render;
pub(crate) use replay::replay;
pub(crate) use schema::schema;
pub(crate) use simulate::simulate;

/// The result of `validate` for programs.
#[derive(Debug, Serialize)]
struct Validated {
    good: bool,
    files: Vec<FileResult>,
    /// Problems outside of the files: with the values that all files share.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    diagnostics: Vec<Problem>,
}

#[derive(Debug, Serialize)]
struct FileResult {
    file: String,
    good: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    diagnostics: Vec<Problem>,
}

/// The result of a command on one file for programs: what it found, or why it found nothing.
#[derive(Debug, Serialize)]
struct Outcome<T> {
    good: bool,
    #[serde(flatten)]
    result: Option<T>,
    diagnostics: Vec<Problem>,
}

pub(crate) fn validate(ui: &mut Ui, backends: &Backends, arguments: &Validate) -> io::Result<Verdict> {
    if arguments.files.iter().filter(|file| input::is_standard_input(file)).count() > 1 {
        ui.complain("standard input can be read once, and `-` is given twice");
        return Ok(Verdict::Misused);
    }
    let mut result = Validated { good: false, files: Vec::new(), diagnostics: Vec::new() };
    match input::options(&arguments.reading) {
        Err(problems) => result.diagnostics = problems,
        Ok(options) => {
            let backend = arguments.backend.as_deref().and_then(|name| backends.get(name));
            let files = arguments.files.iter();
            result.files = files.map(|file| validate_one(file, &options, backend)).collect()
        }
    }
    result.good = result.diagnostics.is_empty() && result.files.iter().all(|file| file.good);
    if ui.is_json() {
        ui.json(&result)?;
    }
    result.diagnostics.iter().for_each(|problem| ui.problem(problem));
    for file in &result.files {
        file.diagnostics.iter().for_each(|problem| ui.problem(problem));
        if ui.is_json() {
        } else if let Some(service) = file.service.as_ref().filter(|_| file.good) {
            ui.say(format_args!("{}: good (service `{service}`)", file.file))?;
        }
    }
    refuse(
        ui,
        result
            .files
            .iter()
            .filter(|file| !file.good)
            .map(|file| (file.file.as_str(), file.diagnostics.as_slice())),
    );
    Ok(if result.good { Verdict::Good } else { Verdict::Refused })
}

fn validate_one(file: &Path, options: &LoadOptions, backend: Option<&dyn BackendKind>) -> FileResult {
    match input::load(file, options) {
        Err(diagnostics) => {
            FileResult { file: file.display().to_string(), good: false, service: None, diagnostics }
        }
        Ok(file) => {
            let checked = file.check();
            let service = checked.model.as_ref().map(|model| model.spec().name().to_string());
            let judged = backend.map(|kind| input::judged(&file, &checked, kind)).unwrap_or_default();
            let good = service.is_some() && !judged.iter().any(Problem::is_error);
            let mut diagnostics = checked.problems;
            diagnostics.extend(judged);
            diagnostics.sort_by_key(|one| (one.line, one.column));
            FileResult { file: file.file, good, service, diagnostics }
        }
    }
}

/// Names the refused files, after all problems.
fn refuse<'a>(ui: &mut Ui, files: impl Iterator<Item = (&'a str, &'a [Problem])>) {
    if ui.is_json() {
        return;
    }
    for (file, problems) in files {
        let errors = problems.iter().filter(|problem| problem.is_error()).count();
        let plural = if errors == 1 { "" } else { "s" };
        ui.complain(&format!("{file} is refused: {errors} error{plural}"));
    }
}

pub(crate) fn show(ui: &mut Ui, arguments: &OnePlan) -> io::Result<Verdict> {
    on_plan(ui, arguments, |model, plan| {
        let view = PlanView::declared(model, &plan.name);
        let text = view.as_ref().map(|view| view.without_status().to_string()).unwrap_or_default();
        (text, view.as_ref().map(Declared::new))
    })
}

/// A declared plan, for programs. It has no statuses.
#[derive(Debug, Serialize)]
struct Declared {
    plan: String,
    strategy: &'static str,
    phases: Vec<DeclaredPhase>,
}

#[derive(Debug, Serialize)]
struct DeclaredPhase {
    name: String,
    strategy: &'static str,
    steps: Vec<String>,
}

impl Declared {
    fn new(view: &PlanView) -> Self {
        let phases = view.phases.iter().map(|phase| DeclaredPhase {
            name: phase.name.clone(),
            strategy: phase.strategy,
            steps: phase.steps.iter().map(|step| step.name.clone()).collect(),
        });
        Self { plan: view.name.clone(), strategy: view.strategy, phases: phases.collect() }
    }
}

/// Reads the file, finds the plan, and writes what is made of it.
fn on_plan<T: Serialize>(
    ui: &mut Ui,
    arguments: &OnePlan,
    make: impl FnOnce(&Model, &PlanLayout) -> (String, T),
) -> io::Result<Verdict> {
    let (file, loaded) = load(&arguments.file, &arguments.reading);
    let (result, diagnostics) = match loaded {
        Err(problems) => (None, problems),
        Ok((model, mut warnings)) => match input::plan(&model, &arguments.plan, &file) {
            Ok(plan) => (Some(make(&model, plan)), warnings),
            Err(problems) => {
                warnings.extend(problems);
                (None, warnings)
            }
        },
    };
    let good = result.is_some();
    if ui.is_json() {
        ui.json(&Outcome { good, result: result.map(|(_, result)| result), diagnostics })?;
    } else {
        diagnostics.iter().for_each(|problem| ui.problem(problem));
        if let Some((text, _)) = result {
            ui.say(text)?;
        }
    }
    Ok(if good { Verdict::Good } else { Verdict::Refused })
}

/// A good service with its warnings, or all problems; and the name of its file.
pub(crate) type Loaded = Result<(Arc<Model>, Vec<Problem>), Vec<Problem>>;

pub(crate) fn load(file: &Path, reading: &Reading) -> (String, Loaded) {
    let (name, loaded) = load_with(file, reading, &[]);
    let loaded = loaded.map(|(mut models, problems)| (models.swap_remove(0), problems));
    (name, loaded)
}

/// As [`Loaded`], for a service that becomes several things, one after the other.
type LoadedAll = Result<(Vec<Arc<Model>>, Vec<Problem>), Vec<Problem>>;

/// Reads a file once as it is, and once more with each of these values in place of its own.
fn load_with(file: &Path, reading: &Reading, then: &[Then]) -> (String, LoadedAll) {
    let mut name = file.display().to_string();
    let input = input::options(reading).and_then(|options| input::load(file, &options));
    let loaded = input.and_then(|input| {
        name.clone_from(&input.file);
        let (mut models, mut problems) = (Vec::new(), Vec::new());
        let more = then.iter().map(|then| {
            let mut input = input.clone();
            input.env.extend(then.values.iter().cloned());
            input
        });
        for input in std::iter::once(input.clone()).chain(more) {
            let checked = input.check();
            // A problem that does not depend on the values is reported once.
            problems.extend(
                checked.problems.into_iter().filter(|one| !problems.contains(one)).collect::<Vec<_>>(),
            );
            match checked.model {
                Some(model) => models.push(model),
                None => return Err(problems),
            }
        }
        Ok((models, problems))
    });
    (name, loaded)
}
