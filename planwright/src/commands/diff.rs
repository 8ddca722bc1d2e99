//! `diff`: shows what differs between two specifications, and what that does to the service. Invariant: it refuses what
//! the engine refuses, since both use the same table.

use std::io;
use std::path::Path;

use plan_core::plan::{Model, step_name};
use plan_core::spec::{
    Change, ChangeVerdict, InstanceName, PlanName, PodName, TaskName, changes, converging_plan,
};
use serde::Serialize;

use super::Outcome;
use crate::Verdict;
use crate::arguments::Diff;
use crate::input;
use crate::problem::Problem;
use crate::ui::Ui;

/// The differences, for programs.
#[derive(Debug, Serialize)]
struct Difference {
    service: String,
    changes: Vec<Change>,
    /// The tasks whose configuration changes. Tasks that are added or removed are not among them.
    relaunched: Vec<PodTasks>,
    /// The instances that leave for good, with their volumes, in their order within each pod.
    leaves: Vec<InstanceName>,
    /// The plan that carries out the change, once the service is deployed; `None` if nothing differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<PlanName>,
}

#[derive(Debug, Serialize)]
struct PodTasks {
    pod: PodName,
    tasks: Vec<TaskName>,
}

pub(crate) fn diff(ui: &mut Ui, arguments: &Diff) -> io::Result<Verdict> {
    let both = [Some(&arguments.old), arguments.new.as_ref()];
    if both.into_iter().flatten().filter(|file| input::is_standard_input(file)).count() > 1 {
        ui.complain("standard input can be read once, and `-` is given twice");
        return Ok(Verdict::Misused);
    }
    let (result, diagnostics) = read(arguments);
    let refused = result.as_ref().map_or(0, |result| count(result, ChangeVerdict::Refused));
    let good = result.is_some() && refused == 0;
    if ui.is_json() {
        ui.json(&Outcome { good, result, diagnostics })?;
    } else {
        diagnostics.iter().for_each(|problem| ui.problem(problem));
        if let Some(result) = result {
            ui.say(shown(&result))?;
        }
        if refused > 0 {
            let new = arguments.new.as_ref().unwrap_or(&arguments.old);
            let plural = if refused == 1 { "change" } else { "changes" };
            ui.complain(&format!("{} is refused: {refused} {plural}", new.display()));
        }
    }
    Ok(if good { Verdict::Good } else { Verdict::Refused })
}

/// Reads both specifications, and compares them.
fn read(arguments: &Diff) -> (Option<Difference>, Vec<Problem>) {
    let options = match input::options(&arguments.reading) {
        Ok(options) => options,
        Err(problems) => return (None, problems),
    };
    let input = |file: &Path| input::load(file, &options);
    let old = input(&arguments.old);
    let new = match (&arguments.new, &old) {
        (Some(file), _) => input(file),
        (None, Ok(old)) => Ok(old.clone()),
        (None, Err(_)) => Err(Vec::new()),
    };
    let new = new.map(|mut new| {
        new.env.extend(arguments.then.iter().cloned());
        new
    });
    let mut told: Vec<Problem> = Vec::new();
    let mut models = Vec::new();
    for input in [old, new] {
        let (model, problems) = match input {
            Ok(input) => {
                let checked = input.check();
                (checked.model, checked.problems)
            }
            Err(problems) => (None, problems),
        };
        models.extend(model);
        // If one file is read twice, each of its problems is reported once.
        let more: Vec<_> = problems.into_iter().filter(|problem| !told.contains(problem)).collect();
        told.extend(more);
    }
    let [old, new] = &models[..] else { return (None, told) };
    let found = changes(old.spec(), new.spec());
    let plan = converging_plan(new.spec(), &found).filter(|_| !found.is_empty()).cloned();
    let service = old.spec().name().to_string();
    let (relaunched, leaves) = (relaunched(old, new), leaves(old, new));
    (Some(Difference { service, relaunched, leaves, changes: found, plan }), told)
}

fn leaves(old: &Model, new: &Model) -> Vec<InstanceName> {
    let pods = old.pods().iter().flat_map(|pod| {
        let left = new.pod_index(&pod.name).map_or(0, |at| new.pods()[at as usize].count);
        (left..pod.count).rev().map(|index| InstanceName::new(pod.name.clone(), index))
    });
    pods.collect()
}

fn relaunched(old: &Model, new: &Model) -> Vec<PodTasks> {
    let pods = new.pods().iter().filter_map(|pod| {
        let before = &old.pods()[old.pod_index(&pod.name)? as usize];
        let tasks = pod.tasks.iter().filter(|task| {
            before.task_index(&task.name).is_some_and(|at| before.tasks[at].conf != task.conf)
        });
        Some(PodTasks { pod: pod.name.clone(), tasks: tasks.map(|task| task.name.clone()).collect() })
    });
    pods.filter(|pod| !pod.tasks.is_empty()).collect()
}

fn count(result: &Difference, verdict: ChangeVerdict) -> usize {
    result.changes.iter().filter(|change| change.verdict == verdict).count()
}

fn shown(result: &Difference) -> String {
    if result.changes.is_empty() {
        return format!("nothing differs (service `{}`)", result.service);
    }
    let mut lines = Vec::new();
    for change in &result.changes {
        let value = |value: &Option<String>| match value.as_deref() {
            None => "none".to_owned(),
            Some("") => "''".to_owned(),
            Some(text) => text.to_owned(),
        };
        let verdict = change.verdict.to_string();
        lines.push(format!("{verdict:<8}  {}: {} → {}", change.path, value(&change.old), value(&change.new)));
        lines.extend(change.why.as_ref().map(|why| format!("          {why}")));
    }
    lines.push(String::new());
    let pods = result.relaunched.iter().map(|pod| step_name(&pod.pod, &pod.tasks));
    let pods = pods.collect::<Vec<_>>().join(", ");
    let pods = if pods.is_empty() { "nothing".to_owned() } else { pods };
    if count(result, ChangeVerdict::Refused) > 0 {
        lines.push("a specification is taken whole or not at all: nothing of this is done".to_owned());
    } else if let Some(plan) = &result.plan {
        lines.push(format!("the plan `{plan}` brings this about, and relaunches {pods}"));
        if !result.leaves.is_empty() {
            let names: Vec<String> = result.leaves.iter().map(ToString::to_string).collect();
            lines.push(format!("these leave for good, with their volumes: {}", names.join(", ")));
        }
    }
    lines.join("\n")
}
