//! Frames: a length, its checksum, the checksum of what follows, and that. All numbers little-endian, of four bytes.
//!
//! Invariant: a file that was cut off can be told from one that was changed: a length that is whole is checked before
//! it is believed.

use std::io;

/// What the file is, and its version: [`plan_core::engine::RECORDING_VERSION`].
pub(super) const FIRST_LINE: &[u8] = b"planwright recording 2\n";
/// The same of older versions that are read still. All are equally long.
pub(super) const OLDER: &[&[u8; FIRST_LINE.len()]] = &[b"planwright recording 1\n"];
/// Bytes before what a frame holds.
pub(super) const HEAD: usize = 12;
/// A frame holds no more. A specification with its templates is the largest there is.
pub(super) const LONGEST: u32 = 1 << 28;
/// More than the mark of an end takes.
pub(super) const MARK: u64 = 1024;

/// Puts bytes in a frame.
pub(super) fn encode(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let len = u32::try_from(bytes.len()).ok().filter(|len| *len <= LONGEST);
    let len = len.ok_or_else(|| io::Error::other("an entry is too large to be recorded"))?.to_le_bytes();
    let mut frame = Vec::with_capacity(HEAD + bytes.len());
    frame.extend(len);
    frame.extend(crc32fast::hash(&len).to_le_bytes());
    frame.extend(crc32fast::hash(bytes).to_le_bytes());
    frame.extend(bytes);
    Ok(frame)
}

/// What a head says: how long what follows is, and its checksum; none if it is not what was written.
pub(super) fn head(head: [u8; HEAD]) -> Option<(usize, u32)> {
    let [a, b, c, d, e, f, g, h, i, j, k, l] = head;
    let len = [a, b, c, d];
    let good = crc32fast::hash(&len) == u32::from_le_bytes([e, f, g, h]);
    let len = Some(u32::from_le_bytes(len)).filter(|len| good && *len <= LONGEST)?;
    Some((len as usize, u32::from_le_bytes([i, j, k, l])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_has_the_version() {
        let version = plan_core::engine::RECORDING_VERSION;
        assert_eq!(FIRST_LINE, format!("planwright recording {version}\n").as_bytes());
        assert_eq!(OLDER.len() as u32 + 1, version, "every older version is read");
    }
}
