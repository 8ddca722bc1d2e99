//! What the shim has to say.

use std::io::Write as _;

/// A line for whoever reads what the shim says.
pub(super) fn say(line: &str) {
    // There is nobody to tell if this fails.
    let _ = writeln!(std::io::stderr(), "{line}");
}
