//! Numbers: of launches, runs, debts and questions.
//!
//! Invariant: one counter gives all numbers, and none is used twice.

/// The number of a launch, run, debt or question. One counter gives all numbers, and none is used twice.
pub type Number = u64;
