//! How a scheduler wakes a shim: a named pipe in the run's folder.
//!
//! Invariant: a bell only says "look again". The message itself is in a file, so a bell that nobody hears loses
//! nothing.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};

/// The receiving end of a bell.
pub(super) fn hang(path: &Path) -> io::Result<File> {
    match mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0) {
        Err(error) if error != rustix::io::Errno::EXIST => return Err(error.into()),
        _ => {}
    }
    // The pipe is open for reading and writing, so it does not end when a scheduler closes its side.
    OpenOptions::new().read(true).write(true).custom_flags(flags()).open(path)
}

/// Reads all rings.
pub(super) fn hear(mut bell: &File) {
    let mut rung = [0; 64];
    while bell.read(&mut rung).is_ok_and(|count| count > 0) {}
}

/// Wakes the shim of a bell.
///
/// # Errors
/// No shim reads the bell.
pub(crate) fn ring(path: &Path) -> io::Result<()> {
    let mut bell = OpenOptions::new().write(true).custom_flags(flags()).open(path)?;
    match bell.write(b"!") {
        // The pipe is full of rings, and the shim will read them.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        rung => rung.map(|_| ()),
    }
}

fn flags() -> i32 {
    // The bits of the flag are the same number; the types differ.
    OFlags::NONBLOCK.bits() as i32
}
