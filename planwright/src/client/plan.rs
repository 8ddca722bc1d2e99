//! `plan`: shows plans, and acts on them.

use std::collections::BTreeMap;

use plan_core::engine::Tree;
use serde::Deserialize;
use serde_json::Value;

use super::ended::Ended;
use super::follow::{Look, wait};
use super::http::{Answered, Scheduler};
use super::plan_end::{PlanEnd, Run};
use super::trouble::Trouble;
use super::watch::{Seen, Show, show_once, watch};
use super::when::{long, when};
use super::{Came, Stop, ask, tell};
use crate::Verdict;
use crate::arguments::{PlanGroup, PlanPart, PlanPhase, PlanStart, PlanStatus, PlanVerb, Waiting, WholePlan};
use crate::table::Table;
use crate::ui::Ui;

/// A plan in the list.
#[derive(Debug, Deserialize)]
pub(super) struct Line {
    pub(super) name: String,
    status: String,
    run: Option<u64>,
    converges: bool,
}

/// A plan for display.
#[derive(Debug, Deserialize)]
pub(super) struct Plan {
    name: String,
    strategy: String,
    pub(super) status: String,
    phases: Vec<Phase>,
}

#[derive(Debug, Deserialize)]
struct Phase {
    /// `None` in a preview.
    id: Option<String>,
    name: String,
    strategy: String,
    status: String,
    steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
struct Step {
    name: String,
    status: String,
    #[serde(default)]
    forced: bool,
    #[serde(default)]
    reasons: Vec<Why>,
    /// What the backend says about its tasks.
    #[serde(default)]
    words: BTreeMap<String, String>,
}

/// The reason of a wait.
#[derive(Debug, Deserialize)]
pub(super) struct Why {
    pub(super) what: String,
    pub(super) status: String,
    pub(super) reason: String,
    pub(super) clears: String,
    pub(super) since: Option<u64>,
    /// When the wait is over by itself, if it is.
    #[serde(default)]
    pub(super) until: Option<u64>,
}

impl Why {
    /// What waits, and why, in one line.
    pub(super) fn line(&self) -> String {
        format!("{} ({}): {}", self.what, self.status, self.told())
    }

    /// The reason, with the time at which the wait is over.
    pub(super) fn told(&self) -> String {
        match self.until {
            Some(until) => format!("{}: at {} UTC", self.reason, when(until)),
            None => self.reason.clone(),
        }
    }
}

impl Phase {
    /// Whether the plan has this name or id.
    fn is(&self, named: &str) -> bool {
        self.name == named || self.id.as_deref() == Some(named)
    }
}

impl Plan {
    /// The errors, as the SDK's program lists them.
    pub(super) fn errors(&self) -> Vec<String> {
        self.told(|step| step.status == "ERROR")
    }

    /// What the steps wait for that could act.
    pub(super) fn reasons(&self) -> Vec<String> {
        let mut all = self.told(|step| matches!(step.status.as_str(), "WAITING" | "ERROR" | "DELAYED"));
        all.truncate(5);
        all
    }

    /// Of the steps whose tasks have failed, and are tried again later: why.
    pub(super) fn failures(&self) -> Vec<String> {
        self.told(|step| step.status == "DELAYED")
    }

    fn told(&self, which: impl Fn(&Step) -> bool) -> Vec<String> {
        let mut all = Vec::new();
        for phase in &self.phases {
            for step in phase.steps.iter().filter(|step| which(step)) {
                let what = format!("{} / {} / {}", self.name, phase.name, step.name);
                if step.reasons.is_empty() {
                    all.push(what);
                } else {
                    all.extend(step.reasons.iter().map(|why| format!("{what}: {}", why.told())));
                }
            }
        }
        all
    }

