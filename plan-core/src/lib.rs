//! A declarative plan engine.
pub mod spec;
