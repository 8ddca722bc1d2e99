//! Plans, with what their steps wait for, and their runs.

use plan_core::engine::{Number, Parameters, PlanView, RunKind, Verb};
use plan_core::plan::Status;
use plan_core::spec::{InstanceName, PlanName, TaskName};
use serde::Serialize;
use std::collections::BTreeMap;
use uuid::Uuid;

use super::{Millis, Seen, WhyBody};
use crate::call::{Call, read};
use crate::ids::Ids;
use crate::reply::{Answer, ok, replied};
use crate::v1::plans::{missing, part, phase};
use crate::v1::tasks::words;

#[derive(Debug, Serialize)]
struct PlanLine {
    name: String,
    status: Status,
    /// The current run.
    run: Option<Number>,
    /// Whether the plan brings the target about.
    converges: bool,
}

#[derive(Debug, Serialize)]
struct PlanBody {
    name: String,
    strategy: &'static str,
    status: Status,
    run: Option<RunBody>,
    phases: Vec<PhaseBody>,
}

#[derive(Debug, Serialize)]
struct PhaseBody {
    id: Uuid,
    name: String,
    strategy: &'static str,
    status: Status,
    steps: Vec<StepBody>,
}

#[derive(Debug, Serialize)]
struct StepBody {
    id: Uuid,
    name: String,
    status: Status,
    forced: bool,
    instance: Option<InstanceName>,
    tasks: Vec<TaskName>,
    reasons: Vec<WhyBody>,
    /// What the backend says about the tasks of the step, while the step is not complete.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    words: BTreeMap<TaskName, String>,
}

/// A run.
#[derive(Debug, Serialize)]
struct RunBody {
    run: Number,
    begun: Millis,
    ended: Option<Millis>,
    /// `complete`, `stopped` or `overtaken`; `None` while the run goes on.
    outcome: Option<&'static str>,
    /// `converging` or `side`, if the run goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interrupted: Option<bool>,
    /// Whether the run was stopped and nothing was done since. A converging run is then set back and interrupted.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Parameters>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    steps: Vec<StepTimeBody>,
}

#[derive(Debug, Serialize)]
struct StepTimeBody {
    step: String,
    launched: Option<Millis>,
    reached: Option<Millis>,
}

/// The current run of a plan.
fn running(seen: Seen<'_>, plan: &str) -> Option<RunBody> {
    let run = seen.engine.run(&plan.parse().ok()?)?;
    let all_to_do = || {
        let view = seen.engine.plan(plan);
        let phases = view.iter().flat_map(|view| &view.phases);
        phases.flat_map(|phase| &phase.steps).all(|step| step.status == Status::Pending)
    };
    // `since` is the number that the stop, or an earlier restart, got.
    let stopped = run.interrupted && run.since.is_some() && all_to_do();
    Some(RunBody {
        run: run.number,
        begun: seen.at(run.begun),
        ended: None,
        outcome: None,
        kind: Some(match run.kind {
            RunKind::Converging => "converging",
            RunKind::Side => "side",
        }),
        interrupted: Some(run.interrupted),
        stopped: Some(stopped),
        parameters: run.parameters.as_deref().cloned(),
        steps: Vec::new(),
    })
}

fn body(seen: Seen<'_>, view: PlanView) -> PlanBody {
    let ids = Ids::of(seen.engine.installation());
    // Each instance is asked once, however many steps it has.
    let mut whys = BTreeMap::new();
    let phases = view.phases.iter().map(|phase| {
        let id = ids.phase(&view, phase);
        let steps = phase.steps.iter().enumerate().map(|(position, step)| {
            let what = format!("{} / {} / {}", view.name, phase.name, step.name);
            let (mut reasons, mut said) = (Vec::new(), BTreeMap::new());
            if let Some(instance) = step.instance.as_ref().filter(|_| step.status != Status::Complete) {
                let all = whys.entry(instance.clone()).or_insert_with(|| seen.engine.why(instance));
                // Work of the engine itself is named only by its plan.
                let mine = |why: &&plan_core::engine::Why| {
                    why.what == what
                        || why.what == view.name
                        || why.what.starts_with(&format!("{},", view.name))
                };
                reasons.extend(all.iter().filter(mine).cloned().map(|why| WhyBody::of(seen, why)));
                let record = seen.engine.pod(instance);
                let of = |task: &TaskName| Some((task.clone(), words(record?, task)?));
                said.extend(step.tasks.iter().filter_map(of));
            }
            StepBody {
                id: Ids::step(id, position, step),
                name: step.name.clone(),
                status: step.status,
                forced: step.forced,
                instance: step.instance.clone(),
                tasks: step.tasks.clone(),
                reasons,
                words: said,
            }
        });
        let steps = steps.collect();
        PhaseBody { id, name: phase.name.clone(), strategy: phase.strategy, status: phase.status, steps }
    });
    let phases = phases.collect();
    let run = running(seen, &view.name);
    PlanBody { name: view.name, strategy: view.strategy, status: view.status, run, phases }
}

