//! A log, as lines of JSON for programs.
//!
//! Invariant: the texts one after the other are the log, except for bytes that are not UTF-8. A text is one line with
//! its line end, or a part of a very long line. So a log without line ends needs no more memory than another.

/// The size of the parts of a longer line, in bytes.
const PART: usize = 64 * 1024;

/// Cuts a log into texts.
#[derive(Debug, Default)]
pub(super) struct JsonLines {
    held: Vec<u8>,
}

impl JsonLines {
    /// The texts that are complete with these bytes.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut texts = Vec::new();
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            for part in line.chunks(PART) {
                self.held.extend_from_slice(part);
                if self.held.ends_with(b"\n") {
                    texts.extend(self.rest());
                } else if self.held.len() >= PART {
                    // An incomplete character waits for its other bytes.
                    let whole = match std::str::from_utf8(&self.held) {
                        Err(error) if error.error_len().is_none() => error.valid_up_to(),
                        _ => self.held.len(),
                    };
                    let tail = self.held.split_off(whole);
                    texts.extend(self.rest());
                    self.held = tail;
                }
            }
        }
        texts
    }

    /// The rest at the log's end.
    pub(super) fn rest(&mut self) -> Option<String> {
        let held = std::mem::take(&mut self.held);
        (!held.is_empty()).then(|| String::from_utf8_lossy(&held).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_however_the_log_comes() {
        let mut lines = JsonLines::default();
        let mut texts = Vec::new();
        for piece in [&b"one\ntw"[..], b"o\n\nth", b"r\xc3", b"\xa9e"] {
            texts.extend(lines.take(piece));
        }
        texts.extend(lines.rest());
        assert_eq!(texts, ["one\n", "two\n", "\n", "thr\u{e9}e"]);
        assert_eq!(lines.rest(), None);
    }

    #[test]
    fn a_line_without_an_end_comes_in_parts_and_no_character_is_cut() {
        let mut lines = JsonLines::default();
        let log = format!("x{}", "\u{e9}".repeat(3 * PART));
        let mut texts = lines.take(log.as_bytes());
        assert!(lines.held.len() <= PART && texts.len() > 4, "{}", texts.len());
        texts.extend(lines.rest());
        assert_eq!(texts.concat(), log);
    }
}
