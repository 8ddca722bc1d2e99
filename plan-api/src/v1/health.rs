//! The health of the scheduler (SDK rule R77).
//!
//! Invariant: the status code says whether the scheduler does its work: 200 or 503. A plan with an error is 200, since
//! it is no reason to restart a scheduler. The body has the state of the scheduler, by name and by the SDK's number.
//! `?legacy=true` answers with that number as the status code.

use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use plan_core::engine::Engine;
use plan_core::plan::Status;
use plan_core::spec::PlanName;
use plan_driver::{Condition, Service};
use serde::Serialize;

use crate::call::Call;
use crate::problem::Problem;
use crate::reply::{Answer, json};

/// The states of a scheduler, the most urgent first: those that keep it from its work, then the order of SDK rule R77.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Unavailable,
    Error,
    Initializing,
    Delayed,
    DeployingPending,
    Deploying,
    Waiting,
    RecoveringPending,
    Recovering,
    Restoring,
    BackingUp,
    Running,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Unavailable => "unavailable",
            Self::Initializing => "initializing",
            Self::Waiting => "waiting-user",
            Self::Delayed => "delayed",
            Self::DeployingPending => "deploying-pending",
            Self::Deploying => "deploying",
            Self::RecoveringPending => "recovering-pending",
            Self::Recovering => "recovering",
            Self::Restoring => "restoring",
            Self::BackingUp => "backing-up",
            Self::Running => "running",
        }
    }

    /// The SDK's number for the state (SDK rule R77).
    fn number(self) -> u16 {
        match self {
            Self::Error => 500,
            Self::Unavailable => 503,
            Self::Initializing => 318,
            Self::Waiting => 207,
            Self::Delayed => 208,
            Self::DeployingPending => 204,
            Self::Deploying => 202,
            Self::RecoveringPending => 203,
            Self::Recovering => 205,
            Self::Restoring => 321,
            Self::BackingUp => 320,
            Self::Running => 200,
        }
    }

    fn is_well(self) -> bool {
        !matches!(self, Self::Unavailable | Self::Initializing)
    }
}

#[derive(Debug, Serialize)]
struct Body {
    value: u16,
    state: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
}

/// `GET /v1/health`: the most urgent state of the service that the path names, or of all services.
pub(crate) async fn show(call: Call) -> Answer {
    let (verbose, legacy) = (call.switch("verbose")?, call.switch("legacy")?);
    let mut states = Vec::new();
    if call.param("service").is_empty() {
        for name in call.api.scheduler.names().await {
            if let Some(service) = call.api.scheduler.find(&name).await {
                states.extend(of(&service).await);
            }
        }
    } else {
        states = of(&call.service().await?).await;
    }
    let none = (State::Initializing, "there is no service yet".to_owned());
    states.sort_by_key(|(state, _)| *state);
    let state = states.first().unwrap_or(&none).0;
    let reasons = if verbose { states.into_iter().map(|(_, why)| why).collect() } else { Vec::new() };
    let body = Body { value: state.number(), state: state.name(), reasons };
    if legacy {
        return legacy_answer(state, &body);
    }
    Ok(json(if state.is_well() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, &body))
}

/// The number as the status code. Two of the codes have no body, by the rules of HTTP.
fn legacy_answer(state: State, body: &Body) -> Answer {
    let status = StatusCode::from_u16(state.number());
    let status = status.map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "no such status"))?;
    let bare = matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT);
    Ok(if bare { status.into_response() } else { json(status, body) })
}

/// All states of a service, each with a sentence.
async fn of(service: &Service) -> Vec<(State, String)> {
    let name = service.name().clone();
    let condition = service.condition();
    let states = match condition {
        Condition::Running => {
            service.read(states).await.unwrap_or_else(|error| vec![(State::Unavailable, error.to_string())])
        }
        Condition::Starting => vec![(State::Initializing, "the scheduler reads its records".to_owned())],
        other => vec![(State::Unavailable, other.to_string())],
    };
    states.into_iter().map(|(state, why)| (state, format!("{name}: {why}"))).collect()
}

fn states(engine: &Engine) -> Vec<(State, String)> {
    if engine.installation().is_none() {
        return vec![(State::Initializing, "it waits for its first specification".to_owned())];
    }
    if engine.is_superseded() {
        return vec![(State::Unavailable, "another scheduler has taken over".to_owned())];
    }
    let mut states = Vec::new();
    for name in engine.plan_names() {
        let Some(status) = engine.plan_status(&name) else { continue };
        let why = format!("the plan `{name}` is {status}");
        let converges = converges(engine, &name);
        let state = match status {
            Status::Error => Some(State::Error),
            Status::Waiting if converges => Some(State::Waiting),
            Status::Delayed if converges => Some(State::Delayed),
            Status::Pending if converges => Some(State::DeployingPending),
            Status::Prepared | Status::Starting | Status::Started | Status::InProgress if converges => {
                Some(State::Deploying)
            }
            Status::Pending | Status::Delayed if name == PlanName::RECOVERY => Some(State::RecoveringPending),
            Status::Prepared | Status::Starting | Status::Started | Status::InProgress
                if name == PlanName::RECOVERY =>
            {
                Some(State::Recovering)
            }
            status if status.is_running() && name.contains("restor") => Some(State::Restoring),
            status if status.is_running() && name.contains("back") => Some(State::BackingUp),
            _ => None,
        };
        states.extend(state.map(|state| (state, why)));
    }
    if states.is_empty() {
        states.push((State::Running, "all is as it should be".to_owned()));
    }
    states
}

/// Whether a plan makes the service what its target says.
fn converges(engine: &Engine, name: &str) -> bool {
    let run = name.parse().ok().and_then(|plan| engine.run(&plan));
    run.is_some_and(|run| Some(run.number) == engine.converging_run())
}
