//! A declarative plan engine.
pub mod engine;
pub mod plan;
pub mod spec;
