//! Plans (SDK rule R71).

use axum::http::StatusCode;
use plan_core::engine::{
    Engine, Parameters, Part, PhaseView, PlanView, Reason, Refusal, Reply, StepView, Verb,
};
use plan_core::plan::Status;
use plan_core::spec::{PhaseName, PlanName};
use serde::Serialize;
use uuid::Uuid;

use super::tasks::{Pause, paused};
use crate::call::{Call, read};
use crate::ids::Ids;
use crate::problem::Problem;
use crate::reply::{Answer, json, message, ok};

/// A plan, as `/v1/plans` shows it (SDK rule R71).
#[derive(Debug, Serialize)]
pub(super) struct PlanBody {
    phases: Vec<PhaseBody>,
    errors: Vec<String>,
    strategy: &'static str,
    status: Status,
}

#[derive(Debug, Serialize)]
struct PhaseBody {
    id: Uuid,
    name: String,
    steps: Vec<StepBody>,
    strategy: &'static str,
    status: Status,
}

#[derive(Debug, Serialize)]
struct StepBody {
    id: Uuid,
    status: &'static str,
    name: String,
    message: String,
}

impl PlanBody {
    /// A plan as an engine has it.
    pub(super) fn of(engine: &Engine, name: &str) -> Option<Self> {
        let view = engine.plan(name)?;
        let ids = Ids::of(engine.installation());
        let class = if view.name == PlanName::RECOVERY { "DeploymentRecoveryStep" } else { "DeploymentStep" };
        let mut errors = Vec::new();
        let phases = view.phases.iter().map(|phase| {
            let id = ids.phase(&view, phase);
            let steps = phase.steps.iter().enumerate().map(|(position, step)| {
                if step.status == Status::Error {
                    errors.push(error_of(engine, &view, phase, step));
                }
                let own = Ids::step(id, position, step);
                let shown = displayed(engine, step);
                let display = shown.map(|shown| format!(" (display:{shown})")).unwrap_or_default();
                let words = format!("{class}: {} [{own}] with status: {}{display}", step.name, step.status);
                let status = shown.unwrap_or(step.status.as_str());
                StepBody { id: own, status, name: step.name.clone(), message: words }
            });
            let steps = steps.collect();
            PhaseBody { id, name: phase.name.clone(), steps, strategy: phase.strategy, status: phase.status }
        });
        let phases = phases.collect();
        Some(Self { phases, errors, strategy: view.strategy, status: view.status })
    }

    fn code(&self) -> StatusCode {
        if !self.errors.is_empty() || self.status == Status::Error {
            StatusCode::EXPECTATION_FAILED
        } else if self.status == Status::Complete {
            StatusCode::OK
        } else {
            StatusCode::ACCEPTED
        }
    }
}

/// The status of a step whose tasks are paused.
fn displayed(engine: &Engine, step: &StepView) -> Option<&'static str> {
    let record = engine.pod(step.instance.as_ref()?)?;
    let states = step.tasks.iter().filter_map(|task| paused(record, task));
    let all: Vec<Pause> = states.collect();
    [Pause::Pausing, Pause::Paused].into_iter().find(|paused| all.contains(paused)).map(Pause::as_str)
}

/// Why a step can never be complete.
pub(super) fn error_of(engine: &Engine, plan: &PlanView, phase: &PhaseView, step: &StepView) -> String {
    let whys = step.instance.as_ref().map(|instance| engine.why(instance)).unwrap_or_default();
    let what = format!("{} / {} / {}", plan.name, phase.name, step.name);
    let why = whys.into_iter().find(|why| matches!(why.reason, Reason::Never { .. }));
    match why {
        Some(why) => format!("{what}: {}", why.reason),
        None => what,
    }
}

/// The plan that the path names, or means. `deploy` is the plan that brings the target about, as in the SDK: its clients
/// go on to watch `deploy` while an update goes on.
///
/// # Errors
/// The name is empty, as a script with an unset variable sends it.
async fn plan_text(call: &Call) -> Result<String, Problem> {
    let named = call.params.iter().find(|(key, _)| key == "plan").map(|(_, value)| value.as_str());
    match named {
        Some("") => Err(Problem::missing("Plan", "``").hint("the path names no plan")),
        Some(plan) if plan != PlanName::DEPLOY => Ok(plan.to_owned()),
        Some(_) | None => {
            let converging = read(&call.service().await?, converging).await?;
            Ok(converging.unwrap_or_else(|| PlanName::DEPLOY.to_owned()))
        }
    }
}