    fn notes(&self) -> Vec<String> {
        let errors = self.errors();
        let head = (!errors.is_empty()).then(|| "Errors:".to_owned());
        head.into_iter().chain(errors.into_iter().map(|error| format!("- {error}"))).collect()
    }
}

/// The words of a backend, on one line of a tree.
pub(super) fn said(words: &str) -> Tree {
    Tree::leaf(words.lines().collect::<Vec<_>>().join(" / "), None)
}

impl From<&Plan> for Tree {
    fn from(plan: &Plan) -> Self {
        let phases = plan.phases.iter().map(|phase| {
            let steps = phase.steps.iter().map(|step| Self {
                below: step.words.values().map(|words| said(words)).collect(),
                ..Self::of_step(&step.name, &step.status, step.forced)
            });
            Self::of_strategy(&phase.name, &phase.strategy, &phase.status, steps)
        });
        Self::of_strategy(&plan.name, &plan.strategy, &plan.status, phases)
    }
}

pub(crate) fn plan(ui: &mut Ui, group: &PlanGroup) -> std::io::Result<Verdict> {
    ask(ui, &group.of, async |ui, scheduler| match &group.verb {
        PlanVerb::List => list(ui, scheduler).await,
        PlanVerb::Status(status) => show(ui, scheduler, status).await,
        PlanVerb::Start(start) => begin(ui, scheduler, start).await,
        PlanVerb::Stop(of) => stop(ui, scheduler, of).await,
        PlanVerb::Pause(of) => pause(ui, scheduler, of).await,
        PlanVerb::Resume(of) => {
            let answered = phase(ui, scheduler, of, "resume", "resumed").await?;
            end_and_tell(ui, scheduler, &of.plan, &of.waiting, answered).await
        }
        PlanVerb::ForceRestart(of) => part(ui, scheduler, of, "force-restart", "restarted").await,
        PlanVerb::ForceComplete(of) => {
            part(ui, scheduler, &of.into(), "force-complete", "forced to complete").await
        }
        PlanVerb::Runs(of) => runs(ui, scheduler, &of.plan).await,
    })
}

async fn list(ui: &mut Ui, scheduler: &Scheduler) -> Came {
    let value: Value = scheduler.get(&["v2", "plans"]).await?;
    if ui.is_json() {
        ui.json(&value)?;
        return Ok(Verdict::Good);
    }
    for line in Vec::<Line>::deserialize(&value).map_err(Trouble::strange)? {
        ui.tree(&Tree::leaf(line.name, Some(line.status)))?;
    }
    Ok(Verdict::Good)
}

/// A plan that is watched.
struct Watched<'a>(&'a str);

impl Show for Watched<'_> {
    async fn show(&self, scheduler: &Scheduler) -> Result<Seen, Trouble> {
        let value: Value = scheduler.get(&["v2", "plans", self.0]).await?;
        let plan = Plan::deserialize(&value).map_err(Trouble::strange)?;
        Ok(Seen { value, trees: vec![Tree::from(&plan)], notes: plan.notes() })
    }
}

async fn show(ui: &mut Ui, scheduler: &Scheduler, status: &PlanStatus) -> Came {
    let plan = status.plan.as_str();
    if status.watch {
        return watch(ui, scheduler, &Watched(plan)).await;
    }
    if !status.waiting.wait {
        let seen = Watched(plan).show(scheduler).await?;
        if status.json || ui.is_json() {
            ui.json(&seen.value)?;
        } else {
            show_once(ui, &seen)?;
        }
        return Ok(Verdict::Good);
    }
    let ended = wait(ui, scheduler, &status.waiting, &mut PlanEnd::of(plan)).await?;
    let seen = match Watched(plan).show(scheduler).await {
        // The plan is gone with its service, and perhaps the scheduler too.
        Err(_) if ended == Ended::Uninstalled => Seen::default(),
        seen => seen?,
    };
    if !ui.is_json() {
        show_once(ui, &seen)?;
    }
    Ok(ended.tell(ui, &format!("\"{plan}\" plan"), seen.value)?)
}

