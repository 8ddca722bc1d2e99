//! x
pub mod backend;
pub mod store;