/// `GET /v2/plans`.
pub(crate) async fn list(call: Call) -> Answer {
    let service = call.service().await?;
    let lines = read(&service, |engine| {
        let line = |name: String| {
            let status = engine.plan_status(&name)?;
            let run = name.parse().ok().and_then(|plan| engine.run(&plan)).map(|run| run.number);
            let converges = run.is_some() && run == engine.converging_run();
            Some(PlanLine { name, status, run, converges })
        };
        engine.plan_names().into_iter().filter_map(line).collect::<Vec<_>>()
    });
    ok(&lines.await?)
}

/// `GET /v2/plans/{plan}`.
pub(crate) async fn show(call: Call) -> Answer {
    let service = call.service().await?;
    let (name, now) = (call.param("plan").to_owned(), service.now());
    let asked = name.clone();
    let found = read(&service, move |engine| match engine.plan(&asked) {
        Some(view) => Ok(body(Seen { engine, now }, view)),
        None => Err(engine.plan_names()),
    });
    ok(&found.await?.map_err(|known| missing(&name, &known))?)
}

/// `GET /v2/plans/{plan}/runs`: oldest first.
pub(crate) async fn runs(call: Call) -> Answer {
    let service = call.service().await?;
    let (name, now) = (call.param("plan").to_owned(), service.now());
    let asked = name.clone();
    let found = read(&service, move |engine| {
        let known = engine.plan_names();
        if !known.contains(&asked) {
            return Err(known);
        }
        let seen = Seen { engine, now };
        let mut runs: Vec<RunBody> = engine.runs(&asked).iter().map(|run| ended(seen, run)).collect();
        if let Some(now) = running(seen, &asked) {
            // A run that was resumed goes on.
            runs.retain(|run| run.run != now.run);
            runs.push(now);
        }
        Ok(runs)
    });
    ok(&found.await?.map_err(|known| missing(&name, &known))?)
}

fn ended(seen: Seen<'_>, run: &plan_core::engine::EndedRun) -> RunBody {
    use plan_core::engine::RunOutcome;
    let steps = run.steps.iter().map(|step| StepTimeBody {
        step: step.step.to_string(),
        launched: step.launched.map(|time| seen.at(time)),
        reached: step.reached.map(|time| seen.at(time)),
    });
    RunBody {
        run: run.run,
        begun: seen.at(run.begun),
        ended: Some(seen.at(run.ended)),
        outcome: Some(match run.outcome {
            RunOutcome::Complete => "complete",
            RunOutcome::Stopped => "stopped",
            RunOutcome::Overtaken => "overtaken",
        }),
        kind: None,
        interrupted: None,
        stopped: None,
        parameters: None,
        steps: steps.collect(),
    }
}

async fn command(call: &Call, verb: impl FnOnce(PlanName) -> Verb) -> Answer {
    let service = call.service().await?;
    let plan = call.plan()?;
    replied(&service, call.say(&service, verb(plan)).await?).await
}

/// `POST /v2/plans/{plan}/start`.
pub(crate) async fn start(call: Call) -> Answer {
    let parameters: Parameters = call.json_or_default("an object of texts, as {\"NAME\": \"value\"}")?;
    command(&call, |plan| Verb::Start { plan, parameters }).await
}

/// `POST /v2/plans/{plan}/stop`.
pub(crate) async fn stop(call: Call) -> Answer {
    command(&call, |plan| Verb::Stop { plan }).await
}

/// `POST /v2/plans/{plan}/pause`.
pub(crate) async fn pause(call: Call) -> Answer {
    let phase = phase(&call, call.param("plan")).await?;
    command(&call, |plan| Verb::Interrupt { plan, phase }).await
}

/// `POST /v2/plans/{plan}/resume`.
pub(crate) async fn resume(call: Call) -> Answer {
    let phase = phase(&call, call.param("plan")).await?;
    command(&call, |plan| Verb::Continue { plan, phase }).await
}

/// `POST /v2/plans/{plan}/force-complete`.
pub(crate) async fn force_complete(call: Call) -> Answer {
    let part = part(&call, call.param("plan")).await?;
    command(&call, |plan| Verb::ForceComplete { plan, part }).await
}

/// `POST /v2/plans/{plan}/force-restart`.
pub(crate) async fn force_restart(call: Call) -> Answer {
    let part = part(&call, call.param("plan")).await?;
    command(&call, |plan| Verb::Restart { plan, part }).await
}
