//! The binary: one call of the library, with planwright's own backends.

use std::process::ExitCode;

use planwright::backends::Backends;

fn main() -> ExitCode {
    planwright::main_with(&Backends::default())
}
