//! The end of a run of a plan.
//!
//! Invariant: every result of a plan is an end. No command waits for a plan that does not run. If only a person can end
//! a wait, the command says so.

use plan_core::spec::PlanName;
use serde::Deserialize;

use super::ended::Ended;
use super::follow::{Look, Notes};
use super::http::Scheduler;
use super::plan::{Line, Plan};
use super::trouble::Trouble;
use crate::ui::Ui;

/// A run of a plan.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Run {
    pub(super) run: u64,
    pub(super) begun: u64,
    pub(super) ended: Option<u64>,
    pub(super) outcome: Option<String>,
    /// Whether an operator stopped a run that goes on: it is then set back and interrupted.
    #[serde(default)]
    stopped: bool,
    #[serde(default)]
    interrupted: bool,
}

/// Waits for the end of a run of a plan: the run that goes on at the first look, or the latest one.
pub(super) struct PlanEnd {
    plan: String,
    /// The run to wait for, after the first look; `None` for a plan that never ran.
    run: Option<Option<u64>>,
    told: Notes,
    failures: Notes,
}

impl PlanEnd {
    pub(super) fn of(plan: &str) -> Self {
        Self { plan: plan.to_owned(), run: None, told: Notes::default(), failures: Notes::default() }
    }

    /// Whether the plan is work of the engine itself, which has no runs.
    fn is_engines(&self) -> bool {
        PlanName::RESERVED.contains(&self.plan.as_str())
    }
}

impl Look for PlanEnd {
    async fn look(&mut self, ui: &mut Ui, scheduler: &Scheduler) -> Result<Option<Ended>, Trouble> {
        let plans: Vec<Line> = scheduler.get(&["v2", "plans"]).await?;
        if plans.is_empty() {
            return Ok(Some(Ended::Uninstalled));
        }
        let runs: Vec<Run> = scheduler.get(&["v2", "plans", &self.plan, "runs"]).await?;
        let waited = *self.run.get_or_insert_with(|| runs.last().map(|run| run.run));
        let run = waited.and_then(|waited| runs.iter().find(|run| run.run == waited));
        match (waited, run.and_then(|run| run.outcome.as_deref())) {
            (_, Some("complete")) => return Ok(Some(Ended::Complete)),
            (_, Some("stopped")) => return Ok(Some(Ended::Stopped)),
            (_, Some("overtaken")) => return Ok(Some(Ended::Overtaken)),
            (_, Some(other)) => return Err(Trouble::strange(format_args!("a run that is `{other}`"))),
            // The run is too old to be remembered. Another one took its place.
            (Some(_), None) if run.is_none() => return Ok(Some(Ended::Overtaken)),
            _ => {}
        }
        let plan: Plan = scheduler.get(&["v2", "plans", &self.plan]).await?;
        match plan.status.as_str() {
            "COMPLETE" => return Ok(Some(Ended::Complete)),
            "ERROR" => return Ok(Some(Ended::Error(plan.errors()))),
            _ => {}
        }
        // It goes on by itself, and may fail each time.
        self.failures.note_each(ui, plan.failures());
        match run {
            None if !self.is_engines() => return Ok(Some(Ended::NotRunning)),
            Some(run) if run.stopped => return Ok(Some(Ended::Stopped)),
            Some(run) if run.interrupted => {
                let plan = &self.plan;
                let note = format!("\"{plan}\" plan is interrupted: `planwright plan resume {plan}`");
                self.told.note(ui, vec![note]);
            }
            _ if plan.status == "WAITING" => self.told.note(ui, plan.reasons()),
            _ => {}
        }
        Ok(None)
    }
}
