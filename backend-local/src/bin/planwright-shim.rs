//! The shim as a separate program, for tests and for embedders whose own program cannot be the shim.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Without the arguments that a backend gives it, the program has nothing to do.
    backend_local::shim::run_if_asked().unwrap_or(ExitCode::from(2))
}
