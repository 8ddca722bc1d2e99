//! Ids of phases, steps and configurations.
//!
//! Invariant: an id is computed from the installation, the plan, the phase, and the step's position and name. It is the
//! same after a restart of the scheduler, and differs in another installation.

use plan_core::engine::{InstallationId, PhaseView, PlanView, StepView};
use plan_core::plan::ContentHash;
use uuid::Uuid;

/// The ids of an installation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ids(Uuid);

impl Ids {
    /// The ids of an installation. A service without an installation has no plans either.
    pub(crate) fn of(installation: Option<&InstallationId>) -> Self {
        let name = installation.map_or("", |installation| installation.0.as_str());
        Self(Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("planwright:{name}").as_bytes()))
    }

    /// The id of a phase.
    pub(crate) fn phase(self, plan: &PlanView, phase: &PhaseView) -> Uuid {
        Uuid::new_v5(&self.0, format!("{}\n{}", plan.name, phase.name).as_bytes())
    }

    /// The id of a step, from the id of its phase and its position there.
    pub(crate) fn step(phase: Uuid, position: usize, step: &StepView) -> Uuid {
        Uuid::new_v5(&phase, format!("{position}\n{}", step.name).as_bytes())
    }
}

/// The id of a configuration: its hash, written as the SDK writes ids.
pub(crate) fn configuration(hash: ContentHash) -> Uuid {
    // A hash is 32 hexadecimal digits, which are a UUID.
    Uuid::parse_str(&hash.to_string()).unwrap_or_default()
}
