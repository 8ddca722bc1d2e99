//! `update`: a service gets another target.
//!
//! Invariant: the file is read and judged here, as by `validate`, and the specification is sent as it was read. Files
//! on the scheduler's machine are not used.

use std::io;
use std::path::Path;
use std::sync::Arc;

use plan_core::engine::Tree;
use plan_core::plan::Model;
use plan_core::spec::ServiceSpec;
use plan_load::{FileReading, SpecFile};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::ended::Ended;
use super::follow::wait;
use super::http::Scheduler;
use super::plan::converging;
use super::plan_end::PlanEnd;
use super::trouble::Trouble;
use super::watch::{Seen, show_once};
use super::{Came, ask, tell};
use crate::Verdict;
use crate::arguments::Update;
use crate::input;
use crate::problem::Problem;
use crate::ui::Ui;

/// What is submitted. It is not a `Value`, since a `Value` would reorder its tasks and plans, which is a change.
#[derive(Debug, Serialize)]
struct Target<'a> {
    spec: &'a ServiceSpec,
    plan: Option<&'a str>,
    request: &'a str,
    who: String,
}

/// What a target would lead to.
#[derive(Debug, Deserialize)]
struct Preview {
    reply: String,
    message: String,
    changes: Vec<Change>,
    plan: Option<super::plan::Plan>,
    restarts: Vec<Restart>,
    joins: Vec<String>,
    ends: Vec<TaskOf>,
    leaves: Vec<String>,
    diagnostics: Vec<Problem>,
}

#[derive(Debug, Deserialize)]
struct Change {
    verdict: String,
    path: String,
    old: Option<String>,
    new: Option<String>,
    why: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Restart {
    instance: String,
    task: String,
}

#[derive(Debug, Deserialize)]
struct TaskOf {
    instance: String,
    task: String,
}

/// The file of the command line.
struct Wanted {
    input: SpecFile,
    checked: FileReading,
    model: Arc<Model>,
}

impl Wanted {
    fn read(arguments: &Update) -> Result<Self, Vec<Problem>> {
        let input = input::load(&arguments.file, &input::options(&arguments.reading)?)?;
        let checked = input.check();
        let Some(model) = checked.model.clone() else { return Err(checked.problems) };
        if let Some(plan) = &arguments.plan {
            input::plan(&model, plan, &input.file)?;
        }
        Ok(Self { input, checked, model })
    }

