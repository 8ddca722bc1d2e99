//! The binary: one call of the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    planwright::run(std::env::args_os())
}
