//! What is said when the records cannot be used.

use std::path::Path;

use plan_driver::DriverError;
use plan_driver::store::StoreError;
use plan_driver::with_causes;

use crate::problem::Problem;

/// The message about a store that fails.
pub(super) fn problem(error: &StoreError, folder: &Path) -> Problem {
    let problem = Problem::error(format!(
        "the records in `{}` cannot be used: {}",
        folder.display(),
        with_causes(error)
    ));
    match error {
        // The error itself says what to do.
        StoreError::Unusable { .. } => problem,
        _ => problem
            .help(format!("see that `{}` can be written, and that its disk has room", folder.display())),
    }
}

/// The message about a first target that was refused.
pub(super) fn driver_problem(error: &DriverError, folder: &Path) -> Problem {
    let problem = Problem::error(error.to_string());
    match error {
        DriverError::Unsupported { .. } => {
            problem.help("change the specification, or run it with another backend")
        }
        _ => problem
            .help(format!("see that `{}` can be written, and that its disk has room", folder.display())),
    }
}
