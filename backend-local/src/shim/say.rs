//! The log of the shim.

use std::io::Write as _;

/// Writes a line to the shim's log.
pub(super) fn say(line: &str) {
    // If this fails, there is no way to report it.
    let _ = writeln!(std::io::stderr(), "{line}");
}
