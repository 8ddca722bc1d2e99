//! Ways to run a scenario.
//!
//! Invariant: with any source of choices, the same choices give the same run.

use plan_core::operator::Operator;

use crate::choose::{Benign, Choose, Chooser, Listed, Recorded, Seeded};
use crate::ends::End;
use crate::report::Report;
use crate::scenario::{Choices, Scenario, ScenarioError};

use super::Sim;
use super::program::Program;

/// Runs a scenario with the choices that it names.
///
/// # Errors
/// A fault or a plan names something that does not exist, or the recorded choices belong to another run.
pub fn run(scenario: &Scenario) -> Result<Report, ScenarioError> {
    match &scenario.choices {
        Choices::Benign => run_with(scenario, &mut Benign),
        Choices::Seed(seed) => run_with(scenario, &mut Seeded::new(*seed)),
        Choices::Replay(list) => {
            let mut replay = Listed::new(list.iter().cloned());
            let report = run_with(scenario, &mut replay)?;
            replay.finish()?;
            Ok(report)
        }
    }
}

/// Runs a scenario with these choices, in place of its own source of choices.
///
/// # Errors
/// As [`run`].
pub fn run_with(scenario: &Scenario, choose: &mut dyn Choose) -> Result<Report, ScenarioError> {
    let reference = reference(scenario)?;
    if !scenario.record {
        return Sim::new(scenario, Chooser::Given(choose), reference.as_ref())?.run();
    }
    let mut recorded = Recorded::new(choose);
    let mut report = Sim::new(scenario, Chooser::Given(&mut recorded), reference.as_ref())?.run()?;
    report.choices = recorded.into_list();
    Ok(report)
}

/// Runs a scenario with the choices that it names, and with a custom scheduler.
///
/// The operator is called in virtual time. A crash of the engine loses the events of the batch that it crashed with; the
/// next call is [`Operator::reconcile`]. So it is after the fault `lag` ([`crate::Fault::Lag`]), which keeps the operator from
/// being called for a time. While the operator wants to be called at intervals, the run goes on until
/// [`Scenario::until`]. The service that the scenario uninstalls does not come back by a target.
///
/// How the run ends is not compared with a run without faults, as that depends on what the operator does.
///
/// # Errors
/// As [`run`]; [`ScenarioError::Operator`] if a call of the operator fails.
///
/// # Panics
/// A panic of the operator goes on, so that a test of it fails.
pub fn run_with_operator<'a>(
    scenario: &'a Scenario,
    operator: &'a mut (dyn Operator + 'a),
) -> Result<Report, ScenarioError> {
    let mut benign = Benign;
    let (mut seeded, mut replay);
    let choose: &mut dyn Choose = match &scenario.choices {
        Choices::Benign => &mut benign,
        Choices::Seed(seed) => {
            seeded = Seeded::new(*seed);
            &mut seeded
        }
        Choices::Replay(list) => {
            replay = Listed::new(list.iter().cloned());
            &mut replay
        }
    };
    let mut recorded = Recorded::new(choose);
    let mut sim = Sim::new(scenario, Chooser::Given(&mut recorded), None)?;
    sim.program = Program::new(operator);
    let mut report = sim.run()?;
    report.choices = recorded.into_list();
    Ok(report)
}

/// The end that a run must have, if its scenario wants that checked: the end of the run without faults. If operators
/// act at fixed times, the end depends on how far the service is by then, so there is no such end.
fn reference(scenario: &Scenario) -> Result<Option<End>, ScenarioError> {
    let wanted = scenario.checks.end || scenario.heal.is_some();
    if !wanted || (scenario.heal.is_some() && scenario.is_timed()) {
        return Ok(None);
    }
    let plain = scenario.without_faults();
    let mut sim = Sim::new(&plain, Chooser::Benign(Benign), None)?;
    sim.frugal = true;
    sim.recover();
    while sim.step()? {}
    Ok(Some(sim.end()))
}