/// The plan that brings the target about, or has brought it about.
fn converging(engine: &Engine) -> Option<String> {
    let number = engine.converging_run()?;
    let of = |plan: &String| {
        let goes_on =
            plan.parse().ok().and_then(|plan| engine.run(&plan)).is_some_and(|run| run.number == number);
        goes_on || engine.runs(plan).iter().any(|ended| ended.run == number)
    };
    engine.plan_names().into_iter().find(of)
}

/// The refusal of the newest target. The service goes on as it is, and clients that wait for `deploy` learn that what they
/// submitted does not come.
fn refused_target(engine: &Engine) -> Option<String> {
    let targets = engine.audit().filter(|one| one.verb.starts_with("target "));
    match &targets.last()?.reply {
        Reply::Refused(refusal) => Some(format!("the newest configuration is refused: {refusal}")),
        _ => None,
    }
}

/// The error for an unknown plan, with the known plans.
pub(crate) fn missing(plan: &str, known: &[String]) -> Problem {
    Problem::missing("Plan", plan).hint(format!("the plans are: {}", known.join(", ")))
}

/// `GET /v1/plans`.
pub(crate) async fn list(call: Call) -> Answer {
    let service = call.service().await?;
    ok(&read(&service, Engine::plan_names).await?)
}

/// `GET /v1/plans/{plan}`.
pub(crate) async fn show(call: Call) -> Answer {
    let service = call.service().await?;
    let name = plan_text(&call).await?;
    let asked = name.clone();
    let body = read(&service, move |engine| {
        let mut body = PlanBody::of(engine, &asked).ok_or_else(|| engine.plan_names())?;
        if asked == converging(engine).as_deref().unwrap_or(PlanName::DEPLOY)
            && let Some(refusal) = refused_target(engine)
        {
            body.errors.push(refusal);
            body.status = Status::Error;
        }
        Ok::<_, Vec<String>>(body)
    });
    let body = body.await?.map_err(|known| missing(&name, &known))?;
    Ok(json(body.code(), &body))
}

/// `POST /v1/plans/{plan}/start`.
pub(crate) async fn start(call: Call) -> Answer {
    let parameters: Parameters = call.json_or_default("an object of texts, as {\"NAME\": \"value\"}")?;
    let given: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let plan = plan_text(&call).await?;
    let done = format!("Received cmd: start {plan} with parameters: {{{}}}", given.join(", "));
    command(&call, &plan, &done, |plan| Verb::Start { plan, parameters }).await
}

/// `POST /v1/plans/{plan}/stop`. The SDK has no 208 for it.
pub(crate) async fn stop(call: Call) -> Answer {
    const DONE: &str = "Received cmd: stop";
    let answer = command(&call, &plan_text(&call).await?, DONE, |plan| Verb::Stop { plan }).await?;
    if answer.status() == StatusCode::ALREADY_REPORTED {
        Ok(message(StatusCode::OK, DONE))
    } else {
        Ok(answer)
    }
}

/// `POST /v1/plans/{plan}/continue`.
pub(crate) async fn proceed(call: Call) -> Answer {
    let plan = plan_text(&call).await?;
    let phase = phase(&call, &plan).await?;
    command(&call, &plan, "Received cmd: continue", |plan| Verb::Continue { plan, phase }).await
}

/// `POST /v1/plans/{plan}/interrupt`.
pub(crate) async fn interrupt(call: Call) -> Answer {
    let plan = plan_text(&call).await?;
    let phase = phase(&call, &plan).await?;
    command(&call, &plan, "Received cmd: interrupt", |plan| Verb::Interrupt { plan, phase }).await
}

