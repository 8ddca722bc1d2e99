//! The shim as a program of its own, for tests and for embedders whose own program is not to be one.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Without the words that a backend gives it there is nothing that it could do.
    backend_local::shim::run_if_asked().unwrap_or(ExitCode::from(2))
}
