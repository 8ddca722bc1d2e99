//! What a test of a plan needs, in one line: `use backend_sim::prelude::*`.

pub use plan_core::plan::{Model, Status};
pub use plan_core::spec::ServiceSpec;

pub use crate::{Fault, Report, Scenario, ScenarioError, SimulationOutcome, run, run_with_operator};
