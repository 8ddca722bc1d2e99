//! Plans: a specification's plans laid out over instances, and how far each is. Nothing here knows about running tasks:
//! the engine gives steps their statuses.
pub mod bits;
#[cfg(feature = "graph")]
pub mod graph;
pub mod layout;
pub mod model;
pub mod progress;
pub mod status;

#[cfg(feature = "graph")]
pub use graph::{GraphOrder, Node, PlanGraph};
pub use layout::{GateLayout, GateOf, Group, PhaseLayout, PlanLayout, StepAt, step_name};
pub use model::{ContentHash, Demand, Model, ModelError, PodModel, TaskConfig, TaskModel};
pub use progress::{Blocked, Canary, Changed, PhaseProgress, PlanProgress};
pub use status::{Status, StatusCounts, aggregate};