    /// What the backend does not support, with its places in the file.
    fn located(&self, found: Vec<Problem>) -> Vec<Problem> {
        self.input.located(&self.checked, found)
    }
}

pub(crate) fn update(ui: &mut Ui, arguments: &Update) -> io::Result<Verdict> {
    let wanted = match Wanted::read(arguments) {
        Ok(wanted) => wanted,
        Err(problems) => {
            if ui.is_json() {
                ui.json(&json!({ "good": false, "diagnostics": problems }))?;
            }
            problems.iter().for_each(|problem| ui.problem(problem));
            return Ok(Verdict::Refused);
        }
    };
    let Wanted { input, checked, model } = &wanted;
    checked.problems.iter().for_each(|problem| ui.problem(problem));
    ask(ui, &arguments.of, async |ui, scheduler| {
        same_service(scheduler, model.spec().name().as_str(), &input.file).await?;
        let body = Target {
            spec: model.spec(),
            plan: arguments.plan.as_deref(),
            request: scheduler.request(),
            who: crate::who(),
        };
        if arguments.preview {
            return preview(ui, scheduler, &body, &wanted, &arguments.file).await;
        }
        let answered = scheduler.post(&["v2", "target"], &[], Some(&body)).await;
        let answered = answered.map_err(|trouble| trouble.located(|found| wanted.located(found)))?;
        let waiting = &arguments.waiting;
        let name = model.spec().name();
        if answered.was_so() {
            if !ui.is_json() {
                ui.say("nothing changes: that is the target already")?;
            } else if !waiting.wait {
                ui.json(&answered.whole)?;
            }
            if !waiting.wait {
                return Ok(Verdict::Good);
            }
        }
        let plan = converging(scheduler).await?;
        if !answered.was_so() {
            let by = plan.as_ref().map(|plan| format!(", by the plan \"{plan}\"")).unwrap_or_default();
            tell(ui, &answered, &format!("the service \"{name}\" is being updated{by}."), waiting)?;
        }
        let Some(plan) = plan else {
            // No plan runs or ran, so nothing had to be done.
            return match waiting.wait {
                true => Ok(Ended::Complete.tell(ui, &format!("\"{name}\""), answered.whole)?),
                false => Ok(Verdict::Good),
            };
        };
        if !waiting.wait {
            ui.hint(format_args!("`planwright plan status {plan} --watch` shows how far that is"));
            return Ok(Verdict::Good);
        }
        let ended = wait(ui, scheduler, waiting, &mut PlanEnd::of(&plan)).await?;
        Ok(ended.tell(ui, &format!("\"{plan}\" plan"), answered.whole)?)
    })
}

/// A file of another service would begin one more service. That must not happen by mistake.
async fn same_service(scheduler: &Scheduler, wanted: &str, file: &str) -> Result<(), Trouble> {
    #[derive(Deserialize)]
    struct Condition {
        service: String,
    }
    let Condition { service } = scheduler.get(&["v2", "condition"]).await?;
    if service == wanted {
        return Ok(());
    }
    let problem =
        Problem::error(format!("`{file}` is of the service `{wanted}`, and this scheduler's is `{service}`"));
    let help =
        "a service keeps its name; `planwright run` starts another one, and `--name` chooses one that runs";
    Err(Trouble::Denied(problem.help(help).into()))
}

async fn preview(
    ui: &mut Ui,
    scheduler: &Scheduler,
    body: &Target<'_>,
    wanted: &Wanted,
    file: &Path,
) -> Came {
    let answered = scheduler.post(&["v2", "preview"], &[], Some(body)).await?;
    let mut preview = Preview::deserialize(&answered.whole).map_err(Trouble::strange)?;
    let refused = preview.reply == "refused" || preview.diagnostics.iter().any(Problem::is_error);
    if ui.is_json() {
        ui.json(&answered.whole)?;
    } else {
        let found = wanted.located(std::mem::take(&mut preview.diagnostics));
        found.iter().for_each(|problem| ui.problem(problem));
        tell_preview(ui, &preview)?;
        if refused {
            ui.complain(&format!("{} would be refused", file.display()));
        }
    }
    Ok(if refused { Verdict::Denied } else { Verdict::Good })
}

fn tell_preview(ui: &mut Ui, preview: &Preview) -> io::Result<()> {
    if preview.reply == "already-so" {
        return ui.say("nothing would change: that is the target already");
    }
    for change in &preview.changes {
        let value = |value: &Option<String>| match value.as_deref() {
            None => "none".to_owned(),
            Some("") => "''".to_owned(),
            Some(text) => text.to_owned(),
        };
        let (old, new) = (value(&change.old), value(&change.new));
        ui.say(format_args!("{:<8}  {}: {old} → {new}", change.verdict, change.path))?;
        if let Some(why) = &change.why {
            ui.say(format_args!("          {why}"))?;
        }
    }
    if preview.reply == "refused" {
        return ui.say(format_args!("\n{}", preview.message));
    }
    let mut lines = Vec::new();
    let tasks: Vec<_> = preview.restarts.iter().map(|one| format!("{}-{}", one.instance, one.task)).collect();
    let ends: Vec<_> = preview.ends.iter().map(|one| format!("{}-{}", one.instance, one.task)).collect();
    for (what, list) in [
        ("restart", &tasks),
        ("come", &preview.joins),
        ("end", &ends),
        ("leave, with their volumes", &preview.leaves),
    ] {
        if !list.is_empty() {
            lines.push(format!("would {what}: {}", list.join(", ")));
        }
    }
    if !lines.is_empty() {
        ui.say("")?;
    }
    lines.iter().try_for_each(|line| ui.say(line))?;
    if let Some(plan) = &preview.plan {
        ui.say("")?;
        show_once(ui, &Seen { trees: vec![Tree::from(plan)], ..Seen::default() })?;
    }
    Ok(())
}