/// `POST /v1/plans/{plan}/forceComplete`.
pub(crate) async fn force_complete(call: Call) -> Answer {
    let plan = plan_text(&call).await?;
    let part = part(&call, &plan).await?;
    let done = of_part(&call, &plan, "forceComplete");
    command(&call, &plan, &done, |plan| Verb::ForceComplete { plan, part }).await
}

/// `POST /v1/plans/{plan}/restart`.
pub(crate) async fn restart(call: Call) -> Answer {
    let plan = plan_text(&call).await?;
    let part = part(&call, &plan).await?;
    let done = of_part(&call, &plan, "restart");
    command(&call, &plan, &done, |plan| Verb::Restart { plan, part }).await
}

fn of_part(call: &Call, plan: &str, verb: &str) -> String {
    let (phase, step) = (call.query("phase").unwrap_or("null"), call.query("step").unwrap_or("null"));
    format!("Received cmd: {verb} for Plan: {plan}, Phase: {phase}, Step: {step}")
}

/// Sends a verb for a plan, and answers as the SDK does (SDK rule R71).
async fn command(call: &Call, plan: &str, done: &str, verb: impl FnOnce(PlanName) -> Verb) -> Answer {
    let service = call.service().await?;
    let plan: PlanName = plan.parse().map_err(|_| Problem::missing("Plan", plan))?;
    match call.say(&service, verb(plan)).await? {
        Reply::Done => Ok(message(StatusCode::OK, done)),
        Reply::AlreadySo => {
            let words = "Command has already been reported or completed";
            Ok(message(StatusCode::ALREADY_REPORTED, words))
        }
        Reply::Refused(Refusal::NoPlan(plan)) => {
            Err(missing(plan.as_str(), &read(&service, Engine::plan_names).await?))
        }
        Reply::Refused(refusal) => Err(refusal.into()),
    }
}

/// The phase that the query names, by name or id.
pub(crate) async fn phase(call: &Call, plan: &str) -> Result<Option<PhaseName>, Problem> {
    match part(call, plan).await? {
        Part::Plan => Ok(None),
        Part::Phase(phase) | Part::Step(phase, _) => Ok(Some(phase)),
    }
}

/// The phase and step of a plan that the query names, each by its name or its id. A step can also be named by its
/// position.
pub(crate) async fn part(call: &Call, plan: &str) -> Result<Part, Problem> {
    let (phase, step) = (call.query("phase"), call.query("step"));
    let Some(phase) = phase else {
        return match step {
            None => Ok(Part::Plan),
            Some(_) => {
                Err(Problem::bad("Missing phase").hint("a step is one of a phase: name it, with ?phase="))
            }
        };
    };
    let (phase_id, step_id) = (phase.parse::<Uuid>().ok(), step.and_then(|step| step.parse::<Uuid>().ok()));
    if phase_id.is_none() && step_id.is_none() {
        return named(phase, step);
    }
    let service = call.service().await?;
    let name = plan.to_owned();
    let asked = (phase.to_owned(), step.map(ToOwned::to_owned));
    let found = read(&service, move |engine| {
        let view = engine.plan(&name)?;
        let ids = Ids::of(engine.installation());
        let is = |phase: &&PhaseView| phase.name == asked.0 || phase_id == Some(ids.phase(&view, phase));
        let phase = view.phases.iter().find(is)?;
        let id = ids.phase(&view, phase);
        let position = step_id.and_then(|wanted| {
            let mut steps = phase.steps.iter().enumerate();
            steps.find_map(|(position, step)| (Ids::step(id, position, step) == wanted).then_some(position))
        });
        let step = position.map(|position| format!("#{position}")).or_else(|| asked.1.clone());
        Some((phase.name.clone(), step))
    });
    match found.await? {
        Some((phase, step)) => named(&phase, step.as_deref()),
        // A text that is not an id may be a name. The engine refuses unknown names.
        None => named(phase, step),
    }
}

fn named(phase: &str, step: Option<&str>) -> Result<Part, Problem> {
    let name: PhaseName = phase.parse().map_err(|_| Problem::missing("Phase", phase))?;
    Ok(match step {
        Some(step) => Part::Step(name, step.to_owned()),
        None => Part::Phase(name),
    })
}