/// Waits for the end of the current run, if that is wanted.
async fn end_and_tell(
    ui: &mut Ui,
    scheduler: &Scheduler,
    plan: &str,
    waiting: &Waiting,
    answered: Answered,
) -> Came {
    if !waiting.wait {
        return Ok(Verdict::Good);
    }
    let ended = wait(ui, scheduler, waiting, &mut PlanEnd::of(plan)).await?;
    Ok(ended.tell(ui, &format!("\"{plan}\" plan"), answered.whole)?)
}

async fn begin(ui: &mut Ui, scheduler: &Scheduler, start: &PlanStart) -> Came {
    let plan = start.plan.as_str();
    let parameters: BTreeMap<_, _> = start.parameter.iter().cloned().collect();
    let answered = scheduler.post(&["v2", "plans", plan, "start"], &[], Some(&parameters)).await?;
    tell(ui, &answered, &format!("\"{plan}\" plan has been started."), &start.waiting)?;
    end_and_tell(ui, scheduler, plan, &start.waiting, answered).await
}

type PartOf<'a> = (Option<&'a str>, Option<&'a str>);

async fn say(
    scheduler: &Scheduler,
    plan: &str,
    verb: &str,
    (phase, step): PartOf<'_>,
) -> Result<Answered, Trouble> {
    let phase = phase.map(|phase| ("phase", phase));
    let query: Vec<_> = phase.into_iter().chain(step.map(|step| ("step", step))).collect();
    scheduler.post(&["v2", "plans", plan, verb], &query, None::<&()>).await
}

async fn stop(ui: &mut Ui, scheduler: &Scheduler, of: &WholePlan) -> Came {
    let plan = of.plan.as_str();
    let answered = say(scheduler, plan, "stop", (None, None)).await?;
    tell(ui, &answered, &format!("\"{plan}\" plan has been stopped."), &of.waiting)?;
    if !of.waiting.wait {
        return Ok(Verdict::Good);
    }
    let ended = wait(ui, scheduler, &of.waiting, &mut PlanEnd::of(plan)).await?;
    let good = (&[Ended::Stopped, Ended::NotRunning][..], format!("\"{plan}\" plan is stopped"));
    Ok(ended.tell_wanted(ui, &format!("\"{plan}\" plan"), (good.0, &good.1), answered.whole)?)
}

async fn pause(ui: &mut Ui, scheduler: &Scheduler, of: &PlanPhase) -> Came {
    let answered = phase(ui, scheduler, of, "pause", "paused").await?;
    if !of.waiting.wait {
        return Ok(Verdict::Good);
    }
    let (plan, phase) = (of.plan.as_str(), of.phase.as_deref());
    let ended = wait(ui, scheduler, &of.waiting, &mut Still { plan, phase }).await?;
    let good = (&[Ended::Complete][..], format!("nothing of \"{plan}\" plan is under way"));
    let what = format!("what was under way of \"{plan}\" plan");
    Ok(ended.tell_wanted(ui, &what, (good.0, &good.1), answered.whole)?)
}

/// Waits until no step of a plan, or of one of its phases, acts any more.
struct Still<'a> {
    plan: &'a str,
    phase: Option<&'a str>,
}

impl Look for Still<'_> {
    async fn look(&mut self, _: &mut Ui, scheduler: &Scheduler) -> Result<Option<Ended>, Trouble> {
        let plan: Plan = scheduler.get(&["v2", "plans", self.plan]).await?;
        let phases = plan.phases.iter().filter(|of| self.phase.is_none_or(|phase| of.is(phase)));
        let under_way = |step: &Step| matches!(step.status.as_str(), "PREPARED" | "STARTING" | "STARTED");
        let moves = phases.flat_map(|phase| &phase.steps).any(under_way);
        Ok((!moves).then_some(Ended::Complete))
    }
}

async fn phase(
    ui: &mut Ui,
    scheduler: &Scheduler,
    of: &PlanPhase,
    verb: &str,
    done: &str,
) -> Result<Answered, Stop> {
    let answered = say(scheduler, &of.plan, verb, (of.phase.as_deref(), None)).await?;
    tell(ui, &answered, &words(&of.plan, (of.phase.as_deref(), None), done), &of.waiting)?;
    Ok(answered)
}

