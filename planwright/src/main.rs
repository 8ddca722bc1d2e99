//! The binary: one call of the library, with the backends that planwright comes with.

use std::process::ExitCode;

use planwright::backends::Backends;

fn main() -> ExitCode {
    planwright::main_with(&Backends::default())
}
