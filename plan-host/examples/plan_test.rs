//! An upgrade plan, tested by simulation: `cargo test` runs this file, in milliseconds, with no process and no cluster.
//!
//! Copied into the `tests` folder of a repository of specifications, it is a test of theirs. It needs the crates `plan-load`
//! and `backend-sim`, and no backend: so no `main` and no helper of `local` either.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::sync::Arc;

use backend_sim::prelude::*;
use plan_load::LoadOptions;

const KAFKA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../specs/kafka");

/// The service, with so much memory for each broker, in MB.
fn kafka(memory: &str) -> Result<Arc<Model>, Box<dyn Error>> {
    let options = LoadOptions::new().env("BROKER_MEM", memory);
    // Whoever holds a specification to be free of warnings takes none: an error has them all, with their lines.
    Ok(options.load(KAFKA)?.strict()?.model().clone())
}

/// Deploys the service, gives its brokers more memory, and lets these faults happen.
fn upgrade(faults: &[&str]) -> Result<Report, Box<dyn Error>> {
    let mut scenario = Scenario::new(kafka("2048")?);
    scenario.then = vec![kafka("3072")?];
    for fault in faults {
        scenario.faults.push(fault.parse()?);
    }
    Ok(run(&scenario)?)
}

#[test]
fn the_upgrade_completes() -> Result<(), Box<dyn Error>> {
    let report = upgrade(&[])?;
    assert_eq!(report.outcome, SimulationOutcome::Complete);
    // Each of three brokers is launched, and launched again.
    assert_eq!(report.counts.launches, 6);
    Ok(())
}

#[test]
fn the_upgrade_survives_a_broker_and_the_scheduler() -> Result<(), Box<dyn Error>> {
    // The scheduler is killed after the fifth batch of records, and a broker ends ten minutes into the run.
    let report = upgrade(&["crash:after-commit#5", "end:kafka-1-broker@600s"])?;
    assert_eq!(report.outcome, SimulationOutcome::Complete);
    assert_eq!(report.counts.crashes, 1);
    // What the plans are at the end, as trees.
    let plans: Vec<String> = report.plans.iter().map(ToString::to_string).collect();
    assert!(plans.iter().all(|plan| plan.contains("COMPLETE")), "{}", plans.join("\n"));
    Ok(())
}

/// Shows the plans as they are at the end: `cargo run -p plan-host --example plan_test`.
#[allow(dead_code, reason = "`cargo test` brings a `main` of its own")]
fn main() -> Result<(), Box<dyn Error>> {
    let report = upgrade(&[])?;
    report.plans.iter().for_each(|plan| println!("{plan}\n"));
    assert_eq!(report.outcome, SimulationOutcome::Complete);
    Ok(())
}
