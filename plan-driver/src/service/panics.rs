//! The message of a panic. Invariant: a panic of a backend, a store or a reader is treated as its error, and ends
//! nothing else.

use std::any::Any;

/// A panic as an error's words.
pub(super) fn panicked(panic: &(dyn Any + Send)) -> String {
    format!("it has a fault of its own (it panicked: {})", said(panic))
}

/// What it said, if that was text.
pub(super) fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or_default()
}
