//! Files as bytes and texts. Invariant: no file is read further than a specification can be long.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use plan_core::spec::Problem;

/// The most bytes that a specification has.
const LARGEST: u64 = 16 << 20;

pub(crate) fn bytes_of(file: &Path) -> Result<Vec<u8>, Vec<Problem>> {
    let unreadable = |error| vec![unreadable(file, &error)];
    read_bounded(File::open(file).map_err(unreadable)?).map_err(unreadable)
}

pub(crate) fn read_bounded(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::other(format!("it is larger than {} MiB", LARGEST >> 20)));
    }
    Ok(bytes)
}

pub(crate) fn utf8(name: &str, bytes: Vec<u8>) -> Result<String, Vec<Problem>> {
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        let line = bytes[..good].iter().filter(|byte| **byte == b'\n').count() + 1;
        let line_start = bytes[..good].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let column = String::from_utf8_lossy(&bytes[line_start..good]).chars().count() + 1;
        let message = format!("the text is not UTF-8: it has the byte 0x{:02x}", bytes[good]);
        vec![Problem::error(message).unseen_at(name, line, column).help("save the file as UTF-8")]
    })
}

/// The problem of a file that cannot be read.
pub fn unreadable(file: &Path, error: &io::Error) -> Problem {
    let shown = file.display();
    let problem = match error.kind() {
        io::ErrorKind::NotFound => Problem::error(format!("there is no file `{shown}`")),
        _ => Problem::error(format!("cannot read `{shown}`: {error}")),
    };
    problem.file(shown.to_string())
}
