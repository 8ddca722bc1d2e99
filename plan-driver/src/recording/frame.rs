//! Frames. A frame is a length, its checksum, the checksum of the content, and the content. All numbers are
//! little-endian, with four bytes.
//!
//! Invariant: a file that was cut off can be told from one that was changed, since a complete length is checked before
//! it is used.

use std::io;

/// The first line of the file: what it is, and its version, [`plan_core::engine::RECORDING_VERSION`].
pub(super) const FIRST_LINE: &[u8] = b"planwright recording 3\n";
/// The first lines of older versions that are still read. All have the same length.
pub(super) const OLDER: &[&[u8; FIRST_LINE.len()]] =
    &[b"planwright recording 1\n", b"planwright recording 2\n"];
/// The bytes before a frame's content.
pub(super) const HEAD: usize = 12;
/// The largest content of a frame. The largest content there is, is a specification with its templates.
pub(super) const LONGEST: u32 = 1 << 28;
/// More bytes than the mark of an end needs.
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

/// The length of the content and its checksum, from the head of a frame; `None` if the head was changed.
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
