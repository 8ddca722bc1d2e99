//! The binary: one call of the library; or, where a scheduler starts it to hold a task, that.

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = backend_local::shim::run_if_asked() {
        return code;
    }
    planwright::run(std::env::args_os())
}