async fn part(ui: &mut Ui, scheduler: &Scheduler, of: &PlanPart, verb: &str, done: &str) -> Came {
    let part = (of.phase.as_deref(), of.step.as_deref());
    let answered = say(scheduler, &of.plan, verb, part).await?;
    tell(ui, &answered, &words(&of.plan, part, done), &of.waiting)?;
    end_and_tell(ui, scheduler, &of.plan, &of.waiting, answered).await
}

/// The messages of the SDK's program.
fn words(plan: &str, part: PartOf<'_>, done: &str) -> String {
    match part {
        (Some(phase), Some(step)) => {
            format!("\"{plan}\" plan: step \"{step}\" in phase \"{phase}\" has been {done}.")
        }
        (Some(phase), None) => format!("\"{plan}\" plan: phase \"{phase}\" has been {done}."),
        (None, _) => format!("\"{plan}\" plan has been {done}."),
    }
}

async fn runs(ui: &mut Ui, scheduler: &Scheduler, plan: &str) -> Came {
    let value: Value = scheduler.get(&["v2", "plans", plan, "runs"]).await?;
    if ui.is_json() {
        ui.json(&value)?;
        return Ok(Verdict::Good);
    }
    let runs = Vec::<Run>::deserialize(&value).map_err(Trouble::strange)?;
    if runs.is_empty() {
        ui.say(format_args!("\"{plan}\" plan has never run."))?;
        return Ok(Verdict::Good);
    }
    let mut table = Table::new(&["run", "begun (UTC)", "took", "outcome"]);
    for run in runs {
        let took = run.ended.map(|ended| std::time::Duration::from_millis(ended.saturating_sub(run.begun)));
        table.row([
            run.run.to_string(),
            when(run.begun),
            took.map(long).unwrap_or_default(),
            run.outcome.unwrap_or_else(|| "goes on".to_owned()),
        ]);
    }
    ui.say(table)?;
    Ok(Verdict::Good)
}

/// The plan that brings the target about, or has done so.
pub(super) async fn converging(scheduler: &Scheduler) -> Result<Option<String>, Trouble> {
    let plans: Vec<Line> = scheduler.get(&["v2", "plans"]).await?;
    if let Some(plan) = plans.iter().find(|plan| plan.converges) {
        return Ok(Some(plan.name.clone()));
    }
    // The run has ended, so it is the plan that ran last.
    let mut latest = None;
    for plan in plans {
        let runs: Vec<Run> = scheduler.get(&["v2", "plans", &plan.name, "runs"]).await?;
        let run = plan.run.or(runs.last().map(|run| run.run));
        latest = latest.max(run.map(|run| (run, plan.name)));
    }
    Ok(latest.map(|(_, plan)| plan))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_drawn_and_its_errors_are_listed() {
        let plan: Plan = serde_json::from_str(
            r#"{"name": "deploy", "strategy": "serial", "status": "ERROR", "run": null, "phases": [
                {"id": "1", "name": "hello", "strategy": "serial", "status": "COMPLETE", "steps": [
                    {"name": "hello-0:[server]", "status": "COMPLETE", "forced": true}]},
                {"id": "2", "name": "world", "strategy": "serial", "status": "ERROR", "steps": [
                    {"name": "world-0:[server]", "status": "ERROR", "reasons": [
                        {"what": "x", "status": "ERROR", "reason": "no such file", "clears": "restart", "since": 1}]},
                    {"name": "world-1:[server]", "status": "DELAYED", "words": {
                        "server": "its last end: exit code 3: no disk\nis left"}}]}]}"#,
        )
        .unwrap();
        let told = format!("{}\n\n{}", Tree::from(&plan), plan.notes().join("\n"));
        insta::assert_snapshot!(told);
    }
}
