//! What a service is, as types. Nothing here knows of plans that run, or of the engine.
pub mod names;
pub mod placement;
pub mod plan;
pub mod pod;
pub mod resources;
pub mod service;
pub mod task;
pub mod units;

pub use names::*;
pub use placement::{Census, Field, Judgement, NodeFacts, Pattern, PlacementError, PlacementRule, Why};
pub use plan::*;
pub use pod::*;
pub use resources::*;
pub use service::*;
pub use task::*;
pub use units::*;
