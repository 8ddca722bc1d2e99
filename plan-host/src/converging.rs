//! The plan that works for a target.

use plan_core::engine::{Engine, Number};
use plan_core::spec::PlanName;

/// The plan that makes the service what its target says, or made it so, and the number of its run.
pub fn converging(engine: &Engine) -> Option<(PlanName, Number)> {
    let number = engine.converging_run()?;
    let made = |plan: &PlanName| {
        let goes_on = engine.run(plan).is_some_and(|run| run.number == number);
        goes_on || engine.runs(plan.as_str()).iter().any(|ended| ended.run == number)
    };
    let model = engine.model()?;
    model.plans().keys().find(|plan| made(plan)).map(|plan| (plan.clone(), number))
}
