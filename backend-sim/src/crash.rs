//! Tries every point at which the engine can crash.
//!
//! Invariant: the run up to a point is run once, and each crash goes on from a copy of it. The copy does what the same
//! scenario with that crash as a fault does.

use std::collections::BTreeMap;

use crate::choose::{Benign, Chooser, Seeded};
use crate::ends::End;
use crate::fault::{CrashPoint, Fault};
use crate::scenario::{CheckSet, Choices, Scenario, ScenarioError};
use crate::sim::{Fork, Sim};
use crate::violation::{CheckName, Violation};

/// How many crashes are tried in one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Depth {
    /// One crash, at every point.
    #[default]
    Single,
    /// One crash at every point, and after it a second one at every point until the engine is back and has its answers.
    Double,
}

/// What came of trying all crashes.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct CrashReport {
    /// How many points of each kind one crash was tried at.
    pub single: BTreeMap<CrashPoint, u64>,
    /// How many points of each kind a second crash was tried at.
    pub double: BTreeMap<CrashPoint, u64>,
    /// How many of all these runs ended as the run without a crash does.
    pub survived: u64,
    /// The runs that did not.
    pub failures: Vec<CrashFailure>,
    /// Virtual time of all runs together, in microseconds, as far as it was simulated.
    pub time: u64,
    /// Events of all runs together, as far as they were simulated.
    pub events: u64,
}

/// A crash that was not survived.
#[derive(Debug, Clone)]
pub struct CrashFailure {
    /// What was violated.
    pub violation: Violation,
    /// The scenario that repeats it.
    pub scenario: Scenario,
}

impl CrashReport {
    /// How many runs with a crash there were.
    pub fn runs(&self) -> u64 {
        self.single.values().chain(self.double.values()).sum()
    }

    /// Whether every crash was survived.
    pub fn all_survived(&self) -> bool {
        self.failures.is_empty()
    }
}

/// What a run with crashes is compared with.
struct Reference {
    end: End,
    /// How many launches more are allowed. What operators do at fixed times may have another effect after a crash.
    more: u32,
}

/// Tries every point at which the engine can crash in a run of a scenario. Checks that each such run does no harm and
/// ends as the run itself.
///
/// # Errors
/// As [`crate::run`]. A scenario that replays a list of choices is refused, since it has only that run.
pub fn crash_points(scenario: &Scenario, depth: Depth) -> Result<CrashReport, ScenarioError> {
    let mut plain = scenario.clone();
    (plain.trace, plain.record) = (false, false);
    plain.checks = CheckSet { recovery: false, others: true, end: false };
    let chooser = || match &plain.choices {
        Choices::Seed(seed) => Ok(Chooser::Seeded(Seeded::new(*seed))),
        Choices::Benign => Ok(Chooser::Benign(Benign)),
        Choices::Replay(_) => Err(ScenarioError::Replayed),
    };
    let mut reference = Sim::new(&plain, chooser()?, None)?;
    reference.recover();
    while reference.step()? {}
    reference.check_end();
    let mut report = CrashReport::default();
    if let Some(violation) = reference.violation.take() {
        report.failures.push(CrashFailure { violation, scenario: scenario.clone() });
        return Ok(report);
    }
    let timed = plain.verbs.len() + plain.targets.len() + plain.faults.len();
    let reference = Reference { end: reference.end(), more: u32::try_from(timed).unwrap_or(u32::MAX) };
    let mut sim = Sim::new(&plain, chooser()?, None)?;
    sim.frugal = true;
    sim.forks = Some(Vec::new());
    sim.recover();
    loop {
        let forks = sim.forks.replace(Vec::new()).unwrap_or_default();
        for Fork { point, nth, sim } in forks {
            *report.single.entry(point).or_default() += 1;
            let first = [(point, nth)];
            try_one(scenario, &reference, &mut report, sim, &first, depth)?;
        }
        if !sim.step()? {
            break;
        }
    }
    Ok(report)
}

fn try_one(
    scenario: &Scenario,
    reference: &Reference,
    report: &mut CrashReport,
    mut sim: Sim<'_>,
    crashes: &[(CrashPoint, u64)],
    depth: Depth,
) -> Result<(), ScenarioError> {
    let (from, before) = (sim.runtime.now(), sim.counts.events);
    if depth == Depth::Double {
        sim.forks = Some(Vec::new());
    }
    while sim.step()? {
        if sim.forks.is_none() {
            continue;
        }
        for fork in sim.forks.replace(Vec::new()).unwrap_or_default() {
            *report.double.entry(fork.point).or_default() += 1;
            let both = [crashes, &[(fork.point, fork.nth)]].concat();
            try_one(scenario, reference, report, fork.sim, &both, Depth::Single)?;
        }
        // From here on it is as it was before the first crash.
        if sim.is_quiet() {
            sim.forks = None;
        }
    }
    sim.check_end();
    report.time += sim.runtime.now() - from;
    report.events += sim.counts.events - before;
    if sim.violation.is_none() {
        compare(reference, &mut sim);
    }
    match sim.violation.take() {
        None => report.survived += 1,
        Some(violation) => {
            let mut scenario = scenario.clone();
            scenario.faults.extend(crashes.iter().map(|&(point, nth)| Fault::Crash { point, nth }));
            scenario.checks.end = true;
            report.failures.push(CrashFailure { violation, scenario });
        }
    }
    Ok(())
}

/// A run with crashes ends as the run without them, and launches nothing more often.
fn compare(reference: &Reference, sim: &mut Sim<'_>) {
    let end = sim.end();
    if let Some((expected, found)) = reference.end.difference(&end) {
        sim.violate(CheckName::SameEnd, expected, found);
    } else if let Some((expected, found)) = reference.end.launched_less(&end, reference.more) {
        sim.violate(CheckName::Launches, expected, found);
    }
}
