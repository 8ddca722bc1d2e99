//! Refusals of the engine, as answers of `/v2`.
//!
//! Invariant: a refusal of an unknown name lists the known ones, and the same refusal always has the same words.

use plan_core::engine::{Engine, PhaseView, Refusal};
use plan_driver::Service;

use super::call::read;
use super::problem::{Problem, refusal_status};
use super::v1::pods::{instances, tasks_of};

/// The longest list that is shown whole.
const LISTED: usize = 12;

/// A refusal as a problem, with `"reply": "refused"`.
pub(crate) async fn refused(service: &Service, refusal: Refusal) -> Problem {
    let (status, words) = (refusal_status(&refusal), refusal.to_string());
    let problem = Problem::new(status, words).reply("refused");
    let asked = refusal.clone();
    // An engine that cannot be asked now gives no hint.
    let hint = read(service, move |engine| hint(engine, &asked)).await.ok().flatten();
    let problem = match hint {
        Some(hint) => problem.hint(hint),
        None => problem,
    };
    match refusal {
        Refusal::Target(items) => problem.items(items),
        _ => problem,
    }
}

/// The names that exist, or what would allow the request.
pub(crate) fn hint(engine: &Engine, refusal: &Refusal) -> Option<String> {
    let phases = |plan: &str| engine.plan(plan).map(|plan| plan.phases).unwrap_or_default();
    let (of, names): (&str, Vec<String>) = match refusal {
        Refusal::NoPlan(_) => ("plans", engine.plan_names()),
        Refusal::NoPhase { plan, .. } => {
            ("phases", phases(plan.as_str()).into_iter().map(|phase| phase.name).collect())
        }
        Refusal::NoStep { plan, phase, .. } => {
            let of_name = |of: &PhaseView| of.name == phase.as_str();
            let phase = phases(plan.as_str()).into_iter().find(of_name)?;
            ("steps", phase.steps.into_iter().map(|step| step.name).collect())
        }
        Refusal::NoInstance(_) => ("instances", instances(engine).iter().map(ToString::to_string).collect()),
        Refusal::NoTask { instance, .. } => {
            let tasks = tasks_of(engine, instance);
            ("tasks", tasks.into_iter().map(|(task, _)| task.to_string()).collect())
        }
        Refusal::NoDebt(_) => ("debts", engine.debts().map(|debt| debt.number.to_string()).collect()),
        _ => {
            let remedies = refusal.remedies();
            return (!remedies.is_empty()).then(|| crate::words::any_of(&remedies));
        }
    };
    Some(match names.len() {
        0 => format!("there are no {of}"),
        1..=LISTED => format!("the {of} are: {}", names.join(", ")),
        count => {
            let (some, rest) = (names[..LISTED].join(", "), count - LISTED);
            format!("the {of} are: {some}, and {rest} more")
        }
    })
}
